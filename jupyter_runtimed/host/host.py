"""The host of one room: passes events to the room and executes its effects.

    socket, store, files, kernel, timer ---> post ---> Room.handle ---> effects ---> the same

The room handles an event on the event loop as soon as the event arrives, without a task in between.
Events that arrive during this time wait in the inbox. Frames are sent before any write, so that
other peers do not wait for the disk; only the acknowledgement waits until the write is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from ..crdt import Heads
from ..document import ipynb
from ..document.file_version import RotatedNotebook
from ..document.permissions import Permissions
from ..errors import RuntimedError, ServerClosing
from ..execution.output_widgets import RequestWidgetState, ShowWidget
from ..ids import RoomId, SessionId
from ..protocol.close_codes import CloseCode
from ..protocol.frames import Call, Change, Frame, encode
from ..protocol.frames import Event as FrameEvent
from ..room import effects as fx
from ..room import events as ev
from ..room.file.merge import merge
from ..room.room import Room
from .archived_documents import ArchivedDocuments
from .garbage import gc_paused
from .kernels.port import Link
from .ports import Ports, SessionSink
from .room_file import RoomFile
from .room_kernel import RoomKernel
from .tasks import Tasks

T = TypeVar("T")
log = logging.getLogger(__name__)

MOST_FAILURES = 4
"""A room that raises at this many consecutive events is closed, because it will not recover."""
LAST_SAVE_SECONDS = 6.0
"""Less than `LONGEST_GOODBYE_SECONDS`, because the store must still record the save."""
MERGING = "merging this notebook"


class Host:
    """Runs one room; must be created on the event loop.

    `closed` is called once, when the room ends: it is idle, it failed, or the server stops.
    """

    def __init__(self, room: Room, ports: Ports, *, closed: Callable[[Host], None]) -> None:
        self.room = room
        self._ports = ports
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[ev.Event] = deque()
        self._draining = False
        self._failures = 0
        self.broken = False
        """Whether the room was closed because it raised at every event."""
        self._ended = False
        self._deserted = False
        self.asked_at_ms: int | None = None
        """The time (ms) of the last edit or call from a client."""
        self._outlets: dict[SessionId, SessionSink] = {}
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._tickets = 0
        self._at_once = False
        self._timer: asyncio.TimerHandle | None = None
        self._now_ms = self._ports.clock()
        self._wish_ms = 0
        self._wish_at = 0.0
        """The time of `_wish_ms` on the event loop's monotonic clock."""
        self._last_save: asyncio.Event | None = None
        self.archived = False
        """Whether the notebook document was rotated when the room closed."""
        self._tried = asyncio.Event()
        self._tasks = Tasks()
        self._file = RoomFile(
            room.room_id,
            room.path,
            ports,
            self._tasks,
            known=lambda: self.room.filing.stamp,
            post=self.post,
        )
        self._formers = ArchivedDocuments(room.room_id, ports.store)
        self._kernel = RoomKernel(
            ports.kernels, self._tasks, path=lambda: self.path, post=self.post
        )
        self._does = self._table()

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
    def autosaves(self) -> bool:
        """Whether the room saves the file without a request."""
        return self.room.filing.saving.autosave

    async def first_write_done(self) -> None:
        """Return once the first write of this room is durable or has failed."""
        await self._tried.wait()

    def start(self, effects: list[fx.Effect]) -> None:
        """Start the room, and execute the effects of its creation."""
        self._ports.store.listen(self.room_id, self)
        self._ports.store.set_path(self.room_id, self.path)
        self._carry_out(effects)
        self._drain()
        self._file.watch()
        self._kernel.find()

    # ------------------------------------------------------------ events in

    def post(self, event: ev.Event) -> None:
        """Let the room handle an event, now or after the present one. On the event loop only."""
        if self._ended:
            return
        if isinstance(event, ev.KernelStatusChanged):
            self._kernel.heard(event)
        if isinstance(event, ev.FileSaveFailed) and self._last_save is not None:
            self._last_save.set()
        self._inbox.append(event)
        self._drain()

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        try:
            while self._inbox:
                event = self._inbox.popleft()
                try:
                    self._now_ms = max(self._ports.clock(), self._due(event))
                    effects = self.room.handle(event, self._now_ms)
                except Exception as error:
                    log.exception("Room %s failed at %s", self.room_id, type(event).__name__)
                    self._fail(event, error)
                    self._failures += 1
                    if self._failures >= MOST_FAILURES:
                        self._give_up(error)
                    continue
                self._failures = 0
                self._carry_out(effects)
        finally:
            self._draining = False
        filing = self.room.filing
        if self._last_save is not None and not filing.unsaved and not filing.merging:
            self._last_save.set()

    def _give_up(self, error: Exception) -> None:
        """Close a room that raises at every event; the next client opens a new one."""
        message = (
            f"The server failed at {self._failures} events in a row in {self.path} "
            f"({type(error).__name__}: {error}). The notebook is closed and opened again from what "
            "is stored; no acknowledged edit is lost."
        )
        log.error("%s", message)
        told = encode(FrameEvent("broken", {"message": message}))
        self._inbox.clear()
        self.broken = True
        for outlet in self._outlets.values():
            outlet.send(told)
            outlet.disconnect(CloseCode.NO_SUCH_ROOM, "the room failed; open the notebook again")
        self._outlets.clear()
        self._end()

    def _due(self, event: ev.Event) -> int:
        return self._wish_ms if isinstance(event, ev.TimerFired) else 0

    def _fail(self, event: ev.Event, error: Exception) -> None:
        """Report an event that made the room raise to its sender alone.

        The sender of a frame loses its connection; a call or a written notebook gets an error.
        """
        match event:
            case ev.Received():
                self._disconnect(
                    event.session,
                    CloseCode.SERVER_FAILED,
                    "the server failed at a frame; reconnect",
                )
            case ev.CallReceived() | ev.ContentsPut():
                answer = self._calls.get(event.ticket)
                if answer is not None and not answer.done():
                    what = event.name if isinstance(event, ev.CallReceived) else MERGING
                    answer.set_exception(_failure(what, error))
            case ev.Merged():
                self._inbox.append(_not_merged(event.number, error))
            case _:
                pass
        if not isinstance(event, ev.TimerFired):
            # The exception may have skipped work that is due for other sessions.
            self._inbox.append(ev.TimerFired())

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
            fx.Append: self._append,
            fx.Replace: self._replace,
            fx.RecordFileVersion: self._remember,
            fx.PutBlob: self._put_blob,
            fx.ReadArchive: self._look_back,
            fx.LogWarning: lambda e: log.warning("%s: %s", self.path, e.text),
            fx.SaveFile: self._file.save,
            fx.MergeFile: self._merge_file,
            fx.StartKernel: self._kernel.start,
            fx.ExecuteCell: self._kernel.execute,
            fx.AnswerInput: self._kernel.reply,
            fx.InterruptKernel: self._kernel.interrupt,
            fx.RestartKernel: self._kernel.restart,
            fx.ShutdownKernel: self._kernel.shutdown,
            fx.Disconnect: lambda e: self._disconnect(e.session, e.code, e.reason),
            fx.CallResult: self._answered,
            fx.SetTimer: self._wake_at,
            ShowWidget: self._kernel.show_widget,
            RequestWidgetState: self._kernel.ask_widget,
            fx.CloseRoom: lambda _: self._end(deserted=True),
        }

    def _send(self, effect: fx.Send) -> None:
        for session in effect.sessions:
            if (outlet := self._outlets.get(session)) is not None:
                outlet.send(effect.data)

    def _append(self, e: fx.Append) -> None:
        self._ports.store.append(self.room_id, e.number, e.doc, e.epoch, e.data)

    def _replace(self, e: fx.Replace) -> None:
        self._ports.store.replace(self.room_id, e.number, e.doc, e.epoch, e.data)

    def _remember(self, e: fx.RecordFileVersion) -> None:
        self._ports.store.finish_save(self.room_id, e.number, e.heads, e.stamp, e.at)

    def _put_blob(self, e: fx.PutBlob) -> None:
        self._ports.blobs.put(self.room_id, e.sha256, e.data)

    def _look_back(self, effect: fx.ReadArchive) -> None:
        self._tasks.start(self._looked_back(effect), f"look back in {self.path}")

    async def _looked_back(self, effect: fx.ReadArchive) -> None:
        last = await self._formers.last(effect.epoch)
        self.post(ev.ArchiveRead(effect.session, effect.hello, last))

    def _merge_file(self, effect: fx.MergeFile) -> None:
        if self._at_once:
            self.post(_merged(effect))
        else:
            self._tasks.start(self._merge(effect), f"merge into {self.path}")

    async def _merge(self, effect: fx.MergeFile) -> None:
        self.post(await asyncio.to_thread(_merged, effect))

    def _disconnect(self, session: SessionId, code: CloseCode, reason: str) -> None:
        if (outlet := self._outlets.pop(session, None)) is not None:
            outlet.disconnect(code, reason)
            self.post(ev.Left(session))

    def _wake_at(self, effect: fx.SetTimer) -> None:
        """Set the timer. An earlier timer stays and is set again when it fires.

        Each keystroke moves the time of the next save, so a new timer each time would be slow.
        """
        self._wish_ms = effect.at_ms
        self._wish_at = self._loop.time() + (effect.at_ms - self._now_ms) / 1000
        if self._timer is None or self._timer.when() > self._wish_at:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._wish_at, self._woken)

    def _woken(self) -> None:
        fired_at = self._timer.when() if self._timer is not None else self._wish_at
        self._timer = None
        if fired_at < self._wish_at:
            self._set_timer()
        else:
            self.post(ev.TimerFired())

    # ------------------------------------------------------------ sessions

    def join(self, user: ev.User, rights: Permissions, outlet: SessionSink) -> SessionId:
        """Add a connection; disconnect it at once if the room has ended or is about to."""
        session = SessionId(self._ports.new_id())
        if self._ended:
            outlet.disconnect(
                CloseCode.NO_SUCH_ROOM, "the room was closed; open the notebook again"
            )
            return session
        if self._last_save is not None:
            outlet.disconnect(
                CloseCode.CLOSING, "the server is stopping; try again when it is back"
            )
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

    # ------------------------------------------------------------ calls and content

    async def call(
        self, name: str, args: Mapping[str, Any], heads: Heads, user: ev.User, rights: Permissions
    ) -> Any:
        """Execute one call of the protocol and return its result. Raises the error of the reply."""
        return await self._ask(
            lambda ticket: ev.CallReceived(ticket, name, args, heads, user, rights)
        )

    async def _ask(self, question: Callable[[int], ev.Event]) -> Any:
        ticket, answer = self._expect()
        self.post(question(ticket))
        try:
            return await answer
        finally:
            self._calls.pop(ticket, None)

    def _expect(self) -> tuple[int, asyncio.Future[Any]]:
        """Return a new ticket, and the future of its answer. Raises `ServerClosing`."""
        if self._ended:
            raise ServerClosing("the notebook was closed; open it again")
        self._tickets += 1
        answer = self._calls[self._tickets] = self._loop.create_future()
        return self._tickets, answer

    def _answered(self, effect: fx.CallResult) -> None:
        answer = self._calls.get(effect.ticket)
        if answer is None or answer.done():
            return
        if effect.error is None:
            answer.set_result(effect.result)
        else:
            answer.set_exception(effect.error)

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

    async def model(self) -> dict[str, Any]:
        """Return the present notebook as nbformat JSON for the contents API."""
        content = self.room.filing.content_for_client()
        return await asyncio.to_thread(ipynb.to_model, content, get_blob=self._ports.blobs.get)

    def model_now(self) -> dict[str, Any]:
        """Like `model`, for synchronous callers; reads large outputs on the event loop."""
        return ipynb.to_model(self.room.filing.content_for_client(), get_blob=self._ports.blobs.get)

    async def put_model(self, model: Mapping[str, Any]) -> dict[str, str]:
        """Merge a notebook that a client of the contents API wrote, and save.

        Returns the file's `hash` and `last_modified`. Raises `NotebookError` for an invalid
        notebook, `SaveFailed`, and `RuntimedError` if the merge fails.
        """
        found = await asyncio.to_thread(self._read_model, model)
        await self._ask(lambda ticket: ev.ContentsPut(ticket, found.content))
        writer = ev.User("contents", "Contents API")
        stamp: dict[str, str] = await self.call("save", {}, (), writer, Permissions(True, False))
        return stamp

    def put_model_now(self, model: Mapping[str, Any]) -> None:
        """Like `put_model` for synchronous callers: merge before returning, and save soon."""
        found = self._read_model(model)
        ticket, answer = self._expect()
        self._at_once = True
        try:
            self.post(ev.ContentsPut(ticket, found.content))
        finally:
            self._at_once = False
            self._calls.pop(ticket, None)
        if answer.done():
            answer.result()

    def _read_model(self, model: Mapping[str, Any]) -> ipynb.FileContent:
        return ipynb.from_model(
            model,
            new_id=self._ports.new_id,
            put_blob=partial(self._ports.blobs.keep, self.room_id),
            limits=self._ports.limits,
        )

    # ------------------------------------------------------------ results of the store

    def on_durable(self, number: int) -> None:
        self._tried.set()
        self.post(ev.Stored(number))

    def on_failed(self, message: str) -> None:
        self._tried.set()
        self.post(ev.StoreFailed(message))

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
        self._file.gone(ev.FileDeleted(f"{self.path} was deleted; save it to put it back"))

    async def attach(self, link: Link, status: ev.KernelStatusChanged) -> None:
        await self._kernel.attach(link, status)

    async def detach(self, status: ev.KernelStatusChanged) -> None:
        await self._kernel.detach(status)

    # ------------------------------------------------------------ closing

    def _end(self, *, deserted: bool = False) -> None:
        """End the room. `deserted`: no client was connected."""
        if not self._ended:
            self._ended, self._deserted = True, deserted
            self._closed(self)

    async def closing(self, message: str) -> None:
        """Disconnect the sessions and save, because the server stops.

        The sessions are disconnected first, so that no edit is acknowledged after the last save and
        missing from the file.
        """
        deserted = not self._outlets
        self._last_save = asyncio.Event()
        self.post(ev.ServerClosing(message))
        for session in list(self._outlets):
            self._disconnect(session, CloseCode.CLOSING, message)
        try:
            await asyncio.wait_for(self._last_save.wait(), LAST_SAVE_SECONDS)
        except asyncio.TimeoutError:
            log.warning(
                "%s was not saved before the server stopped; the store has every edit, and the "
                "file follows when the notebook is opened again",
                self.path,
            )
        self._end(deserted=deserted)

    async def stop(self) -> None:
        """Release the file, the kernel and the store after the end; all writes are then durable."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(ServerClosing("the notebook was closed; open it again"))
        self._file.close()
        await self._tasks.close()
        await self._kernel.close()
        if self._deserted:
            await self._put_away()
        await self._ports.store.unlock(self.room_id)

    async def _put_away(self) -> None:
        try:
            if (anew := await asyncio.to_thread(_put_away, self.room)) is not None:
                await self._ports.store.rotate(self.room_id, anew)
                self.archived = True
        except Exception:
            log.exception("The history of %s was not archived, it stays in its document", self.path)


def _merged(task: fx.MergeFile) -> ev.Merged | ev.MergeFailed:
    try:
        with gc_paused():
            return merge(task)
    except Exception as error:
        log.exception("Merging a notebook failed; its file and its room stay as they are")
        return _not_merged(task.number, error)


@gc_paused()
def _put_away(room: Room) -> RotatedNotebook | None:
    return room.rotate_history()


def _not_merged(number: int, error: Exception) -> ev.MergeFailed:
    return ev.MergeFailed(number, _failure(MERGING, error))


def _failure(what: str, error: Exception) -> RuntimedError:
    if isinstance(error, RuntimedError):
        return error
    return RuntimedError(
        f"the server failed at {what} ({type(error).__name__}: {error}); see the server's log"
    )
