"""Which rooms are open, and the way to open one.

Whoever asks for a notebook gets the one host of its room; those who ask at the same time wait for
the same opening. A room that has nothing left to do is dropped, and opened anew when somebody
comes.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..document import ipynb
from ..document.content import Content
from ..errors import Closing, DocumentError, NotebookError, NotFound, RuntimedError, StorageError
from ..ids import CellId, RoomId, Sha256
from ..room import events as ev
from ..room import opening
from ..room.filing import PAST_MS, Past
from ..room.room import Room
from .blobs import Blobs
from .datadir import DataDir
from .files import NotebookFiles
from .freed import Freed
from .garbage import garbage_put_off
from .host import Host
from .kernel_port import Kernels
from .log_store import LogStore
from .ports import NoTrust, Ports, Trust
from .store import StoredRoom
from .sweeping import Sweeper

log = logging.getLogger(__name__)

GOODBYE = "the server is stopping; edits made from now on are kept in the browser"


def new_id() -> str:
    return uuid.uuid4().hex


class Registry:
    """The rooms of one server. Nothing is touched before the first one is opened.

    `room_id` gives the id of the room of a file, stable when the file is renamed; `server` is how
    this server is called to clients, `holder` to other servers that want the same room.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: ev.Settings,
        files: NotebookFiles,
        kernels: Kernels,
        room_id: Callable[[str], RoomId | Awaitable[RoomId]],
        server: str,
        holder: str = "",
        trust: Trust | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._settings = settings
        self._files = files
        self._kernels = kernels
        self._room_id = room_id
        self._server = server
        self._holder = holder or server
        self._trust = trust or NoTrust()
        self._secret = b""
        self._ports: Ports | None = None
        self._hosts: dict[RoomId, Host] = {}
        self._opening: dict[RoomId, asyncio.Task[Host]] = {}
        self._ending: dict[RoomId, asyncio.Task[None]] = {}
        self._past: dict[RoomId, tuple[Past, ...]] = {}
        self._freed = Freed()
        self._stopping = False

    def keep_in(self, files: NotebookFiles, trust: Trust) -> None:
        """Before any room is opened: where the files are, and who vouches for them."""
        self._files, self._trust = files, trust

    # ------------------------------------------------------------ finding

    def by_id(self, room_id: str) -> Host | None:
        return self._hosts.get(RoomId(room_id))

    def by_path(self, path: str) -> Host | None:
        path = path.strip("/")
        return next((host for host in self._hosts.values() if host.path == path), None)

    def hosts(self) -> list[Host]:
        return list(self._hosts.values())

    def rooms(self) -> list[dict[str, Any]]:
        """What is open, for people and programs that ask."""
        return [host.facts() for host in self._hosts.values()]

    def is_run(self, message_id: str) -> bool:
        """Is a kernel message's parent a run whose output goes into a room?"""
        return any(host.room.running.is_run(message_id) for host in self._hosts.values())

    async def blob(self, sha256: str) -> bytes:
        """Raises `NotFound`, `StorageError`."""
        return await asyncio.to_thread(self._made().blobs.get, Sha256(sha256))

    # ------------------------------------------------------------ opening

    async def open(self, path: str) -> Host:
        """The host of the notebook's room. Raises `NotFound`, `NotebookError`, `StorageError`."""
        path = path.strip("/")
        found = self._room_id(path)
        room_id = await found if inspect.isawaitable(found) else found
        while True:
            if self._stopping:
                raise Closing("the server is stopping; try again when it is back")
            task = self._opening.get(room_id)
            if task is None and (host := self._hosts.get(room_id)) is not None:
                await self._follow(host, path)
                return host
            if (ending := self._ending.get(room_id)) is not None:
                await asyncio.wait({ending})
                continue
            if task is None:
                task = asyncio.create_task(self._open(room_id, path), name=f"open {path}")
                self._opening[room_id] = task
                task.add_done_callback(lambda _: self._opening.pop(room_id, None))
            return await asyncio.shield(task)

    async def _follow(self, host: Host, path: str) -> None:
        """The room is known by another path: its file was moved, unless it is at both."""
        if host.path == path:
            return
        try:
            await self._files.read(host.path)
        except NotFound:
            host.moved(path)
        except StorageError:
            log.warning("%s cannot be read; its room stays there", host.path)

    async def _open(self, room_id: RoomId, path: str) -> Host:
        ports = self._made()
        ports.store.claim(room_id)
        try:
            room, effects, trouble = await self._make(room_id, path, ports)
        except BaseException:
            await ports.store.release(room_id)
            raise
        host = Host(room, ports, closed=self._drop)
        self._hosts[room_id] = host
        host.begin(effects)
        if trouble:
            host.post(ev.FileGone(trouble))
        if any(isinstance(effect, ev.Replace) for effect in effects):
            # A history that a crash can still take away is none for anybody to build on.
            await host.tried()
        self._freed.give_back_soon()
        return host

    async def _make(
        self, room_id: RoomId, path: str, ports: Ports
    ) -> tuple[Room, list[ev.Effect], str]:
        """The room, what it wants done, and what is wrong with its file if it does without."""
        stored = await ports.store.load(room_id)
        kept = stored if stored is not None and "notebook" in stored.documents else None
        data, stamp, trouble = b"", None, ""
        try:
            data, stamp = await ports.files.read(path)
        except (NotFound, StorageError) as error:
            if kept is None:
                raise
            trouble = str(error)
        past = self._past.pop(room_id, ())
        making = opening.Making(
            room_id, path, self._settings, self._secret, ports.new_id, self._server, past
        )
        # Nobody else has the new documents yet, so they can be made beside the loop.
        return await asyncio.to_thread(_build, making, ports, kept, data, stamp, trouble)

    def _made(self) -> Ports:
        if self._ports is None:
            folder = DataDir(self._data_dir)
            self._secret = folder.secret()
            store = LogStore(folder, server=self._holder)
            blobs = Blobs(folder.blobs, store.writer)
            self.sweeper = Sweeper(folder.rooms, blobs, self.hosts)
            self.sweeper.start()
            self._ports = Ports(
                store=store,
                blobs=blobs,
                files=self._files,
                kernels=self._kernels,
                trust=self._trust,
                new_id=new_id,
                limits=ipynb.Limits(inline_chars=self._settings.inline_chars),
            )
        return self._ports

    # ------------------------------------------------------------ files come and go

    @asynccontextmanager
    async def still(self, path: str) -> AsyncIterator[None]:
        """No file at or below `path` is written meanwhile, so that it can be moved or deleted."""
        async with AsyncExitStack() as held:
            for host, _ in self._below(path):
                await held.enter_async_context(host.file_still)
            yield

    def moved(self, old_path: str, new_path: str) -> None:
        """A file, or a folder of files, was renamed."""
        for host, rest in self._below(old_path):
            host.moved(new_path.strip("/") + rest)

    def deleted(self, path: str) -> None:
        for host, _ in self._below(path):
            host.deleted()

    def _below(self, path: str) -> list[tuple[Host, str]]:
        path = path.strip("/")
        return [
            (host, host.path[len(path) :])
            for host in self._hosts.values()
            if host.path == path or host.path.startswith(f"{path}/")
        ]

    # ------------------------------------------------------------ closing

    def _drop(self, host: Host) -> None:
        room_id = host.room_id
        self._hosts.pop(room_id, None)
        self._past[room_id] = past = host.room.filing.past
        asyncio.get_running_loop().call_later(PAST_MS / 1000, self._forget, room_id, past)
        task = asyncio.create_task(self._stop(host), name=f"close {host.path}")
        self._ending[room_id] = task
        task.add_done_callback(lambda _: self._ending.pop(room_id, None))

    def _forget(self, room_id: RoomId, past: tuple[Past, ...]) -> None:
        """No program works this long on what it read, unless the room was opened again since."""
        if self._past.get(room_id) is past:
            del self._past[room_id]

    async def _stop(self, host: Host) -> None:
        try:
            await host.stop()
        except RuntimedError:
            log.exception("Room %s did not close well", host.room_id)
        if not self._stopping:
            self._freed.give_back_soon()

    async def close_all(self) -> None:
        """Save everything, say goodbye, and stop; what could not be written is in the log."""
        self._stopping = True
        self._freed.close()
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        await asyncio.gather(*(host.closing(GOODBYE) for host in self.hosts()))
        await asyncio.gather(*self._ending.values())
        if self._ports is not None:
            await self.sweeper.stop()
            try:
                await self._ports.store.close()
            except StorageError as error:
                log.error("%s", error)  # noqa: TRY400 -- it says all there is to say


