"""Decide which run is next, and when a run is over.

The runtime document holds the runs, their states and their order. `RunQueue` holds only the run
that the kernel executes, and the messages that arrived for it (`Phase`, `TABLE`).

The queue sends the kernel one run at a time. A run is over when its reply and its idle status
arrived, or when one of them arrived and then no message of the run for the grace time. Times are in
milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ..document.content import FINISHED, Run, RunState
from ..document.runtime import RunChanges, Runtime
from ..ids import CellId, RunId
from .cancel_reasons import CANCELLED, DELETED, FAILED_BEFORE, INTERRUPTED, SKIPPED_AFTER_ERROR
from .messages import ExecuteReply, InputRequest, KernelMessage, Status
from .steps import Finished, Interrupt, RunRequest, SendExecute, Step, WakeAt, source_hash

GRACE_MS: Final = 2000
MAX_DELETED: Final = 32
"""Maximum number of deleted cells that keep their finished runs for an undo."""

# ---------------------------------------------------------------- the machine


class Phase(Enum):
    NO_KERNEL = auto()
    """No kernel can run a cell."""
    READY = auto()
    """The kernel has no run of this room."""
    SENT = auto()
    """The kernel has a run."""
    REPLIED = auto()
    """The reply arrived; outputs may follow."""
    IDLE_SEEN = auto()
    """The idle status arrived; the reply did not."""


class Signal(Enum):
    READY = auto()
    SEND = auto()
    REPLY = auto()
    IDLE = auto()
    TIMEOUT = auto()
    LOST = auto()


TABLE: Final[Mapping[tuple[Phase, Signal], Phase]] = {
    (Phase.NO_KERNEL, Signal.READY): Phase.READY,
    (Phase.READY, Signal.SEND): Phase.SENT,
    (Phase.SENT, Signal.REPLY): Phase.REPLIED,
    (Phase.SENT, Signal.IDLE): Phase.IDLE_SEEN,
    (Phase.REPLIED, Signal.IDLE): Phase.READY,
    (Phase.REPLIED, Signal.TIMEOUT): Phase.READY,
    (Phase.IDLE_SEEN, Signal.REPLY): Phase.READY,
    (Phase.IDLE_SEEN, Signal.TIMEOUT): Phase.READY,
    **{(phase, Signal.LOST): Phase.NO_KERNEL for phase in Phase},
}
"""A signal that the table does not list for a phase leaves the phase unchanged."""

_WAITING: Final = frozenset({Phase.REPLIED, Phase.IDLE_SEEN})

# ---------------------------------------------------------------- the queue


@dataclass(slots=True)
class _Current:
    run_id: RunId
    cell_id: CellId
    stop_on_error: bool
    deadline_ms: int = 0
    replied: bool = False
    failed: bool = False
    aborted: bool = False
    began: bool = False
    """Whether the kernel published `execute_input`, which it does not for skipped requests."""


class RunQueue:
    """The queue of one room. Methods return the steps for the room to take, in order."""

    def __init__(self, runtime: Runtime, *, grace_ms: int = GRACE_MS) -> None:
        self._runtime = runtime
        self._grace_ms = grace_ms
        self._phase = Phase.NO_KERNEL
        self._current: _Current | None = None
        self._codes: dict[RunId, SendExecute] = {}
        self._deleted: dict[CellId, None] = {}
        """Deleted cells that keep their runs, in the order of deletion."""

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def current(self) -> RunId | None:
        """The run that the kernel executes, even if its cell was deleted."""
        return None if self._current is None else self._current.run_id

    @property
    def busy(self) -> bool:
        """Whether a run is running or waiting."""
        return self._current is not None or bool(self._runtime.queue)

    def use(self, runtime: Runtime) -> None:
        """Continue with the rotated document `runtime`."""
        self._runtime = runtime

    # ------------------------------------------------------------ requests of users

    def request(
        self, wanted: Iterable[RunRequest], *, by: str, stop_on_error: bool, now_ms: int
    ) -> list[Step]:
        """Queue cells and mark them as trusted; each new run replaces the cell's previous run.

        The run of a cell without code finishes at once, without outputs or an execution count.
        """
        steps: list[Step] = []
        for want in wanted:
            steps += self._supersede(want.cell_id)
            digest = source_hash(want.code)
            run = Run(want.run_id, want.cell_id, "queued", by, now_ms, source_hash=digest)
            self._runtime.add_run(run)
            self._runtime.set_trusted(want.cell_id, True)
            if not want.code.strip():
                steps.append(self._finish(run, "ok", None, now_ms))
                continue
            self._runtime.enqueue(want.run_id)
            self._codes[want.run_id] = SendExecute(
                want.run_id, want.cell_id, want.code, stop_on_error
            )
        return steps + self._next()

    def cancel(
        self, run_ids: Iterable[RunId], *, now_ms: int, reason: str = CANCELLED
    ) -> list[Step]:
        """Cancel waiting runs. The current run continues; the caller may interrupt the kernel."""
        waiting = set(self._runtime.queue)
        chosen = [run_id for run_id in run_ids if run_id in waiting]
        return self._cancel_all(chosen, reason, now_ms)

    def interrupted(self, *, now_ms: int) -> list[Step]:
        """Cancel all waiting runs, because a user interrupts the kernel."""
        return self._cancel_all(self._runtime.queue, INTERRUPTED, now_ms)

    def removed(self, cell_ids: Iterable[CellId], *, now_ms: int) -> list[Step]:
        """Cancel the waiting runs of deleted cells.

        A running run continues, and its outputs are stored. The last deleted cells keep their runs,
        so that an undo restores a cell with its outputs.
        """
        steps: list[Step] = []
        for cell_id in cell_ids:
            run = self._runtime.run_of(cell_id)
            if run is None or run.id in self._runtime.queue:
                steps += self._cancel_all([] if run is None else [run.id], DELETED, now_ms)
                self._runtime.remove_cell(cell_id)
                continue
            if run.prompt is not None:
                steps += self._abandon(run.id)
            self._deleted[cell_id] = None
        self._forget_deleted()
        return steps

    def restored(self, cell_ids: Iterable[CellId]) -> None:
        """Keep the runs of these cells, because the notebook holds the cells."""
        for cell_id in cell_ids:
            self._deleted.pop(cell_id, None)

    def _forget_deleted(self) -> None:
        """Remove the finished runs of all but the last `MAX_DELETED` deleted cells."""
        over = [
            cell_id
            for cell_id in self._deleted
            if (run := self._runtime.run_of(cell_id)) is None or run.state in FINISHED
        ]
        for cell_id in over[: max(len(over) - MAX_DELETED, 0)]:
            del self._deleted[cell_id]
            self._runtime.remove_cell(cell_id)

    # ------------------------------------------------------------ events of the kernel

    def ready(self) -> list[Step]:
        """Start to send runs, because the kernel accepts requests."""
        self._hear(Signal.READY)
        return self._next()

    def lost(self, reason: str, *, now_ms: int) -> list[Step]:
        """End all runs with `reason`: running ones are lost, waiting ones cancelled.

        The kernel died, restarts, was shut down or replaced, or the server restarted.
        """
        self._hear(Signal.LOST)
        steps: list[Step] = []
        current, self._current = self._current, None
        if current is not None and self._runtime.run(current.run_id) is None:
            steps.append(Finished(current.run_id, current.cell_id, "lost"))
        for run in self._runtime.runs():
            waits = run.id in self._runtime.queue
            if run.state == "running" or (run.state == "queued" and not waits):
                steps.append(self._finish(run, "lost", reason, now_ms))
        return steps + self._cancel_all(self._runtime.queue, reason, now_ms)

    def messages(self, batch: Sequence[KernelMessage], *, now_ms: int) -> list[Step]:
        """Process a batch of messages after its outputs were written."""
        steps: list[Step] = []
        for message in batch:
            current = self._current
            if current is not None and message.parent_id == current.run_id:
                steps += self._note(current, message, now_ms)
                if self._phase is Phase.READY:
                    steps += self._over(now_ms)
        if self._phase in _WAITING and self._current is not None:
            steps.append(WakeAt(self._current.deadline_ms))
        return steps

    def wake(self, *, now_ms: int) -> list[Step]:
        """Handle an expired timer: end the current run if its grace time expired."""
        if self._current is None or self._phase not in _WAITING:
            return []
        if now_ms < self._current.deadline_ms:
            return [WakeAt(self._current.deadline_ms)]
        self._hear(Signal.TIMEOUT)
        return self._over(now_ms)

    # ------------------------------------------------------------ inside

    def _hear(self, heard: Signal) -> None:
        self._phase = TABLE.get((self._phase, heard), self._phase)

    def _note(self, current: _Current, message: KernelMessage, now_ms: int) -> list[Step]:
        current.deadline_ms = now_ms + self._grace_ms
        meaning = message.meaning if message.type in _TELLING else None
        if message.type in ("status", "execute_input"):
            self._started(current.run_id, now_ms)
        if message.type == "execute_input":
            current.began = True
        elif message.type == "error" and message.channel == "iopub":
            # A cell may publish an error and continue, so the status of a reply takes precedence.
            current.failed = current.failed or not current.replied
        if isinstance(meaning, ExecuteReply):
            current.replied = True
            current.failed = meaning.status == "error"
            current.aborted = meaning.status == "aborted"
            self._hear(Signal.REPLY)
        elif isinstance(meaning, Status) and meaning.state == "idle":
            self._hear(Signal.IDLE)
        elif isinstance(meaning, InputRequest) and not self._can_ask(current):
            return self._abandon(current.run_id)
        return []

    def _can_ask(self, current: _Current) -> bool:
        there = self._runtime.run(current.run_id) is not None
        return there and current.cell_id not in self._deleted

    def _abandon(self, run_id: RunId) -> list[Step]:
        """Interrupt a run that waits for input, because its cell was deleted or is run again.

        No client can show the prompt, so the run and the queue would wait without end. The error of
        the interrupt does not cancel the queue.
        """
        if self._current is not None and self._current.run_id == run_id:
            self._current.stop_on_error = False
        return [Interrupt()]

    def _started(self, run_id: RunId, now_ms: int) -> None:
        run = self._runtime.run(run_id)
        if run is not None and run.started_at is None:
            self._runtime.set_run(run_id, started_at=now_ms)

    def _over(self, now_ms: int) -> list[Step]:
        """Finish the current run and send the next one."""
        current, self._current = self._current, None
        if current is None:
            return []
        state: RunState = "error" if current.failed else "ok"
        reason = None
        if current.aborted:
            # Some kernels (bash) reply `aborted` instead of `error` to an interrupted request.
            interrupted = current.began
            state, reason = "cancelled", INTERRUPTED if interrupted else SKIPPED_AFTER_ERROR
        run = self._runtime.run(current.run_id)
        if run is None:
            steps: list[Step] = [Finished(current.run_id, current.cell_id, state)]
        else:
            steps = [self._finish(run, state, reason, now_ms)]
        if state == "error" and current.stop_on_error:
            steps += self._cancel_all(self._runtime.queue, FAILED_BEFORE, now_ms)
        elif reason == INTERRUPTED and current.stop_on_error:
            steps += self._cancel_all(self._runtime.queue, INTERRUPTED, now_ms)
        return steps + self._next()

    def _next(self) -> list[Step]:
        """Send the next run, if the kernel has none."""
        while self._phase is Phase.READY and self._runtime.queue:
            run_id = self._runtime.queue[0]
            self._runtime.dequeue(run_id)
            send = self._codes.pop(run_id, None)
            if send is None:
                continue  # A previous server process queued the run; `lost` ends it.
            self._runtime.set_run(run_id, state="running")
            self._current = _Current(run_id, send.cell_id, send.stop_on_error)
            self._hear(Signal.SEND)
            return [send]
        return []

    def _supersede(self, cell_id: CellId) -> list[Step]:
        """Cancel the waiting previous run of a cell; interrupt one that waits for input."""
        former = self._runtime.run_of(cell_id)
        if former is not None and former.prompt is not None:
            return self._abandon(former.id)
        if former is None or former.state != "queued":
            return []
        self._codes.pop(former.id, None)
        return [Finished(former.id, cell_id, "cancelled")]

    def _cancel_all(self, run_ids: Sequence[RunId], reason: str, now_ms: int) -> list[Step]:
        steps: list[Step] = []
        for run_id in run_ids:
            self._runtime.dequeue(run_id)
            run = self._runtime.run(run_id)
            if run is not None:
                steps.append(self._finish(run, "cancelled", reason, now_ms))
        return steps

    def _finish(self, run: Run, state: RunState, reason: str | None, now_ms: int) -> Finished:
        self._codes.pop(run.id, None)
        changes = RunChanges(state=state, finished_at=now_ms, prompt=None, reason=reason)
        self._runtime.set_run(run.id, **changes)
        return Finished(run.id, run.cell_id, state)


_TELLING: Final = frozenset({"execute_reply", "status", "input_request"})
