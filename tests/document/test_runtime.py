"""The runtime document: all readers see the written values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_runtimed.crdt import ROOT, Document, Obj, load
from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.content import (
    NOTHING,
    Blob,
    CellOutputs,
    DisplayOutput,
    ErrorOutput,
    Json,
    JsonText,
    Output,
    Prompt,
    Run,
    StreamOutput,
    UnknownOutput,
)
from jupyter_runtimed.document.runtime import KernelStatus, Runtime
from jupyter_runtimed.document.runtime_rotation import wants_rotation
from jupyter_runtimed.errors import DocumentError, NotFound
from jupyter_runtimed.ids import CellId, Epoch, RunId, Sha256

ACTOR, READER, NEXT = (bytes([n]) * 16 for n in (1, 2, 3))
A, B = CellId("a"), CellId("b")
R1, R2, R3 = RunId("r1"), RunId("r2"), RunId("r3")
BLOB = Blob(Sha256("f" * 64), 12_345, "base64")
EVERYTHING: tuple[Output, ...] = (
    StreamOutput(
        "o1", "stdout", (Blob(Sha256("e" * 64), 9, "utf-8"), "é\n", "😀"), {"k": JsonText("1")}
    ),
    DisplayOutput(
        "o2",
        "display_data",
        {"text/plain": "x", "image/png": BLOB, "application/json": Json(JsonText("[1.0]"))},
        JsonText('{"isolated":true}'),
        display_id="d",
    ),
    DisplayOutput("o3", "execute_result", {"text/plain": "42"}, execution_count=7),
    ErrorOutput("o4", "E", "why", ("line 1", "line 2")),
    UnknownOutput("o5", "hologram", {"depth": JsonText("3")}),
)


def queued(run_id: RunId, cell_id: CellId) -> Run:
    return Run(run_id, cell_id, "queued", "ana", 1000, source_hash="0" * 16)


@pytest.fixture
def runtime() -> Runtime:
    return Runtime.create(Epoch("e1"), ACTOR)


def reopened(runtime: Runtime) -> Runtime:
    return Runtime(load(runtime.document.save(), actor=READER))


def says(runtime: Runtime) -> object:
    """Return all content of a runtime document, for comparisons."""
    cells = {
        cell: (runtime.run_of(cell), runtime.outcome(cell), runtime.trusted(cell))
        for cell in sorted(runtime.cells())
    }
    return runtime.kernel, runtime.queue, cells


def test_a_new_runtime_has_an_epoch_and_nothing_else(runtime: Runtime) -> None:
    assert runtime.epoch == "e1"
    assert runtime.kernel == KernelStatus()
    assert (runtime.queue, runtime.cells(), runtime.outcome(A)) == ((), (), NOTHING)
    assert runtime.commit(now_ms=5000) is not None
    assert runtime.commit(now_ms=5000) is None
    assert reopened(runtime).epoch == "e1"


def test_a_reader_with_the_seed_follows_by_the_changes_alone(runtime: Runtime) -> None:
    reader = load(seeds.runtime(), actor=READER)
    runtime.set_kernel(KernelStatus("k", "python3", "Python 3", "starting"))
    runtime.import_outcome(A, CellOutputs(EVERYTHING, 7), R1, 1000)
    changes = [runtime.commit(now_ms=1)]
    runtime.set_kernel(replace(runtime.kernel, state="idle"))
    runtime.add_run(queued(R2, B))
    runtime.enqueue(R2)
    runtime.splice_chunks(R1, "o1", 2, 1, ["!", "?"])
    changes.append(runtime.commit(now_ms=2))
    reader.apply_changes([change for change in changes if change])
    assert says(Runtime(reader)) == says(runtime)


def test_every_kind_of_output_comes_back_as_it_was(runtime: Runtime) -> None:
    runtime.import_outcome(A, CellOutputs(EVERYTHING, 7), R1, 1000)
    assert runtime.outcome(A) == reopened(runtime).outcome(A) == CellOutputs(EVERYTHING, 7)
    imported = runtime.run_of(A)
    assert imported is not None
    assert (imported.state, imported.by, imported.source_hash) == ("ok", "", "")


def test_a_new_run_replaces_the_previous_run(runtime: Runtime) -> None:
    runtime.import_outcome(A, CellOutputs(EVERYTHING, 7), R1, 1000)
    runtime.add_run(queued(R2, A))
    assert runtime.run(R1) is None
    assert runtime.displays("d") == ()
    assert runtime.outcome(A) == NOTHING
    assert says(reopened(runtime)) == says(runtime)


def test_a_run_changes_field_by_field(runtime: Runtime) -> None:
    runtime.add_run(queued(R1, A))
    runtime.set_run(R1, state="running", started_at=1, prompt=Prompt("p", "?", True))
    assert says(reopened(runtime)) == says(runtime)
    runtime.set_run(R1, state="error", finished_at=2, prompt=None, reason="because")
    assert says(reopened(runtime)) == says(runtime)
    run = runtime.run(R1)
    assert run is not None
    assert (run.state, run.prompt, run.reason) == ("error", None, "because")


def test_setting_an_unchanged_value_writes_nothing(runtime: Runtime) -> None:
    runtime.add_run(queued(R1, A))
    runtime.append_output(R1, EVERYTHING[1])
    runtime.commit(now_ms=0)
    runtime.set_run(R1, state="queued", reason=None)
    runtime.set_kernel(runtime.kernel)
    runtime.set_trusted(A, False)
    runtime.replace_display(R1, "o2", EVERYTHING[1])  # type: ignore[arg-type]
    runtime.dequeue(R1)
    assert runtime.commit(now_ms=0) is None


def test_the_queue_keeps_its_order(runtime: Runtime) -> None:
    for run_id, cell_id in ((R1, A), (R2, B), (R3, CellId("c"))):
        runtime.add_run(queued(run_id, cell_id))
        runtime.enqueue(run_id)
    runtime.dequeue(R2)
    assert runtime.queue == reopened(runtime).queue == (R1, R3)
    runtime.remove_cell(A)
    assert runtime.queue == reopened(runtime).queue == (R3,)


def test_a_long_used_queue_keeps_its_order(runtime: Runtime) -> None:
    for n in range(600):
        run_id, cell_id = RunId(f"r{n}"), CellId(f"c{n}")
        runtime.add_run(queued(run_id, cell_id))
        runtime.enqueue(run_id)
        if n % 3:
            runtime.dequeue(runtime.queue[len(runtime.queue) // 2])
    assert len(runtime.queue) == 200
    assert runtime.queue == reopened(runtime).queue


def test_the_outputs_of_a_cell_are_the_same_object_until_they_change(runtime: Runtime) -> None:
    runtime.import_outcome(A, CellOutputs(EVERYTHING, 7), R1, 0)
    runtime.import_outcome(B, CellOutputs(EVERYTHING[:1], 8), R2, 0)
    a, b = runtime.outcome(A), runtime.outcome(B)
    runtime.splice_chunks(R2, "o1", 3, 0, ["more"])
    assert runtime.outcome(A) is a
    assert runtime.outcome(B) is not b
    runtime.set_run(R1, state="ok")
    assert runtime.outcome(A) is a
    runtime.set_run(R1, execution_count=9)
    assert runtime.outcome(A) == replace(a, execution_count=9)


def test_a_list_with_many_edits_is_replaced(runtime: Runtime) -> None:
    runtime.import_outcome(A, CellOutputs((StreamOutput("o", "stdout", ("a", "b")),), None), R1, 0)

    def chunk_list() -> object:
        at: object = ROOT
        for step in ("runs", R1, "outputs", 0, "chunks"):
            value = runtime.document.get(at, step)  # type: ignore[arg-type]
            assert isinstance(value, Obj)
            at = value.id
        return at

    made = chunk_list()
    lists = set()
    for n in range(1000):
        runtime.splice_chunks(R1, "o", 1, 1, [f"{n}"])
        lists.add(chunk_list())
    assert made in lists
    assert 3 <= len(lists) <= 20
    assert runtime.outcome(A) == reopened(runtime).outcome(A)


def test_outputs_can_be_appended_after_clearing(runtime: Runtime) -> None:
    runtime.import_outcome(A, CellOutputs(EVERYTHING, 7), R1, 0)
    runtime.clear_outputs(R1)
    assert runtime.outcome(A) == CellOutputs((), 7)
    runtime.append_outputs(R1, EVERYTHING[:2])
    assert says(reopened(runtime)) == says(runtime)


def test_importing_nothing_leaves_a_cell_without_a_run(runtime: Runtime) -> None:
    runtime.import_outcome(A, CellOutputs(EVERYTHING, 7), R1, 0)
    runtime.set_trusted(A, True)
    runtime.import_outcome(A, NOTHING, R2, 0)
    assert runtime.run_of(A) is None
    assert runtime.trusted(A)
    assert says(reopened(runtime)) == says(runtime)


def test_a_removed_cell_leaves_nothing(runtime: Runtime) -> None:
    runtime.import_outcome(A, CellOutputs(EVERYTHING, 7), R1, 0)
    runtime.remove_cell(A)
    runtime.remove_cell(B)
    assert (runtime.cells(), runtime.run(R1), runtime.displays("d")) == ((), None, ())
    assert says(reopened(runtime)) == says(runtime)


def test_invalid_calls_raise_named_errors(runtime: Runtime) -> None:
    runtime.import_outcome(A, CellOutputs(EVERYTHING, 7), R1, 0)
    with pytest.raises(NotFound, match="no run 'r9'"):
        runtime.set_run(RunId("r9"), state="ok")
    with pytest.raises(NotFound, match="no output 'o9'"):
        runtime.splice_chunks(R1, "o9", 0, 0, [])
    with pytest.raises(DocumentError, match="not a stream"):
        runtime.splice_chunks(R1, "o2", 0, 0, [])
    with pytest.raises(DocumentError, match="already"):
        runtime.add_run(queued(R1, B))
    with pytest.raises(DocumentError, match="not a runtime document"):
        Runtime(Document())


class TestRotation:
    def test_a_rotated_document_has_the_same_content(self, runtime: Runtime) -> None:
        runtime.set_kernel(KernelStatus("k", "python3", "Python 3", "busy"))
        runtime.import_outcome(A, CellOutputs(EVERYTHING, 7), R1, 0)
        runtime.add_run(queued(R2, B))
        runtime.enqueue(R2)
        runtime.set_trusted(B, True)
        fresh = runtime.rotated(Epoch("e2"), NEXT)
        assert fresh.commit(now_ms=0) is not None
        assert says(fresh) == says(reopened(fresh)) == says(runtime)
        assert fresh.epoch == "e2"
        assert len(fresh.document.changes_after([])) == 2
        assert fresh.displays("d") == ((R1, "o2"),)

    def test_rotation_is_due_when_the_history_outgrows_the_content(self, runtime: Runtime) -> None:
        runtime.import_outcome(A, CellOutputs((StreamOutput("o", "stdout", ("x",)),), None), R1, 0)
        for n in range(400):
            runtime.splice_chunks(R1, "o", 0, 1, [f"{n:8}" * 1000])
            runtime.commit(now_ms=0)
            if runtime.wants_rotation:
                break
        assert runtime.history_bytes > 256 << 10
        fresh = runtime.rotated(Epoch("e2"), NEXT)
        fresh.commit(now_ms=0)
        assert not fresh.wants_rotation
        assert len(fresh.document.save()) < len(runtime.document.save())

    def test_rotation_is_not_due_while_the_content_is_large(self) -> None:
        assert not wants_rotation(history_bytes=256 << 10, content_bytes=0)
        assert wants_rotation(history_bytes=(256 << 10) + 1, content_bytes=0)
        assert not wants_rotation(history_bytes=10 << 20, content_bytes=3 << 20)

    def test_stored_history_counts_for_rotation(self, runtime: Runtime) -> None:
        runtime.count_history(2 << 20)
        assert runtime.wants_rotation
