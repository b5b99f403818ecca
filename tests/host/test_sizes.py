"""Large outputs arrive whole, in order and in small pieces, and leave a small document."""

from __future__ import annotations

import hashlib
import json

import nbformat
import pytest

from jupyter_runtimed.crdt import load
from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.content import Blob, Cell, CellOutputs, Content, Run, StreamOutput
from jupyter_runtimed.document.ipynb.incremental_writer import IncrementalWriter
from jupyter_runtimed.document.mime import Limits
from jupyter_runtimed.document.runtime import Runtime
from jupyter_runtimed.document.runtime_rotation import HISTORY_FLOOR_BYTES
from jupyter_runtimed.execution.messages import KernelMessage
from jupyter_runtimed.execution.outputs import OutputWriter
from jupyter_runtimed.execution.streams import LARGEST_JOINED_BYTES, StreamTail
from jupyter_runtimed.host.kernels.batching import REPLY_SECONDS, Batch
from jupyter_runtimed.ids import CellId, Epoch, RunId, Sha256

from ..support.network import Network

# ---------------------------------------------------------------- a reply overtakes output


def kernel_message(kind: str, parent: str = "r", **content: object) -> KernelMessage:
    channel = "shell" if kind == "execute_reply" else "iopub"
    return KernelMessage(channel, kind, parent, "m", content)  # type: ignore[arg-type]


def kinds(messages: list[KernelMessage]) -> list[str]:
    return [message.type for message in messages]


def test_a_reply_waits_for_an_output_that_takes_longer_to_come() -> None:
    batch = Batch()
    batch.add(kernel_message("execute_reply"), 0.0)
    assert batch.due(0.0) == REPLY_SECONDS
    batch.add(kernel_message("display_data"), 2.0)
    assert kinds(batch.take(2.0)) == ["display_data"]
    batch.add(kernel_message("status", execution_state="idle"), 2.5)
    assert batch.due(2.5) == 0.0
    assert kinds(batch.take(2.5)) == ["status", "execute_reply"]


def test_an_output_in_progress_at_the_timeout_still_precedes_the_reply() -> None:
    batch = Batch()
    batch.add(kernel_message("execute_reply"), 0.0)
    batch.add(kernel_message("display_data"), REPLY_SECONDS + 1)
    assert kinds(batch.take(REPLY_SECONDS + 1)) == ["display_data", "execute_reply"]


def test_a_reply_without_idle_is_delivered_after_a_timeout() -> None:
    batch = Batch()
    batch.add(kernel_message("execute_reply"), 0.0)
    batch.add(kernel_message("status", "another", execution_state="idle"), 0.1)
    assert kinds(batch.take(0.1)) == ["status"]
    assert batch.due(REPLY_SECONDS) == 0.0
    assert kinds(batch.take(REPLY_SECONDS)) == ["execute_reply"]
    assert batch.due(REPLY_SECONDS) is None


def test_a_reply_after_its_idle_is_delivered_at_once() -> None:
    batch = Batch()
    batch.add(kernel_message("status", execution_state="idle"), 0.0)
    batch.add(kernel_message("status", "another", execution_state="idle"), 0.0)
    assert len(batch.take(0.0)) == 2
    batch.add(kernel_message("execute_reply"), 0.1)
    assert batch.due(0.1) == 0.0
    assert kinds(batch.take(0.1)) == ["execute_reply"]


# ---------------------------------------------------------------- one very large piece


