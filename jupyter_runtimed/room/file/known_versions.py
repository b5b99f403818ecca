"""The versions of the file that the room knows, as candidates for the merge base.

The present version, the overwritten ones of the last `PAST_MS`, the pending writes, and the
versions that the contents API handed out to clients.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from ...crdt import Document, has_heads
from ...document.file_version import PAST_MS, FileStamp, FileVersion
from .pending_writes import PendingWrites

READERS = 32
"""Number of versions handed out through the contents API that stay candidates for merges."""
COPIES = 4
"""Number of these versions that keep a copy of the document, because rebuilding it is slow."""
MAX_PAST = 200
"""Most overwritten versions that stay candidates."""
Past = tuple[int, FileVersion]
"""The time (ms) at which a version of the file was overwritten, and the version."""


class KnownVersions:
    """The known versions of one file. `present` is the version that the file holds.

    `past` are the overwritten versions (oldest first), `rendered` those whose write was announced
    but not confirmed; versions that `document` does not have are ignored.
    """

    def __init__(
        self,
        document: Document,
        present: FileVersion | None,
        past: Iterable[Past],
        rendered: Iterable[FileVersion],
    ) -> None:
        self.present = present
        self._lost: FileVersion | None = None
        """The last version of a deleted file."""
        self._past: deque[Past] = deque(
            (state for state in past if has_heads(document, state[1].heads)), maxlen=MAX_PAST
        )
        self._pending = PendingWrites(
            state for state in rendered if has_heads(document, state.heads)
        )
        self._handed: deque[FileVersion] = deque(maxlen=READERS)

    @property
    def stamp(self) -> FileStamp | None:
        """Hash and time of the file that the room last read or wrote."""
        return None if self.present is None else self.present.stamp

    @property
    def past(self) -> tuple[Past, ...]:
        """The overwritten versions of the file, oldest first."""
        return tuple(self._past)

    # ------------------------------------------------------------ changes of the file

    def file_holds(self, state: FileVersion, now: int) -> None:
        """Set the version that the file holds now."""
        if (before := self.present) is not None:
            self._past.append((now, replace(before, notebook=None)))
        self.present, self._lost = state, None
        self._pending.file_holds(state.stamp)

    def file_deleted(self) -> None:
        """Note that the file was deleted. Its last version stays the base, as it may come back."""
        self._lost = self.present or self._lost
        self.present = None

    def deleted_file_had(self, state: FileVersion) -> None:
        """Note a version that the deleted file had."""
        self._lost = state

    def file_found(self) -> None:
        """Note that a file that counted as deleted has its last version."""
        self.present, self._lost = self._lost, None

    def note_rendering(self, state: FileVersion) -> None:
        """Remember bytes that are about to be written."""
        self._pending.note(state)

    def recognise(self, stamp: FileStamp) -> FileVersion | None:
        """Remove and return the rendering whose bytes the file holds; None if there is none."""
        return self._pending.take(stamp)

    def hand_out(self, state: FileVersion) -> None:
        """Remember a version that a client of the contents API read or wrote."""
        last = self._handed[-1] if self._handed else None
        if last is not None and not state.outside and last.heads == state.heads:
            self._handed.pop()
        self._handed.append(state)
        if len(self._handed) > COPIES:
            older = self._handed[-1 - COPIES]
            self._handed[-1 - COPIES] = replace(older, notebook=None)

    # ------------------------------------------------------------ candidates

    def last(self) -> FileVersion | None:
        """Return the last saved version, also of a deleted file."""
        return self.present or self._lost

    def bases_of_client(self, now: int) -> list[FileVersion | None]:
        """Return the candidates for a notebook that a client of the contents API wrote.

        The request does not name the version that the client read, and a client may save its own
        earlier version again.
        """
        found = [self.last(), *reversed(self._handed), *self._recent(now)]
        return [state for state in found if state is not None] or [None]

    def bases_of_file(self, stamp: FileStamp, now: int) -> list[FileVersion | None]:
        """Return the candidates for another program's version of the file, newest first."""
        past = self._recent(now)
        if any(state.stamp.hash == stamp.hash for state in past):
            # The file is an older version byte for byte: someone restored it, and the changes
            # since then must be undone.
            return [self.last()]
        return [self.last(), *self._pending.possible(), *past]

    def _recent(self, now: int) -> list[FileVersion]:
        """Return the versions that the file had in the last `PAST_MS`, newest first."""
        while self._past and self._past[0][0] < now - PAST_MS:
            self._past.popleft()
        return [state for _, state in reversed(self._past)]
