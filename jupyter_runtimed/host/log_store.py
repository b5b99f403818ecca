"""The store that comes with the package: a folder for each room, and in it logs (`room_log`).

One writer thread makes everything durable; whatever came for a room since the last commit is one
write and one sync. Several servers may use one data folder: each room belongs to one of them at a
time (`lease`). Changes that outgrow their document are folded into it now and then, from what is
stored, so that a room is never asked and never waits.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .. import crdt
from ..crdt import Heads
from ..document.schema import NOTEBOOK, RUNTIME, DocName
from ..errors import DocumentError, StorageError
from ..ids import Epoch, RoomId
from ..room.events import BegunAnew, Stamp
from . import records, room_log
from .datadir import DataDir
from .lease import Lease, file_name
from .records import Change, Record, Whole
from .room_log import Reading, RoomLog
from .sqlite_import import take_over
from .store import Listener, StoredDocument, StoredRoom
from .writer import Write, Writer

log = logging.getLogger(__name__)

RELEASE_SECONDS = 10.0


def fold(data: bytes) -> bytes:
    """Whole document and changes as one whole document. Raises `DocumentError`."""
    return crdt.load(data, actor=os.urandom(16)).save()


@dataclass(slots=True)
class _Growth:
    """What has come since the whole document was stored; `replaced_bytes` are kept for nothing."""

    whole_bytes: int = 0
    changes: int = 0
    bytes: int = 0
    replaced_bytes: int = 0

    @property
    def due(self) -> bool:
        """Folding costs as much as the document is large, so a large one has to wait longer."""
        size = self.bytes + self.replaced_bytes
        return size >= max(256 << 10, self.whole_bytes) or self.changes >= max(
            1000, self.whole_bytes >> 10
        )

    @property
    def worth_it(self) -> bool:
        """At the end: would the next opening be quicker for it?"""
        return self.changes >= 100 or self.replaced_bytes >= 64 << 10


class LogStore:
    """A `Store` in a data folder, made on the loop that it reports to. `server` names this process
    to others that want the same room.
    """

    def __init__(
        self, folder: DataDir, *, server: str, fold: Callable[[bytes], bytes] = fold
    ) -> None:
        take_over(folder)
        self._folder = folder
        self._server = server
        self._fold = fold
        self._leases: dict[RoomId, Lease] = {}
        self._logs: dict[RoomId, RoomLog] = {}
        self._listeners: dict[RoomId, Listener] = {}
        self._growth: dict[tuple[RoomId, DocName], _Growth] = {}
        self._folding: dict[RoomId, asyncio.Task[None]] = {}
        self._trouble: dict[RoomId, str] = {}
        self.writer = Writer(self._commit, durable=self._durable, failed=self._failed)

    # ------------------------------------------------------------ rooms

    def claim(self, room: RoomId) -> None:
        if room in self._leases and room not in self._listeners:
            return  # its last writes still wait, so it was never given up
        lease = Lease.take(self._folder.locks, room, holder=self._server)
        self._leases[room] = lease
        self._logs[room] = RoomLog(self._place(room), room, still_ours=lease.renew)

    def listen(self, room: RoomId, listener: Listener) -> None:
        self._listeners[room] = listener

    async def load(self, room: RoomId) -> StoredRoom | None:
        try:
            reading = await asyncio.to_thread(room_log.read, self._place(room))
        except OSError as error:
            raise StorageError(
                f"room {room} cannot be read from the store {self._place(room)} ({error}); "
                "the notebook's file is untouched"
            ) from error
        if reading is None:
            return None
        for doc, (_, chunks) in reading.state.documents.items():
            rest = chunks[1:]
            self._growth[room, doc] = _Growth(len(chunks[0]), len(rest), sum(map(len, rest)))
        for line in reading.damage:
            log.error("Room %s: %s", room, line)
        return stored(reading)

    async def release(self, room: RoomId) -> None:
        self._listeners.pop(room, None)
        settling = asyncio.create_task(self._settle(room), name=f"settle {room}")
        done, _ = await asyncio.wait({settling}, timeout=RELEASE_SECONDS)
        if done:
            settling.result()
            self._let_go(room)
        else:
            settling.cancel()
            log.error("Room %s stays with this server: its last edits are not written yet", room)

    async def _settle(self, room: RoomId) -> None:
        await self.writer.flush(room)
        await self._folded_by_now(room)
        documents = [self._growth.get((room, doc)) for doc in (NOTEBOOK, RUNTIME)]
        if any(growth is not None and growth.worth_it for growth in documents):
            # The one that was under way may have begun before the last changes came.
            await self.writer.flush(room)
            self._start_folding(room)
            await self._folded_by_now(room)
        for doc in (NOTEBOOK, RUNTIME):
            self._growth.pop((room, doc), None)
        await self.writer.flush(room)

    async def close(self) -> None:
        for task in list(self._folding.values()):
            await task
        try:
            await self.writer.close()
        finally:
            for room in list(self._leases):
                self._let_go(room)

    def _let_go(self, room: RoomId) -> None:
        self._listeners.pop(room, None)
        self._trouble.pop(room, None)
        if (its_log := self._logs.pop(room, None)) is not None:
            its_log.close()
        if (lease := self._leases.pop(room, None)) is not None:
            lease.release()

    # ------------------------------------------------------------ writing

    def append(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        growth = self._growth.setdefault((room, doc), _Growth())
        growth.changes += 1
        growth.bytes += len(data)
        self._write(room, number, Change(doc, epoch, data))

    def replace(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        former = self._growth.get((room, doc), _Growth())
        replaced = former.whole_bytes + former.bytes + former.replaced_bytes
        self._growth[room, doc] = _Growth(len(data), replaced_bytes=replaced)
        self._write(room, number, Whole(doc, epoch, data))

    def remember(self, room: RoomId, number: int, heads: Heads, stamp: Stamp, at: int) -> None:
        self._write(room, number, records.remembered(heads, stamp, at))

    async def intend(self, room: RoomId, heads: Heads, stamp: Stamp) -> None:
        self._write(room, 0, records.intended(heads, stamp))
        await self.writer.flush(room)

    def locate(self, room: RoomId, path: str) -> None:
        self._write(room, 0, records.located(path))

    async def begin_anew(self, room: RoomId, anew: BegunAnew) -> None:
        # What is still on its way is of the former document, and must not come behind.
        before = asyncio.create_task(self.writer.flush(room))
        if not (await asyncio.wait({before}, timeout=RELEASE_SECONDS))[0]:
            before.cancel()
            raise self._too_slow()
        outcome: Future[None] = Future()
        begin = partial(_begin_anew, self._logs[room], anew, outcome)
        self.writer.submit(Write(room, files=begin))
        waiting = asyncio.wrap_future(outcome)
        await asyncio.wait({waiting}, timeout=RELEASE_SECONDS)
        # Later it may not happen any more: somebody may open the room as it is.
        if outcome.cancel():
            raise self._too_slow()
        await waiting
        former = self._growth.pop((room, NOTEBOOK), _Growth())
        replaced = former.whole_bytes + former.bytes + former.replaced_bytes
        self._growth[room, NOTEBOOK] = _Growth(len(anew.data), replaced_bytes=replaced)

    def _too_slow(self) -> StorageError:
        return StorageError(f"the store {self._folder.root} takes too long")

    async def former(self, room: RoomId, epoch: Epoch) -> bytes | None:
        try:
            return await asyncio.to_thread(room_log.former_of, self._place(room), epoch)
        except OSError as error:
            raise StorageError(f"{self._place(room)} cannot be read ({error})") from error

    def _write(self, room: RoomId, number: int, record: Record) -> None:
        self.writer.submit(Write(room, number, record))

    def _commit(self, room: RoomId, writes: list[Write]) -> None:
        """In the writer's thread."""
        for write in writes:
            if write.files is not None:
                write.files()
        if fresh := [write.record for write in writes if write.record is not None]:
            self._logs[room].append(fresh)

    # ------------------------------------------------------------ what the writer says

    def _durable(self, numbers: dict[RoomId, int]) -> None:
        for room, number in numbers.items():
            self._trouble.pop(room, None)
            if (listener := self._listeners.get(room)) is not None:
                listener.on_durable(number)
            for doc in (NOTEBOOK, RUNTIME):
                if (growth := self._growth.get((room, doc))) is not None and growth.due:
                    self._start_folding(room)

    def _failed(self, affected: frozenset[RoomId], message: str) -> None:
        fresh = [room for room in affected if self._trouble.get(room) != message]
        if fresh:
            log.error("The store cannot be written (%s); it goes on trying", message)
        for room in fresh:
            self._trouble[room] = message
            if (listener := self._listeners.get(room)) is not None:
                listener.on_failed(
                    f"the store {self._folder.root} cannot be written ({message}); edits are "
                    "kept in memory and written as soon as that is possible"
                )

    # ------------------------------------------------------------ folding

    async def _folded_by_now(self, room: RoomId) -> None:
        if (task := self._folding.get(room)) is not None:
            await asyncio.shield(task)

    def _start_folding(self, room: RoomId) -> None:
        if room in self._folding:
            return
        task = asyncio.create_task(self._fold_room(room), name=f"fold {room}")
        self._folding[room] = task
        task.add_done_callback(lambda _: self._folding.pop(room, None))

    async def _fold_room(self, room: RoomId) -> None:
        try:
            renewal, folded = await asyncio.to_thread(renewed, self._place(room), self._fold)
        except (OSError, StorageError) as error:
            log.warning("The changes of room %s are left as they are (%s)", room, error)
            renewal, folded = None, {}
        for doc in (NOTEBOOK, RUNTIME):
            if (growth := self._growth.get((room, doc))) is not None:
                # What cannot be folded is left alone until as much has come again.
                gone = folded.get(doc) or Folded(growth.whole_bytes, growth.changes, growth.bytes)
                growth.whole_bytes = gone.whole_bytes
                growth.changes = max(growth.changes - gone.changes, 0)
                growth.bytes = max(growth.bytes - gone.bytes, 0)
                growth.replaced_bytes = 0
        if renewal is not None:
            its_log = self._logs[room]
            self.writer.submit(Write(room, files=partial(_put_in_place, its_log, renewal)))

    def _place(self, room: RoomId) -> Path:
        return self._folder.rooms / file_name(room)


