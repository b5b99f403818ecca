"""File synchronisation: what the file holds, what to save, and what to merge from it.

The merge base is always a version of the file, never the live document, so a merge does not undo
what users type meanwhile. `Autosave` decides when to save. `merge` computes merges on copies of the
document, outside the event loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...crdt import Heads, has_heads
from ...document.content import CellOutputs, Content
from ...document.diff import notebook_diff
from ...document.file_version import PAST_MS, FileStamp, FileVersion
from ...document.notebook import ChangedCells, Notebook
from ...ids import CellId, NewId
from ...protocol.actor_tokens import prefix_of
from .. import effects as fx
from .. import events as ev
from ..runs import RoomRuns
from ..settings import Settings
from . import significance
from .autosave import Autosave
from .pending_writes import PendingWrites

READERS = 32
"""Number of versions handed out through the contents API that stay candidates for merges."""
COPIES = 4
"""Number of these versions that keep a copy of the document, because rebuilding it is slow."""
REQUEST_ABANDONED = 0
"""The ticket of a merge whose result no caller waits for."""
NO_FILE = FileStamp("", "")
MAX_PAST = 200
"""Most overwritten versions that stay candidates."""
Past = tuple[int, FileVersion]
"""The time (ms) at which a version of the file was overwritten, and the version."""


class FileSync:
    """The versions of one notebook's file, and its saves and merges in progress.

    `saved` is the last version that the room read or wrote, `past` the overwritten versions (oldest
    first), `rendered` the versions whose write was announced but not confirmed. Effects are
    appended to `out`.
    """

    def __init__(
        self,
        notebook: Notebook,
        running: RoomRuns,
        out: list[fx.Effect],
        *,
        saved: FileVersion | None,
        past: Iterable[Past] = (),
        rendered: Iterable[FileVersion] = (),
        settings: Settings,
        new_id: NewId,
    ) -> None:
        self._notebook = notebook
        self._running = running
        self._out = out
        if saved is not None and set(saved.heads) == set(notebook.heads):
            saved = replace(saved, content=self.content(), notebook=notebook.fork())
        self._saved = saved
        self._past: deque[Past] = deque(
            (state for state in past if has_heads(notebook.document, state[1].heads)),
            maxlen=MAX_PAST,
        )
        self._lost: FileVersion | None = None
        self._renderings = PendingWrites(
            state for state in rendered if has_heads(notebook.document, state.heads)
        )
        self._handed: deque[FileVersion] = deque(maxlen=READERS)
        self._writing: tuple[int, Notebook, Content] | None = None
        self._taking: ev.FileChanged | None = None
        self._next: ev.FileChanged | None = None
        self._puts: dict[int, int] = {}
        self._number = 0
        self._changes: list[bytes] = []
        self._gone = False
        self._new_id = new_id
        self.saving = Autosave(settings.quiet_ms, settings.longest_ms, settings.autosave)

    # ------------------------------------------------------------ reading

    @property
    def stamp(self) -> FileStamp | None:
        """Hash and time of the file that the room last read or wrote."""
        return None if self._saved is None else self._saved.stamp

    @property
    def state(self) -> FileVersion | None:
        """The version that the file held when the room last read or wrote it."""
        return self._saved

    @property
    def past(self) -> tuple[Past, ...]:
        """The overwritten versions of the file, oldest first."""
        return tuple(self._past)

    @property
    def unsaved(self) -> bool:
        return self.saving.unsaved and not self._gone

    @property
    def missing(self) -> bool:
        """Whether the file was deleted."""
        return self._gone

    @property
    def merging(self) -> bool:
        """Whether a merge is in progress, with changes that the notebook does not have yet."""
        return self._taking is not None or bool(self._puts)

    @property
    def merging_for(self) -> ev.User | None:
        """The user who restored the checkpoint that is being merged; None if no user did."""
        return None if self._taking is None else self._taking.by

    def content(self) -> Content:
        return replace(self._notebook.content(), outcomes=self.outcomes())

    def outcomes(self) -> dict[CellId, CellOutputs]:
        """Return the outputs of the notebook's cells, without those of deleted cells."""
        shown = self._running.runtime.outcomes()
        return {cell_id: found for cell_id, found in shown.items() if cell_id in self._notebook}

    def cells_changed(self, cells: Iterable[CellId], now: int) -> None:
        """Restore or drop the runs of cells that were added or deleted."""
        touched = list(cells)
        self._running.on_cells_restored([cell for cell in touched if cell in self._notebook])
        self._running.on_cells_deleted(
            [cell for cell in touched if cell not in self._notebook], now
        )

    def content_for_client(self) -> Content:
        """Return the content for a client of the contents API; its version becomes a candidate."""
        content, copy = self.content(), self._notebook.fork()
        self._hand(FileVersion(copy.heads, NO_FILE, content, copy))
        return content

    def _hand(self, state: FileVersion) -> None:
        last = self._handed[-1] if self._handed else None
        if last is not None and not state.outside and last.heads == state.heads:
            self._handed.pop()
        self._handed.append(state)
        if len(self._handed) > COPIES:
            older = self._handed[-1 - COPIES]
            self._handed[-1 - COPIES] = replace(older, notebook=None)

    def server_changed(self, changes: bytes | None) -> None:
        """Record changes that the server itself made to the notebook."""
        if changes is not None:
            self._changes.append(changes)

    def take_changes(self) -> bytes:
        """Return and clear the recorded changes of the server, as concatenated chunks."""
        changes = b"".join(self._changes)
        self._changes.clear()
        return changes

    # ------------------------------------------------------------ writing

    def edited(self, now: int, *, output_only: bool = False) -> None:
        self.saving.edited(now, output_only=output_only)

    def notebook_changed(self, touched: ChangedCells, now: int) -> FileStamp | None:
        """Schedule a save after an edit, unless the file has everything significant already.

        Returns the stamp of the file if no save is needed.
        """
        if touched.cells or touched.structure or self.saving.unsaved or not self._is_trifle():
            self.saving.edited(now)
            return None
        return self.stamp

    def _is_trifle(self) -> bool:
        """Whether the notebook's metadata differs from the file in kernel details at most."""
        saved = None if self._saved is None else self._saved.content
        here = self._notebook.content()
        return (
            saved is not None
            and significance.only_of_the_kernel(saved.metadata, here.metadata)
            and (saved.extra, saved.nbformat_minor) == (here.extra, here.nbformat_minor)
        )

    def save_if_different(self, file: Content, now: int) -> None:
        """Schedule a save if the notebook differs significantly from the content of the file."""
        here = self.content()
        edits = notebook_diff.diff(file, here)
        if not significance.are_trifles(edits, file, here):
            self.saving.edited(now)

    def request_save(self) -> None:
        self._gone = False
        self.saving.request()

    def wake_at(self) -> int | None:
        return None if self._gone or self._taking else self.saving.wake_at()

    def save_when_due(self, now: int) -> None:
        if self._gone or self._taking or not self.saving.due(now):
            return
        content = self.content()
        attempt = self.saving.start()
        self._writing = (attempt, self._notebook.fork(), content)
        trusted = frozenset(c.id for c in content.cells if self._running.runtime.trusted(c.id))
        self._out.append(fx.SaveFile(attempt, self._notebook.heads, content, trusted, self.stamp))

    def rendered(self, event: ev.Rendered) -> None:
        """Remember bytes that are about to be written, so that the room recognises them later."""
        writing = self._writing
        same = writing is not None and set(writing[1].heads) == set(event.heads)
        copy = writing[1] if writing is not None and same else None
        self._renderings.note(FileVersion(event.heads, event.stamp, event.content, copy))

    def saved(self, event: ev.Saved, now: int) -> Heads | None:
        """Note that the file was written; return the heads that it now holds."""
        if self._writing is None or self._writing[0] != event.attempt:
            return None
        _, copy, content = self._writing
        self._writing = None
        self._set_version(FileVersion(copy.heads, event.stamp, content, copy), now)
        self.saving.saved(event.attempt, now)
        return copy.heads

    def failed(self, event: ev.FileSaveFailed, now: int) -> None:
        self._writing = None
        self.saving.failed(event.attempt, now)

    def file_deleted(self) -> None:
        """Note that the file was deleted; only a requested save writes it again."""
        self._gone = True
        self._lost = self._saved or self._lost
        self._saved = None

    def file_moved(self, now: int) -> None:
        """Note that the file has a new path; a file that counted as deleted is found again."""
        if self._gone:
            self._gone = False
            self._saved, self._lost = self._lost, None
        self.saving.retry(now)

    # ------------------------------------------------------------ merging

    def file_changed(self, event: ev.FileChanged, now: int) -> None:
        """Merge a file that differs from the last saved version."""
        if event.attempt is not None:
            self._writing = None
            self.saving.void(event.attempt, now)
        newest = self._next or self._taking
        known = self.stamp if newest is None else newest.stamp
        if known is not None and event.stamp.hash == known.hash:
            return
        self._gone = False
        self._next = event
        self._take_next(now)

    def contents_put(self, event: ev.ContentsPut, now: int) -> None:
        """Merge a notebook that a client of the contents API wrote, and save.

        The request does not name the version that the client read, and a client may save its own
        earlier version again. The merge base is therefore selected among the versions that the
        contents API handed out and those of the file.
        """
        others = (*reversed(self._handed), *self._before(now))
        known = [state for state in (self._base(), *others) if state is not None]
        self._puts[self._merge(known or [None], event.content, None, now)] = event.ticket

    def put_back(self, content: Content, since: FileVersion, now: int) -> None:
        """Merge an older content of the notebook as edits of the version `since`."""
        number = self._merge([since], content, None, now)
        self._puts[number] = REQUEST_ABANDONED

    def merged(self, event: ev.Merged, now: int) -> FileVersion | None:
        """Adopt the result of a merge; return the file's new version if the file was merged."""
        if event.notebook is not None:
            event.notebook.apply(self._notebook.document.changes_after(event.since))
            self._notebook.replace_with(event.notebook)
            self.server_changed(event.changes)
            self.cells_changed(event.touched.cells, now)
        for cell_id, outcome in event.outcomes.items():
            if cell_id in self._notebook:
                self._running.import_outcome(cell_id, outcome, now)
        if (ticket := self._puts.pop(event.number, None)) is not None:
            self._hand(event.state)
            self.request_save()
            self._out.append(fx.CallResult(ticket, {}))
            return None
        return self._file_merged(event.state, now, ahead=event.ahead)

    def _file_merged(self, state: FileVersion, now: int, *, ahead: bool) -> FileVersion | None:
        self._taking = None
        self.saving.retry(now)
        if self._gone:
            self._lost = state
        else:
            self._set_version(state, now)
        if ahead:
            self.saving.edited(now)
        elif set(self._notebook.heads) != set(state.heads) and state.content is not None:
            self.save_if_different(state.content, now)
        self._take_next(now)
        return state

    def merge_failed(self, event: ev.MergeFailed, now: int) -> bool:
        """Report a failed merge to its caller; return whether it was a merge of the file."""
        if (ticket := self._puts.pop(event.number, None)) is not None:
            self._out.append(fx.CallResult(ticket, error=event.error))
            return False
        self._taking = None
        self.saving.blocked(now)
        self._take_next(now)
        return True

    def _take_next(self, now: int) -> None:
        """Merge the next seen version of the file; each one is the merge base of the following."""
        if self._taking is not None or self._next is None:
            return
        event, self._next = self._next, None
        if event.by is None and (own := self._renderings.take(event.stamp)) is not None:
            self._recognised(own, now)
            return
        self._taking = event
        # Restoring a checkpoint undoes every later change, so the last version is the only base.
        bases = [self._base()] if event.by else self._bases(event.stamp, now)
        self._merge(bases, event.content, event.stamp, now)

    def _recognised(self, state: FileVersion, now: int) -> None:
        """Note that the file holds what the room rendered, although no save reported success."""
        self._set_version(state, now)
        if set(state.heads) == set(self._notebook.heads):
            self.saving.request()  # this save writes nothing, but reports that everything is saved
        elif self.saving.unsaved:
            self.saving.hurry(now)
        else:
            self.saving.edited(now)

    def _set_version(self, state: FileVersion, now: int) -> None:
        """Set the version that the file holds now."""
        if (before := self._saved) is not None:
            self._past.append((now, replace(before, notebook=None)))
        self._saved, self._lost = state, None
        self._renderings.file_holds(state.stamp)

    def _bases(self, stamp: FileStamp, now: int) -> list[FileVersion | None]:
        """Return the candidates for the merge base of the file, newest first."""
        past = self._before(now)
        if any(state.stamp.hash == stamp.hash for state in past):
            # The file is an older version byte for byte: someone restored it, and the changes
            # since then must be undone.
            return [self._base()]
        return [self._base(), *self._renderings.possible(), *past]

    def _before(self, now: int) -> list[FileVersion]:
        """Return the versions that the file had in the last `PAST_MS`, newest first."""
        while self._past and self._past[0][0] < now - PAST_MS:
            self._past.popleft()
        return [state for _, state in reversed(self._past)]

    def _base(self) -> FileVersion | None:
        """Return the last saved version, also of a deleted file because it may come back."""
        return self._saved or self._lost

    def _merge(
        self,
        bases: Sequence[FileVersion | None],
        theirs: Content,
        stamp: FileStamp | None,
        now: int,
    ) -> int:
        self._number += 1
        live = self._notebook.fork(actor=prefix_of(self._new_id()))
        outcomes = self.outcomes()
        actor = prefix_of(self._new_id())
        self._out.append(
            fx.MergeFile(
                self._number, tuple(bases), theirs, stamp or NO_FILE, live, outcomes, actor, now
            )
        )
        return self._number
