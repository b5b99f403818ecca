"""When the file is written: a pure machine over time.

              edited                 due                    saved, nothing since
    CLEAN ------------> DIRTY ---------------> WRITING ----------------------> CLEAN
      ^                   ^                      |  |
      |                   |   saved, more since  |  | failed
      |                   +----------------------+  v
      +------------------------ saved ----------- FAILED  (tries again; at once when asked)

Quiet time *and* a longest wait: steady typing never starves the file. Output alone is saved more
lazily. It does not know what is saved or where.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

OUTPUT_FACTOR = 3
"""Output-only changes wait this many times as long as edits."""
RETRY_MS = 5_000


class SavePhase(Enum):
    CLEAN = "clean"
    DIRTY = "dirty"
    WRITING = "writing"
    FAILED = "failed"


@dataclass(slots=True)
class Saving:
    """`quiet_ms` after the last edit, `longest_ms` after the first; both in milliseconds."""

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

    @property
    def unsaved(self) -> bool:
        return self.phase is not SavePhase.CLEAN

    def edited(self, now_ms: int, *, output_only: bool = False) -> None:
        """Something changed that the file does not have yet."""
        factor = OUTPUT_FACTOR if output_only else 1
        due = now_ms + self.quiet_ms * factor
        latest = now_ms + self.longest_ms * factor
        if self._latest_at is None or latest < self._latest_at:
            self._latest_at = latest
        sooner_output = output_only and self._due_at is not None and self._due_at < due
        self._due_at = min(self._due_at if sooner_output and self._due_at else due, self._latest_at)
        if self.phase is SavePhase.WRITING:
            self._again = True
        elif self.phase is SavePhase.CLEAN:
            self.phase = SavePhase.DIRTY

    def ask(self) -> None:
        """Somebody wants the file written now (also if nothing changed)."""
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
        """The clock was set back by this much."""
        if self._due_at is not None and self._latest_at is not None:
            self._due_at -= by_ms
            self._latest_at -= by_ms

    def start(self) -> int:
        """Writing begins; the number of this attempt."""
        self.phase = SavePhase.WRITING
        self._was_asked, self.asked, self._again = self.asked, False, False
        self._due_at = self._latest_at = None
        self.attempt += 1
        return self.attempt

    def saved(self, attempt: int, now_ms: int) -> None:
        if attempt != self.attempt or self.phase is not SavePhase.WRITING:
            return
        self.phase = SavePhase.DIRTY if self._again else SavePhase.CLEAN
        if self._again and self._due_at is None:
            self._due_at = self._latest_at = now_ms

    def failed(self, attempt: int, now_ms: int) -> None:
        if attempt != self.attempt or self.phase is not SavePhase.WRITING:
            return
        self.phase = SavePhase.FAILED
        self._due_at = self._latest_at = now_ms + RETRY_MS

    def blocked(self, now_ms: int) -> None:
        """What is in the file cannot be merged, so nothing can be written; try again later."""
        self.asked = False
        if self.phase is SavePhase.DIRTY:
            self.phase = SavePhase.FAILED
            self._due_at = self._latest_at = now_ms + RETRY_MS

    def void(self, attempt: int, now_ms: int) -> None:
        """Nothing was written because the file had changed; try again after merging it."""
        if attempt == self.attempt and self.phase is SavePhase.WRITING:
            self.phase = SavePhase.DIRTY
            self.asked = self.asked or self._was_asked
            self._due_at = self._latest_at = now_ms
