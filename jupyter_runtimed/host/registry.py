"""The registry of open rooms, which opens and closes them.

Each notebook has at most one host. Concurrent requests for a notebook wait for the same opening. An
idle room is closed, and opened again on the next request.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..document import ipynb
from ..document.content import Content
from ..document.file_version import PAST_MS, FileStamp, FileVersion, RotatedNotebook
from ..errors import (
    DocumentError,
    NotebookError,
    NotFound,
    RuntimedError,
    ServerClosing,
    StorageError,
)
from ..ids import CellId, RoomId, Sha256
from ..room import effects as fx
from ..room import events as ev
from ..room import factory
from ..room.file.known_versions import Past
from ..room.room import Room
from ..room.settings import Settings
from .blob_refs import BlobRefs, needed
from .files.port import NotebookFiles, no_answer
from .garbage import gc_paused
from .host import Host
from .kernels.port import Kernels
from .memory import MemoryTrimmer
from .ports import NoTrust, Ports, Trust
from .root_folders import claim_for
from .storage.blob_gc import BlobCollector
from .storage.blobs import Blobs
from .storage.data_dir import DataDir
from .storage.log_store import LogStore
from .storage.owner import claim, this_user
from .storage.store import StoredRoom

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
"""After this time without a result of a read, the folder of the file is probed."""
GOODBYE = "the server is stopping; edits made from now on are kept in the browser"


REBUILD_AT = 2
"""After this many failed rooms from the store, the next room is created from the file."""
REBUILT = (
    "This notebook was rebuilt from its file, because its stored document could not be used ({}). "
    "Edits that the file did not have yet are in the archived document; "
    "`jupyter runtimed export --list` lists its versions."
)


class Unusable(StorageError):
    """No room can be created from the stored documents."""


@dataclass(frozen=True, slots=True)
class _Troubles:
    """The reason why a room is opened without its file: deleted, or not reachable."""

    gone: ev.FileDeleted | None = None
    unread: str = ""


def new_id() -> str:
    return uuid.uuid4().hex


class Registry:
    """The rooms of one server. The data folder is first accessed when the first room is opened.

    `room_id` returns the id of a file's room; the id survives a rename of the file. `server` names
    this server to clients, `holder` to other servers that want to open the same room. `hub_user` is
    JupyterHub's name of the user who owns this server, or "". `moved` is called with the old and
    the new path of each file or folder that was renamed.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: Settings,
        files: NotebookFiles,
        kernels: Kernels,
        room_id: Callable[[str], RoomId | Awaitable[RoomId]],
        server: str,
        holder: str = "",
        trust: Trust | None = None,
        hub_user: str = "",
        moved: Callable[[str, str], None] | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._settings = settings
        self._files = files
        self._kernels = kernels
        self._room_id = room_id
        self._server = server
        self._holder = holder or server
        self._trust = trust or NoTrust()
        self._hub_user = hub_user
        self._tell_moved = moved or (lambda _old, _new: None)
        self._secret = b""
        self._ports: Ports | None = None
        self._refs = BlobRefs()
        self._hosts: dict[RoomId, Host] = {}
        self._opening: dict[RoomId, asyncio.Task[Host]] = {}
        self._ending: dict[RoomId, asyncio.Task[None]] = {}
        self._past: dict[RoomId, tuple[Past, ...]] = {}
        self._broken: dict[RoomId, int] = {}
        self._paths: dict[RoomId, str] = {}
        """The last path of each closed room's notebook."""
        self._asked_at_ms: int | None = None
        """The time (ms) of the last edit or call in a closed room."""
        self._forgetting: dict[RoomId, asyncio.TimerHandle] = {}
        self._freed = MemoryTrimmer()
        self._stopping = False

    def use_files(self, files: NotebookFiles, trust: Trust) -> None:
        """Set the port to files and the trust store; must precede the first opened room."""
        self._files, self._trust = files, trust

    # ------------------------------------------------------------ lookup

    def by_id(self, room_id: str) -> Host | None:
        return self._hosts.get(RoomId(room_id))

    def by_path(self, path: str) -> Host | None:
        path = path.strip("/")
        return next((host for host in self._hosts.values() if host.path == path), None)

    def hosts(self) -> list[Host]:
        return list(self._hosts.values())

    @property
    def active(self) -> bool:
        """Whether a cell in any room is running or queued."""
        return any(host.active for host in self._hosts.values())

    @property
    def asked_at_ms(self) -> int | None:
        """The time (ms) of the last edit or call in any room; None if there was none."""
        times = [self._asked_at_ms, *(host.asked_at_ms for host in self._hosts.values())]
        return max((at for at in times if at is not None), default=None)

    def rooms(self) -> list[dict[str, Any]]:
        """Return a summary of each open room, as JSON values."""
        return [host.summary() for host in self._hosts.values()]

    def is_run(self, message_id: str) -> bool:
        """Return whether this `msg_id` belongs to a run whose outputs go into a room."""
        return any(host.is_run(message_id) for host in self._hosts.values())

    async def blob(self, sha256: str) -> bytes:
        """Return the bytes of a large output. Raises `NotFound`, `StorageError`."""
        return await asyncio.to_thread(self._made().blobs.get, Sha256(sha256))

    def paths_of_blob(self, sha256: str) -> list[str]:
        """Return the open and the recently closed notebooks that refer to a blob."""
        blob = Sha256(sha256)
        for host in self._hosts.values():
            if not self._refs.has(host.room_id, blob):
                self._refs.look(host)
        at = {**self._paths, **{room_id: host.path for room_id, host in self._hosts.items()}}
        return [path for room_id, path in at.items() if self._refs.has(room_id, blob)]

    # ------------------------------------------------------------ opening

    async def open(self, path: str) -> Host:
        """Return the host of a notebook's room, which is opened if necessary.

        Raises `NotFound`, `NotebookError`, `StorageError`, and `ServerClosing` while the server
        stops.
        """
        path = path.strip("/")
        found = self._room_id(path)
        room_id = await found if inspect.isawaitable(found) else found
        while True:
            if self._stopping:
                raise ServerClosing("the server is stopping; try again when it is back")
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
        """Move the room to `path` if its file does not exist at its known path any longer."""
        if host.path != path and await self._is_gone(host.path):
            former = host.path
            host.moved(path)
            self._tell_moved(former, path)

    async def _is_gone(self, path: str) -> bool:
        try:
            await self._read(path)
        except NotFound:
            return True
        except StorageError:
            log.warning("%s cannot be read; its room keeps this path", path)
        return False

    async def _open(self, room_id: RoomId, path: str) -> Host:
        former = self._paths.pop(room_id, path)
        if former != path and await self._is_gone(former):
            self._tell_moved(former, path)
        ports = self._made()
        root = await self._files.root_mark()
        hash_of = partial(self._hash_of, path)
        stored = await claim_for(ports.store, room_id, root, self._files, hash_of)
        try:
            room, effects, troubles = await self._make(room_id, path, ports, stored)
        except BaseException:
            self._refs.forget(room_id)
            await ports.store.unlock(room_id)
            raise
        host = Host(room, ports, closed=self._drop)
        self._refs.look(host)
        self._hosts[room_id] = host
        if root and (stored is None or stored.root != root):
            # First of all, so that no document is ever stored without its mark.
            ports.store.bind(room_id, root)
        host.start(effects)
        if troubles.gone is not None:
            host.post(troubles.gone)
        if troubles.unread:
            host.file_trouble(troubles.unread)
        if any(isinstance(effect, fx.Replace) for effect in effects):
            # No client may base edits on a new history before it survives a crash.
            await host.first_write_done()
        self._freed.trim_soon()
        return host

    async def _make(
        self, room_id: RoomId, path: str, ports: Ports, stored: StoredRoom | None
    ) -> tuple[Room, list[fx.Effect], _Troubles]:
        """Create a room; return it with its effects and the troubles of its file."""
        kept = stored if stored is not None and "notebook" in stored.documents else None
        data, stamp, troubles = b"", None, _Troubles()
        try:
            data, stamp = await self._read(path)
        except (NotFound, StorageError) as error:
            if kept is None:
                raise
            message = str(error)
            gone = isinstance(error, NotFound)
            troubles = (
                _Troubles(gone=ev.FileDeleted(message)) if gone else _Troubles(unread=message)
            )
        past = self._forget(room_id)
        making = factory.RoomContext(
            room_id, path, self._settings, self._secret, ports.new_id, self._server, past
        )
        # The new documents are not shared yet, so a worker thread may create them.
        try:
            if kept is not None:
                self._refuse_if_hopeless(room_id, path)
            return await asyncio.to_thread(_build, making, ports, kept, data, stamp, troubles)
        except Unusable as error:
            if kept is None or stamp is None or not data.strip():
                raise
            return await self._rebuilt(making, ports, kept, data, stamp, error)

    def _refuse_if_hopeless(self, room_id: RoomId, path: str) -> None:
        """Raise if rooms from the stored documents failed too often (decision 0017)."""
        times = self._broken.get(room_id, 0)
        if times == REBUILD_AT:
            raise Unusable(f"the room of {path} failed at every event, {times} times in a row")
        if times > REBUILD_AT:
            raise StorageError(
                f"the room of {path} fails at every event, also after it was rebuilt from its "
                "file; see the server's log. The file is unchanged"
            )

    async def _rebuilt(
        self,
        making: factory.RoomContext,
        ports: Ports,
        kept: StoredRoom,
        data: bytes,
        stamp: FileStamp,
        error: Unusable,
    ) -> tuple[Room, list[fx.Effect], _Troubles]:
        """Create a room from the file alone, and archive the stored notebook document."""
        log.error("%s; the room is rebuilt from its file", error)
        making = replace(making, damage=REBUILT.format(error), past=())
        try:
            made = await asyncio.to_thread(_build, making, ports, None, data, stamp, _Troubles())
        except NotebookError as file_error:
            raise StorageError(f"{error}, and {file_error}") from file_error
        room, effects, troubles = made
        former, fresh = kept.documents["notebook"], room.documents.replicas["notebook"]
        state = room.filing.versions.present
        if state is None:
            raise StorageError(str(error))
        whole = room.notebook.document.save()
        await ports.store.rotate(
            making.room_id, RotatedNotebook(former.epoch, former.data, fresh.epoch, whole, state)
        )
        return room, [*effects, fx.LogWarning(making.damage)], troubles

    async def _hash_of(self, path: str) -> str:
        """SHA-256 of the notebook's file, "" if it cannot be read."""
        try:
            return (await self._read(path))[1].hash
        except (NotFound, StorageError):
            return ""

    async def _read(self, path: str) -> tuple[bytes, FileStamp]:
        """Read a file. Raises `NotFound`, and `StorageError` if its folder does not answer."""
        reading = asyncio.ensure_future(self._files.read(path))
        try:
            while not (await asyncio.wait({reading}, timeout=PATIENCE_SECONDS))[0]:
                await self.must_answer(path)
            return reading.result()
        finally:
            reading.cancel()

    async def must_answer(self, path: str) -> None:
        """Raise `StorageError` if the folder of this file does not answer.

        Call this before any access to the file on the event loop.
        """
        if not await self._files.answers(path):
            raise StorageError(no_answer(path))

    def _blobs_in_use(self) -> Iterator[Sha256]:
        return (sha256 for host in self.hosts() for sha256 in needed(host))

    def _made(self) -> Ports:
        if self._ports is None:
            folder = DataDir(self._data_dir)
            claim(folder.root, this_user(self._hub_user))
            self._secret = folder.secret()
            store = LogStore(folder, server=self._holder)
            blobs = Blobs(folder.blobs, store.writer, told=self._refs.put)
            self.sweeper = BlobCollector(folder.rooms, blobs, self._blobs_in_use)
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

    # ------------------------------------------------------------ moved and deleted files

    @asynccontextmanager
    async def pause_writes(self, path: str) -> AsyncIterator[None]:
        """Pause the writes of all rooms at or below `path`, so that it can be moved or deleted."""
        async with AsyncExitStack() as held:
            for host, _ in self._below(path):
                await held.enter_async_context(host.pause_writes)
            yield

    def moved(self, old_path: str, new_path: str) -> None:
        """Note that a file or a folder was renamed."""
        old_path, new_path = old_path.strip("/"), new_path.strip("/")
        for host, rest in self._below(old_path):
            host.moved(new_path + rest)
        self._tell_moved(old_path, new_path)

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
        self._asked_at_ms = self.asked_at_ms
        self._hosts.pop(room_id, None)
        if host.life.broken:
            self._broken[room_id] = self._broken.get(room_id, 0) + 1
        else:
            self._broken.pop(room_id, None)
        self._paths[room_id] = host.path
        self._past[room_id] = host.room.filing.versions.past
        self._refs.look(host)
        # After this time the old versions are not candidates for the merge base any more.
        self._forgetting[room_id] = asyncio.get_running_loop().call_later(
            PAST_MS / 1000, self._forget, room_id
        )
        task = asyncio.create_task(self._stop(host), name=f"close {host.path}")
        self._ending[room_id] = task
        task.add_done_callback(lambda _: self._ending.pop(room_id, None))

    def _forget(self, room_id: RoomId) -> tuple[Past, ...]:
        """Drop the blob references of a closed room; drop and return its old file versions."""
        if (timer := self._forgetting.pop(room_id, None)) is not None:
            timer.cancel()
        self._refs.forget(room_id)
        return self._past.pop(room_id, ())

    async def _stop(self, host: Host) -> None:
        try:
            await host.stop()
        except RuntimedError:
            log.exception("Room %s was not closed completely", host.room_id)
        if not self._stopping:
            self._freed.trim_soon(collect=host.life.archived)

    async def close_all(self) -> None:
        """Save and close all rooms and the store; log what could not be written."""
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
                log.error("%s", error)  # noqa: TRY400 -- the message is complete without traceback


