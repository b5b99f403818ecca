"""The reader's view of the runtime document equals the writer's view."""

from __future__ import annotations

import random

import pytest

from jupyter_runtimed.crdt import Document
from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.content import (
    DisplayOutput,
    ErrorOutput,
    Json,
    JsonText,
    Run,
    StreamOutput,
)
from jupyter_runtimed.document.runtime import KernelStatus, Runtime
from jupyter_runtimed.errors import DocumentError
from jupyter_runtimed.ids import CellId, Epoch, RunId
from jupyter_runtimed.peer.runtime_view import RuntimeTouched, RuntimeView

CELLS = [CellId(name) for name in "abc"]


class Writer:
    """Make random writes, as a kernel would cause."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.runtime = Runtime.create(Epoch("e"), b"writer")
        self.runtime.commit(now_ms=0)
        self.made = 0

    def step(self) -> bytes:
        while True:
            self.write()
            if (data := self.runtime.commit(now_ms=0)) is not None:
                return data

    def write(self) -> None:
        runtime, dice = self.runtime, self.dice
        self.made += 1
        runs = [run.id for run in runtime.runs()]
        match dice.randrange(9):
            case 0 | 1:
                run_id = RunId(f"r{self.made}")
                runtime.add_run(Run(run_id, dice.choice(CELLS), "queued", "ana", self.made))
                runtime.enqueue(run_id)
            case 2 if runtime.queue:
                runtime.dequeue(runtime.queue[0])
            case 3:
                runtime.set_trusted(dice.choice(CELLS), dice.random() < 0.5)
            case 4:
                states = ("idle", "busy", "dead")
                runtime.set_kernel(KernelStatus("k", "python3", "Python", dice.choice(states)))
            case 5 if runs:
                runtime.set_run(dice.choice(runs), state="ok", execution_count=self.made)
            case 6 if runs and dice.random() < 0.3:
                runtime.clear_outputs(dice.choice(runs))
            case 7 if runs and dice.random() < 0.2:
                runtime.remove_cell(dice.choice(CELLS))
            case _ if runs:
                self.output(dice.choice(runs))
            case _:
                pass

    def output(self, run_id: RunId) -> None:
        runtime, dice = self.runtime, self.dice
        outputs = runtime.outputs(run_id)
        last = outputs[-1] if outputs else None
        if isinstance(last, StreamOutput) and last.chunks and dice.random() < 0.6:
            runtime.splice_chunks(run_id, last.id, len(last.chunks) - 1, 1, ["rewritten", "new"])
        elif isinstance(last, DisplayOutput) and dice.random() < 0.4:
            shown = DisplayOutput(last.id, "display_data", {"text/plain": str(self.made)})
            runtime.replace_display(run_id, last.id, shown)
        else:
            made = f"o{self.made}"
            runtime.append_outputs(
                run_id,
                dice.choice(
                    [
                        [StreamOutput(made, "stdout", ("text",))],
                        [
                            DisplayOutput(
                                made, "display_data", {"application/json": Json(JsonText("1"))}
                            )
                        ],
                        [
                            ErrorOutput(made, "E", "v", ("tb",)),
                            StreamOutput(made + "b", "stderr", ()),
                        ],
                    ]
                ),
            )


@pytest.mark.parametrize("seed", range(25))
def test_the_runtime_view_reads_all_written_values(seed: int) -> None:
    writer = Writer(seed)
    view = RuntimeView(Document.load(writer.runtime.document.save(), actor=b"reader"))
    for _ in range(80):
        before = {cell: view.outcome(cell) for cell in CELLS}
        touched = view.apply([writer.step()])
        assert view.kernel == writer.runtime.kernel
        assert view.queue == writer.runtime.queue
        assert set(view.runs().values()) == set(writer.runtime.runs())
        for cell in CELLS:
            assert view.trusted(cell) == writer.runtime.trusted(cell)
            assert view.run_of(cell) == writer.runtime.run_of(cell)
            assert view.outcome(cell) == writer.runtime.outcome(cell)
            if view.outcome(cell) != before[cell]:
                assert cell in touched.cells


def test_everything_lists_all_cells_and_runs() -> None:
    writer = Writer(3)
    for _ in range(40):
        writer.step()
    view = RuntimeView(Document.load(writer.runtime.document.save(), actor=b"reader"))
    everything = view.everything()
    assert everything.runs == {run.id for run in writer.runtime.runs()}
    assert everything.kernel
    assert everything
    assert not RuntimeTouched()
    assert view.epoch == "e"


def test_absent_runs_and_cells_read_as_empty() -> None:
    view = RuntimeView(seeds.empty_runtime(b"reader"))
    assert view.run(RunId("x")) is None
    assert view.outputs(RunId("x")) == ()
    assert view.outcome(CellId("x")).outputs == ()
    assert view.kernel.state == "none"


def test_a_document_without_the_schema_is_refused() -> None:
    with pytest.raises(DocumentError, match="not a runtime document"):
        RuntimeView(Document(actor=b"x"))