def stored(reading: Reading) -> StoredRoom:
    state = reading.state
    documents = {
        doc: StoredDocument(epoch, tuple(chunks))
        for doc, (epoch, chunks) in state.documents.items()
    }
    saved, intended = state.version("saved"), state.version("intended")
    return StoredRoom(state.path, documents, saved, intended, state.former(), reading.damage)


@dataclass(frozen=True, slots=True)
class Folded:
    """How large a document is now, and how many changes of how many bytes went into it."""

    whole_bytes: int
    changes: int
    bytes: int


def renewed(
    place: Path, fold: Callable[[bytes], bytes] = fold
) -> tuple[room_log.Renewal | None, dict[DocName, Folded]]:
    """A room's folder as a generation of one chunk for each document, not yet in place.

    None if it is damaged or not there: that is for who reads it next to tell. Raises `OSError`.
    """
    reading = room_log.read(place)
    if reading is None or reading.damage:
        return None, {}
    state = reading.state.copy()
    folded = {}
    for doc, (epoch, chunks) in state.documents.items():
        whole = chunks if len(chunks) < 2 else [_fold_if_possible(place, doc, chunks, fold)]
        state.documents[doc] = (epoch, whole)
        folded[doc] = Folded(len(whole[0]), len(chunks) - 1, sum(map(len, chunks[1:])))
    return room_log.renewal(place, reading, state), folded


def _fold_if_possible(
    place: Path, doc: DocName, chunks: list[bytes], fold: Callable[[bytes], bytes]
) -> bytes:
    data = b"".join(chunks)
    try:
        return fold(data)
    except DocumentError as error:
        log.warning("The %s document of %s cannot be folded (%s)", doc, place, error)
        return data


def _begin_anew(its_log: RoomLog, anew: BegunAnew, outcome: Future[None]) -> None:
    if outcome.done() or not outcome.set_running_or_notify_cancel():
        return
    whole = Whole(NOTEBOOK, anew.epoch, anew.data)
    try:
        room_log.keep_aside(its_log.folder, anew.former_epoch, anew.former)
        its_log.append([whole, records.begun_anew(anew.saved.heads, anew.saved.stamp)])
    except OSError as error:
        outcome.set_exception(StorageError(f"{its_log.folder} cannot be written ({error})"))
    else:
        outcome.set_result(None)


def _put_in_place(its_log: RoomLog, renewal: room_log.Renewal) -> None:
    """Housekeeping: what goes wrong here is tried again at the next fold, and holds up nobody."""
    try:
        its_log.renew(renewal)
    except OSError as error:
        log.warning("The changes of %s are left as they are (%s)", its_log.folder, error)
