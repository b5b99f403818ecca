"""What runs in this room: the execution core, joined to effects.

It does not know who may run or where kernels come from; `calls` asks and the host answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from ..document.content import Outcome
from ..document.mime import Limits
from ..document.runtime import KernelState, KernelStatus, Runtime
from ..errors import NoKernel, NotFound
from ..execution.execution import Execution
from ..execution.messages import KernelMessage
from ..execution.outputs import NextInput
from ..execution.steps import Finished, Interrupt, SendExecute, Step, Wanted
from ..execution.timing import timing
from ..ids import CellId, Epoch, NewId, RunId, Sha256
from ..protocol.tickets import prefix_of
from . import events as ev


@dataclass(frozen=True, slots=True)
class Code:
    """A cell to run. `stop_on_error`: an exception in it cancels what is queued behind it.

    `timed`: when it ran is to be written into the notebook.
    """

    id: CellId
    source: str
    stop_on_error: bool
    timed: bool = False


NOBODY: Final = 0
"""The ticket of what nobody asked for: its answer is for nobody."""
ABSENT: Final = frozenset({"none", "dead"})
LOST: Final = {
    "restarting": "the kernel was restarted",
    "dead": "the kernel died",
    "none": "the kernel was shut down",
}
"""Kernel states in which nothing that was sent comes back, and the reason if none is given."""


class Running:
    def __init__(
        self,
        runtime: Runtime,
        out: list[ev.Effect],
        *,
        settings: ev.Settings,
        new_id: NewId,
        kernel_name: Callable[[], str],
    ) -> None:
        self.new_id = new_id
        self._out = out
        self._kernel_name = kernel_name
        self._wake_at: int | None = None
        self._asked_for_kernel = False
        self._timed: set[RunId] = set()
        self._timings: list[tuple[CellId, dict[str, str]]] = []
        self._execution = Execution(
            runtime,
            put_blob=self.put_blob,
            new_id=new_id,
            limit=Limits(inline_chars=settings.inline_chars),
        )
        self._looking = self._execution.others.left
        """Is the kernel that a former server left with a run still to be found?"""

    @property
    def runtime(self) -> Runtime:
        return self._execution.runtime

    @property
    def active(self) -> bool:
        """Something runs or waits, by our doing or another client's."""
        return self._execution.queue.busy or self.runtime.kernel.state == "busy"

    def is_run(self, message_id: str) -> bool:
        """Is this the id of a run, whose output goes into the document?"""
        run_id = RunId(message_id)
        return self.runtime.run(run_id) is not None or self._execution.queue.current == run_id

    def put_blob(self, data: bytes) -> Sha256:
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        self._out.append(ev.PutBlob(sha256, data))
        return sha256

    # ------------------------------------------------------------ what people ask

    def run(self, code: Sequence[Code], *, by: str, now: int) -> tuple[RunId, ...]:
        """Queue cells with the source that they have now; starts a kernel if there is none."""
        wanted: list[Wanted] = []
        steps: list[Step] = []
        for cell in code:
            want = Wanted(RunId(self.new_id()), cell.id, cell.source)
            wanted.append(want)
            self._timings.append((cell.id, {}))
            if cell.timed:
                self._timed.add(want.run_id)
            steps += self._execution.queue.request(
                [want], by=by, stop_on_error=cell.stop_on_error, now_ms=now
            )
        no_kernel = self.runtime.kernel.state in ABSENT or self._looking
        if self.runtime.queue and no_kernel and not self._asked_for_kernel:
            self._asked_for_kernel = True
            self._out.append(ev.StartKernel(self._kernel_name()))
        self._do(steps)
        return tuple(want.run_id for want in wanted)

    def take_timings(self) -> list[tuple[CellId, dict[str, str]]]:
        """What the notebook is to say of when its cells ran; nothing of those that run anew."""
        taken, self._timings = self._timings, []
        return taken

    def cancel(self, runs: Iterable[RunId], now: int) -> None:
        self._do(self._execution.queue.cancel(runs, now_ms=now))

    def need_kernel(self) -> None:
        kernel = self.runtime.kernel
        if kernel.state == "none" or not kernel.id:
            raise NoKernel("this notebook has no kernel; run a cell or choose a kernel first")

    def interrupting(self, now: int) -> None:
        self.need_kernel()
        self._do(self._execution.queue.interrupted(now_ms=now))

    def answer(self, prompt: str, text: str) -> None:
        """Answer an open `input()`; the first answer wins."""
        if self._execution.writer.answered(prompt, text) is None:
            raise NotFound("this question was answered already, or its run is over")
        self._out.append(ev.Reply(text))

    def clear(self, cells: Iterable[CellId], now: int) -> None:
        """Take the outputs of cells away; those of a cell that runs are emptied and go on."""
        for cell_id in cells:
            run = self.runtime.run_of(cell_id)
            if run is None:
                continue
            if run.state in ("queued", "running"):
                self.runtime.clear_outputs(run.id)
            else:
                self.runtime.import_outcome(cell_id, Outcome(), RunId(self.new_id()), now)

    def import_outcome(
        self, cell_id: CellId, outcome: Outcome, now: int, *, trusted: bool | None = False
    ) -> None:
        """Show outputs that came from elsewhere; a cell that runs keeps its own.

        They may hold script: `trusted` says whether the cell is trusted from now on, and is None
        where that stays as it was.
        """
        run = self.runtime.run_of(cell_id)
        if run is None or run.state not in ("queued", "running"):
            self.runtime.import_outcome(cell_id, outcome, RunId(self.new_id()), now)
            if outcome.outputs and trusted is not None:
                self.runtime.set_trusted(cell_id, trusted)

    def cells_gone(self, cells: Iterable[CellId], now: int) -> None:
        self._do(self._execution.queue.removed(cells, now_ms=now))

    # ------------------------------------------------------------ what the kernel does

    def said(self, messages: tuple[KernelMessage, ...], now: int) -> tuple[NextInput, ...]:
        """A batch of messages; what the kernel wants to have written into the notebook."""
        heard = self._execution.messages(messages, now_ms=now)
        # Before the next run is sent: the kernel takes in one after the other.
        self._out.extend(heard.widgets)
        for problem in heard.problems:
            text = f"the kernel's {problem.type} message: {problem.what}; others are not mentioned"
            self._out.append(ev.Note(text))
        self._do(heard.steps)
        return heard.next_inputs

    def overheard(self, event: ev.Overheard, now: int) -> None:
        """A run that another client sent to the kernel is shown as one of the room's own."""
        self._execution.others.begin(event.run, event.cell, event.code, by=event.by, now_ms=now)

    def kernel_is(self, event: ev.KernelIs, now: int) -> None:
        self._looking = False
        before = self.runtime.kernel
        state = cast(KernelState, event.state)
        status = KernelStatus(
            id=event.id or before.id,
            name=event.name or before.name,
            display_name=event.display_name or before.display_name,
            state=state,
            # Who looks again later still learns why there is none.
            reason=event.reason or (before.reason if state == before.state == "none" else ""),
        )
        if self._execution.others.left and state in (*ABSENT, "idle"):
            self._do(self._what_was_left(state, now))
        if state in LOST or _another(before, event):
            reason = event.reason or LOST.get(state, "another kernel was chosen")
            # Only who asked for a kernel that is yet to come still waits for it.
            if not (self._asked_for_kernel and state in ABSENT):
                self._do(self._execution.lost(reason, now_ms=now))
        elif before.id and status.id != before.id:
            self.runtime.forget_display_ids()
        if state != "none":
            self._asked_for_kernel = False
        if state in LOST or status.id != before.id:
            self._execution.captures.forget()
        self.runtime.set_kernel(status)
        if state in ("idle", "busy"):
            self._do(self._execution.queue.ready())

    def _what_was_left(self, state: str, now: int) -> list[Step]:
        """A former server's runs: over without a kernel, and in doubt when theirs does nothing."""
        others = self._execution.others
        return others.doubt(now_ms=now) if state == "idle" else others.gone(now_ms=now)

    def kernel_failed(self, message: str, now: int) -> None:
        self._asked_for_kernel = False
        self._do(self._execution.lost(message, now_ms=now))
        if self.runtime.kernel.state in ABSENT:
            self.runtime.set_kernel(KernelStatus(state="dead", reason=message))

    # ------------------------------------------------------------ time

    def wake_at(self) -> int | None:
        return self._wake_at

    def tick(self, now: int) -> None:
        if self._wake_at is not None and now >= self._wake_at:
            self._wake_at = None
            self._do(self._execution.wake(now_ms=now))

    def commit(self, now: int) -> bytes | None:
        return self.runtime.commit(now_ms=now)

    def rotate_when_due(self, now: int) -> bool:
        """Begin a fresh runtime document when the history of this one outgrew its content."""
        if not self.runtime.wants_rotation:
            return False
        fresh = self.runtime.rotated(Epoch(self.new_id()), prefix_of(self.new_id()))
        fresh.commit(now_ms=now)
        self._execution.use(fresh)
        return True

    def _do(self, steps: Iterable[Step]) -> None:
        for step in steps:
            match step:
                case SendExecute():
                    # Stopping is the queue's business: a kernel that is told to stop on an error
                    # skips whatever else it was sent, by other rooms and by consoles too.
                    self._out.append(
                        ev.Execute(step.run_id, step.cell_id, step.code, stop_on_error=False)
                    )
                case Finished():
                    self._execution.writer.forget(step.run_id)
                    self._note_timing(step)
                case Interrupt():
                    self._out.append(ev.Interrupt(NOBODY))
                case _:
                    # Woken too early, it is only asked for again.
                    self._wake_at = min(step.at_ms, self._wake_at or step.at_ms)

    def _note_timing(self, over: Finished) -> None:
        run = self.runtime.run(over.run_id)
        if over.run_id in self._timed and run is not None:
            self._timings.append((over.cell_id, timing(run)))
        self._timed.discard(over.run_id)


def _another(before: KernelStatus, event: ev.KernelIs) -> bool:
    """Did another kernel take the place of one that was there?"""
    return before.state not in ABSENT and event.id not in ("", before.id)
