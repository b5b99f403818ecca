"""A store in memory, for simulated networks and tests, with control over commits and crashes.

`commit` corresponds to fsync: `crash` loses all writes after the last commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from jupyter_runtimed.crdt import Heads
from jupyter_runtimed.document.file_version import FileStamp, RotatedNotebook
from jupyter_runtimed.document.schema import NOTEBOOK, DocName
from jupyter_runtimed.errors import RoomElsewhere, StorageError
from jupyter_runtimed.host.storage.store import (
    FIRST,
    Listener,
    Place,
    StoredDocument,
    StoredRoom,
    recent,
    unseen,
)
from jupyter_runtimed.ids import Epoch, RoomId

Later = Callable[[Callable[[], None]], object]


def _soon(call: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_soon(call)


@dataclass(slots=True)
class MemoryStore:
    """A `Store` in memory.

    `later` schedules automatic commits (default: the next turn of the loop). While `broken` has a
    message, commits fail with it.
    """

    later: Later = _soon
    broken: str | None = None
    put_aside: dict[tuple[RoomId, Epoch], bytes] = field(default_factory=dict)
    _durable: dict[tuple[RoomId, Place], StoredRoom] = field(default_factory=dict)
    _waiting: list[tuple[RoomId, Place, int, Callable[[StoredRoom], StoredRoom]]] = field(
        default_factory=list
    )
    _claimed: dict[RoomId, Place] = field(default_factory=dict)
    _reached: list[asyncio.Future[None]] = field(default_factory=list)
    _listeners: dict[RoomId, Listener] = field(default_factory=dict)
    _planned: bool = False

    # ------------------------------------------------------------ the interface of a store

    def lock(self, room: RoomId, place: Place = FIRST) -> None:
        if room in self._claimed:
            raise RoomElsewhere(f"room {room} is already open; close it there first")
        self._claimed[room] = place

    async def places(self, room: RoomId) -> list[Place]:
        return sorted(place for known, place in self._durable if known == room and place)

    async def look(self, room: RoomId, place: Place) -> StoredRoom | None:
        return self._durable.get((room, place))

    def listen(self, room: RoomId, listener: Listener) -> None:
        self._listeners[room] = listener

    async def load(self, room: RoomId) -> StoredRoom | None:
        return self.stored(room)

    def append(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        def change(now: StoredRoom) -> StoredRoom:
            known = now.documents.get(doc, StoredDocument(epoch, ()))
            if known.epoch != epoch:
                return now
            grown = StoredDocument(epoch, (*known.chunks, data))
            return replace(now, documents={**now.documents, doc: grown})

        self._write(room, number, change)

    def replace(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        def change(now: StoredRoom) -> StoredRoom:
            return replace(now, documents={**now.documents, doc: StoredDocument(epoch, (data,))})

        self._write(room, number, change)

    def finish_save(
        self, room: RoomId, number: int, heads: Heads, stamp: FileStamp, at: int
    ) -> None:
        def change(now: StoredRoom) -> StoredRoom:
            former = now.former
            if now.saved is not None and now.saved != (heads, stamp):
                former = tuple(recent([*former, (at, *now.saved)], at))
            tried = tuple(unseen(now.tried, now.intended, (heads, stamp)))
            return replace(now, saved=(heads, stamp), intended=None, tried=tried, former=former)

        self._write(room, number, change)

    async def begin_save(self, room: RoomId, heads: Heads, stamp: FileStamp) -> None:
        def change(now: StoredRoom) -> StoredRoom:
            tried = tuple(unseen(now.tried, now.intended, (heads, stamp)))
            return replace(now, intended=(heads, stamp), tried=tried)

        self._write(room, 0, change)
        self._reached.append(asyncio.get_running_loop().create_future())
        await self._reached[-1]

    def set_path(self, room: RoomId, path: str) -> None:
        self._write(room, 0, lambda now: replace(now, path=path))

    def bind(self, room: RoomId, root: str) -> None:
        self._write(room, 0, lambda now: replace(now, root=root))

    async def rotate(self, room: RoomId, rotated: RotatedNotebook) -> None:
        if self.broken is not None:
            raise StorageError(self.broken)
        here = (room, self._place(room))
        now = self._durable[here]
        self.put_aside[room, rotated.former_epoch] = rotated.former
        documents = {**now.documents, NOTEBOOK: StoredDocument(rotated.epoch, (rotated.data,))}
        saved = (rotated.saved.heads, rotated.saved.stamp)
        self._durable[here] = replace(
            now, documents=documents, saved=saved, intended=None, tried=(), former=()
        )

    async def former(self, room: RoomId, epoch: Epoch) -> bytes | None:
        if (data := self.put_aside.get((room, epoch))) is not None:
            return data
        for (known, place), stored in self._durable.items():
            found = stored.documents.get(NOTEBOOK)
            elsewhere = known == room and place != self._place(room)
            if elsewhere and found is not None and found.epoch == epoch:
                return found.data
        return None

    async def unlock(self, room: RoomId) -> None:
        self.commit()
        self._listeners.pop(room, None)
        self._claimed.pop(room, None)

    async def close(self) -> None:
        self.commit()
        self._listeners.clear()
        self._claimed.clear()

    # ------------------------------------------------------------ control of the simulated disk

    def stored(self, room: RoomId) -> StoredRoom | None:
        """Return the durable state of a room, which survives a crash."""
        return self._durable.get((room, self._place(room)))

    def commit(self) -> None:
        self._planned = False
        if not self._waiting:
            return
        if self.broken is not None:
            for room in dict.fromkeys(room for room, _, _, _ in self._waiting):
                if (listener := self._listeners.get(room)) is not None:
                    listener.on_failed(self.broken)
            return
        waiting, self._waiting = self._waiting, []
        numbers: dict[RoomId, int] = {}
        for room, place, number, change in waiting:
            now = self._durable.get((room, place), StoredRoom("", {}))
            self._durable[room, place] = change(now)
            if number:
                numbers[room] = number
        reached, self._reached = self._reached, []
        for future in reached:
            if not future.done():
                future.set_result(None)
        for room, number in numbers.items():
            if (listener := self._listeners.get(room)) is not None:
                listener.on_durable(number)

    def crash(self) -> None:
        """Drop all uncommitted writes, listeners and locks."""
        self._waiting.clear()
        self._reached.clear()
        self._listeners.clear()
        self._claimed.clear()
        self._planned = False

    def _place(self, room: RoomId) -> Place:
        return self._claimed.get(room, FIRST)

    def _write(self, room: RoomId, number: int, change: Callable[[StoredRoom], StoredRoom]) -> None:
        self._waiting.append((room, self._place(room), number, change))
        if not self._planned:
            self._planned = True
            self.later(self.commit)
