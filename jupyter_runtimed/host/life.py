"""The life of a host: open, saving for the last time, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final


class HostPhase(Enum):
    OPEN = auto()
    CLOSING = auto()
    """The server stops: no session may join, and the room saves for the last time."""
    ENDED = auto()
    """The room handles no further event."""


class HostSignal(Enum):
    SERVER_STOPS = auto()
    END = auto()


TABLE: Final[Mapping[tuple[HostPhase, HostSignal], HostPhase]] = {
    (HostPhase.OPEN, HostSignal.SERVER_STOPS): HostPhase.CLOSING,
    (HostPhase.OPEN, HostSignal.END): HostPhase.ENDED,
    (HostPhase.CLOSING, HostSignal.END): HostPhase.ENDED,
}
"""A signal that the table does not list for a phase has no effect."""


class HostLife:
    """The phase of a host, and the facts about its end."""

    def __init__(self) -> None:
        self.phase = HostPhase.OPEN
        self.deserted = False
        """Whether no client was connected at the end."""
        self.broken = False
        """Whether the room was closed because it raised at every event."""
        self.archived = False
        """Whether the notebook document was rotated when the room closed."""
        self._saved = asyncio.Event()

    @property
    def ended(self) -> bool:
        return self.phase is HostPhase.ENDED

    @property
    def closing(self) -> bool:
        return self.phase is HostPhase.CLOSING

    def hear(self, signal: HostSignal) -> bool:
        """Change the phase; return whether the table lists the signal for the present phase."""
        phase = TABLE.get((self.phase, signal))
        self.phase = phase or self.phase
        return phase is not None

    def last_save_done(self) -> None:
        """Note that the last save succeeded or failed; ignored before the server stops."""
        if self.phase is not HostPhase.OPEN:
            self._saved.set()

    async def last_save(self, timeout_seconds: float) -> bool:
        """Wait for the last save; return whether it ended in time."""
        try:
            await asyncio.wait_for(self._saved.wait(), timeout_seconds)
        except asyncio.TimeoutError:
            return False
        return True
