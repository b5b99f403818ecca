"""Events about the file: handles them, and reports their results to sessions and callers."""

from __future__ import annotations

from typing_extensions import assert_never

from ..crdt import Heads
from ..document.file_version import FileStamp
from ..document.notebook import ChangedCells, Notebook
from . import events as ev
from .calls import Calls, PendingCall
from .documents import Documents
from .file.file_events import FileEvents
from .file.file_sync import FileSync
from .file.reverts import Reverts
from .history_rotation import HistoryRotation
from .publisher import Publisher
from .sessions import Sessions


class FileReports:
    """Connects the file synchronisation with the sessions, the callers and the store."""

    def __init__(
        self,
        notebook: Notebook,
        sessions: Sessions,
        documents: Documents,
        filing: FileSync,
        calls: Calls,
        history: HistoryRotation,
        publisher: Publisher,
        events: FileEvents,
        reverts: Reverts,
    ) -> None:
        self._notebook = notebook
        self._sessions = sessions
        self._documents = documents
        self._filing = filing
        self._calls = calls
        self._history = history
        self._publisher = publisher
        self._events = events
        self._reverts = reverts
        self._said_unsaved = False
        calls.offer("preview_revert", self._preview_revert)
        calls.offer("undo_revert", self._undo_revert)

    def handle(self, event: ev.FileEvent, now: int) -> None:  # noqa: C901, PLR0912 -- an arm each
        match event:
            case ev.ContentsPut():
                self._filing.contents_put(event, now)
            case ev.Rendered():
                self._filing.rendered(event)
            case ev.Saved():
                self._saved(event, now)
            case ev.FileSaveFailed():
                self._filing.failed(event, now)
                self._not_saved(event.message)
            case ev.FileChanged():
                self._filing.file_changed(event, now)
            case ev.Checkpointed():
                if (state := self._filing.versions.present) is not None:
                    self._reverts.checkpointed(event.checkpoint, state.heads)
            case ev.Merged():
                self._merged(event, now)
            case ev.MergeFailed():
                if self._filing.merge_failed(event, now):
                    self._not_saved(str(event.error))
            case ev.FileMoved():
                self._filing.file_moved(now)
                self._events.found()
                self._sessions.tell("moved", {"path": event.path})
            case ev.FileDeleted():
                self._filing.file_deleted()
                self._events.gone(event)
            case ev.FileUnreachable():
                self._events.trouble(event.message)
            case ev.FileWritability():
                self._events.writable(event.message)
                if not event.message:
                    self._filing.saving.retry(now)
            case _:
                assert_never(event)

    # ------------------------------------------------------------ saves

    def notebook_changed(self, touched: ChangedCells, now: int) -> None:
        """Schedule a save after an edit; report the file as saved if it needs no save."""
        if (stamp := self._filing.notebook_changed(touched, now)) is not None:
            self._tell_saved(stamp, self._notebook.heads)
        if touched.structure:
            self._filing.cells_changed(touched.cells, now)

    def announce_unsaved(self) -> None:
        """Announce once that the file lacks edits; a `saved` event follows the next save."""
        unsaved = self._filing.unsaved
        if unsaved and not self._said_unsaved:
            self._sessions.tell("unsaved", {})
        self._said_unsaved = unsaved

    def _saved(self, event: ev.Saved, now: int) -> None:
        heads = self._filing.saved(event, now)
        if heads is None:
            return
        self._documents.file_holds(heads, event.stamp, now)
        self._said_unsaved = False
        self._calls.saved(event.attempt, self._tell_saved(event.stamp, heads))

    def _tell_saved(self, stamp: FileStamp, heads: Heads) -> dict[str, str]:
        self._events.saved()
        file = {"hash": stamp.hash, "last_modified": stamp.last_modified}
        self._sessions.tell("saved", {**file, "heads": list(heads)})
        return file

    def _not_saved(self, message: str) -> None:
        self._events.not_saved(message)
        self._calls.not_saved(message)
        self._history.give_up()

    # ------------------------------------------------------------ merges

    def _merged(self, event: ev.Merged, now: int) -> None:
        before, by = self._notebook.heads, self._filing.merging_for
        held = None if by is None else self._filing.content()
        if (state := self._filing.merged(event, now)) is None:
            return
        self._documents.file_holds(state.heads, state.stamp, now)
        stamp = {"hash": state.stamp.hash, "last_modified": state.stamp.last_modified}
        cells = sorted({*event.touched.cells, *event.outcomes})
        span = {"before": list(before), "after": list(self._notebook.heads)}
        # Send the change first, because the event refers to its cells and heads.
        self._publisher.publish(now)
        self._events.found()
        revert: dict[str, object] = {}
        if by is not None and held is not None:
            user = {"username": by.username, "name": by.name}
            revert = {"by": user, "revert": self._reverts.reverted(held, state)}
        self._sessions.tell("merged", {**stamp, "cells": cells, **span, **revert})
        if not self._filing.unsaved:
            self._tell_saved(state.stamp, self._notebook.heads)

    # ------------------------------------------------------------ reverts

    def _preview_revert(self, call: PendingCall, _now: int) -> object:
        checkpoint = str(call.args.get("checkpoint", ""))
        return self._reverts.preview(checkpoint, self._notebook, call.user)

    def _undo_revert(self, call: PendingCall, now: int) -> object:
        """Merge the content from before a revert; edits since the revert stay."""
        revert = str(call.args.get("revert", ""))
        found = self._reverts.take(revert)
        self._filing.put_back(found.before, found.after, now)
        self._sessions.tell("revert_undone", {"revert": revert, "by": call.user.name})
        return {}
