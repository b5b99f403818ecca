"""A room's execution in isolation: a runtime document, blobs in a dict, counted ids."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping

from jupyter_runtimed.crdt import load
from jupyter_runtimed.document.content import (
    Blob,
    DisplayOutput,
    ErrorOutput,
    Output,
    Run,
    StreamOutput,
)
from jupyter_runtimed.document.mime import Limits
from jupyter_runtimed.document.runtime import Runtime
from jupyter_runtimed.execution.execution import BatchResult, Execution
from jupyter_runtimed.execution.messages import Channel, KernelMessage
from jupyter_runtimed.execution.steps import Finished, RunRequest, SendExecute, Step
from jupyter_runtimed.ids import CellId, Epoch, RunId, Sha256

ACTOR = bytes(range(16))
READER = bytes(range(1, 17))


class Lab:
    def __init__(self, *, inline_chars: int = 8192) -> None:
        self.blobs: dict[Sha256, bytes] = {}
        self.now_ms = 1_000_000
        self.changes: list[bytes] = []
        self._ids = itertools.count(1)
        self.execution = Execution(
            Runtime.create(Epoch("e1"), ACTOR),
            put_blob=self.put_blob,
            new_id=lambda: f"o{next(self._ids)}",
            limit=Limits(inline_chars=inline_chars),
        )

    @property
    def runtime(self) -> Runtime:
        return self.execution.runtime

    def put_blob(self, data: bytes) -> Sha256:
        digest = Sha256(hashlib.sha256(data).hexdigest())
        self.blobs[digest] = data
        return digest

    def ask(self, *cells: str, code: str = "1", stop_on_error: bool = True) -> list[Step]:
        """Request runs; the run of cell `a` has the id `r-a-N`."""
        wanted = [
            RunRequest(RunId(f"r-{cell}-{next(self._ids)}"), CellId(cell), code) for cell in cells
        ]
        return self.execution.queue.request(
            wanted, by="ana", stop_on_error=stop_on_error, now_ms=self.now_ms
        )

    def running(self, cell: str = "a") -> RunId:
        """Return the run of a cell that the kernel has started."""
        self.execution.queue.ready()
        self.ask(cell)
        run_id = self.run_id(cell)
        self.say(status(run_id, "busy"), message(run_id, "execute_input", execution_count=1))
        return run_id

    def run_id(self, cell: str = "a") -> RunId:
        run = self.runtime.run_of(CellId(cell))
        assert run is not None
        return run.id

    def run(self, cell: str = "a") -> Run:
        run = self.runtime.run_of(CellId(cell))
        assert run is not None
        return run

    def say(self, *messages: KernelMessage) -> BatchResult:
        heard = self.execution.messages(messages, now_ms=self.now_ms)
        self.execution.settle(heard.steps)
        self.commit()
        return heard

    def commit(self) -> None:
        if (change := self.runtime.commit(now_ms=self.now_ms)) is not None:
            self.changes.append(change)

    def outputs(self, cell: str = "a") -> tuple[Output, ...]:
        return self.runtime.outcome(CellId(cell)).outputs

    def text(self, cell: str = "a", name: str = "stdout") -> str:
        """Return the whole text of one stream of a cell."""
        streams = [o for o in self.outputs(cell) if isinstance(o, StreamOutput) and o.name == name]
        return "".join(self.joined(stream) for stream in streams)

    def joined(self, stream: StreamOutput) -> str:
        return "".join(
            self.blobs[chunk.sha256].decode() if isinstance(chunk, Blob) else chunk
            for chunk in stream.chunks
        )

    def reopened(self) -> Runtime:
        """Return the document as another peer loads it from its bytes."""
        return Runtime(load(self.runtime.document.save(), actor=READER))

    def assert_mirror(self) -> None:
        """Assert that the cache in Python equals the document."""
        assert_same(self.runtime, self.reopened())


def sent(steps: Iterable[Step]) -> list[str]:
    return [step.cell_id for step in steps if isinstance(step, SendExecute)]


def finished(steps: Iterable[Step]) -> list[tuple[str, str]]:
    return [(step.cell_id, step.state) for step in steps if isinstance(step, Finished)]


def shown(lab: Lab, cell: str = "a") -> list[str]:
    """Return the outputs of a cell, one line for each."""
    lines = []
    for output in lab.outputs(cell):
        if isinstance(output, StreamOutput):
            lines.append(f"{output.name}: {lab.joined(output)}")
        elif isinstance(output, DisplayOutput):
            lines.append(f"{output.type}: {output.data['text/plain']}")
        elif isinstance(output, ErrorOutput):
            lines.append(f"error: {output.ename}")
    return lines


def assert_same(one: Runtime, other: Runtime) -> None:
    assert one.kernel == other.kernel
    assert one.queue == other.queue
    assert sorted(one.cells()) == sorted(other.cells())
    assert {run.id: run for run in one.runs()} == {run.id: run for run in other.runs()}
    for cell in one.cells():
        assert one.run_of(cell) == other.run_of(cell)
        assert one.outcome(cell) == other.outcome(cell)
        assert one.trusted(cell) == other.trusted(cell)


def message(
    run_id: str, kind: str, *, channel: Channel = "iopub", msg_id: str = "m", **content: object
) -> KernelMessage:
    return KernelMessage(channel, kind, run_id, msg_id, content, parent_type="execute_request")


def status(run_id: str, state: str) -> KernelMessage:
    return message(run_id, "status", execution_state=state)


def idle(run_id: str) -> KernelMessage:
    return status(run_id, "idle")


def reply(run_id: str, state: str = "ok", **content: object) -> KernelMessage:
    return message(run_id, "execute_reply", channel="shell", status=state, **content)


def printed(run_id: str, text: str, name: str = "stdout") -> KernelMessage:
    return message(run_id, "stream", name=name, text=text)


def display(
    run_id: str, text: str, display_id: str | None = None, kind: str = "display_data"
) -> KernelMessage:
    transient: Mapping[str, object] = {} if display_id is None else {"display_id": display_id}
    return message(run_id, kind, data={"text/plain": text}, metadata={}, transient=transient)


def cleared(run_id: str, *, wait: bool) -> KernelMessage:
    return message(run_id, "clear_output", wait=wait)


def failed(run_id: str, ename: str = "ValueError") -> KernelMessage:
    return message(run_id, "error", ename=ename, evalue="no", traceback=["line 1"])
