"""External runs: runs that another extension, a script or a previous server process requested.

The outputs of an external run go to its cell. The room does not receive the reply, only the
messages on iopub, so an external run ends when the kernel reports idle. A run that a previous
server process left (an orphaned run) may have ended unnoticed: its grace time starts when the
kernel turns out to work on something else or on nothing, and the run is lost if no message of it
arrives within that time. Times are in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ..document.content import Run, RunState
from ..document.runtime import RunChanges, Runtime
from ..document.schema import FORBIDDEN_KEY
from ..ids import CellId, RunId
from .cancel_reasons import SKIPPED
from .messages import KernelMessage, Status
from .steps import Finished, Step, WakeAt, source_hash

UNHEARD: Final = "the server was restarted"


@dataclass(slots=True)
class _Other:
    began: bool = False
    failed: bool = False
    left: bool = False
    """Whether a previous server process left the run."""
    deadline_ms: int | None = None


class ExternalRuns:
    """The unfinished external runs of one room."""

    def __init__(self, runtime: Runtime, *, grace_ms: int) -> None:
        self._runtime = runtime
        self._grace_ms = grace_ms
        self._open = {
            run.id: _Other(began=True, left=True)
            for run in runtime.runs()
            if run.state == "running"
        }

    def use(self, runtime: Runtime) -> None:
        """Continue with the rotated document `runtime`."""
        self._runtime = runtime

    @property
    def orphaned(self) -> bool:
        """Whether a run of a previous server process is unfinished."""
        return any(other.left for other in self._open.values())

    def forget(self) -> None:
        """Drop all runs, because the kernel is gone; `RunQueue.lost` ends them."""
        self._open.clear()

    def begin(self, run_id: RunId, cell_id: CellId, code: str, *, by: str, now_ms: int) -> None:
        """Add a run that was sent to the kernel.

        The sender chooses the run id; an empty, forbidden or known id is ignored.
        """
        if run_id in ("", FORBIDDEN_KEY) or self._runtime.run(run_id) is not None:
            return
        digest = source_hash(code)
        self._runtime.add_run(Run(run_id, cell_id, "queued", by, now_ms, source_hash=digest))
        self._runtime.set_trusted(cell_id, True)
        self._open[run_id] = _Other()

    def messages(self, batch: Iterable[KernelMessage], *, now_ms: int) -> list[Step]:
        """Process a batch after its outputs were written; return the finished runs."""
        steps: list[Step] = []
        for message in batch:
            other = self._open.get(RunId(message.parent_id))
            if message.channel != "iopub":
                continue
            if other is not None:
                steps += self._hear(RunId(message.parent_id), other, message, now_ms)
            elif message.type == "status" and message.parent_type == "execute_request":
                steps += self.start_grace(now_ms=now_ms)
        return steps

    def start_grace(self, *, now_ms: int) -> list[Step]:
        """Start the grace time of orphaned runs, because the kernel works on something else."""
        deadline = now_ms + self._grace_ms
        for other in self._open.values():
            if other.left and other.deadline_ms is None:
                other.deadline_ms = deadline
        return [WakeAt(deadline)] if self.orphaned else []

    def wake(self, *, now_ms: int) -> list[Step]:
        """Handle an expired timer: end orphaned runs with an expired grace time."""
        steps: list[Step] = []
        for run_id, other in list(self._open.items()):
            if other.deadline_ms is None:
                continue
            if now_ms < other.deadline_ms:
                steps.append(WakeAt(other.deadline_ms))
            else:
                steps += self._over(run_id, "lost", UNHEARD, now_ms)
        return steps

    def kernel_gone(self, *, now_ms: int) -> list[Step]:
        """End all orphaned runs, because their kernel no longer exists."""
        left = [run_id for run_id, other in self._open.items() if other.left]
        return [step for run in left for step in self._over(run, "lost", UNHEARD, now_ms)]

    # ------------------------------------------------------------ inside

    def _hear(
        self, run_id: RunId, other: _Other, message: KernelMessage, now_ms: int
    ) -> list[Step]:
        run = self._runtime.run(run_id)
        if run is None or run.state not in ("queued", "running"):
            # The cell was deleted or ran again, or the kernel died.
            del self._open[run_id]
            return []
        other.deadline_ms = None
        if run.started_at is None:
            self._runtime.set_run(run_id, state="running", started_at=now_ms)
        other.began = other.began or message.type != "status"
        other.failed = other.failed or message.type == "error"
        said = message.meaning
        if not isinstance(said, Status) or said.state != "idle":
            return []
        if not other.began:
            return self._over(run_id, "cancelled", SKIPPED, now_ms)
        return self._over(run_id, "error" if other.failed else "ok", None, now_ms)

    def _over(self, run_id: RunId, state: RunState, reason: str | None, now_ms: int) -> list[Step]:
        del self._open[run_id]
        run = self._runtime.run(run_id)
        if run is None or run.state not in ("queued", "running"):
            return []
        changes = RunChanges(state=state, finished_at=now_ms, prompt=None, reason=reason)
        self._runtime.set_run(run_id, **changes)
        return [Finished(run_id, run.cell_id, state)]