@gc_paused()
def _build(
    making: factory.RoomContext,
    ports: Ports,
    kept: StoredRoom | None,
    data: bytes,
    stamp: FileStamp | None,
    troubles: _Troubles,
) -> tuple[Room, list[fx.Effect], _Troubles]:
    """Create a room from the file or the stored documents. Runs in a worker thread."""
    file = None
    if stamp is not None:
        try:
            file = _read(making, ports, data)
        except NotebookError as error:
            if kept is None:
                raise NotebookError(f"{making.path} cannot be opened: {error}") from error
            message = f"{making.path} is not a valid notebook ({error}); the file is left unchanged"
            troubles = _Troubles(gone=ev.FileDeleted(message, "not-a-notebook"))
    trusted = () if file is None else _trusted(making.path, ports, data, file.content)
    now_ms = ports.clock()
    if kept is None:
        if file is None or stamp is None:
            raise NotFound(f"there is no notebook {making.path}")
        return *factory.from_file(
            making, file.content, stamp, trusted=trusted, now_ms=now_ms
        ), troubles
    if file is not None and file.blank:
        message = f"{making.path} is empty; the room keeps its content"
        file, troubles = None, _Troubles(gone=ev.FileDeleted(message, "not-a-notebook"))
    return *_reopened(making, kept, file, stamp, trusted, now_ms), troubles


