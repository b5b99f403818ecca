"""Autosave: a state machine that decides when the file is written (`SavePhase`, `TABLE`).

A requested save starts at once in every state but WRITING, and else after the running save.

A save is due after a quiet time, and after a maximum delay even if edits continue. A change of
outputs alone waits longer. The module does not know what is saved or where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

OUTPUT_FACTOR = 3
"""Output-only changes wait this many times as long as edits."""
FIRST_RETRY_MS = 5_000
LONGEST_RETRY_MS = 60_000
"""A failed save is retried after `FIRST_RETRY_MS`; each further delay is twice as long."""


class SavePhase(Enum):
    CLEAN = auto()
    """The file has every edit."""
    DIRTY = auto()
    """The file lacks edits."""
    WRITING = auto()
    FAILED = auto()
    """The last save failed; a retry follows, later each time."""


class SaveSignal(Enum):
    EDITED = auto()
    STARTED = auto()
    SAVED = auto()
    OVERTAKEN = auto()
    """A save ended, and edits or a request arrived during it."""
    FAILED = auto()
    VOID = auto()
    """A save wrote nothing, because the file had changed."""
    BLOCKED = auto()
    """A merge of the file failed, so no save is possible."""


TABLE: Final[Mapping[tuple[SavePhase, SaveSignal], SavePhase]] = {
    (SavePhase.CLEAN, SaveSignal.EDITED): SavePhase.DIRTY,
    (SavePhase.CLEAN, SaveSignal.STARTED): SavePhase.WRITING,
    (SavePhase.DIRTY, SaveSignal.STARTED): SavePhase.WRITING,
    (SavePhase.DIRTY, SaveSignal.BLOCKED): SavePhase.FAILED,
    (SavePhase.FAILED, SaveSignal.STARTED): SavePhase.WRITING,
    (SavePhase.WRITING, SaveSignal.SAVED): SavePhase.CLEAN,
    (SavePhase.WRITING, SaveSignal.OVERTAKEN): SavePhase.DIRTY,
    (SavePhase.WRITING, SaveSignal.FAILED): SavePhase.FAILED,
    (SavePhase.WRITING, SaveSignal.VOID): SavePhase.DIRTY,
}
"""A signal that the table does not list for a phase has no effect."""


@dataclass(slots=True)
class Autosave:
    """A save is due `quiet_ms` after the last edit, and `longest_ms` after the first one."""

    quiet_ms: int
    longest_ms: int
    autosave: bool = True
    phase: SavePhase = SavePhase.CLEAN
    attempt: int = 0
    asked: bool = False
    _due_at: int | None = None
    _latest_at: int | None = None
    _again: bool = False
    _was_asked: bool = False
    _retry_ms: int = FIRST_RETRY_MS

    @property
    def unsaved(self) -> bool:
        return self.phase is not SavePhase.CLEAN

    def edited(self, now_ms: int, *, output_only: bool = False) -> None:
        """Note a change that the file does not have yet."""
        if self.phase is SavePhase.FAILED:
            return  # the retry saves this edit too; typing must not make the retry come sooner
        factor = OUTPUT_FACTOR if output_only else 1
        due = now_ms + self.quiet_ms * factor
        latest = now_ms + self.longest_ms * factor
        if self._latest_at is None or latest < self._latest_at:
            self._latest_at = latest
        sooner_output = output_only and self._due_at is not None and self._due_at < due
        self._due_at = min(self._due_at if sooner_output and self._due_at else due, self._latest_at)
        if self.phase is SavePhase.WRITING:
            self._again = True
        self._hear(SaveSignal.EDITED)

    def request(self) -> None:
        """Request a save now, also if nothing changed."""
        self.asked = True
        if self.phase is SavePhase.WRITING:
            self._again = True

    def due(self, now_ms: int) -> bool:
        if self.phase is SavePhase.WRITING:
            return False
        if self.asked:
            return True
        return self.autosave and self._due_at is not None and now_ms >= self._due_at

    def wake_at(self) -> int | None:
        if self.phase is SavePhase.WRITING or not self.autosave:
            return None
        return self._due_at

    def set_back(self, by_ms: int) -> None:
        """Move the times of this machine after the clock was set back by `by_ms`."""
        if self._due_at is not None and self._latest_at is not None:
            self._due_at -= by_ms
            self._latest_at -= by_ms

    def start(self) -> int:
        """Begin to write; return the number of this attempt."""
        self._hear(SaveSignal.STARTED)
        self._was_asked, self.asked, self._again = self.asked, False, False
        self._due_at = self._latest_at = None
        self.attempt += 1
        return self.attempt

    def saved(self, attempt: int, now_ms: int) -> None:
        signal = SaveSignal.OVERTAKEN if self._again else SaveSignal.SAVED
        if attempt != self.attempt or not self._hear(signal):
            return
        self._retry_ms = FIRST_RETRY_MS
        if self._again and self._due_at is None:
            self._due_at = self._latest_at = now_ms

    def failed(self, attempt: int, now_ms: int) -> None:
        if attempt == self.attempt and self._hear(SaveSignal.FAILED):
            self._retry_later(now_ms)

    def blocked(self, now_ms: int) -> None:
        """Retry later, because the file holds changes that cannot be merged."""
        self.asked = False
        if self._hear(SaveSignal.BLOCKED):
            self._retry_later(now_ms)

    def retry(self, now_ms: int) -> None:
        """Retry at once, and reset the retry delay, because the cause of the failure is gone."""
        self._retry_ms = FIRST_RETRY_MS
        self.hurry(now_ms)

    def _hear(self, signal: SaveSignal) -> bool:
        """Change the phase; return whether the table lists the signal for the present phase."""
        phase = TABLE.get((self.phase, signal))
        self.phase = phase or self.phase
        return phase is not None

    def _retry_later(self, now_ms: int) -> None:
        self._due_at = self._latest_at = now_ms + self._retry_ms
        self._retry_ms = min(2 * self._retry_ms, LONGEST_RETRY_MS)

    def hurry(self, now_ms: int) -> None:
        """Retry at once, because the cause of the last failure may be gone."""
        if self.phase is SavePhase.FAILED:
            self._due_at = self._latest_at = now_ms

    def void(self, attempt: int, now_ms: int) -> None:
        """Note that nothing was written because the file had changed; save after its merge."""
        if attempt == self.attempt and self._hear(SaveSignal.VOID):
            self.asked = self.asked or self._was_asked
            self._due_at = self._latest_at = now_ms
