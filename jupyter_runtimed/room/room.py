"""The room of one open notebook: a pure state machine from events to effects.

    Room.handle(event, now_ms) -> [effect, ...]

The room owns the notebook document and the runtime document. It knows no sockets, files, kernels,
clocks or random numbers: the host turns them into events, and executes the effects in order. Each
part of the room has one job: `connections` (sessions and their frames), `documents` (sending and
storing changes), `runs`, `calls`, `file_reports` and `file` (file synchronisation),
`history_rotation`, `server_edits`, `timers`.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import assert_never

from ..document.content import Content
from ..document.file_version import FileVersion, RotatedNotebook
from ..document.notebook import Notebook
from ..document.runtime import Runtime
from ..ids import CellId, Epoch, NewId, RoomId
from ..protocol.close_codes import CloseCode
from . import effects as fx
from . import events as ev
from .authors import Authors
from .calls import Caller, Calls
from .connections import Connections
from .documents import Documents
from .file.file_events import FileEvents
from .file.file_sync import FileSync
from .file.known_versions import Past
from .file.reverts import Reverts
from .file_reports import FileReports
from .handshake import Handshake
from .history_rotation import ARCHIVING, HistoryRotation
from .incoming_changes import IncomingChanges
from .kernelspec import KernelMetadata
from .publisher import Publisher
from .runs import RoomRuns
from .server_edits import ServerEdits
from .sessions import Sessions
from .settings import Settings
from .timers import Timers


class Room:
    """One open notebook. See `factory` for the ways to create a room."""

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
        self.notebook = notebook
        self._out: list[fx.Effect] = []
        self._timers = Timers(settings.idle_ms)
        self.sessions = Sessions(self._out)
        kernel_metadata = KernelMetadata(notebook)
        self.running = RoomRuns(
            runtime, self._out, settings=settings, new_id=new_id, kernel_metadata=kernel_metadata
        )
        self.documents = Documents(
            notebook, self.running, self.sessions, self._out, notebook_epoch=notebook_epoch
        )
        self.filing = FileSync(
            notebook, self.running, self._out,
            saved=saved, past=past, rendered=rendered, settings=settings, new_id=new_id,
        )  # fmt: skip
        self.calls = Calls(
            self.running, self.filing, notebook, self._out,
            settings=settings, announce=self.sessions.announce,
        )  # fmt: skip
        self._history = HistoryRotation(
            notebook, self.documents, self.filing, settings=settings, new_id=new_id
        )
        self._publisher = Publisher(
            self.documents, self.sessions, self.filing, self.running, self._history
        )
        self._edits = ServerEdits(
            notebook, self.running, self.filing, kernel_metadata, new_id=new_id
        )
        file_events, authors = FileEvents(self.sessions), Authors()
        self._file = FileReports(
            notebook, self.sessions, self.documents, self.filing, self.calls,
            self._history, self._publisher, file_events, Reverts(authors, new_id),
        )  # fmt: skip
        handshake = Handshake(
            self.sessions, self.documents, self.filing, file_events, authors, self._out,
            path=lambda: self.path, room_id=room_id, server=server, secret=secret,
            settings=settings, damage=damage,
        )  # fmt: skip
        changes = IncomingChanges(
            notebook, self.sessions, self.documents, self._history, self._file
        )
        self._connections = Connections(
            self.sessions, self._out, calls=self.calls, handshake=handshake, changes=changes,
            edits=self._edits, publisher=self._publisher, history=self._history, new_id=new_id,
        )  # fmt: skip

    # ------------------------------------------------------------ reading

    @property
    def idle(self) -> bool:
        """Whether the room has no sessions, runs, calls or merges, and all is saved and durable."""
        return self._deserted and self.documents.all_durable

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

    def rotate_history(self) -> RotatedNotebook | None:
        """Rotate the history of a closed room; see `HistoryRotation.rotated`."""
        return self._history.rotated() if self._deserted else None

    # ------------------------------------------------------------ events

    def handle(self, event: ev.Event, now_ms: int) -> list[fx.Effect]:
        """Handle one event; return the effects to execute, in this order."""
        if back_ms := self._timers.advance(now_ms):
            # The clock was set back. Nothing may be delayed by that.
            self.filing.saving.set_back(back_ms)
        self._dispatch(event, now_ms)
        self.calls.run_ready(now_ms)
        self._connections.presences.advance(now_ms)
        self._edits.write_runs(now_ms)
        self._publisher.publish(now_ms)
        self.filing.save_when_due(now_ms)
        self._file.announce_unsaved()
        self._archive_history(now_ms)
        self._set_timers()
        return self.take_effects()

    def take_effects(self) -> list[fx.Effect]:
        """Return and clear the effects to execute."""
        effects = self._out[:]
        self._out.clear()
        return effects

    def _dispatch(self, event: ev.Event, now: int) -> None:
        if isinstance(event, ev.ConnectionEvent):
            self._connections.handle(event, now)
        elif isinstance(event, ev.FileEvent):
            if isinstance(event, ev.FileMoved):
                self.path = event.path
            self._file.handle(event, now)
        elif isinstance(event, ev.KernelEvent):
            self._kernel_event(event, now)
        else:
            self._other_event(event, now)

    def _kernel_event(self, event: ev.KernelEvent, now: int) -> None:
        match event:
            case ev.KernelMessages():
                for wish in self.running.on_kernel_messages(event.messages, now):
                    self._edits.next_input(wish, now)
            case ev.ExternalRunStarted():
                if self._is_code(event.cell):
                    self.running.on_external_run(event, now)
            case ev.KernelStatusChanged():
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
            case _:
                assert_never(event)

    def _other_event(
        self, event: ev.StoreEvent | ev.CallReceived | ev.TimerFired | ev.ServerClosing, now: int
    ) -> None:
        match event:
            case ev.CallReceived(ticket, name, args, heads, user, rights):
                self.calls.submit(Caller(ticket=ticket), name, args, heads, user, rights, now)
            case ev.Stored():
                self.documents.stored(event.number)
            case ev.StoreFailed():
                self.documents.store_failed(event.message)
            case ev.TimerFired():
                self.running.tick(now)
            case ev.ServerClosing():
                self.sessions.tell("closing", {"message": event.message})
                if self.filing.unsaved or self.filing.merging:
                    self.filing.request_save()
            case _:
                assert_never(event)

    def _is_code(self, cell_id: CellId) -> bool:
        return cell_id in self.notebook and self.notebook.cell(cell_id).cell_type == "code"

    # ------------------------------------------------------------ timer and end

    def _archive_history(self, now: int) -> None:
        """Disconnect the sessions if the history is too large; the room closes soon after."""
        busy = self.running.active or self.calls.waiting
        if not busy and self._history.start_when_due(now):
            self._connections.disconnect_all(CloseCode.NO_SUCH_ROOM, ARCHIVING)

    def _set_timers(self) -> None:
        """Set the timer for the next due action, or close the room after its idle time."""
        wishes = (
            self.filing.wake_at(),
            self.calls.wake_at(),
            self.running.wake_at(),
            self._history.wake_at(),
            self._connections.presences.wake_at(),
        )
        self._out += self._timers.effects(wishes, idle=self.idle, rotating=self._history.rotating)
