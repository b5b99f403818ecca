"""One open notebook: a pure machine from events to effects.

    Room.handle(event, now_ms) -> [effect, ...]

The room owns both documents, knows who is here, what runs and what the file holds. It does not know
sockets, files, kernels, clocks or chance: the host turns those into events and carries effects out,
in order. The parts, each a machine of its own: `sessions` (who is here, and is told), `greeting`
(how they come), `replica` (what a peer lacks), `running` (what is executed), `calls` (what is asked
for), `saving` (when the file is written), `filing` (what the file holds and how its changes come
in), `keeping` (what is durable).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from typing_extensions import assert_never

from ..crdt import Change, ObjId, own_errors
from ..document import authority
from ..document.content import Cell, Content, to_json
from ..document.notebook import Notebook, Touched
from ..document.runtime import Runtime
from ..document.schema import NOTEBOOK, RUNTIME, DocName
from ..errors import BadFrame, DocumentError, Refused
from ..execution.outputs import NextInput
from ..ids import CellId, Epoch, NewId, RoomId, SessionId
from ..protocol import frames, tickets
from . import events as ev
from .calls import Asker, Calls
from .filing import Filing, Past
from .greeting import Greeting
from .keeping import Keeping
from .merging import merge
from .replica import Replica
from .running import Running
from .sessions import Session, Sessions

BAD_FRAME = 4400
OTHER_PROTOCOL = 4409
CLOSING = 4503
EXECUTION = "execution"
"""The metadata of a cell in which JupyterLab keeps when it ran."""


class Room:
    def __init__(
        self,
        room_id: RoomId,
        path: str,
        *,
        notebook: Notebook,
        runtime: Runtime,
        notebook_epoch: Epoch,
        saved: ev.SavedState | None,
        past: Iterable[Past] = (),
        settings: ev.Settings,
        secret: bytes,
        new_id: NewId,
        server: str,
    ) -> None:
        self.room_id = room_id
        self.path = path
        self.settings = settings
        self.notebook = notebook
        self._new_id = new_id
        self._out: list[ev.Effect] = []
        self.sessions = Sessions(self._out)
        self._keeping = Keeping()
        self._now = 0
        self._idle_since: int | None = None
        self._said_unsaved = False
        self._places: dict[ObjId, authority.Place] = {}
        self._outcomes = runtime.outcomes()
        self.running = Running(
            runtime, self._out, settings=settings, new_id=new_id, kernel_name=self._kernel_name
        )
        self.filing = Filing(
            notebook, self.running, self._out,
            saved=saved, past=past, settings=settings, new_id=new_id,
        )  # fmt: skip
        self.calls = Calls(self.running, self.filing, notebook, self._out, settings=settings)
        self._replicas: dict[DocName, Replica] = {
            NOTEBOOK: Replica(NOTEBOOK, notebook_epoch, lambda: self.notebook.document),
            RUNTIME: Replica(RUNTIME, runtime.epoch, lambda: self.running.runtime.document),
        }
        self._greeting = Greeting(
            self.sessions, self._replicas, self._out,
            room_id=room_id, server=server, secret=secret, settings=settings,
        )  # fmt: skip

    # ------------------------------------------------------------ what others may ask

    @property
    def idle(self) -> bool:
        """Nobody is here, nothing runs, nothing is unsaved or not yet durable."""
        return self._deserted and self._keeping.done

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
        """The whole notebook with its outputs; immutable."""
        return self.filing.content()

    def document(self, doc: DocName) -> Replica:
        return self._replicas[doc]

    def _kernel_name(self) -> str:
        """The kernelspec that the notebook names, or ""."""
        try:
            spec = json.loads(self.notebook.metadata().get("kernelspec", "{}"))
        except (ValueError, RecursionError):
            return ""
        name = spec.get("name", "") if isinstance(spec, dict) else ""
        return name if isinstance(name, str) else ""

    # ------------------------------------------------------------ the machine

    def handle(self, event: ev.Event, now_ms: int) -> list[ev.Effect]:
        """Take in what happened; what must be done, in this order."""
        if now_ms < self._now:
            self._set_back(self._now - now_ms)
        self._now = now_ms
        self._dispatch(event, now_ms)
        self.calls.advance(now_ms)
        self._write_timings(now_ms)
        self._publish(now_ms)
        self.filing.save_when_due(now_ms)
        self._say_unsaved()
        self._rest(now_ms)
        effects = self._out[:]
        self._out.clear()
        return effects

    def _set_back(self, by_ms: int) -> None:
        """The clock was set back: what is due comes no later for it."""
        self.filing.saving.set_back(by_ms)
        if self._idle_since is not None:
            self._idle_since -= by_ms

    def _dispatch(self, event: ev.Event, now: int) -> None:  # noqa: C901, PLR0912, PLR0915 -- an arm each
        match event:
            case ev.Joined():
                self._join(event)
            case ev.Received():
                self._receive(event, now)
            case ev.LookedBack():
                if (session := self.sessions.get(event.session)) is not None:
                    self._greet(session, event.hello, event.last)
            case ev.Left():
                self._leave(event.session)
            case ev.Called():
                asker = Asker(ticket=event.ticket)
                self.calls.ask(
                    asker, event.name, event.args, event.heads, event.user, event.rights, now
                )
            case ev.Put():
                self.filing.put(event, now)
            case ev.Stored():
                self._durable(event.number)
            case ev.StoreFailed():
                self._keeping.trouble = event.message
                self.sessions.tell("storage", {"ok": False, "message": event.message})
            case ev.Saved():
                self._saved(event, now)
            case ev.SaveFailed():
                self.filing.failed(event, now)
                self._not_saved(event.message)
            case ev.FileSeen():
                self.filing.seen(event, now)
            case ev.Merged():
                self._merged(event, now)
            case ev.MergeFailed():
                if self.filing.merge_failed(event, now):
                    self._not_saved(event.message)
            case ev.FileMoved():
                self.path = event.path
                self.filing.moved()
                self.sessions.tell("moved", {"path": event.path})
            case ev.FileGone():
                self.filing.gone()
                self.sessions.tell("deleted", {"message": event.message})
            case ev.KernelSaid():
                for wish in self.running.said(event.messages, now):
                    self._write_next_input(wish, now)
            case ev.Overheard():
                if self._is_code(event.cell):
                    self.running.overheard(event, now)
            case ev.KernelIs():
                self.running.kernel_is(event, now)
            case ev.KernelFailed():
                if event.ticket is None:
                    self.running.kernel_failed(event.message, now)
                else:
                    self.calls.kernel_failed(event.ticket, event.message)
            case ev.Done():
                self.calls.done(event.ticket)
            case ev.Tick():
                self.running.tick(now)
            case ev.Closing():
                self._closing(event.message)
            case _:
                assert_never(event)

    def _is_code(self, cell_id: CellId) -> bool:
        return cell_id in self.notebook and self.notebook.cell(cell_id).cell_type == "code"

    # ------------------------------------------------------------ sessions

    def _join(self, event: ev.Joined) -> None:
        actor = tickets.prefix_of(f"{event.session}/{self._new_id()}")
        self.sessions.add(Session(event.session, event.user, event.rights, actor))

    def _leave(self, session_id: SessionId) -> None:
        left = self.sessions.remove(session_id)
        self.calls.forget(session_id)
        if left is not None and left.presence is not None:
            self.sessions.send_all(frames.Presence(session_id, None))

    def _receive(self, event: ev.Received, now: int) -> None:
        session = self.sessions.get(event.session)
        if session is None:
            return
        if event.rights != session.rights:
            session.rights = event.rights
            self.sessions.send((session.id,), frames.Event("rights", {"role": event.rights.role}))
        try:
            session.check(event.frame)
        except BadFrame as error:
            self._disconnect(session.id, BAD_FRAME, str(error))
            return
        match event.frame:
            case frames.Hello():
                self._hello(session, event.frame, now)
            case frames.Change():
                self._change(session, event.frame, now)
            case frames.Call() as call:
                asker = Asker(session=session.id, call=call.id)
                self.calls.ask(
                    asker, call.name, call.args, call.heads, session.user, session.rights, now
                )
            case frames.Presence():
                state = session.show(event.frame.state)
                self.sessions.send_all_but(session.id, frames.Presence(session.id, state))
            case _:
                # `check` lets nothing else through.
                return

    def _hello(self, session: Session, hello: frames.Hello, now: int) -> None:
        if hello.protocol != frames.PROTOCOL:
            reason = f"this server speaks protocol {frames.PROTOCOL}; please reload"
            self._disconnect(session.id, OTHER_PROTOCOL, reason)
            return
        if hello.kind == "browser" and session.rights.write and not self.notebook.order:
            self._first_cell(now)
        if not self._greeting.needs_a_look_back(session, hello):
            self._greet(session, hello, {})

    def _first_cell(self, now: int) -> None:
        """New notebooks have no cell; JupyterLab, in a room, leaves it to the server to add one.

        If each browser did, there would be two. The file gets it with what is typed.
        """
        cell = Cell(CellId(self._new_id()), "code", "")
        self.notebook.add_cells([cell], index=0)
        self.filing.wrote(self.notebook.commit(now_ms=now))
        self.runtime.set_trusted(cell.id, True)
        self._publish(now)  # what a greeting reads must not be left pending

    def _greet(self, session: Session, hello: frames.Hello, last: Mapping[bytes, str]) -> None:
        self._greeting.greet(
            session, hello, last=last,
            path=self.path, saved=not self.filing.unsaved, trouble=self._keeping.trouble,
        )  # fmt: skip

    # ------------------------------------------------------------ changes

    def _change(self, session: Session, frame: frames.Change, now: int) -> None:
        hashes: tuple[str, ...] = ()
        try:
            # Nothing is unpacked for somebody who may not write.
            authority.admit(frame.doc, session.rights)
            with own_errors("these bytes are not changes"):
                changes = Change.decode_all(frame.data, max_ops=frames.CHANGE_OPS)
            hashes = tuple(change.hash for change in changes)
            document = self.notebook.document
            fresh = [change for change in changes if not document.has(change.hash)]
            authority.judge(
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
            self._noticed(touched, now)
        self._keeping.wait(session.id, self.notebook.heads)
        if self._keeping.done:
            self._acknowledge(self._keeping.reached())

    def _refuse(
        self, session: Session, doc: DocName, hashes: tuple[str, ...], code: str, reason: str
    ) -> None:
        self.sessions.send((session.id,), frames.Refuse(doc, hashes, code, reason))

    def _noticed(self, touched: Touched, now: int) -> None:
        if (stamp := self.filing.noticed(touched, now)) is not None:
            self._tell_saved(stamp, self.notebook.heads)
        if touched.structure:
            gone = [cell_id for cell_id in touched.cells if cell_id not in self.notebook]
            self.running.cells_gone(gone, now)

    def _publish(self, now: int) -> None:
        """Send and store what the server itself wrote while it handled this event."""
        merged = self.filing.take_changes()
        if merged:
            self._append(NOTEBOOK, merged)
            self.sessions.send_all(frames.Change(NOTEBOOK, merged))
        if (data := self.running.commit(now)) is not None:
            self._append(RUNTIME, data)
            self.sessions.send_all(frames.Change(RUNTIME, data))
            self._outputs_changed(now)
        if self.running.rotate_when_due(now):
            self._announce_epoch()

    def _outputs_changed(self, now: int) -> None:
        """Outputs go into the file; that a kernel is idle or busy does not."""
        outcomes = self.runtime.outcomes()
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
        """The kernel wants text in a cell (`%load` does): write it as an edit of the server."""
        if wish.cell_id not in self.notebook:
            return
        if wish.replace:
            self.notebook.set_source(wish.cell_id, wish.text)
        else:
            fresh = Cell(CellId(self._new_id()), "code", wish.text)
            self.notebook.add_cell(fresh, after=wish.cell_id)
        self.filing.wrote(self.notebook.commit(now_ms=now))
        self.filing.edited(now)

    def _write_timings(self, now: int) -> None:
        """When cells ran, where that is asked for; what a former run said of it goes."""
        for cell_id, times in self.running.take_timings():
            if cell_id in self.notebook:
                said = self.notebook.cell(cell_id).metadata.get(EXECUTION)
                if times or said is not None:
                    value = to_json(times) if times else None
                    self.notebook.set_metadata(cell_id, EXECUTION, value)
                    self.filing.wrote(self.notebook.commit(now_ms=now))
                    self.filing.edited(now)

    # ------------------------------------------------------------ durability

    def _append(self, doc: DocName, data: bytes) -> None:
        self._out.append(self._keeping.append(doc, self._replicas[doc].epoch, data))

    def store_whole(self, *, only_runtime: bool = False) -> list[ev.Effect]:
        """The effects that store documents from nothing: a room that was just made."""
        return [
            self._keeping.replace(doc, replica)
            for doc, replica in self._replicas.items()
            if doc == RUNTIME or not only_runtime
        ]

    def remember_saved(self, now: int) -> list[ev.Effect]:
        """The effect that stores which file this room was made from."""
        saved = self.filing.state
        return [] if saved is None else [self._keeping.remember(saved.heads, saved.stamp, now)]

    def put_away(self) -> ev.BegunAnew | None:
        """A new document for a notebook with a long history, now that the room was closed.

        Opening costs time for every change ever made, so the document begins anew where the former
        one ends, and that one is kept aside. Whoever comes with edits made upon it makes them
        again, as after a crash. None if it is not worth it, and while the file is behind or
        missing: its next merge needs the version that it was saved from.
        """
        saved, limit = self.filing.state, self.settings.history_changes
        if not limit or self.notebook.change_count <= limit:
            return None
        if not self._deserted or saved is None or self._keeping.trouble is not None:
            return None
        # What was too little to save is in the notebook alone.
        fresh, heads = self.notebook.rotated(
            tickets.prefix_of(self._new_id()),
            (saved.content or self.notebook.content_at(saved.heads)).metadata,
        )
        return ev.BegunAnew(
            former_epoch=self._replicas[NOTEBOOK].epoch,
            former=self.notebook.document.save(),
            epoch=Epoch(self._new_id()),
            data=fresh.document.save(),
            saved=ev.SavedState(heads, saved.stamp),
        )

    def found_file(self, file: Content, stamp: ev.Stamp, now_ms: int) -> list[ev.Effect]:
        """What the file holds when the room is opened again."""
        saved = self.filing.state
        if saved is not None and saved.stamp.hash == stamp.hash:
            self.filing.compare(file, now_ms)
            return self.handle(ev.Tick(), now_ms)
        effects = self.handle(ev.FileSeen(file, stamp), now_ms)
        # Nobody is here yet, so nobody waits.
        merges = [effect for effect in effects if isinstance(effect, ev.MergeFile)]
        others = [effect for effect in effects if not isinstance(effect, ev.MergeFile)]
        return others + [e for task in merges for e in self.handle(merge(task), now_ms)]

    def _durable(self, number: int) -> None:
        if self._keeping.trouble is not None:
            self._keeping.trouble = None
            self.sessions.tell("storage", {"ok": True, "message": ""})
        self._acknowledge(self._keeping.reached(number))

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

    def _tell_saved(self, stamp: ev.Stamp, heads: frames.Heads) -> dict[str, str]:
        file = {"hash": stamp.hash, "last_modified": stamp.last_modified}
        self.sessions.tell("saved", {**file, "heads": list(heads)})
        return file

    def _not_saved(self, message: str) -> None:
        self.sessions.tell("save_failed", {"message": message})
        self.calls.not_saved(message)

    def _say_unsaved(self) -> None:
        """Tell everybody once that the file is behind; `saved` says when it is not any more."""
        unsaved = self.filing.unsaved
        if unsaved and not self._said_unsaved:
            self.sessions.tell("unsaved", {})
        self._said_unsaved = unsaved

    def _merged(self, event: ev.Merged, now: int) -> None:
        before = self.notebook.heads
        if (state := self.filing.merged(event, now)) is not None:
            self._out.append(self._keeping.remember(state.heads, state.stamp, now))
            stamp = {"hash": state.stamp.hash, "last_modified": state.stamp.last_modified}
            cells = sorted({*event.touched.cells, *event.outcomes})
            span = {"before": list(before), "after": list(self.notebook.heads)}
            # The change first, so that what is said of it can be understood.
            self._publish(now)
            self.sessions.tell("merged", {**stamp, "cells": cells, **span})
            if not self.filing.unsaved:
                self.sessions.tell("saved", {**stamp, "heads": list(self.notebook.heads)})

    # ------------------------------------------------------------ life

    def _rest(self, now: int) -> None:
        """Ask to be woken when something is due, and to be dropped when nothing is left to do."""
        if not self.idle:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        wishes = [self.filing.wake_at(), self.calls.wake_at(), self.running.wake_at()]
        if self._idle_since is not None:
            closing_at = self._idle_since + self.settings.idle_ms
            if now >= closing_at:
                self._out.append(ev.CloseRoom())
            else:
                wishes.append(closing_at)
        due = [wish for wish in wishes if wish is not None]
        if due:
            self._out.append(ev.WakeAt(max(min(due), now)))

    def _closing(self, message: str) -> None:
        self.sessions.tell("closing", {"message": message})
        if self.filing.unsaved or self.filing.merging:
            self.filing.ask()

    def _disconnect(self, session: SessionId, code: int, reason: str) -> None:
        self._leave(session)
        self._out.append(ev.Disconnect(session, code, reason))
