"""The host of one room: passes events to the room and executes its effects.

    socket, store, files, kernel, timer ---> post ---> Room.handle ---> effects ---> the same

The room handles an event on the event loop as soon as the event arrives, without a task in between
(`EventQueue`). Frames are sent before any write, so that other peers do not wait for the disk; only
the acknowledgement waits until the write is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from ..crdt import Heads
from ..document.file_version import RotatedNotebook
from ..document.permissions import Permissions
from ..execution.output_widgets import RequestWidgetState, ShowWidget
from ..ids import CellId, RoomId, RunId, SessionId
from ..protocol.close_codes import CloseCode
from ..protocol.frames import Call, Change, Frame, encode
from ..protocol.frames import Event as FrameEvent
from ..room import effects as fx
from ..room import events as ev
from ..room.room import Room
from .call_futures import CallFutures
from .event_queue import MOST_FAILURES, EventQueue
from .garbage import gc_paused
from .kernels.port import Link
from .life import HostLife, HostSignal
from .notebook_models import MERGING, NotebookModels, not_merged, unexpected
from .ports import Ports, SessionSink
from .room_file import RoomFile
from .room_kernel import RoomKernel
from .room_store import RoomStore
from .room_timer import RoomTimer
from .tasks import Tasks

T = TypeVar("T")
log = logging.getLogger(__name__)

LAST_SAVE_SECONDS = 6.0
"""Less than `LONGEST_GOODBYE_SECONDS`, because the store must still record the save."""


class Host:
    """Runs one room; must be created on the event loop.

    `closed` is called once, when the room ends: it is idle, it failed, or the server stops.
    """

    def __init__(self, room: Room, ports: Ports, *, closed: Callable[[Host], None]) -> None:
        self.room = room
        self.life = HostLife()
        self.asked_at_ms: int | None = None
        """The time (ms) of the last edit or call from a client."""
        self._ports = ports
        self._closed = closed
        self._outlets: dict[SessionId, SessionSink] = {}
        self._tasks = Tasks()
        self._calls = CallFutures(self.life, self.post)
        self.models = NotebookModels(room, ports, self._tasks, self._calls, self.post)
        self._timer = RoomTimer(lambda: self.post(ev.TimerFired()))
        self._store = RoomStore(room.room_id, ports, self._tasks, self.post)
        self._file = RoomFile(
            room.room_id, room.path, ports, self._tasks,
            known=lambda: self.room.filing.versions.stamp, post=self.post,
        )  # fmt: skip
        self._kernel = RoomKernel(
            ports.kernels, self._tasks, path=lambda: self.path, post=self.post
        )
        self._does = self._table()
        self._queue = EventQueue(
            room, time_ms=self._time_of, carry_out=self._carry_out, failed=self._fail,
            hopeless=self._give_up, drained=self._drained, now_ms=ports.clock(),
        )  # fmt: skip

    # ------------------------------------------------------------ reading

    @property
    def room_id(self) -> RoomId:
        return self.room.room_id

    @property
    def path(self) -> str:
        return self.room.path

    @property
    def kernel_id(self) -> str:
        """The id of the kernel that the room listens to, or ""."""
        return self._kernel.id

    @property
    def last_kernel_id(self) -> str:
        """The id of the notebook's last kernel, which may have ended; "" if there was none."""
        return self.room.runtime.kernel.id

    @property
    def active(self) -> bool:
        """Whether a cell is running or queued."""
        return self.room.running.active

    @property
    def autosaves(self) -> bool:
        """Whether the room saves the file without a request."""
        return self.room.filing.saving.autosave

    @property
    def unsaved(self) -> bool:
        """Whether the file lacks edits."""
        return self.room.filing.unsaved

    @property
    def missing(self) -> bool:
        """Whether the file was deleted."""
        return self.room.filing.missing

    def has_cell(self, cell: CellId) -> bool:
        return cell in self.room.notebook

    def has_browser_of(self, username: str) -> bool:
        """Return whether the user has the room open in a browser."""
        return any(
            session.kind == "browser" and session.user.username == username
            for session in self.room.sessions
        )

    def trusted_cells(self) -> list[bool]:
        """Return for each cell, in order, whether its outputs are trusted."""
        return [self.room.runtime.trusted(cell_id) for cell_id in self.room.notebook.order]

    def is_run(self, message_id: str) -> bool:
        """Return whether this `msg_id` belongs to a run whose outputs go into the room."""
        return self.room.running.is_run(message_id)

    def executing(self, begun: RunId) -> RunId | None:
        """Return the run that the kernel executes now; `begun` is known to have begun."""
        return self.room.running.executing(begun)

    def summary(self) -> dict[str, Any]:
        """Return a summary of the room for the list of open rooms, as JSON values."""
        kernel = self.room.runtime.kernel
        return {
            "room": self.room_id,
            "path": self.path,
            "peers": len(self.room.sessions),
            "kernel": {"id": kernel.id, "name": kernel.name, "state": kernel.state},
            "unsaved": self.room.filing.unsaved,
            "heads": list(self.room.notebook.heads),
        }

    # ------------------------------------------------------------ events in

    async def first_write_done(self) -> None:
        """Return once the first write of this room is durable or has failed."""
        await self._store.first_write_done()

    def start(self, effects: list[fx.Effect]) -> None:
        """Start the room, and execute the effects of its creation."""
        self._store.start(self.path)
        self._carry_out(effects)
        self._queue.drain()
        self._file.watch()
        self._kernel.find()

    def post(self, event: ev.Event) -> None:
        """Let the room handle an event, now or after the present one. On the event loop only."""
        if self.life.ended:
            return
        if isinstance(event, ev.KernelStatusChanged):
            self._kernel.heard(event)
        if isinstance(event, ev.FileSaveFailed):
            self.life.last_save_done()
        self._queue.post(event)

    def _time_of(self, event: ev.Event) -> int:
        due_ms = self._timer.due_ms if isinstance(event, ev.TimerFired) else 0
        return max(self._ports.clock(), due_ms)

    def _drained(self) -> None:
        filing = self.room.filing
        if not filing.unsaved and not filing.merging:
            self.life.last_save_done()

    def _give_up(self, error: Exception) -> None:
        """Close a room that raises at every event; the next client opens a new one."""
        message = (
            f"The server failed at {MOST_FAILURES} events in a row in {self.path} "
            f"({type(error).__name__}: {error}). The notebook is closed and opened again from what "
            "is stored; no acknowledged edit is lost."
        )
        log.error("%s", message)
        told = encode(FrameEvent("broken", {"message": message}))
        self._queue.clear()
        self.life.broken = True
        for outlet in self._outlets.values():
            outlet.send(told)
            outlet.disconnect(CloseCode.NO_SUCH_ROOM, "the room failed; open the notebook again")
        self._outlets.clear()
        self._end()

    def _fail(self, event: ev.Event, error: Exception) -> None:
        """Report an event that made the room raise to its sender alone.

        The sender of a frame loses its connection; a call or a written notebook gets an error.
        """
        match event:
            case ev.Received():
                reason = "the server failed at a frame; reconnect"
                self._disconnect(event.session, CloseCode.SERVER_FAILED, reason)
            case ev.CallReceived():
                self._calls.failed(event.ticket, unexpected(event.name, error))
            case ev.ContentsPut():
                self._calls.failed(event.ticket, unexpected(MERGING, error))
            case ev.Merged():
                self._queue.post(not_merged(event.number, error))
            case _:
                pass
        if not isinstance(event, ev.TimerFired):
            # The exception may have skipped work that is due for other sessions.
            self._queue.post(ev.TimerFired())

    # ------------------------------------------------------------ effects out

    def _carry_out(self, effects: list[fx.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, fx.Send):
                self._send(effect)
        for effect in effects:
            if not isinstance(effect, fx.Send):
                self._does[type(effect)](effect)

    def _table(self) -> dict[type, Callable[[Any], None]]:
        """Return the function for each kind of effect; `Send` is executed before all of these."""
        return {
            fx.Append: self._store.append,
            fx.Replace: self._store.replace,
            fx.RecordFileVersion: self._store.record_version,
            fx.PutBlob: self._store.put_blob,
            fx.ReadArchive: self._store.read_archive,
            fx.LogWarning: lambda e: log.warning("%s: %s", self.path, e.text),
            fx.SaveFile: self._file.save,
            fx.MergeFile: self.models.merge,
            fx.StartKernel: self._kernel.start,
            fx.ExecuteCell: self._kernel.execute,
            fx.AnswerInput: self._kernel.reply,
            fx.InterruptKernel: self._kernel.interrupt,
            fx.RestartKernel: self._kernel.restart,
            fx.ShutdownKernel: self._kernel.shutdown,
            fx.Disconnect: lambda e: self._disconnect(e.session, e.code, e.reason),
            fx.CallResult: self._calls.answered,
            fx.SetTimer: lambda e: self._timer.set(e.at_ms, now_ms=self._queue.now_ms),
            ShowWidget: self._kernel.show_widget,
            RequestWidgetState: self._kernel.ask_widget,
            fx.CloseRoom: lambda _: self._end(deserted=True),
        }

    def _send(self, effect: fx.Send) -> None:
        for session in effect.sessions:
            if (outlet := self._outlets.get(session)) is not None:
                outlet.send(effect.data)

    def _disconnect(self, session: SessionId, code: CloseCode, reason: str) -> None:
        if (outlet := self._outlets.pop(session, None)) is not None:
            outlet.disconnect(code, reason)
            self.post(ev.Left(session))

    # ------------------------------------------------------------ sessions and calls

    def join(self, user: ev.User, rights: Permissions, outlet: SessionSink) -> SessionId:
        """Add a connection; disconnect it at once if the room has ended or is about to."""
        session = SessionId(self._ports.new_id())
        if self.life.ended:
            reason = "the room was closed; open the notebook again"
            outlet.disconnect(CloseCode.NO_SUCH_ROOM, reason)
            return session
        if self.life.closing:
            reason = "the server is stopping; try again when it is back"
            outlet.disconnect(CloseCode.CLOSING, reason)
            return session
        self._outlets[session] = outlet
        self.post(ev.Joined(session, user, rights))
        return session

    def receive(self, session: SessionId, frame: Frame, rights: Permissions) -> None:
        if isinstance(frame, Change | Call):
            self.asked_at_ms = self._ports.clock()
        self.post(ev.Received(session, frame, rights))

    def allow(self, session: SessionId, rights: Permissions) -> None:
        """Set the permissions of a connection after a new check."""
        self.post(ev.RightsChanged(session, rights))

    def leave(self, session: SessionId) -> None:
        if self._outlets.pop(session, None) is not None:
            self.post(ev.Left(session))

    async def call(
        self, name: str, args: Mapping[str, Any], heads: Heads, user: ev.User, rights: Permissions
    ) -> Any:
        """Execute one call of the protocol and return its result. Raises the error of the reply."""
        return await self._calls.ask(
            lambda ticket: ev.CallReceived(ticket, name, args, heads, user, rights)
        )

    # ------------------------------------------------------------ file and kernel

    @property
    def pause_writes(self) -> asyncio.Lock:
        """A lock that prevents writes of the file while it is held."""
        return self._file.still

    def moved(self, path: str) -> None:
        self.post(ev.FileMoved(path))
        self._ports.store.set_path(self.room_id, path)
        self._file.move(path)

    def file_trouble(self, message: str) -> None:
        """Note that the file could not be reached when the room was opened."""
        self._file.trouble(message)

    async def restored(self, restore: Callable[[], Awaitable[T]], by: ev.User) -> T:
        """Restore an older version of the file with `restore`, and merge it as this user's edit."""
        return await self._file.restored(restore, by)

    def was_restored(self, by: ev.User) -> None:
        self._file.was_restored(by)

    def deleted(self) -> None:
        self._file.deleted()

    async def attach(self, link: Link, status: ev.KernelStatusChanged) -> None:
        await self._kernel.attach(link, status)

    async def detach(self, status: ev.KernelStatusChanged) -> None:
        await self._kernel.detach(status)

    # ------------------------------------------------------------ closing

    def _end(self, *, deserted: bool = False) -> None:
        """End the room. `deserted`: no client was connected."""
        if self.life.hear(HostSignal.END):
            self.life.deserted = deserted
            self._closed(self)

    async def closing(self, message: str) -> None:
        """Disconnect the sessions and save, because the server stops.

        The sessions are disconnected first, so that no edit is acknowledged after the last save and
        missing from the file.
        """
        deserted = not self._outlets
        self.life.hear(HostSignal.SERVER_STOPS)
        self.post(ev.ServerClosing(message))
        for session in list(self._outlets):
            self._disconnect(session, CloseCode.CLOSING, message)
        if not await self.life.last_save(LAST_SAVE_SECONDS):
            log.warning(
                "%s was not saved before the server stopped; the store has every edit, and the "
                "file follows when the notebook is opened again",
                self.path,
            )
        self._end(deserted=deserted)

    async def stop(self) -> None:
        """Release the file, the kernel and the store after the end; all writes are then durable."""
        self.life.hear(HostSignal.END)
        self._timer.cancel()
        self._calls.close()
        self._file.close()
        await self._tasks.close()
        await self._kernel.close()
        if self.life.deserted:
            await self._rotate_history()
        await self._ports.store.unlock(self.room_id)

    async def _rotate_history(self) -> None:
        try:
            if (rotated := await asyncio.to_thread(_rotated, self.room)) is not None:
                await self._ports.store.rotate(self.room_id, rotated)
                self.life.archived = True
        except Exception:
            log.exception("The history of %s was not archived, it stays in its document", self.path)


@gc_paused()
def _rotated(room: Room) -> RotatedNotebook | None:
    return room.rotate_history()
