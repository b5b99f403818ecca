"""What runs next, and when a run is over.

Which runs there are, their states and their order are in the runtime document. Kept here is only
what is true of the moment: which run the kernel has, and what was heard of it.

    AWAY --ready--> FREE --sent--> SENT --reply--> REPLIED --idle, grace--> FREE
                     ^              +----idle----> SILENT --reply, grace--> FREE
                     |                                                       |
    any --lost--> AWAY                                 the next run is sent -+

One run at a time is with the kernel. It is over when its reply and its `idle` have come, or one of
them and then nothing for the grace time. Times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ..document.content import Run, RunState
from ..document.runtime import RunChanges, Runtime
from ..ids import CellId, RunId
from .messages import Asked, KernelMessage, Replied, StateIs, read
from .steps import Finished, Interrupt, SendExecute, Step, WakeAt, Wanted, source_hash

GRACE_MS: Final = 2000

# ---------------------------------------------------------------- the machine


class Phase(Enum):
    AWAY = auto()
    """There is no kernel that could run anything."""
    FREE = auto()
    """The kernel has no run of ours."""
    SENT = auto()
    """The kernel has a run."""
    REPLIED = auto()
    """The reply is here; output may still come."""
    SILENT = auto()
    """`idle` is here; the reply is not."""


class Signal(Enum):
    READY = auto()
    SEND = auto()
    REPLY = auto()
    IDLE = auto()
    GRACE = auto()
    LOST = auto()


TABLE: Final[Mapping[tuple[Phase, Signal], Phase]] = {
    (Phase.AWAY, Signal.READY): Phase.FREE,
    (Phase.FREE, Signal.SEND): Phase.SENT,
    (Phase.SENT, Signal.REPLY): Phase.REPLIED,
    (Phase.SENT, Signal.IDLE): Phase.SILENT,
    (Phase.REPLIED, Signal.IDLE): Phase.FREE,
    (Phase.REPLIED, Signal.GRACE): Phase.FREE,
    (Phase.SILENT, Signal.REPLY): Phase.FREE,
    (Phase.SILENT, Signal.GRACE): Phase.FREE,
    **{(phase, Signal.LOST): Phase.AWAY for phase in Phase},
}
"""Whatever is not here changes nothing."""

_WAITING: Final = frozenset({Phase.REPLIED, Phase.SILENT})

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


class RunQueue:
    """The queue of one room. Every call returns what is to be done, in order."""

    def __init__(self, runtime: Runtime, *, grace_ms: int = GRACE_MS) -> None:
        self._runtime = runtime
        self._grace_ms = grace_ms
        self._phase = Phase.AWAY
        self._current: _Current | None = None
        self._codes: dict[RunId, SendExecute] = {}

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def current(self) -> RunId | None:
        """The run that the kernel has, also when its cell is gone."""
        return None if self._current is None else self._current.run_id

    @property
    def busy(self) -> bool:
        """Does anything run or wait?"""
        return self._current is not None or bool(self._runtime.queue)

    def use(self, runtime: Runtime) -> None:
        """Go on with a rotated document."""
        self._runtime = runtime

    # ------------------------------------------------------------ what people ask

    def request(
        self, wanted: Iterable[Wanted], *, by: str, stop_on_error: bool, now_ms: int
    ) -> list[Step]:
        """Queue cells, each in place of its former run; they are trusted from now on.

        A cell without code is done at once: it shows nothing and counts for nothing.
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
        self, run_ids: Iterable[RunId], *, now_ms: int, reason: str = "cancelled"
    ) -> list[Step]:
        """Take runs out of the queue. The one that the kernel has goes on: interrupt it instead."""
        waiting = set(self._runtime.queue)
        chosen = [run_id for run_id in run_ids if run_id in waiting]
        return self._cancel_all(chosen, reason, now_ms)

    def interrupted(self, *, now_ms: int) -> list[Step]:
        """The kernel is being interrupted: what waits does not run."""
        return self._cancel_all(self._runtime.queue, "interrupted", now_ms)

    def removed(self, cell_ids: Iterable[CellId], *, now_ms: int) -> list[Step]:
        """Cells were deleted: their runs are cancelled and forgotten.

        A run that the kernel has goes on (the room may interrupt); its output goes nowhere.
        """
        steps: list[Step] = []
        for cell_id in cell_ids:
            run = self._runtime.run_of(cell_id)
            if run is not None and run.id in self._runtime.queue:
                steps += self._cancel_all([run.id], "the cell was deleted", now_ms)
            elif run is not None and run.prompt is not None:
                steps += self._abandon(run.id)
            self._runtime.remove_cell(cell_id)
        return steps

    # ------------------------------------------------------------ what the kernel does

    def ready(self) -> list[Step]:
        """There is a kernel, and it takes requests."""
        self._hear(Signal.READY)
        return self._next()

    def lost(self, reason: str, *, now_ms: int) -> list[Step]:
        """The kernel died, restarts, was shut down or replaced; or the server was started again.

        Whatever ran is lost, whatever waited is cancelled, both with the reason.
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
        """A batch whose output was written already."""
        steps: list[Step] = []
        for message in batch:
            current = self._current
            if current is not None and message.parent_id == current.run_id:
                steps += self._note(current, message, now_ms)
                if self._phase is Phase.FREE:
                    steps += self._over(now_ms)
        if self._phase in _WAITING and self._current is not None:
            steps.append(WakeAt(self._current.deadline_ms))
        return steps

    def wake(self, *, now_ms: int) -> list[Step]:
        """Time has passed: a run that was all but over is over when nothing more came of it."""
        if self._current is None or self._phase not in _WAITING:
            return []
        if now_ms < self._current.deadline_ms:
            return [WakeAt(self._current.deadline_ms)]
        self._hear(Signal.GRACE)
        return self._over(now_ms)

    # ------------------------------------------------------------ inside

    def _hear(self, heard: Signal) -> None:
        self._phase = TABLE.get((self._phase, heard), self._phase)

    def _note(self, current: _Current, message: KernelMessage, now_ms: int) -> list[Step]:
        current.deadline_ms = now_ms + self._grace_ms
        meaning, _ = read(message) if message.type in _TELLING else (None, ())
        if message.type in ("status", "execute_input"):
            self._started(current.run_id, now_ms)
        elif message.type == "error" and message.channel == "iopub":
            # A traceback may be shown by a cell that goes on: where there is a reply, it decides.
            current.failed = current.failed or not current.replied
        if isinstance(meaning, Replied):
            current.replied = True
            current.failed = meaning.status == "error"
            current.aborted = meaning.status == "aborted"
            self._hear(Signal.REPLY)
        elif isinstance(meaning, StateIs) and meaning.state == "idle":
            self._hear(Signal.IDLE)
        elif isinstance(meaning, Asked) and self._runtime.run(current.run_id) is None:
            return self._abandon(current.run_id)
        return []

    def _abandon(self, run_id: RunId) -> list[Step]:
        """A run asks, and its cell is gone or runs again: nobody can be shown the question.

        It would wait for ever, and what is queued with it. That it fails now is no cell's error.
        """
        if self._current is not None and self._current.run_id == run_id:
            self._current.stop_on_error = False
        return [Interrupt()]

    def _started(self, run_id: RunId, now_ms: int) -> None:
        run = self._runtime.run(run_id)
        if run is not None and run.started_at is None:
            self._runtime.set_run(run_id, started_at=now_ms)

    def _over(self, now_ms: int) -> list[Step]:
        """The run that the kernel had is over."""
        current, self._current = self._current, None
        if current is None:
            return []
        state: RunState = "error" if current.failed else "ok"
        reason = None
        if current.aborted:
            state, reason = "cancelled", "the kernel skipped it after an error"
        run = self._runtime.run(current.run_id)
        if run is None:
            steps: list[Step] = [Finished(current.run_id, current.cell_id, state)]
        else:
            steps = [self._finish(run, state, reason, now_ms)]
        if state == "error" and current.stop_on_error:
            steps += self._cancel_all(self._runtime.queue, "an earlier cell failed", now_ms)
        return steps + self._next()

    def _next(self) -> list[Step]:
        """Give the kernel the next run, if it has none."""
        while self._phase is Phase.FREE and self._runtime.queue:
            run_id = self._runtime.queue[0]
            self._runtime.dequeue(run_id)
            send = self._codes.pop(run_id, None)
            if send is None:
                continue  # left by an earlier server; `lost` has its say about it
            self._runtime.set_run(run_id, state="running")
            self._current = _Current(run_id, send.cell_id, send.stop_on_error)
            self._hear(Signal.SEND)
            return [send]
        return []

    def _supersede(self, cell_id: CellId) -> list[Step]:
        """A cell is run again: its run that waits never will."""
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
