"""The runs of a room: connects the execution core to the room's effects.

The module knows neither permissions nor where kernels come from: `calls` checks the permissions,
and the host starts kernels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from ..document.content import CellOutputs
from ..document.mime import Limits
from ..document.runtime import KernelState, KernelStatus, Runtime
from ..errors import NoKernel, NotFound
from ..execution.cell_timing import timing
from ..execution.execution import Execution
from ..execution.messages import KernelMessage
from ..execution.outputs import NextInput
from ..execution.steps import Finished, Interrupt, RunRequest, SendExecute, Step
from ..ids import CellId, Epoch, NewId, RunId, Sha256
from ..protocol.actor_tokens import prefix_of
from . import effects as fx
from . import events as ev
from .kernelspec import KernelMetadata
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Code:
    """A cell to run.

    `stop_on_error`: an exception cancels the runs that are queued behind this one. `timed`: the
    times of the run are written into the cell's metadata.
    """

    id: CellId
    source: str
    stop_on_error: bool
    timed: bool = False


NOBODY: Final = 0
"""The ticket of an effect without a caller."""
ABSENT: Final = frozenset({"none", "dead"})
LOST: Final = {
    "restarting": "the kernel was restarted",
    "dead": "the kernel died",
    "none": "the kernel was shut down",
}
"""Kernel states in which sent requests are lost, with the default reason."""


class RoomRuns:
    """The runs of a room, and the runtime document that they are written to."""

    def __init__(
        self,
        runtime: Runtime,
        out: list[fx.Effect],
        *,
        settings: Settings,
        new_id: NewId,
        kernel_metadata: KernelMetadata,
    ) -> None:
        self.new_id = new_id
        self._out = out
        self._kernel_metadata = kernel_metadata
        self._wake_at: int | None = None
        self._asked_for_kernel = False
        self._timed: set[RunId] = set()
        self._sent = False
        self._timings: list[tuple[CellId, dict[str, str]]] = []
        self._execution = Execution(
            runtime,
            put_blob=self.put_blob,
            new_id=new_id,
            limit=Limits(inline_chars=settings.inline_chars),
        )
        self._looking = self._execution.others.orphaned
        """Whether the host still looks for the kernel of a run from before the server started."""

    @property
    def runtime(self) -> Runtime:
        return self._execution.runtime

    @property
    def active(self) -> bool:
        """Whether a run of this room or of another client is executing or queued."""
        return self._execution.queue.busy or self.runtime.kernel.state == "busy"

    def executing(self, begun: RunId) -> RunId | None:
        """Return the run that the kernel executes now; `begun` is known to have begun."""
        run = self.runtime.run(begun)
        if run is not None and run.state in ("queued", "running"):
            return begun
        return self._execution.executing

    def is_run(self, message_id: str) -> bool:
        """Return whether this is the `msg_id` of a run whose outputs go into the document."""
        return self._execution.is_run(message_id)

    def put_blob(self, data: bytes) -> Sha256:
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        self._out.append(fx.PutBlob(sha256, data))
        return sha256

    # ------------------------------------------------------------ requests

    def run(self, code: Sequence[Code], *, by: str, now: int) -> tuple[RunId, ...]:
        """Queue cells with their present source, and start a kernel if there is none.

        `by` is the name of the user. Returns the ids of the runs, in the order of `code`.
        """
        wanted: list[RunRequest] = []
        steps: list[Step] = []
        for cell in code:
            want = RunRequest(RunId(self.new_id()), cell.id, cell.source)
            wanted.append(want)
            self._timings.append((cell.id, {}))
            if cell.timed:
                self._timed.add(want.run_id)
            steps += self._execution.queue.request(
                [want], by=by, stop_on_error=cell.stop_on_error, now_ms=now
            )
        if self.runtime.queue and self.must_start_kernel:
            self._asked_for_kernel = True
            self._out.append(fx.StartKernel(self._kernel_metadata.kernel_name))
        self._do(steps)
        return tuple(want.run_id for want in wanted)

    @property
    def must_start_kernel(self) -> bool:
        """Whether a run would start a kernel, because none exists and none is starting."""
        absent = self.runtime.kernel.state in ABSENT or self._looking
        return absent and not self._asked_for_kernel

    def take_timings(self) -> list[tuple[CellId, dict[str, str]]]:
        """Return and clear the times to write into cells; {} for a cell that runs again."""
        taken, self._timings = self._timings, []
        return taken

    def take_sent(self) -> bool:
        """Whether a run was sent to the kernel since the last call."""
        sent, self._sent = self._sent, False
        return sent

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
        """Answer an open `input()`; the first answer counts. Raises `NotFound` for later ones."""
        if self._execution.writer.answered(prompt, text) is None:
            raise NotFound("this input request was answered already, or its run has ended")
        self._out.append(fx.AnswerInput(text))

    def clear(self, cells: Iterable[CellId], now: int) -> None:
        """Clear the outputs of cells; a running cell keeps its run and may add new outputs."""
        for cell_id in cells:
            run = self.runtime.run_of(cell_id)
            if run is None:
                continue
            if run.state in ("queued", "running"):
                self.runtime.clear_outputs(run.id)
            else:
                self.runtime.import_outcome(cell_id, CellOutputs(), RunId(self.new_id()), now)

    def import_outcome(
        self, cell_id: CellId, outcome: CellOutputs, now: int, *, trusted: bool | None = False
    ) -> None:
        """Show outputs that no run of this room produced; a running cell keeps its own.

        `trusted` sets whether the cell is trusted, because outputs may contain scripts; None leaves
        the trust unchanged.
        """
        run = self.runtime.run_of(cell_id)
        if run is None or run.state not in ("queued", "running"):
            self.runtime.import_outcome(cell_id, outcome, RunId(self.new_id()), now)
            if outcome.outputs and trusted is not None:
                self.runtime.set_trusted(cell_id, trusted)

    def on_cells_deleted(self, cells: Iterable[CellId], now: int) -> None:
        """Cancel the queued runs of deleted cells; a running cell continues."""
        self._do(self._execution.queue.removed(cells, now_ms=now))

    def on_cells_restored(self, cells: Iterable[CellId]) -> None:
        """Keep the runs of these cells, because the notebook holds the cells (again)."""
        self._execution.queue.restored(cells)

    # ------------------------------------------------------------ the kernel

    def on_kernel_messages(
        self, messages: tuple[KernelMessage, ...], now: int
    ) -> tuple[NextInput, ...]:
        """Handle a batch of messages; return the kernel's requests to write text into cells."""
        heard = self._execution.messages(messages, now_ms=now)
        # These effects precede the next run, because the kernel handles messages in order.
        self._out.extend(heard.widgets)
        for problem in heard.problems:
            text = f"the kernel's {problem.type} message: {problem.what}; others are not logged"
            self._out.append(fx.LogWarning(text))
        self._do(heard.steps)
        return heard.next_inputs

    def on_external_run(self, event: ev.ExternalRunStarted, now: int) -> None:
        """Show an external run like a run of this room."""
        self._execution.others.begin(event.run, event.cell, event.code, by=event.by, now_ms=now)

    def on_kernel_status(self, event: ev.KernelStatusChanged, now: int) -> None:
        self._kernel_metadata.heard(event)
        self._looking = False
        before = self.runtime.kernel
        state = cast(KernelState, event.state)
        status = KernelStatus(
            id=event.id or before.id,
            name=event.name or before.name,
            display_name=event.display_name or before.display_name,
            state=state,
            # The reason stays, so that a later reader still sees why there is no kernel.
            reason=event.reason or (before.reason if state == before.state == "none" else ""),
        )
        if self._execution.others.orphaned and state in (*ABSENT, "idle"):
            self._do(self._what_was_left(state, now))
        if state in LOST or _another(before, event):
            reason = event.reason or LOST.get(state, "another kernel was chosen")
            # Keep the queued runs only if this room requested a kernel that is still to come.
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
        """End the runs of an earlier server process; on an idle kernel, start their grace time."""
        others = self._execution.others
        return others.start_grace(now_ms=now) if state == "idle" else others.kernel_gone(now_ms=now)

    def on_kernel_failed(self, message: str, now: int) -> None:
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
        """Rotate the runtime document if its history outgrew its content; return whether it did."""
        if not self.runtime.wants_rotation:
            return False
        fresh = self.runtime.rotated(Epoch(self.new_id()), prefix_of(self.new_id()))
        fresh.commit(now_ms=now)
        self._execution.use(fresh)
        return True

    def _do(self, steps: Sequence[Step]) -> None:
        self._execution.settle(steps)
        for step in steps:
            match step:
                case SendExecute():
                    self._sent = True
                    # The queue itself stops after an error, because `stop_on_error` makes the
                    # kernel skip all requests, also those of other rooms and consoles.
                    self._out.append(
                        fx.ExecuteCell(step.run_id, step.cell_id, step.code, stop_on_error=False)
                    )
                case Finished():
                    self._note_timing(step)
                case Interrupt():
                    self._out.append(fx.InterruptKernel(NOBODY))
                case _:
                    # Keep the earliest time; the execution core requests a later one again.
                    self._wake_at = min(step.at_ms, self._wake_at or step.at_ms)

    def _note_timing(self, over: Finished) -> None:
        run = self.runtime.run(over.run_id)
        if over.run_id in self._timed and run is not None:
            self._timings.append((over.cell_id, timing(run)))
        self._timed.discard(over.run_id)


def _another(before: KernelStatus, event: ev.KernelStatusChanged) -> bool:
    """Return whether another kernel replaced a running one."""
    return before.state not in ABSENT and event.id not in ("", before.id)
