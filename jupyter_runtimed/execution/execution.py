"""Running, for a room: outputs are written first, then it is decided what is over and what is next.

Joins `OutputWriter` and `RunQueue` on one runtime document. It knows neither kernels nor clocks:
messages and times come in, steps go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, cast

from ..document.mime import DEFAULT_LIMITS, Limits, PutBlob
from ..document.runtime import KernelState, Runtime
from ..ids import NewId, RunId
from .captures import Captures, WidgetNews
from .fields import Problem
from .messages import KernelMessage, StateIs, read
from .others import OtherRuns
from .outputs import NextInput, OutputWriter, Written
from .queue import GRACE_MS, RunQueue
from .steps import Finished, SendExecute, Step, WakeAt

Steps: TypeAlias = "list[Step]"
_TOLD_STATES: Final = frozenset({"idle", "busy"})
"""That it starts is known before it says so, and by then it may have answered by another way."""
_WORKING_REQUESTS: Final = frozenset({"", "execute_request"})
_SETTLED: Final = frozenset({"restarting", "dead", "none"})


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a batch of messages, beside edits of the document."""

    steps: tuple[Step, ...]
    strangers: tuple[KernelMessage, ...]
    problems: tuple[Problem, ...]
    next_inputs: tuple[NextInput, ...]
    widgets: tuple[WidgetNews, ...] = ()


class Execution:
    """Everything about running in one room."""

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
        self.captures = Captures(new_id)
        self.others = OtherRuns(runtime, grace_ms=grace_ms)

    def use(self, runtime: Runtime) -> None:
        """Go on with a rotated document."""
        self.runtime = runtime
        self.queue.use(runtime)
        self.writer.use(runtime)
        self.others.use(runtime)

    def messages(self, batch: Sequence[KernelMessage], *, now_ms: int) -> Heard:
        """A batch of messages, in the order in which the kernel sent them."""
        current = self.queue.current
        written = self.writer.write(self.captures.take(batch, self._is_run))
        self._kernel_state(batch)
        steps = self.others.doubt(now_ms=now_ms) if self._is_free(batch) else []
        steps += self.queue.messages(batch, now_ms=now_ms)
        steps += self.others.messages(batch, now_ms=now_ms)
        self.settle(steps)
        over = self.queue.current is None or any(isinstance(step, Finished) for step in steps)
        return Heard(
            steps=tuple(steps),
            # Of a run whose cell is gone: it is ours, and goes nowhere.
            strangers=tuple(m for m in written.strangers if m.parent_id != current),
            problems=written.problems,
            next_inputs=written.next_inputs,
            widgets=self.captures.news(settle=over),
        )

    def lost(self, reason: str, *, now_ms: int) -> list[Step]:
        """The kernel is gone, or becomes a new process, which knows no display of the former."""
        self.runtime.forget_display_ids()
        self.others.forget()
        return self.queue.lost(reason, now_ms=now_ms)

    def wake(self, *, now_ms: int) -> list[Step]:
        """Time has passed: what was heard last of a run may be all that comes of it."""
        current = self.queue.current
        steps = self.queue.wake(now_ms=now_ms)
        kernel = self.runtime.kernel
        over = current is not None and current != self.queue.current
        if over and kernel.state == "busy" and self._busy_with == current:
            self.runtime.set_kernel(replace(kernel, state="idle"))
        return steps + self.others.wake(now_ms=now_ms)

    def _is_run(self, message_id: str) -> bool:
        run_id = RunId(message_id)
        return self.runtime.run(run_id) is not None or self.queue.current == run_id

    def settle(self, steps: Iterable[Step]) -> None:
        """Runs that are over need no place here."""
        for step in steps:
            if isinstance(step, Finished):
                self.writer.forget(step.run_id)

    def _kernel_state(self, batch: Sequence[KernelMessage]) -> None:
        """The last state that the kernel told, for requests that keep it from running cells."""
        kernel = self.runtime.kernel
        for message in reversed(batch):
            if message.type != "status" or message.parent_type not in _WORKING_REQUESTS:
                continue
            said, _ = read(message)
            known = isinstance(said, StateIs) and said.state in _TOLD_STATES
            if isinstance(said, StateIs) and known and kernel.state not in _SETTLED:
                self._busy_with = message.parent_id if said.state == "busy" else ""
                self.runtime.set_kernel(replace(kernel, state=cast(KernelState, said.state)))
            return

    def _is_free(self, batch: Sequence[KernelMessage]) -> bool:
        """Has a kernel answered on shell that was taken for busy because it did not?

        One that starts slowly does, and then waits for its first cell.
        """
        kernel = self.runtime.kernel
        answered = any(m.type == "kernel_info_reply" and m.channel == "shell" for m in batch)
        if not answered or kernel.state != "busy" or self._busy_with:
            return False
        self.runtime.set_kernel(replace(kernel, state="idle"))
        return True


__all__ = ["Execution", "Finished", "Heard", "SendExecute", "Step", "Steps", "WakeAt", "Written"]
