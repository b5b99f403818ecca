"""File synchronisation: what the file holds, what to save, and what to merge from it.

The merge base is always a version of the file, never the live document, so a merge does not undo
what users type meanwhile. `Autosave` decides when to save. `merge` computes merges on copies of the
document, outside the event loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...crdt import Heads
from ...document.content import CellOutputs, Content
from ...document.diff import notebook_diff
from ...document.file_version import FileStamp, FileVersion
from ...document.notebook import ChangedCells, Notebook
from ...ids import CellId, NewId
from ...protocol.actor_tokens import prefix_of
from .. import effects as fx
from .. import events as ev
from ..runs import RoomRuns
from ..settings import Settings
from . import significance
from .autosave import Autosave
from .known_versions import KnownVersions, Past

REQUEST_ABANDONED = 0
"""The ticket of a merge whose result no caller waits for."""
NO_FILE = FileStamp("", "")


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
        self.versions = KnownVersions(notebook.document, saved, past, rendered)
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
        self.versions.hand_out(FileVersion(copy.heads, NO_FILE, content, copy))
        return content

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
        return self.versions.stamp

    def _is_trifle(self) -> bool:
        """Whether the notebook's metadata differs from the file in kernel details at most."""
        present = self.versions.present
        saved = None if present is None else present.content
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
        stamp = self.versions.stamp
        self._out.append(fx.SaveFile(attempt, self._notebook.heads, content, trusted, stamp))

    def rendered(self, event: ev.Rendered) -> None:
        """Remember bytes that are about to be written, so that the room recognises them later."""
        writing = self._writing
        same = writing is not None and set(writing[1].heads) == set(event.heads)
        copy = writing[1] if writing is not None and same else None
        self.versions.note_rendering(FileVersion(event.heads, event.stamp, event.content, copy))

    def saved(self, event: ev.Saved, now: int) -> Heads | None:
        """Note that the file was written; return the heads that it now holds."""
        if self._writing is None or self._writing[0] != event.attempt:
            return None
        _, copy, content = self._writing
        self._writing = None
        self.versions.file_holds(FileVersion(copy.heads, event.stamp, content, copy), now)
        self.saving.saved(event.attempt, now)
        return copy.heads

    def failed(self, event: ev.FileSaveFailed, now: int) -> None:
        self._writing = None
        self.saving.failed(event.attempt, now)

    def file_deleted(self) -> None:
        """Note that the file was deleted; only a requested save writes it again."""
        self._gone = True
        self.versions.file_deleted()

    def file_moved(self, now: int) -> None:
        """Note that the file has a new path; a file that counted as deleted is found again."""
        if self._gone:
            self._gone = False
            self.versions.file_found()
        self.saving.retry(now)

    # ------------------------------------------------------------ merging

    def file_changed(self, event: ev.FileChanged, now: int) -> None:
        """Merge a file that differs from the last saved version."""
        if event.attempt is not None:
            self._writing = None
            self.saving.void(event.attempt, now)
        newest = self._next or self._taking
        known = self.versions.stamp if newest is None else newest.stamp
        if known is not None and event.stamp.hash == known.hash:
            return
        self._gone = False
        self._next = event
        self._take_next(now)

    def contents_put(self, event: ev.ContentsPut, now: int) -> None:
        """Merge a notebook that a client of the contents API wrote, and save."""
        bases = self.versions.bases_of_client(now)
        self._puts[self._merge(bases, event.content, None, now)] = event.ticket

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
            self.versions.hand_out(event.state)
            self.request_save()
            self._out.append(fx.CallResult(ticket, {}))
            return None
        return self._file_merged(event.state, now, ahead=event.ahead)

    def _file_merged(self, state: FileVersion, now: int, *, ahead: bool) -> FileVersion | None:
        self._taking = None
        self.saving.retry(now)
        if self._gone:
            self.versions.deleted_file_had(state)
        else:
            self.versions.file_holds(state, now)
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
        if event.by is None and (own := self.versions.recognise(event.stamp)) is not None:
            self._recognised(own, now)
            return
        self._taking = event
        # Restoring a checkpoint undoes every later change, so the last version is the only base.
        last = self.versions.last()
        bases = [last] if event.by else self.versions.bases_of_file(event.stamp, now)
        self._merge(bases, event.content, event.stamp, now)

    def _recognised(self, state: FileVersion, now: int) -> None:
        """Note that the file holds what the room rendered, although no save reported success."""
        self.versions.file_holds(state, now)
        if set(state.heads) == set(self._notebook.heads):
            self.saving.request()  # this save writes nothing, but reports that everything is saved
        elif self.saving.unsaved:
            self.saving.hurry(now)
        else:
            self.saving.edited(now)

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
