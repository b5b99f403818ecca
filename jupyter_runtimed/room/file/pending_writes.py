"""Pending writes: renderings of the notebook that the room has not seen in the file yet.

Invariant: the room recognises bytes that it rendered itself. A rendering is noted before its first
byte is written, and kept until the file is seen to hold it, even if the save reports an error. A
failed save may still have written the file: the error may follow the rename, the disk may write
late, the server may die after the write. If the room took its own bytes for another program's work,
the merge would double everything typed since.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...document.file_version import FileStamp, FileVersion

MOST_KEPT = 32
"""Most renderings that are kept."""
COPIES = 2
"""Number of renderings that keep a copy of the document, because rebuilding it is slow."""


class PendingWrites:
    """Renderings by the hash of their bytes, oldest first."""

    def __init__(self, known: Iterable[FileVersion] = ()) -> None:
        self._kept = {state.stamp.hash: state for state in known}
        self._possible = set(self._kept)

    def note(self, state: FileVersion) -> None:
        """Note a version whose bytes are about to be written."""
        self._kept.pop(state.stamp.hash, None)
        self._kept[state.stamp.hash] = state
        self._possible.add(state.stamp.hash)
        hashes = list(self._kept)
        for name in hashes[:-MOST_KEPT]:
            del self._kept[name]
        for name in hashes[-MOST_KEPT:-COPIES]:
            self._kept[name] = replace(self._kept[name], notebook=None)

    def take(self, stamp: FileStamp) -> FileVersion | None:
        """Remove and return the version whose bytes the file holds now; None if unknown."""
        state = self._kept.pop(stamp.hash, None)
        return None if state is None else replace(state, stamp=stamp)

    def file_holds(self, stamp: FileStamp) -> None:
        """Note that the file holds these bytes, and so none of the other renderings."""
        self._kept.pop(stamp.hash, None)
        self._possible.clear()

    def possible(self) -> list[FileVersion]:
        """Return the renderings that the file may have held, newest first.

        They are candidates for the merge base, because another program may have read one of them.
        """
        return [state for name, state in reversed(self._kept.items()) if name in self._possible]
