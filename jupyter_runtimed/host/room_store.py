"""The stored documents of one room: executes the room's effects on the store and the blobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..ids import RoomId
from ..room import effects as fx
from ..room import events as ev
from .archived_documents import ArchivedDocuments
from .ports import Ports
from .tasks import Tasks


class RoomStore:
    """Writes for a room, and reports the results to it; the store's listener for the room."""

    def __init__(
        self, room: RoomId, ports: Ports, tasks: Tasks, post: Callable[[ev.Event], None]
    ) -> None:
        self._room = room
        self._ports = ports
        self._tasks = tasks
        self._post = post
        self._archive = ArchivedDocuments(room, ports.store)
        self._tried = asyncio.Event()

    def start(self, path: str) -> None:
        self._ports.store.listen(self._room, self)
        self._ports.store.set_path(self._room, path)

    async def first_write_done(self) -> None:
        """Return once the first write of the room is durable or has failed."""
        await self._tried.wait()

    # ------------------------------------------------------------ effects

    def append(self, e: fx.Append) -> None:
        self._ports.store.append(self._room, e.number, e.doc, e.epoch, e.data)

    def replace(self, e: fx.Replace) -> None:
        self._ports.store.replace(self._room, e.number, e.doc, e.epoch, e.data)

    def record_version(self, e: fx.RecordFileVersion) -> None:
        self._ports.store.finish_save(self._room, e.number, e.heads, e.stamp, e.at)

    def put_blob(self, e: fx.PutBlob) -> None:
        self._ports.blobs.put(self._room, e.sha256, e.data)

    def read_archive(self, effect: fx.ReadArchive) -> None:
        self._tasks.start(self._read_archive(effect), f"read the archive of room {self._room}")

    async def _read_archive(self, effect: fx.ReadArchive) -> None:
        last = await self._archive.last(effect.epoch)
        self._post(ev.ArchiveRead(effect.session, effect.hello, last))

    # ------------------------------------------------------------ results of the store

    def on_durable(self, number: int) -> None:
        self._tried.set()
        self._post(ev.Stored(number))

    def on_failed(self, message: str) -> None:
        self._tried.set()
        self._post(ev.StoreFailed(message))
