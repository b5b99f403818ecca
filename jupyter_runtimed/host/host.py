"""A host runs one room: it brings events in, one after another, and carries effects out.

    socket, store, files, kernel, timer ---> post ---> Room.handle ---> effects ---> the same

An event is handled where it arrives, on the loop, without a task in between; events that come up
meanwhile wait in the inbox. Frames go out before anything is written, so that the disk is never in
the way of what others see; the acknowledgement alone waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .. import errors
from ..crdt import Heads
from ..document import ipynb
from ..document.authority import Rights
from ..errors import RuntimedError
from ..execution.captures import WidgetAsked, WidgetShows
from ..ids import RoomId, SessionId
from ..protocol.frames import Frame
from ..room import events as ev
from ..room.merging import merge
from ..room.room import CLOSING, Room
from .formers import Formers
from .garbage import garbage_put_off
from .kernel_port import Link
from .ports import Outlet, Ports
from .room_file import RoomFile
from .room_kernel import RoomKernel
from .tasks import Tasks

log = logging.getLogger(__name__)

BROKEN = 1011
"""Close code of a connection whose frame the room could not bear."""
NO_SUCH_ROOM = 4404
LAST_SAVE_SECONDS = 10.0
MERGING = "merging this notebook"

_OF_CODE: dict[str, type[RuntimedError]] = {
    kind.code: kind
    for kind in (
        errors.PeerError, errors.Forbidden, errors.NotFound, errors.HeadsMissing, errors.TooLarge,
        errors.KernelError, errors.NoKernel, errors.KernelDead, errors.StorageError,
        errors.SaveFailed, errors.Closing,
    )
}  # fmt: skip


class Host:
    """Made on the loop. `closed` is called once, when the room has nothing left to do."""

    def __init__(self, room: Room, ports: Ports, *, closed: Callable[[Host], None]) -> None:
        self.room = room
        self._ports = ports
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[ev.Event] = deque()
        self._draining = False
        self._ended = False
        self._deserted = False
        self._outlets: dict[SessionId, Outlet] = {}
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._tickets = 0
        self._at_once = False
        self._timer: asyncio.TimerHandle | None = None
        self._now_ms = self._ports.clock()
        self._wish_ms = 0
        self._wish_at = 0.0
        """The wish in the loop's time, which nobody sets."""
        self._last_save: asyncio.Event | None = None
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
        self._formers = Formers(room.room_id, ports.store)
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

    async def tried(self) -> None:
        """Return once the store has kept a write of this room, or has said that it cannot."""
        await self._tried.wait()

    def begin(self, effects: list[ev.Effect]) -> None:
        """Start, with what making the room asked for."""
        self._ports.store.listen(self.room_id, self)
        self._ports.store.locate(self.room_id, self.path)
        self._carry_out(effects)
        self._drain()
        self._file.watch()
        self._kernel.find()

    # ------------------------------------------------------------ events in

    def post(self, event: ev.Event) -> None:
        """Let the room handle this, now or after what it is handling. On the loop only."""
        if self._ended:
            return
        if isinstance(event, ev.KernelIs):
            self._kernel.heard(event)
        if isinstance(event, ev.SaveFailed) and self._last_save is not None:
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
                    self._let_go_of(event, error)
                    continue
                self._carry_out(effects)
        finally:
            self._draining = False
        filing = self.room.filing
        if self._last_save is not None and not filing.unsaved and not filing.merging:
            self._last_save.set()

    def _due(self, event: ev.Event) -> int:
        return self._wish_ms if isinstance(event, ev.Tick) else 0

    def _let_go_of(self, event: ev.Event, error: Exception) -> None:
        """What the room fails at costs who brought it, and nobody else.

        A frame costs its sender the connection, a call or a notebook is answered with an error.
        """
        match event:
            case ev.Received():
                self._disconnect(event.session, BROKEN, "the server failed at this; reconnect")
            case ev.Called() | ev.Put():
                answer = self._calls.get(event.ticket)
                if answer is not None and not answer.done():
                    what = event.name if isinstance(event, ev.Called) else MERGING
                    answer.set_exception(_failure(what, error))
            case ev.Merged():
                self._inbox.append(_not_merged(event.number, error))
            case _:
                pass
        if not isinstance(event, ev.Tick):
            # What others wait for was perhaps not reached any more.
            self._inbox.append(ev.Tick())

    # ------------------------------------------------------------ effects out

    def _carry_out(self, effects: list[ev.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, ev.Send):
                self._send(effect)
        for effect in effects:
            if not isinstance(effect, ev.Send):
                self._does[type(effect)](effect)

    def _table(self) -> dict[type, Callable[[Any], None]]:
        """Who carries out which effect; frames are sent before any of these."""
        return {
            ev.Append: self._append,
            ev.Replace: self._replace,
            ev.Remember: self._remember,
            ev.PutBlob: self._put_blob,
            ev.LookBack: self._look_back,
            ev.Note: lambda e: log.warning("%s: %s", self.path, e.text),
            ev.SaveFile: self._file.save,
            ev.MergeFile: self._merge_file,
            ev.StartKernel: self._kernel.start,
            ev.Execute: self._kernel.execute,
            ev.Reply: self._kernel.reply,
            ev.Interrupt: self._kernel.interrupt,
            ev.Restart: self._kernel.restart,
            ev.Shutdown: self._kernel.shutdown,
            ev.Disconnect: lambda e: self._disconnect(e.session, e.code, e.reason),
            ev.Answered: self._answered,
            ev.WakeAt: self._wake_at,
            WidgetShows: self._kernel.show_widget,
            WidgetAsked: self._kernel.ask_widget,
            ev.CloseRoom: lambda _: self._end(deserted=True),
        }

    def _send(self, effect: ev.Send) -> None:
        for session in effect.sessions:
            if (outlet := self._outlets.get(session)) is not None:
                outlet.send(effect.data)

    def _append(self, e: ev.Append) -> None:
        self._ports.store.append(self.room_id, e.number, e.doc, e.epoch, e.data)

    def _replace(self, e: ev.Replace) -> None:
        self._ports.store.replace(self.room_id, e.number, e.doc, e.epoch, e.data)

    def _remember(self, e: ev.Remember) -> None:
        self._ports.store.remember(self.room_id, e.number, e.heads, e.stamp, e.at)

    def _put_blob(self, e: ev.PutBlob) -> None:
        self._ports.blobs.put(self.room_id, e.sha256, e.data)

    def _look_back(self, effect: ev.LookBack) -> None:
        self._tasks.start(self._looked_back(effect), f"look back in {self.path}")

    async def _looked_back(self, effect: ev.LookBack) -> None:
        last = await self._formers.last(effect.epoch)
        self.post(ev.LookedBack(effect.session, effect.hello, last))

    def _merge_file(self, effect: ev.MergeFile) -> None:
        if self._at_once:
            self.post(_merged(effect))
        else:
            self._tasks.start(self._merge(effect), f"merge into {self.path}")

    async def _merge(self, effect: ev.MergeFile) -> None:
        self.post(await asyncio.to_thread(_merged, effect))

    def _disconnect(self, session: SessionId, code: int, reason: str) -> None:
        if (outlet := self._outlets.pop(session, None)) is not None:
            outlet.disconnect(code, reason)
            self.post(ev.Left(session))

    def _wake_at(self, effect: ev.WakeAt) -> None:
        """One timer; an earlier one is left to fire, and set anew then: typing moves wishes on."""
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
            self.post(ev.Tick())

    # ------------------------------------------------------------ sessions

    def join(self, user: ev.User, rights: Rights, outlet: Outlet) -> SessionId:
        """A new connection; one that comes too late is sent away to open the room again."""
        session = SessionId(self._ports.new_id())
        if self._ended:
            outlet.disconnect(NO_SUCH_ROOM, "the room was closed; open the notebook again")
            return session
        if self._last_save is not None:
            outlet.disconnect(CLOSING, "the server is stopping; try again when it is back")
            return session
        self._outlets[session] = outlet
        self.post(ev.Joined(session, user, rights))
        return session

    def receive(self, session: SessionId, frame: Frame, rights: Rights) -> None:
        self.post(ev.Received(session, frame, rights))

    def leave(self, session: SessionId) -> None:
        if self._outlets.pop(session, None) is not None:
            self.post(ev.Left(session))

    # ------------------------------------------------------------ calls and content

    async def call(
        self, name: str, args: Mapping[str, Any], heads: Heads, user: ev.User, rights: Rights
    ) -> Any:
        """One call of the protocol. Raises the error that it is answered with."""
        return await self._ask(lambda ticket: ev.Called(ticket, name, args, heads, user, rights))

    async def _ask(self, question: Callable[[int], ev.Event]) -> Any:
        ticket, answer = self._expect()
        self.post(question(ticket))
        try:
            return await answer
        finally:
            self._calls.pop(ticket, None)

    def _expect(self) -> tuple[int, asyncio.Future[Any]]:
        """A ticket, and where its answer will be."""
        if self._ended:
            raise errors.Closing("the notebook was closed; open it again")
        self._tickets += 1
        answer = self._calls[self._tickets] = self._loop.create_future()
        return self._tickets, answer

    def _answered(self, effect: ev.Answered) -> None:
        answer = self._calls.get(effect.ticket)
        if answer is None or answer.done():
            return
        if effect.error is None:
            answer.set_result(effect.result)
        else:
            kind = _OF_CODE.get(effect.error["code"], errors.PeerError)
            answer.set_exception(kind(effect.error["message"]))

    def facts(self) -> dict[str, Any]:
        """What the room is like now, for who lists the open ones."""
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
        """The notebook now, as nbformat JSON for the contents API."""
        content = self.room.filing.hand_out()
        return await asyncio.to_thread(ipynb.to_model, content, get_blob=self._ports.blobs.get)

    def model_now(self) -> dict[str, Any]:
        """As `model`, for callers that cannot wait; large outputs are read on the loop."""
        return ipynb.to_model(self.room.filing.hand_out(), get_blob=self._ports.blobs.get)

    async def put_model(self, model: Mapping[str, Any]) -> dict[str, str]:
        """Merge what a client of the contents API wrote, and save; the file's stamp.

        Raises `NotebookError`, `SaveFailed`; whatever the room fails at is raised, too.
        """
        found = await asyncio.to_thread(self._read_model, model)
        await self._ask(lambda ticket: ev.Put(ticket, found.content))
        writer = ev.User("contents", "Contents API")
        stamp: dict[str, str] = await self.call("save", {}, (), writer, Rights(True, False))
        return stamp

    def put_model_now(self, model: Mapping[str, Any]) -> None:
        """As `put_model`, merged on return and saved soon."""
        found = self._read_model(model)
        ticket, answer = self._expect()
        self._at_once = True
        try:
            self.post(ev.Put(ticket, found.content))
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

    # ------------------------------------------------------------ the store says

    def on_durable(self, number: int) -> None:
        self._tried.set()
        self.post(ev.Stored(number))

    def on_failed(self, message: str) -> None:
        self._tried.set()
        self.post(ev.StoreFailed(message))

    # ------------------------------------------------------------ file and kernel, from outside

    @property
    def file_still(self) -> asyncio.Lock:
        """While somebody holds this the file is not written."""
        return self._file.still

    def moved(self, path: str) -> None:
        self.post(ev.FileMoved(path))
        self._ports.store.locate(self.room_id, path)
        self._file.move(path)

    def deleted(self) -> None:
        self._file.gone(f"{self.path} was deleted; save it to put it back")

    async def attach(self, link: Link, status: ev.KernelIs) -> None:
        await self._kernel.attach(link, status)

    async def detach(self, status: ev.KernelIs) -> None:
        await self._kernel.detach(status)

    # ------------------------------------------------------------ the end

    def _end(self, *, deserted: bool = False) -> None:
        """`deserted`: nobody was here who would go on where he is."""
        if not self._ended:
            self._ended, self._deserted = True, deserted
            self._closed(self)

    async def closing(self, message: str) -> None:
        """The server stops: say goodbye, and save what can be saved.

        Who goes on typing is let go first: what is acknowledged after the last save is not in the
        file, and as long as edits come there is no last one.
        """
        deserted = not self._outlets
        self._last_save = asyncio.Event()
        self.post(ev.Closing(message))
        for session in list(self._outlets):
            self._disconnect(session, CLOSING, message)
        try:
            await asyncio.wait_for(self._last_save.wait(), LAST_SAVE_SECONDS)
        except asyncio.TimeoutError:
            log.warning("%s was not saved at the end; the store has every edit", self.path)
        self._end(deserted=deserted)

    async def stop(self) -> None:
        """After the end: let go of file, kernel and store; everything is durable on return."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(errors.Closing("the notebook was closed; open it again"))
        self._file.unwatch()
        await self._tasks.close()
        await self._kernel.close()
        if self._deserted:
            await self._put_away()
        await self._ports.store.release(self.room_id)

    async def _put_away(self) -> None:
        try:
            if (anew := await asyncio.to_thread(_put_away, self.room)) is not None:
                await self._ports.store.begin_anew(self.room_id, anew)
        except Exception:
            log.exception("The history of %s stays in its document", self.path)


def _merged(task: ev.MergeFile) -> ev.Merged | ev.MergeFailed:
    try:
        with garbage_put_off():
            return merge(task)
    except Exception as error:
        log.exception("Merging failed")
        return _not_merged(task.number, error)


@garbage_put_off()
def _put_away(room: Room) -> ev.BegunAnew | None:
    return room.put_away()


def _not_merged(number: int, error: Exception) -> ev.MergeFailed:
    failure = _failure(MERGING, error)
    return ev.MergeFailed(number, failure.code, str(failure))


def _failure(what: str, error: Exception) -> RuntimedError:
    if isinstance(error, RuntimedError):
        return error
    return RuntimedError(
        f"the server failed at {what} ({type(error).__name__}: {error}); look into its log"
    )
