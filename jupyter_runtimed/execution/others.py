"""Runs that somebody else sent to the kernel: another extension, a script, naming a cell.

Their output is the cell's, as if the room had sent them. Only what the kernel publishes is heard:
the reply goes to who asked, so a run is over when the kernel is idle again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..document.content import Run, RunState
from ..document.runtime import RunChanges, Runtime
from ..ids import CellId, RunId
from .messages import KernelMessage, StateIs, read
from .queue import Finished, source_hash


@dataclass(slots=True)
class _Other:
    began: bool = False
    failed: bool = False


class OtherRuns:
    """The runs of others in one room that are not over."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._open: dict[RunId, _Other] = {}

    def use(self, runtime: Runtime) -> None:
        """Go on with a rotated document."""
        self._runtime = runtime

    def begin(self, run_id: RunId, cell_id: CellId, code: str, *, by: str, now_ms: int) -> None:
        """A run is on its way to the kernel. Its id is its sender's choice, so it may be none."""
        if not run_id or self._runtime.run(run_id) is not None:
            return
        digest = source_hash(code)
        self._runtime.add_run(Run(run_id, cell_id, "queued", by, now_ms, source_hash=digest))
        self._runtime.set_trusted(cell_id, True)
        self._open[run_id] = _Other()

    def messages(self, batch: Iterable[KernelMessage], *, now_ms: int) -> list[Finished]:
        """A batch whose output was written already; which runs are over."""
        finished: list[Finished] = []
        for message in batch:
            other = self._open.get(RunId(message.parent_id))
            if other is not None and message.channel == "iopub":
                finished += self._hear(RunId(message.parent_id), other, message, now_ms)
        return finished

    def _hear(
        self, run_id: RunId, other: _Other, message: KernelMessage, now_ms: int
    ) -> list[Finished]:
        run = self._runtime.run(run_id)
        if run is None or run.state not in ("queued", "running"):
            # Its cell is gone or ran again, or the kernel died.
            del self._open[run_id]
            return []
        if run.started_at is None:
            self._runtime.set_run(run_id, state="running", started_at=now_ms)
        other.began = other.began or message.type != "status"
        other.failed = other.failed or message.type == "error"
        said, _ = read(message)
        if not isinstance(said, StateIs) or said.state != "idle":
            return []
        del self._open[run_id]
        state: RunState = "error" if other.failed else "ok"
        changes = RunChanges(state=state, finished_at=now_ms)
        if not other.began:
            changes = RunChanges(
                state="cancelled", finished_at=now_ms, reason="the kernel skipped it"
            )
        run = self._runtime.set_run(run_id, **changes)
        return [Finished(run_id, run.cell_id, run.state)]
