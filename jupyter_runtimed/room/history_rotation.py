"""History rotation: decides when an open room archives its history (`HistoryPhase`).

The Automerge core keeps every change in memory. If the history is larger than `limit_bytes` and
`TIMES_CONTENT` times the content, the room disconnects its sessions and closes, and the host
archives the history as it does for any closed room. The sessions reconnect at once and receive the
new document. The room waits until the file has every edit. Beyond `FORCED_TIMES` that size it
disconnects the sessions first, so that no edit arrives before the file is saved.
"""

from __future__ import annotations

from enum import Enum

from ..document.content import Content
from ..document.file_version import FileVersion, RotatedNotebook
from ..document.notebook import Notebook
from ..document.schema import NOTEBOOK
from ..ids import Epoch, NewId
from ..protocol.actor_tokens import prefix_of
from .documents import Documents
from .file.file_sync import FileSync
from .settings import Settings

ARCHIVING = "the room archives its history; open the notebook again"
TIMES_CONTENT = 4
FORCED_TIMES = 2
LONGEST_MS = 5_000
"""How long the room refuses sessions before it gives up the attempt."""


class HistoryPhase(Enum):
    GROWING = "growing"
    """The room accepts sessions. A rotation starts when the history has outgrown its content."""
    ROTATING = "rotating"
    """The room refuses sessions until it closes, or until it gives up because a save failed."""


class HistoryLimit:
    """Tracks the size of the history; `limit_bytes` of 0 means no limit.

    A size is the bytes of changes, or the characters of the entries in them if these are more.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._since = 0
        self.phase = HistoryPhase.GROWING

    @property
    def rotating(self) -> bool:
        return self.phase is HistoryPhase.ROTATING

    @property
    def outgrown(self) -> bool:
        return bool(self._limit) and self._size > self._limit

    def grew(self, size: int) -> None:
        self._size += size

    def compare(self, content: Content) -> None:
        """Raise the limit to the multiple of the content, if it is lower."""
        self._limit = max(self._limit, TIMES_CONTENT * size_of(content))

    def start_when_due(self, now_ms: int, *, settled: bool) -> bool:
        """Start a rotation if one is due; return whether the room must disconnect its sessions.

        `settled` states that the file has every edit.
        """
        if self.rotating and now_ms >= self._since + LONGEST_MS:
            self.give_up()
        forced = self._size > FORCED_TIMES * self._limit
        if self.rotating or not self.outgrown or not (settled or forced):
            return False
        self.phase, self._since = HistoryPhase.ROTATING, now_ms
        return True

    def wake_at(self) -> int | None:
        return self._since + LONGEST_MS if self.rotating else None

    def give_up(self) -> None:
        """Accept sessions again; the next attempt follows when the history is twice as large."""
        if self.rotating:
            self.phase = HistoryPhase.GROWING
            self._limit = 2 * max(self._limit, self._size)


class HistoryRotation:
    """Rotates the history of a room's notebook document when it has become too large."""

    def __init__(
        self,
        notebook: Notebook,
        documents: Documents,
        filing: FileSync,
        *,
        settings: Settings,
        new_id: NewId,
    ) -> None:
        self._notebook = notebook
        self._documents = documents
        self._filing = filing
        self._most_changes = settings.history_changes
        self._new_id = new_id
        self._limit = HistoryLimit(settings.history_bytes if settings.history_changes else 0)

    @property
    def rotating(self) -> bool:
        """Whether the room refuses sessions, to close and to rotate its history."""
        return self._limit.rotating

    def grew(self, size: int) -> None:
        """Note that the history grew by this size."""
        self._limit.grew(size)
        if self._limit.outgrown:
            self._limit.compare(self._notebook.content())

    def start_when_due(self, now: int) -> bool:
        """Start a rotation if one is due; return whether the room must disconnect its sessions.

        The caller checks that the room has no runs and no pending calls.
        """
        if self._filing.missing or self._documents.trouble is not None:
            return False
        current = not self._filing.unsaved and not self._filing.merging
        settled = current and self._documents.all_durable
        if not self._limit.start_when_due(now, settled=settled):
            return False
        if not current:
            self._filing.request_save()
        return True

    def wake_at(self) -> int | None:
        return self._limit.wake_at()

    def give_up(self) -> None:
        """Accept sessions again, because the file could not be saved."""
        self._limit.give_up()

    def rotated(self) -> RotatedNotebook | None:
        """Return the archive and a new document; None if no rotation is necessary or possible.

        Opening a document costs time for each change in its history, so the new document has the
        same content without a history. A client that reconnects with pending changes of the old
        document rebases them. A rotation is impossible while the file is unsaved or missing,
        because the next merge then needs the old version as its base.
        """
        saved, limit = self._filing.versions.present, self._most_changes
        if not limit or not (self._notebook.change_count > limit or self._limit.outgrown):
            return None
        if saved is None or self._documents.trouble is not None:
            return None
        # Insignificant edits are in the notebook but not in the file, so take the file's metadata.
        fresh, heads = self._notebook.rotated(
            prefix_of(self._new_id()),
            (saved.content or self._notebook.content_at(saved.heads)).metadata,
        )
        return RotatedNotebook(
            former_epoch=self._documents.replicas[NOTEBOOK].epoch,
            former=self._notebook.document.save(),
            epoch=Epoch(self._new_id()),
            data=fresh.document.save(),
            saved=FileVersion(heads, saved.stamp),
        )


def size_of(content: Content) -> int:
    """Count the characters of the sources, the metadata and the attachments."""
    maps = [content.metadata, content.extra]
    for cell in content.cells:
        maps += [cell.metadata, cell.attachments, cell.extra]
    return sum(len(cell.source) for cell in content.cells) + sum(
        len(value) for entries in maps for value in entries.values()
    )