def _trusted(path: str, ports: Ports, data: bytes, content: Content) -> tuple[CellId, ...]:
    """Return the trusted cells; () if trust cannot be checked, so that the file still opens."""
    try:
        return tuple(ports.trust.trusted(data, content))
    except Exception as error:  # noqa: BLE001 -- foreign code, and a database
        log.warning("%s is opened as not trusted, because the check failed: %r", path, error)
        return ()


def _reopened(
    making: factory.RoomContext,
    kept: StoredRoom,
    file: ipynb.FileContent | None,
    stamp: FileStamp | None,
    trusted: tuple[CellId, ...],
    now_ms: int,
) -> tuple[Room, list[fx.Effect]]:
    documents = {
        name: factory.StoredDocument(document.epoch, document.data)
        for name, document in kept.documents.items()
    }
    bases = [FileVersion(*pair) for pair in (kept.saved, kept.intended) if pair is not None]
    rendered = [FileVersion(*pair) for pair in kept.tried]
    if not making.past:
        former = tuple((at, FileVersion(heads, stamp)) for at, heads, stamp in kept.former)
        making = replace(making, past=former)
    try:
        return factory.from_store(
            making,
            documents["notebook"],
            documents.get("runtime"),
            bases,
            rendered=rendered,
            file=None if file is None else file.content,
            stamp=None if file is None else stamp,
            trusted=trusted,
            now_ms=now_ms,
        )
    except (StorageError, OSError, MemoryError):
        raise
    except Exception as error:
        if not isinstance(error, DocumentError):
            log.exception("The stored room of %s cannot be opened", making.path)
        raise Unusable(
            f"the stored room of {making.path} cannot be read ({error}); its file is unchanged"
        ) from error


def _read(making: factory.RoomContext, ports: Ports, data: bytes) -> ipynb.FileContent:
    return ipynb.read(
        data,
        new_id=ports.new_id,
        put_blob=partial(ports.blobs.keep, making.room_id),
        limits=ports.limits,
    )
