"""The room of one open notebook: a pure state machine from events to effects.

    Room.handle(event, now_ms) -> [effect, ...]

The room owns the notebook document and the runtime document. It knows no sockets, files, kernels,
clocks or random numbers: the host turns them into events, and executes the effects in order. Each
part of the room is a state machine: `sessions` (connections), `greeting` (handshake), `replica`
(synchronisation of documents), `running` (runs), `calls` (calls), `saving` (autosave), `filing`
(file synchronisation), `keeping` (durability), `history` (rotation).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from typing_extensions import assert_never

from ..crdt import Change, ObjId, engine_errors
from ..document import permissions
from ..document.content import Cell, Content, to_json
from ..document.file_version import FileStamp, FileVersion, RotatedNotebook
from ..document.notebook import ChangedCells, Notebook
from ..document.permissions import Permissions
from ..document.runtime import Runtime
from ..document.schema import NOTEBOOK, RUNTIME, DocName
from ..errors import BadFrame, DocumentError, Refused
from ..execution.outputs import NextInput
from ..ids import CellId, Epoch, NewId, RoomId, SessionId
from ..protocol import actor_tokens, frames
from ..protocol.close_codes import CloseCode
from . import effects as fx
from . import events as ev
from .authors import Authors
from .calls import Caller, Calls, PendingCall
from .durability import DurabilityTracker
from .file.file_events import FileEvents
from .file.file_sync import FileSync, Past
from .file.merge import merge
from .file.reverts import Reverts
from .handshake import Handshake
from .history_rotation import HistoryLimit
from .kernelspec import KernelMetadata
from .presence import PresenceBroadcast
from .rate_limit import HELLO
from .replica import Replica
from .runs import RoomRuns
from .sessions import Session, SessionPhase, Sessions
from .settings import Settings

ARCHIVING = "the room archives its history; open the notebook again"
FLOODED = "too many frames in a short time; reconnect, and send fewer"
EXECUTION = "execution"
"""The metadata key of a cell in which JupyterLab records the times of its run."""


class Room:
    """One open notebook. See `opening` for the ways to create a room."""

    def __init__(
        self,
        room_id: RoomId,
        path: str,
        *,
        notebook: Notebook,
        runtime: Runtime,
        notebook_epoch: Epoch,
        saved: FileVersion | None,
        past: Iterable[Past] = (),
        rendered: Iterable[FileVersion] = (),
        settings: Settings,
        secret: bytes,
        new_id: NewId,
        server: str,
        damage: str = "",
    ) -> None:
        self.room_id = room_id
        self.path = path
        self.settings = settings
        self.notebook = notebook
        self._new_id = new_id
        self._out: list[fx.Effect] = []
        self.sessions = Sessions(self._out)
        self._presences = PresenceBroadcast(self.sessions)
        self._file_news = FileEvents(self.sessions)
        self._keeping = DurabilityTracker()
        self._history = HistoryLimit(settings.history_bytes if settings.history_changes else 0)
        self._now = 0
        self._idle_since: int | None = None
        self._said_unsaved = False
        self._places: dict[ObjId, permissions.ObjectKind] = {}
        self._kernel_metadata = KernelMetadata(notebook)
        self.running = RoomRuns(
            runtime, self._out, settings=settings, new_id=new_id,
            kernel_name=lambda: self._kernel_metadata.kernel_name,
        )  # fmt: skip
        self.filing = FileSync(
            notebook, self.running, self._out,
            saved=saved, past=past, rendered=rendered, settings=settings, new_id=new_id,
        )  # fmt: skip
        self._outcomes = self.filing.outcomes()
        self.calls = Calls(
            self.running, self.filing, notebook, self._out,
            settings=settings, announce=self.sessions.announce,
        )  # fmt: skip
        self._authors = Authors()
        self._reverts = Reverts(self._authors, new_id)
        self.calls.offer("preview_revert", self._preview_revert)
        self.calls.offer("undo_revert", self._undo_revert)
        self._replicas: dict[DocName, Replica] = {
            NOTEBOOK: Replica(NOTEBOOK, notebook_epoch, lambda: self.notebook.document),
            RUNTIME: Replica(RUNTIME, runtime.epoch, lambda: self.running.runtime.document),
        }
        self._greeting = Handshake(
            self.sessions, self._replicas, self._out,
            room_id=room_id, server=server, secret=secret, settings=settings, damage=damage,
        )  # fmt: skip

    # ------------------------------------------------------------ reading

    @property
    def idle(self) -> bool:
        """Whether the room has no sessions, runs, calls or merges, and all is saved and durable."""
        return self._deserted and self._keeping.all_durable

    @property
    def _deserted(self) -> bool:
        return (
            not len(self.sessions)
            and not self.running.active
            and not self.filing.unsaved
            and not self.filing.merging
            and not self.calls.waiting
        )

    @property
    def runtime(self) -> Runtime:
        return self.running.runtime

    def content(self) -> Content:
        """Return the whole notebook with its outputs as an immutable value."""
        return self.filing.content()

    def document(self, doc: DocName) -> Replica:
        return self._replicas[doc]

    # ------------------------------------------------------------ events

    def handle(self, event: ev.Event, now_ms: int) -> list[fx.Effect]:
        """Handle one event; return the effects to execute, in this order."""
        if now_ms < self._now:
            self._clock_went_back(self._now - now_ms)
        self._now = now_ms
        self._dispatch(event, now_ms)
        self.calls.run_ready(now_ms)
        self._presences.advance(now_ms)
        self._write_timings(now_ms)
        self._write_kernel(now_ms)
        self._publish(now_ms)
        self.filing.save_when_due(now_ms)
        self._announce_unsaved()
        self._archive_history(now_ms)
        self._set_timers(now_ms)
        effects = self._out[:]
        self._out.clear()
        return effects

    def _clock_went_back(self, by_ms: int) -> None:
        """Move all times after the clock was set back, so that nothing is delayed."""
        self.filing.saving.set_back(by_ms)
        if self._idle_since is not None:
            self._idle_since -= by_ms

    def _dispatch(self, event: ev.Event, now: int) -> None:  # noqa: C901, PLR0912, PLR0915 -- an arm each
        match event:
            case ev.Joined():
                self._join(event)
            case ev.Received():
                self._receive(event, now)
            case ev.RightsChanged():
                if (session := self.sessions.get(event.session)) is not None:
                    self._allow(session, event.rights)
            case ev.ArchiveRead():
                if (session := self.sessions.get(event.session)) is not None:
                    self._greet(session, event.hello, event.last)
            case ev.Left():
                self._leave(event.session)
            case ev.CallReceived():
                asker = Caller(ticket=event.ticket)
                self.calls.submit(
                    asker, event.name, event.args, event.heads, event.user, event.rights, now
                )
            case ev.ContentsPut():
                self.filing.contents_put(event, now)
            case ev.Stored():
                self._durable(event.number)
            case ev.StoreFailed():
                self._keeping.trouble = event.message
                self.sessions.tell("storage", {"ok": False, "message": event.message})
            case ev.Rendered():
                self.filing.rendered(event)
            case ev.Saved():
                self._saved(event, now)
            case ev.FileSaveFailed():
                self.filing.failed(event, now)
                self._not_saved(event.message)
            case ev.FileChanged():
                self.filing.file_changed(event, now)
            case ev.Checkpointed():
                if (state := self.filing.state) is not None:
                    self._reverts.checkpointed(event.checkpoint, state.heads)
            case ev.Merged():
                self._merged(event, now)
            case ev.MergeFailed():
                if self.filing.merge_failed(event, now):
                    self._not_saved(str(event.error))
            case ev.FileMoved():
                self.path = event.path
                self.filing.file_moved(now)
                self._file_news.found()
                self.sessions.tell("moved", {"path": event.path})
            case ev.FileDeleted():
                self.filing.file_deleted()
                self._file_news.gone(event)
            case ev.FileUnreachable():
                self._file_news.trouble(event.message)
            case ev.FileWritability():
                self._file_news.writable(event.message)
                if not event.message:
                    self.filing.saving.retry(now)
            case ev.KernelMessages():
                for wish in self.running.on_kernel_messages(event.messages, now):
                    self._write_next_input(wish, now)
            case ev.ExternalRunStarted():
                if self._is_code(event.cell):
                    self.running.on_external_run(event, now)
            case ev.KernelStatusChanged():
                self._kernel_metadata.heard(event)
                self.running.on_kernel_status(event, now)
            case ev.KernelActionRequested():
                self.sessions.announce(event.action, event.user)
            case ev.KernelFailed():
                if event.ticket is None:
                    self.running.on_kernel_failed(event.message, now)
                else:
                    self.calls.kernel_failed(event.ticket, event.message)
            case ev.KernelActionDone():
                self.calls.done(event.ticket)
            case ev.TimerFired():
                self.running.tick(now)
            case ev.ServerClosing():
                self._closing(event.message)
            case _:
                assert_never(event)

    def _is_code(self, cell_id: CellId) -> bool:
        return cell_id in self.notebook and self.notebook.cell(cell_id).cell_type == "code"

    # ------------------------------------------------------------ sessions

    def _join(self, event: ev.Joined) -> None:
        if self._history.rotating:
            self._out.append(fx.Disconnect(event.session, CloseCode.NO_SUCH_ROOM, ARCHIVING))
            return
        actor = actor_tokens.prefix_of(f"{event.session}/{self._new_id()}")
        self.sessions.add(Session(event.session, event.user, event.rights, actor))

    def _leave(self, session_id: SessionId) -> None:
        left = self.sessions.remove(session_id)
        self.calls.drop_session(session_id)
        if left is not None and left.presence is not None:
            self.sessions.send_all(frames.Presence(session_id, None))

    def _receive(self, event: ev.Received, now: int) -> None:
        session = self.sessions.get(event.session)
        if session is None:
            return
        self._allow(session, event.rights)
        try:
            session.check(event.frame)
        except BadFrame as error:
            self._disconnect(session.id, CloseCode.BAD_FRAME, str(error))
            return
        match event.frame:
            case frames.Hello():
                self._hello(session, event.frame, now)
            case frames.Change():
                self._change(session, event.frame, now)
            case frames.Call() as call:
                asker = Caller(session=session.id, call=call.id)
                self.calls.submit(
                    asker, call.name, call.args, call.heads, session.user, session.rights, now,
                    session.budget,
                )  # fmt: skip
            case frames.Presence():
                session.show(event.frame.state)
                self._presences.changed(session, now)
            case _:
                # `Session.check` allows no other kind of frame.
                return
        if session.budget.exceeded:
            self._disconnect(session.id, CloseCode.TOO_SLOW, FLOODED)

    def _allow(self, session: Session, rights: Permissions) -> None:
        """Set the permissions of a session, and tell the client if its role changed."""
        role, session.rights = session.rights.role, rights
        if rights.role != role and session.phase is SessionPhase.LIVE:
            self.sessions.send((session.id,), frames.Event("rights", {"role": rights.role}))

    def _hello(self, session: Session, hello: frames.Hello, now: int) -> None:
        if hello.protocol != frames.PROTOCOL:
            theirs = hello.protocol
            reason = f"the server uses protocol {frames.PROTOCOL}, not {theirs}; please reload"
            self._disconnect(session.id, CloseCode.OTHER_PROTOCOL, reason)
            return
        if hello.kind == "browser" and session.rights.write and not self.notebook.order:
            self._first_cell(now)
        if not session.budget.spend(HELLO, now):
            self._disconnect(session.id, CloseCode.TOO_SLOW, FLOODED)
            return
        if not self._greeting.needs_archive(session, hello):
            self._greet(session, hello, {})

    def _first_cell(self, now: int) -> None:
        """Add the first cell to an empty notebook.

        The server adds the cell because two browsers would add two. The cell is saved together with
        the first edit of a user.
        """
        cell = Cell(CellId(self._new_id()), "code", "")
        self.notebook.add_cells([cell], index=0)
        self.filing.server_changed(self.notebook.commit(now_ms=now))
        self.runtime.set_trusted(cell.id, True)
        self._publish(now)  # the handshake reads the documents, so they must be committed

    def _greet(self, session: Session, hello: frames.Hello, last: Mapping[bytes, str]) -> None:
        self._greeting.greet(
            session, hello, last=last,
            path=self.path, saved=not self.filing.unsaved, trouble=self._keeping.trouble,
            file_news=self._file_news,
        )  # fmt: skip
        self._authors.note(session)

    # ------------------------------------------------------------ changes

    def _change(self, session: Session, frame: frames.Change, now: int) -> None:
        hashes: tuple[str, ...] = ()
        try:
            # Check the role before decoding, which costs time.
            permissions.check_role(frame.doc, session.rights)
            with engine_errors("the frame does not contain valid changes"):
                changes = Change.decode_all(frame.data, max_ops=frames.CHANGE_OPS)
            hashes = tuple(change.hash for change in changes)
            document = self.notebook.document
            fresh = [change for change in changes if not document.has(change.hash)]
            entries_size = permissions.check_change(
                fresh,
                doc=frame.doc,
                notebook=document,
                rights=session.rights,
                prefixes=session.prefixes,
                known=self._places,
            )
            if fresh:
                touched = self.notebook.apply(fresh)
        except Refused as error:
            self._refuse(session, frame.doc, hashes, error.code, str(error))
            return
        except DocumentError as error:
            self._refuse(session, frame.doc, hashes, "malformed", str(error))
            return
        if fresh:
            data = b"".join(change.bytes for change in fresh)
            self.sessions.send_all_but(session.id, frames.Change(NOTEBOOK, data))
            self._append(NOTEBOOK, data)
            self._grew(max(len(data), entries_size))
            self._noticed(touched, now)
        self._keeping.ack_when_durable(session.id, self.notebook.heads)
        if self._keeping.all_durable:
            self._acknowledge(self._keeping.acks_up_to())

    def _refuse(
        self, session: Session, doc: DocName, hashes: tuple[str, ...], code: str, reason: str
    ) -> None:
        self.sessions.send((session.id,), frames.Refuse(doc, hashes, code, reason))

    def _noticed(self, touched: ChangedCells, now: int) -> None:
        if (stamp := self.filing.notebook_changed(touched, now)) is not None:
            self._tell_saved(stamp, self.notebook.heads)
        if touched.structure:
            self.filing.cells_changed(touched.cells, now)

    def _publish(self, now: int) -> None:
        """Send and store the changes that the server made while it handled this event."""
        merged = self.filing.take_changes()
        if merged:
            self._append(NOTEBOOK, merged)
            self._grew(len(merged))
            self.sessions.send_all(frames.Change(NOTEBOOK, merged))
        if (data := self.running.commit(now)) is not None:
            self._append(RUNTIME, data)
            self.sessions.send_all(frames.Change(RUNTIME, data))
            self._outputs_changed(now)
        if self.running.rotate_when_due(now):
            self._announce_epoch()

    def _outputs_changed(self, now: int) -> None:
        """Schedule a save if outputs changed; a change of the kernel's status is not saved."""
        outcomes = self.filing.outcomes()
        before, self._outcomes = self._outcomes, outcomes
        same = outcomes.keys() == before.keys() and all(
            outcome is before[cell_id] for cell_id, outcome in outcomes.items()
        )
        if not same:
            self.filing.edited(now, output_only=True)

    def _announce_epoch(self) -> None:
        replica = self._replicas[RUNTIME]
        replica.renewed(self.running.runtime.epoch)
        self._out.append(self._keeping.replace(RUNTIME, replica))
        self.sessions.send_all(replica.sync_for(None))

    def _write_next_input(self, wish: NextInput, now: int) -> None:
        """Write the text that the kernel sent for a cell (as `%load` does), as a server edit."""
        if wish.cell_id not in self.notebook:
            return
        if wish.replace:
            self.notebook.set_source(wish.cell_id, wish.text)
        else:
            fresh = Cell(CellId(self._new_id()), "code", wish.text)
            self.notebook.add_cell(fresh, after=wish.cell_id)
        self.filing.server_changed(self.notebook.commit(now_ms=now))
        self.filing.edited(now)

    def _write_timings(self, now: int) -> None:
        """Write the requested times of runs into the cells; remove those of the previous run."""
        for cell_id, times in self.running.take_timings():
            if cell_id in self.notebook:
                said = self.notebook.cell(cell_id).metadata.get(EXECUTION)
                if times or said is not None:
                    value = to_json(times) if times else None
                    self.notebook.set_metadata(cell_id, EXECUTION, value)
                    self.filing.server_changed(self.notebook.commit(now_ms=now))
                    self.filing.edited(now)

    def _write_kernel(self, now: int) -> None:
        """Write the kernel into the notebook's metadata once a run was sent to it."""
        if self.running.take_sent() and self._kernel_metadata.write():
            self.filing.server_changed(self.notebook.commit(now_ms=now))
            self.filing.edited(now)

    # ------------------------------------------------------------ durability

    def _append(self, doc: DocName, data: bytes) -> None:
        self._out.append(self._keeping.append(doc, self._replicas[doc].epoch, data))

    def store_whole(self, *, only_runtime: bool = False) -> list[fx.Effect]:
        """Return the effects that store snapshots of the documents of a new room."""
        return [
            self._keeping.replace(doc, replica)
            for doc, replica in self._replicas.items()
            if doc == RUNTIME or not only_runtime
        ]

    def remember_saved(self, now: int) -> list[fx.Effect]:
        """Return the effect that stores the version of the file that the room was created from."""
        saved = self.filing.state
        return [] if saved is None else [self._keeping.remember(saved.heads, saved.stamp, now)]

    def rotate_history(self) -> RotatedNotebook | None:
        """Rotate the history of a closed room: return the archive and a new document.

        Opening a document costs time for each change in its history, so the new document has the
        same content without a history. A client that reconnects with pending changes of the old
        document rebases them. Returns None if the history is short, and while the file is unsaved
        or missing, because the next merge then needs the old version as its base.
        """
        saved, limit = self.filing.state, self.settings.history_changes
        if not limit or not (self.notebook.change_count > limit or self._history.outgrown):
            return None
        if not self._deserted or saved is None or self._keeping.trouble is not None:
            return None
        # Insignificant edits are in the notebook but not in the file, so take the file's metadata.
        fresh, heads = self.notebook.rotated(
            actor_tokens.prefix_of(self._new_id()),
            (saved.content or self.notebook.content_at(saved.heads)).metadata,
        )
        return RotatedNotebook(
            former_epoch=self._replicas[NOTEBOOK].epoch,
            former=self.notebook.document.save(),
            epoch=Epoch(self._new_id()),
            data=fresh.document.save(),
            saved=FileVersion(heads, saved.stamp),
        )

    def _grew(self, size: int) -> None:
        self._history.grew(size)
        if self._history.outgrown:
            self._history.compare(self.notebook.content())

    def _archive_history(self, now: int) -> None:
        """Disconnect the sessions if the history is too large; `_rest` then closes the room."""
        file_is_current = not self.filing.unsaved and not self.filing.merging
        if (
            self.running.active
            or self.calls.waiting
            or self.filing.missing
            or self._keeping.trouble is not None
            or not self._history.start_when_due(
                now, settled=file_is_current and self._keeping.all_durable
            )
        ):
            return
        for session_id in [session.id for session in self.sessions]:
            self._disconnect(session_id, CloseCode.NO_SUCH_ROOM, ARCHIVING)
        if not file_is_current:
            self.filing.request_save()

    def found_file(self, file: Content, stamp: FileStamp, now_ms: int) -> list[fx.Effect]:
        """Merge the content of the file when the room is opened from the store."""
        saved = self.filing.state
        if saved is not None and saved.stamp.hash == stamp.hash:
            self.filing.save_if_different(file, now_ms)
            return self.handle(ev.TimerFired(), now_ms)
        effects = self.handle(ev.FileChanged(file, stamp), now_ms)
        # The room has no sessions yet, so the merge may run here.
        merges = [effect for effect in effects if isinstance(effect, fx.MergeFile)]
        others = [effect for effect in effects if not isinstance(effect, fx.MergeFile)]
        return others + [e for task in merges for e in self.handle(merge(task), now_ms)]

    def _durable(self, number: int) -> None:
        if self._keeping.trouble is not None:
            self._keeping.trouble = None
            self.sessions.tell("storage", {"ok": True, "message": ""})
        self._acknowledge(self._keeping.acks_up_to(number))

    def _acknowledge(self, newest: Mapping[SessionId, frames.Heads]) -> None:
        for session, heads in newest.items():
            if self.sessions.get(session) is not None:
                self.sessions.send((session,), frames.Ack(NOTEBOOK, heads))

    # ------------------------------------------------------------ the file

    def _saved(self, event: ev.Saved, now: int) -> None:
        heads = self.filing.saved(event, now)
        if heads is None:
            return
        self._out.append(self._keeping.remember(heads, event.stamp, now))
        self._said_unsaved = False
        self.calls.saved(event.attempt, self._tell_saved(event.stamp, heads))

    def _tell_saved(self, stamp: FileStamp, heads: frames.Heads) -> dict[str, str]:
        self._file_news.saved()
        file = {"hash": stamp.hash, "last_modified": stamp.last_modified}
        self.sessions.tell("saved", {**file, "heads": list(heads)})
        return file

    def _not_saved(self, message: str) -> None:
        self._file_news.not_saved(message)
        self.calls.not_saved(message)
        self._history.give_up()

    def _announce_unsaved(self) -> None:
        """Announce once that the file lacks edits; a `saved` event follows the next save."""
        unsaved = self.filing.unsaved
        if unsaved and not self._said_unsaved:
            self.sessions.tell("unsaved", {})
        self._said_unsaved = unsaved

    def _merged(self, event: ev.Merged, now: int) -> None:
        before, by = self.notebook.heads, self.filing.merging_for
        held = None if by is None else self.filing.content()
        if (state := self.filing.merged(event, now)) is not None:
            self._out.append(self._keeping.remember(state.heads, state.stamp, now))
            stamp = {"hash": state.stamp.hash, "last_modified": state.stamp.last_modified}
            cells = sorted({*event.touched.cells, *event.outcomes})
            span = {"before": list(before), "after": list(self.notebook.heads)}
            # Send the change first, because the event refers to its cells and heads.
            self._publish(now)
            self._file_news.found()
            revert: dict[str, object] = {}
            if by is not None and held is not None:
                user = {"username": by.username, "name": by.name}
                revert = {"by": user, "revert": self._reverts.reverted(held, state)}
            self.sessions.tell("merged", {**stamp, "cells": cells, **span, **revert})
            if not self.filing.unsaved:
                self._tell_saved(state.stamp, self.notebook.heads)

    # ------------------------------------------------------------ reverts

    def _preview_revert(self, call: PendingCall, _now: int) -> object:
        checkpoint = str(call.args.get("checkpoint", ""))
        return self._reverts.preview(checkpoint, self.notebook, call.user)

    def _undo_revert(self, call: PendingCall, now: int) -> object:
        """Merge the content from before a revert; edits since the revert stay."""
        revert = str(call.args.get("revert", ""))
        found = self._reverts.take(revert)
        self.filing.put_back(found.before, found.after, now)
        self.sessions.tell("revert_undone", {"revert": revert, "by": call.user.name})
        return {}

    # ------------------------------------------------------------ timer and end

    def _set_timers(self, now: int) -> None:
        """Set the timer for the next due action, or close the room after its idle time."""
        if not self.idle:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        wishes = [
            self.filing.wake_at(), self.calls.wake_at(), self.running.wake_at(),
            self._history.wake_at(),
            self._presences.wake_at(),
        ]  # fmt: skip
        if self._idle_since is not None:
            # A rotating room refuses sessions, so it closes at once.
            idle_ms = 0 if self._history.rotating else self.settings.idle_ms
            closing_at = self._idle_since + idle_ms
            if now >= closing_at:
                self._out.append(fx.CloseRoom())
            else:
                wishes.append(closing_at)
        due = [wish for wish in wishes if wish is not None]
        if due:
            self._out.append(fx.SetTimer(max(min(due), now)))

    def _closing(self, message: str) -> None:
        self.sessions.tell("closing", {"message": message})
        if self.filing.unsaved or self.filing.merging:
            self.filing.request_save()

    def _disconnect(self, session: SessionId, code: CloseCode, reason: str) -> None:
        self._leave(session)
        self._out.append(fx.Disconnect(session, code, reason))