@garbage_put_off()
def _build(
    making: opening.Making,
    ports: Ports,
    kept: StoredRoom | None,
    data: bytes,
    stamp: ev.Stamp | None,
    trouble: str,
) -> tuple[Room, list[ev.Effect], str]:
    """In a worker thread: read the file, and make the room from it or from what the store has."""
    file = None
    if stamp is not None:
        try:
            file = _read(making, ports, data)
        except NotebookError as error:
            if kept is None:
                raise NotebookError(f"{making.path} cannot be opened: {error}") from error
            trouble = f"{making.path} is not a notebook now ({error}); it is left as it is"
    trusted = () if file is None else _trusted(making.path, ports, data, file.content)
    now_ms = ports.clock()
    if kept is None:
        if file is None or stamp is None:
            raise NotFound(f"there is no notebook {making.path}")
        return *opening.create(making, file.content, stamp, trusted=trusted, now_ms=now_ms), ""
    if file is not None and file.blank:
        file, trouble = None, f"{making.path} is empty; the room keeps what it has"
    return *_reopened(making, kept, file, stamp, trusted, now_ms), trouble


def _trusted(path: str, ports: Ports, data: bytes, content: Content) -> tuple[CellId, ...]:
    """The cells that somebody vouches for. That nobody can tell is no reason not to open a file."""
    try:
        return tuple(ports.trust.trusted(data, content))
    except Exception as error:  # noqa: BLE001 -- other people's code, and a database
        log.warning("%s is opened as not trusted: %r", path, error)
        return ()


def _reopened(
    making: opening.Making,
    kept: StoredRoom,
    file: ipynb.FileContent | None,
    stamp: ev.Stamp | None,
    trusted: tuple[CellId, ...],
    now_ms: int,
) -> tuple[Room, list[ev.Effect]]:
    documents = {
        name: opening.Kept(document.epoch, document.data)
        for name, document in kept.documents.items()
    }
    bases = [ev.SavedState(*pair) for pair in (kept.saved, kept.intended) if pair is not None]
    if not making.past:
        former = tuple((at, ev.SavedState(heads, stamp)) for at, heads, stamp in kept.former)
        making = replace(making, past=former)
    try:
        return opening.reopen(
            making,
            documents["notebook"],
            documents.get("runtime"),
            bases,
            file=None if file is None else file.content,
            stamp=None if file is None else stamp,
            trusted=trusted,
            now_ms=now_ms,
        )
    except DocumentError as error:
        raise StorageError(
            f"the stored room of {making.path} cannot be read ({error}); its file is untouched"
        ) from error


def _read(making: opening.Making, ports: Ports, data: bytes) -> ipynb.FileContent:
    return ipynb.read(
        data,
        new_id=ports.new_id,
        put_blob=partial(ports.blobs.keep, making.room_id),
        limits=ports.limits,
    )