@pytest.mark.parametrize("line", ["x" * 78 + "\n", "é" * 3_000_000, "no end"])
def test_a_very_large_text_is_stored_in_many_small_pieces(line: str) -> None:
    kept: list[bytes] = []

    def put(data: bytes) -> Sha256:
        kept.append(data)
        return Sha256(f"{len(kept):064}")

    runtime = Runtime.create(Epoch("e"), bytes(16 * [1]))
    runtime.add_run(Run(RunId("r"), CellId("c"), "running", "ana", 0))
    stream = StreamOutput("o", "stdout", ())
    runtime.append_output(RunId("r"), stream)
    tail = StreamTail(runtime, RunId("r"), stream, put_blob=put, limit=8192)
    text = line * (10 * LARGEST_JOINED_BYTES // len(line))
    tail.write("before\n")
    tail.write(text)
    tail.write("after\n")
    parts = [
        kept[int(chunk.sha256) - 1].decode() if isinstance(chunk, Blob) else chunk
        for chunk in tail.stream.chunks
    ]
    assert "".join(parts) == f"before\n{text}after\n"
    assert max(len(part) for part in parts) <= 2 * LARGEST_JOINED_BYTES
    assert sum(len(chunk) for chunk in tail.stream.chunks if isinstance(chunk, str)) <= 8192
    assert len(runtime.document.save()) < 10_000


# ---------------------------------------------------------------- a very long error


@pytest.mark.parametrize(
    ("evalue", "lines"),
    [
        ("short", [f"frame {i}" + "-" * 60 for i in range(30_000)]),
        ("v" * 3_000_000, ["one line " * 300_000]),
        ("v" * 9000, []),
        ("short", ["a line", "another"]),
    ],
)
def test_a_very_long_error_is_whole_in_the_file_and_small_in_the_document(
    evalue: str, lines: list[str]
) -> None:
    kept: dict[str, bytes] = {}

    def put(data: bytes) -> Sha256:
        kept[hashlib.sha256(data).hexdigest()] = data
        return Sha256(hashlib.sha256(data).hexdigest())

    runtime = Runtime.create(Epoch("e"), bytes(16 * [1]))
    runtime.add_run(Run(RunId("r"), CellId("c"), "running", "ana", 0))
    writer = OutputWriter(runtime, put_blob=put, new_id=lambda: "o")
    writer.write([kernel_message("error", ename="Long", evalue=evalue, traceback=lines)])
    runtime.commit(now_ms=0)
    assert len(runtime.document.save()) < 20_000
    stored = Runtime(load(runtime.document.save(), actor=bytes(16 * [2])))
    assert stored.outputs(RunId("r")) == runtime.outputs(RunId("r"))

    content = Content(5, {}, {}, (Cell(CellId("c"), "code", ""),), stored.outcomes())
    data = ipynb.write(content, get_blob=kept.__getitem__, like=None)
    (output,) = json.loads(data)["cells"][0]["outputs"]
    assert output == {
        "output_type": "error", "ename": "Long", "evalue": evalue, "traceback": lines
    }  # fmt: skip
    found = ipynb.read(data, new_id=lambda: "o", put_blob=put)
    assert found.content.outcomes == content.outcomes
    # Outputs that are already in the file are not rewritten.
    assert ipynb.write(content, get_blob=kept.__getitem__, like=data) == data


# ---------------------------------------------------------------- the file of a very long stream


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\\n"])
def test_a_very_long_stream_is_written_as_nbformat_writes_it(end: str) -> None:
    kept: dict[str, bytes] = {}
    again = IncrementalWriter(get_blob=kept.__getitem__, limits=Limits())
    data, text = None, ""
    for times in (1, 40_000, 80_000, 2):
        text = "".join(f'{i} "\\ é{end}' for i in range(times)) + "no end"
        kept["text"] = text.encode()
        stream = StreamOutput(
            "o", "stdout", (Blob(Sha256("text"), len(kept["text"]), "utf-8"), "!")
        )
        cells = (Cell(CellId("c"), "code", "a\nb"), Cell(CellId("d"), "code", ""))
        outcomes = {CellId("c"): CellOutputs((stream,), 1)}
        data = again.write(Content(5, {}, {}, cells, outcomes), data)
        (output,) = json.loads(data)["cells"][0]["outputs"]
        assert output["text"] == (text + "!").splitlines(keepends=True)
        assert data.decode() == nbformat.writes(nbformat.reads(data, as_version=4)) + "\n"


# ---------------------------------------------------------------- ten thousand runs


def stored_bytes(net: Network) -> int:
    return sum(map(len, net.disk.documents["runtime"][1]))


def run_again_and_again(times: int) -> None:
    net = Network("print one\nwait 5\nresult 2", "# nothing", seed=3)
    ana = net.join("ana")
    epochs = set()
    for _ in range(times):
        ana.run("c0")
        net.run_for(50)
        epochs.add(net.disk.documents["runtime"][0])
        assert stored_bytes(net) < HISTORY_FLOOR_BYTES + 64 * 1024
    net.run_until_quiet()
    net.assert_converged()
    runtime = net.server.room.runtime if net.server.room is not None else None
    assert runtime is not None
    assert len(runtime.runs()) == 1
    run = runtime.run_of(CellId("c0"))
    assert run is not None and (run.state, run.execution_count) == ("ok", times)
    assert ana.outputs("c0") == "one\n2"
    assert len(epochs) > times // 400
    # A new browser receives the content and a little history, whatever happened before.
    assert len(runtime.document.save()) < 64 * 1024
    net.join("ben")
    assert net.peers["ben"].outputs("c0") == "one\n2"


def test_the_runtime_document_is_as_large_as_its_content_after_many_runs() -> None:
    run_again_and_again(800)


@pytest.mark.long
def test_the_runtime_document_is_as_large_as_its_content_after_ten_thousand_runs() -> None:
    run_again_and_again(10_000)
