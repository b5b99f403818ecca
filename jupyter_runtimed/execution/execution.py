"""Execution in one room: first write outputs, then decide which runs are over and which is next.

`Execution` combines `OutputWriter`, `RunQueue`, output widgets and external runs on one runtime
document. It takes kernel messages and times, and returns steps; it has no I/O and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, cast

from ..document.mime import DEFAULT_LIMITS, Limits, PutBlob
from ..document.runtime import KernelState, Runtime
from ..ids import NewId, RunId
from .external_runs import ExternalRuns
from .message_fields import FieldProblem
from .messages import KernelMessage, Status
from .output_widgets import OutputWidgets, WidgetEffect
from .outputs import NextInput, OutputWriter, Written
from .queue import GRACE_MS, RunQueue
from .steps import Finished, SendExecute, Step, WakeAt

Steps: TypeAlias = "list[Step]"
_TOLD_STATES: Final = frozenset({"idle", "busy"})
"""Kernel states that a status message may set.

`starting` is not among them, because the server knows the start earlier; when the message arrives,
the kernel may already be idle.
"""
_WORKING_REQUESTS: Final = frozenset({"", "execute_request"})
_SETTLED: Final = frozenset({"restarting", "dead", "none"})


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Result of a batch of messages, apart from the edits of the document.

    `unmatched` are the messages that belong to no run of this room.
    """

    steps: tuple[Step, ...]
    unmatched: tuple[KernelMessage, ...]
    problems: tuple[FieldProblem, ...]
    next_inputs: tuple[NextInput, ...]
    widgets: tuple[WidgetEffect, ...] = ()


class Execution:
    """Execution of the cells of one room."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        put_blob: PutBlob,
        new_id: NewId,
        limit: Limits = DEFAULT_LIMITS,
        grace_ms: int = GRACE_MS,
    ) -> None:
        self.runtime = runtime
        self.queue = RunQueue(runtime, grace_ms=grace_ms)
        self._busy_with = ""
        self.writer = OutputWriter(runtime, put_blob=put_blob, new_id=new_id, limit=limit)
        self.captures = OutputWidgets(new_id)
        self.others = ExternalRuns(runtime, grace_ms=grace_ms)

    def use(self, runtime: Runtime) -> None:
        """Continue with the rotated document `runtime`."""
        self.runtime = runtime
        self.queue.use(runtime)
        self.writer.use(runtime)
        self.others.use(runtime)

    def messages(self, batch: Sequence[KernelMessage], *, now_ms: int) -> BatchResult:
        """Process a batch of messages in the order in which the kernel sent them."""
        current = self.queue.current
        written = self.writer.write(self.captures.take(batch, self.is_run))
        self._kernel_state(batch)
        steps = self.others.start_grace(now_ms=now_ms) if self._is_free(batch) else []
        steps += self.queue.messages(batch, now_ms=now_ms)
        steps += self.others.messages(batch, now_ms=now_ms)
        over = self.queue.current is None or any(isinstance(step, Finished) for step in steps)
        return BatchResult(
            steps=tuple(steps),
            # Messages of the current run are never unmatched: if its cell was deleted, drop them.
            unmatched=tuple(m for m in written.unmatched if m.parent_id != current),
            problems=written.problems,
            next_inputs=written.next_inputs,
            widgets=self.captures.news(settle=over),
        )

    def lost(self, reason: str, *, now_ms: int) -> list[Step]:
        """End all runs with `reason`, because the kernel is gone or gets a new process.

        A new process cannot update displays of the old one, so their display ids are removed.
        """
        self.runtime.forget_display_ids()
        self.others.forget()
        return self.queue.lost(reason, now_ms=now_ms)

    def wake(self, *, now_ms: int) -> list[Step]:
        """Handle an expired timer: end each run with an expired grace time."""
        current = self.queue.current
        steps = self.queue.wake(now_ms=now_ms)
        kernel = self.runtime.kernel
        over = current is not None and current != self.queue.current
        if over and kernel.state == "busy" and self._busy_with == current:
            self.runtime.set_kernel(replace(kernel, state="idle"))
        return steps + self.others.wake(now_ms=now_ms)

    @property
    def executing(self) -> RunId | None:
        """The run of this room that keeps the kernel busy, or None."""
        if self.runtime.kernel.state != "busy":
            return None
        running = (run.id for run in self.runtime.runs() if run.state == "running")
        return next(running, None)

    def is_run(self, message_id: str) -> bool:
        """Return whether this is the `msg_id` of a run whose outputs go into the document."""
        run_id = RunId(message_id)
        return self.runtime.run(run_id) is not None or self.queue.current == run_id

    def settle(self, steps: Iterable[Step]) -> None:
        """Drop the writer's state of the runs that these steps finish; call it for all steps."""
        for step in steps:
            if isinstance(step, Finished):
                self.writer.forget(step.run_id)

    def _kernel_state(self, batch: Sequence[KernelMessage]) -> None:
        """Store the last kernel state of the batch.

        Only states for execute requests, or without a parent request, count: the kernel handles
        other requests without delay to cells.
        """
        kernel = self.runtime.kernel
        for message in reversed(batch):
            if message.type != "status" or message.parent_type not in _WORKING_REQUESTS:
                continue
            said = message.meaning
            known = isinstance(said, Status) and said.state in _TOLD_STATES
            if isinstance(said, Status) and known and kernel.state not in _SETTLED:
                self._busy_with = message.parent_id if said.state == "busy" else ""
                self.runtime.set_kernel(replace(kernel, state=cast(KernelState, said.state)))
            return

    def _is_free(self, batch: Sequence[KernelMessage]) -> bool:
        """Whether a kernel that seemed busy turns out to be idle; if so, store the state.

        A kernel that starts slowly seems busy until its first `kernel_info_reply` on the shell
        channel, and is idle then.
        """
        kernel = self.runtime.kernel
        answered = any(m.type == "kernel_info_reply" and m.channel == "shell" for m in batch)
        if not answered or kernel.state != "busy" or self._busy_with:
            return False
        self.runtime.set_kernel(replace(kernel, state="idle"))
        return True


__all__ = [
    "BatchResult",
    "Execution",
    "Finished",
    "SendExecute",
    "Step",
    "Steps",
    "WakeAt",
    "Written",
]
