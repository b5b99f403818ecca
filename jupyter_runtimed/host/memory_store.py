"""A store in memory, for simulated networks and tests: the same promises, with the disk in hand.

`commit` is the fsync: what was written before it survives `crash`, what came after does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..crdt import Heads
from ..document.schema import NOTEBOOK, DocName
from ..errors import RoomElsewhere, StorageError
from ..ids import Epoch, RoomId
from ..room.events import BegunAnew, Stamp
from .store import Listener, StoredDocument, StoredRoom, recent

Later = Callable[[Callable[[], None]], object]


def _soon(call: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_soon(call)


@dataclass(slots=True)
class MemoryStore:
    """`later` decides when a commit happens that was not asked for (by default: this loop's next
    turn). While `broken` says why, commits fail.
    """

    later: Later = _soon
    broken: str | None = None
    put_aside: dict[tuple[RoomId, Epoch], bytes] = field(default_factory=dict)
    _durable: dict[RoomId, StoredRoom] = field(default_factory=dict)
    _waiting: list[tuple[RoomId, int, Callable[[StoredRoom], StoredRoom]]] = field(
        default_factory=list
    )
    _claimed: set[RoomId] = field(default_factory=set)
    _reached: list[asyncio.Future[None]] = field(default_factory=list)
    _listeners: dict[RoomId, Listener] = field(default_factory=dict)
    _planned: bool = False

    # ------------------------------------------------------------ the promises of a store

    def claim(self, room: RoomId) -> None:
        if room in self._claimed:
            raise RoomElsewhere(f"room {room} is open already; close it there first")
        self._claimed.add(room)

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

    def remember(self, room: RoomId, number: int, heads: Heads, stamp: Stamp, at: int) -> None:
        def change(now: StoredRoom) -> StoredRoom:
            former = now.former
            if now.saved is not None and now.saved != (heads, stamp):
                former = tuple(recent([*former, (at, *now.saved)], at))
            return replace(now, saved=(heads, stamp), intended=None, former=former)

        self._write(room, number, change)

    async def intend(self, room: RoomId, heads: Heads, stamp: Stamp) -> None:
        self._write(room, 0, lambda now: replace(now, intended=(heads, stamp)))
        self._reached.append(asyncio.get_running_loop().create_future())
        await self._reached[-1]

    def locate(self, room: RoomId, path: str) -> None:
        self._write(room, 0, lambda now: replace(now, path=path))

    async def begin_anew(self, room: RoomId, anew: BegunAnew) -> None:
        if self.broken is not None:
            raise StorageError(self.broken)
        now = self._durable[room]
        self.put_aside[room, anew.former_epoch] = anew.former
        documents = {**now.documents, NOTEBOOK: StoredDocument(anew.epoch, (anew.data,))}
        saved = (anew.saved.heads, anew.saved.stamp)
        self._durable[room] = replace(
            now, documents=documents, saved=saved, intended=None, former=()
        )

    async def former(self, room: RoomId, epoch: Epoch) -> bytes | None:
        return self.put_aside.get((room, epoch))

    async def release(self, room: RoomId) -> None:
        self.commit()
        self._listeners.pop(room, None)
        self._claimed.discard(room)

    async def close(self) -> None:
        self.commit()
        self._listeners.clear()
        self._claimed.clear()

    # ------------------------------------------------------------ the disk in hand

    def stored(self, room: RoomId) -> StoredRoom | None:
        """What a crash now would leave."""
        return self._durable.get(room)

    def commit(self) -> None:
        self._planned = False
        if not self._waiting:
            return
        if self.broken is not None:
            for room in dict.fromkeys(room for room, _, _ in self._waiting):
                if (listener := self._listeners.get(room)) is not None:
                    listener.on_failed(self.broken)
            return
        waiting, self._waiting = self._waiting, []
        numbers: dict[RoomId, int] = {}
        for room, number, change in waiting:
            self._durable[room] = change(self._durable.get(room, StoredRoom("", {})))
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
        """Lose what was not committed, and everybody who listened."""
        self._waiting.clear()
        self._reached.clear()
        self._listeners.clear()
        self._claimed.clear()
        self._planned = False

    def _write(self, room: RoomId, number: int, change: Callable[[StoredRoom], StoredRoom]) -> None:
        self._waiting.append((room, number, change))
        if not self._planned:
            self._planned = True
            self.later(self.commit)
