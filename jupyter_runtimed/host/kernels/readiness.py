"""Readiness of a kernel's process: when to ask the process, and when it can run a cell.

A process is ready once a reply and a message on iopub have arrived, because the iopub message
proves that the subscription works, and once our stdin channel is connected. `ReadyPhase` and
`TABLE` have the evidence so far. This module knows neither sockets nor clocks; times are in
seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final, Literal

from ...execution.messages import Channel

NUDGE_SECONDS = 0.5
"""The interval of requests to a process that does not answer."""
BUSY_SECONDS = 0.3
"""A kernel is busy if it answers on control, but not within this time on shell."""
STDIN_SECONDS = 0.02
"""The interval of checks of the stdin channel."""
STDIN_TIMEOUT_SECONDS = 5.0
"""A kernel is ready after this long even if its stdin channel does not connect, because some
kernels have no stdin channel."""
OLD_PROCESS_SECONDS = 10.0
"""For this long after a restart, messages of the old process are dropped."""


class ReadyPhase(Enum):
    SILENT = auto()
    """Nothing arrived from the process."""
    HEARD = auto()
    """A message on iopub arrived, and no reply."""
    CONTROL_REPLIED = auto()
    """A reply on control arrived, and nothing on iopub."""
    SHELL_REPLIED = auto()
    """A reply on shell arrived, and nothing on iopub."""
    SEEMS_BUSY = auto()
    """A reply on control and a message on iopub arrived. A reply on shell may still follow."""
    IDLE = auto()
    """A reply on shell and a message on iopub arrived."""
    READY = auto()
    """The state of the kernel was reported."""


class Evidence(Enum):
    IOPUB = auto()
    CONTROL = auto()
    SHELL = auto()
    REPORTED = auto()


TABLE: Final[Mapping[tuple[ReadyPhase, Evidence], ReadyPhase]] = {
    (ReadyPhase.SILENT, Evidence.IOPUB): ReadyPhase.HEARD,
    (ReadyPhase.SILENT, Evidence.CONTROL): ReadyPhase.CONTROL_REPLIED,
    (ReadyPhase.SILENT, Evidence.SHELL): ReadyPhase.SHELL_REPLIED,
    (ReadyPhase.HEARD, Evidence.CONTROL): ReadyPhase.SEEMS_BUSY,
    (ReadyPhase.HEARD, Evidence.SHELL): ReadyPhase.IDLE,
    (ReadyPhase.CONTROL_REPLIED, Evidence.IOPUB): ReadyPhase.SEEMS_BUSY,
    (ReadyPhase.CONTROL_REPLIED, Evidence.SHELL): ReadyPhase.SHELL_REPLIED,
    (ReadyPhase.SHELL_REPLIED, Evidence.IOPUB): ReadyPhase.IDLE,
    (ReadyPhase.SEEMS_BUSY, Evidence.SHELL): ReadyPhase.IDLE,
    (ReadyPhase.SEEMS_BUSY, Evidence.REPORTED): ReadyPhase.READY,
    (ReadyPhase.IDLE, Evidence.REPORTED): ReadyPhase.READY,
}
"""Evidence that the table does not list for a phase leaves the phase unchanged."""

OF_CHANNEL: Final[Mapping[Channel, Evidence]] = {
    "control": Evidence.CONTROL,
    "shell": Evidence.SHELL,
}
"""The evidence of a `kernel_info_reply` on this channel."""


class Readiness:
    """The readiness of one process, from `start` until `state` has returned its state once."""

    def __init__(self) -> None:
        self.phase = ReadyPhase.SILENT
        self._check_at = 0.0
        self._stdin_by = 0.0
        self._asked_shell = False

    def start(self, now: float) -> None:
        """Start with a new process."""
        self.phase = ReadyPhase.SILENT
        self._check_at = now
        self._stdin_by = now + STDIN_TIMEOUT_SECONDS
        self._asked_shell = False

    def note(self, evidence: Evidence) -> None:
        self.phase = TABLE.get((self.phase, evidence), self.phase)

    def due(self, now: float) -> float | None:
        """Return the seconds until the next check; None for a ready process."""
        return None if self.phase is ReadyPhase.READY else max(self._check_at - now, 0.0)

    def state(
        self, now: float, *, stdin_connected: Callable[[], bool]
    ) -> Literal["idle", "busy"] | None:
        """Return the state of the kernel once, when the kernel is ready; else None."""
        over = now >= self._check_at
        match self.phase:
            case ReadyPhase.IDLE:
                pass
            case ReadyPhase.SEEMS_BUSY if over:
                pass
            case ReadyPhase.SEEMS_BUSY:
                # A reply on control can precede one on shell even if the kernel is idle, so wait.
                self._check_at = min(self._check_at, now + BUSY_SECONDS)
                return None
            case _:
                return None
        if not stdin_connected() and now < self._stdin_by:
            # An input request would not reach us.
            again = now + STDIN_SECONDS
            self._check_at = again if over else min(self._check_at, again)
            return None
        found: Literal["idle", "busy"] = "idle" if self.phase is ReadyPhase.IDLE else "busy"
        self.note(Evidence.REPORTED)
        return found

    def questions(self, now: float, *, restarted: bool) -> tuple[Channel, ...]:
        """Return the channels on which to send a `kernel_info_request` now.

        Ask on shell only once, because a busy kernel answers when the cell ends. After a restart
        ask again, because the old process may have received the request.
        """
        asks = self.phase not in (ReadyPhase.SEEMS_BUSY, ReadyPhase.IDLE, ReadyPhase.READY)
        if not asks or now < self._check_at:
            return ()
        self._check_at = now + NUDGE_SECONDS
        shell = not self._asked_shell or restarted or self.phase is ReadyPhase.SHELL_REPLIED
        self._asked_shell = True
        return ("control", "shell") if shell else ("control",)


class OldProcess:
    """Recognises messages of the process before a restart, because each process has its session.

    After `OLD_PROCESS_SECONDS` the messages count again, because a kernel may keep its session.
    """

    def __init__(self) -> None:
        self._present = self._former = ""
        self._until = 0.0

    @property
    def existed(self) -> bool:
        """Whether there was a process before the present one."""
        return bool(self._former)

    def replaced(self, now: float) -> None:
        """Note that a new process takes the place of the present one."""
        self._former, self._present = self._present or self._former, ""
        self._until = now + OLD_PROCESS_SECONDS

    def sent(self, session: str, now: float) -> bool:
        """Return whether the old process sent a message with this session."""
        if session == self._former and session and now < self._until:
            return True
        self._present = session
        return False
