"""Runs whose replies go to somebody else: another extension's, a script's, or a former server's.

Their output is the cell's, as if the room had sent them. Only what the kernel publishes is heard,
so a run is over when the kernel is idle again. Of a run that a former server left, nobody knows
whether it is over already: it is in doubt as soon as the kernel does something else or nothing, and
lost if then no more is heard of it for the grace time. Times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ..document.content import Run, RunState
from ..document.runtime import RunChanges, Runtime
from ..ids import CellId, RunId
from .messages import KernelMessage, StateIs, read
from .steps import Finished, Step, WakeAt, source_hash

UNHEARD: Final = "the server was restarted while this ran"


@dataclass(slots=True)
class _Other:
    began: bool = False
    failed: bool = False
    left: bool = False
    """A former server's."""
    deadline_ms: int | None = None


class OtherRuns:
    """The runs of others in one room that are not over."""

    def __init__(self, runtime: Runtime, *, grace_ms: int) -> None:
        self._runtime = runtime
        self._grace_ms = grace_ms
        self._open = {
            run.id: _Other(began=True, left=True)
            for run in runtime.runs()
            if run.state == "running"
        }

    def use(self, runtime: Runtime) -> None:
        """Go on with a rotated document."""
        self._runtime = runtime

    @property
    def left(self) -> bool:
        """Is there a run that a former server left?"""
        return any(other.left for other in self._open.values())

    def forget(self) -> None:
        """The kernel is gone; what becomes of its runs is said elsewhere."""
        self._open.clear()

    def begin(self, run_id: RunId, cell_id: CellId, code: str, *, by: str, now_ms: int) -> None:
        """A run is on its way to the kernel. Its id is its sender's choice, so it may be none."""
        if not run_id or self._runtime.run(run_id) is not None:
            return
        digest = source_hash(code)
        self._runtime.add_run(Run(run_id, cell_id, "queued", by, now_ms, source_hash=digest))
        self._runtime.set_trusted(cell_id, True)
        self._open[run_id] = _Other()

    def messages(self, batch: Iterable[KernelMessage], *, now_ms: int) -> list[Step]:
        """A batch whose output was written already; which runs are over."""
        steps: list[Step] = []
        for message in batch:
            other = self._open.get(RunId(message.parent_id))
            if message.channel != "iopub":
                continue
            if other is not None:
                steps += self._hear(RunId(message.parent_id), other, message, now_ms)
            elif message.type == "status" and message.parent_type == "execute_request":
                steps += self.doubt(now_ms=now_ms)
        return steps

    def doubt(self, *, now_ms: int) -> list[Step]:
        """The kernel is at something else: runs that were left are over, or wait to begin."""
        deadline = now_ms + self._grace_ms
        for other in self._open.values():
            if other.left and other.deadline_ms is None:
                other.deadline_ms = deadline
        return [WakeAt(deadline)] if self.left else []

    def wake(self, *, now_ms: int) -> list[Step]:
        """Time has passed."""
        steps: list[Step] = []
        for run_id, other in list(self._open.items()):
            if other.deadline_ms is None:
                continue
            if now_ms < other.deadline_ms:
                steps.append(WakeAt(other.deadline_ms))
            else:
                steps += self._over(run_id, "lost", UNHEARD, now_ms)
        return steps

    def gone(self, *, now_ms: int) -> list[Step]:
        """There is no kernel that could have gone on with what was left."""
        left = [run_id for run_id, other in self._open.items() if other.left]
        return [step for run in left for step in self._over(run, "lost", UNHEARD, now_ms)]

    # ------------------------------------------------------------ inside

    def _hear(
        self, run_id: RunId, other: _Other, message: KernelMessage, now_ms: int
    ) -> list[Step]:
        run = self._runtime.run(run_id)
        if run is None or run.state not in ("queued", "running"):
            # Its cell is gone or ran again, or the kernel died.
            del self._open[run_id]
            return []
        other.deadline_ms = None
        if run.started_at is None:
            self._runtime.set_run(run_id, state="running", started_at=now_ms)
        other.began = other.began or message.type != "status"
        other.failed = other.failed or message.type == "error"
        said, _ = read(message)
        if not isinstance(said, StateIs) or said.state != "idle":
            return []
        if not other.began:
            return self._over(run_id, "cancelled", "the kernel skipped it", now_ms)
        return self._over(run_id, "error" if other.failed else "ok", None, now_ms)

    def _over(self, run_id: RunId, state: RunState, reason: str | None, now_ms: int) -> list[Step]:
        del self._open[run_id]
        run = self._runtime.run(run_id)
        if run is None or run.state not in ("queued", "running"):
            return []
        changes = RunChanges(state=state, finished_at=now_ms, prompt=None, reason=reason)
        self._runtime.set_run(run_id, **changes)
        return [Finished(run_id, run.cell_id, state)]
