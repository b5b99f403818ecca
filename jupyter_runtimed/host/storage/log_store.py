"""The package's store: one folder of logs per room (`room_log`).

One thread makes all writes durable, with one write and one sync per room and commit. Several
servers may use one data folder; a lock gives each room to one server at a time (`lease`). The store
compacts a document when its incremental changes outgrow its snapshot. Compaction reads the stored
data, so rooms neither take part nor wait.
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

from ... import crdt
from ...crdt import Heads
from ...document.file_version import FileStamp, RotatedNotebook
from ...document.schema import NOTEBOOK, RUNTIME, DocName
from ...errors import DocumentError, RoomElsewhere, StorageError
from ...ids import Epoch, RoomId
from . import log_records, room_log
from .commit_thread import CommitThread, Write
from .data_dir import DataDir
from .log_records import Incremental, Record, Snapshot
from .room_lock import RoomLock, file_name
from .room_log import RoomLog, RoomSnapshot
from .store import FIRST, Listener, Place, StoredDocument, StoredRoom

log = logging.getLogger(__name__)

RELEASE_SECONDS = 10.0


def compact(data: bytes) -> bytes:
    """Compact a snapshot and its changes into one snapshot. Raises `DocumentError`."""
    return crdt.load(data, actor=os.urandom(16)).save()


@dataclass(slots=True)
class _Growth:
    """The changes since the last snapshot; `replaced_bytes` is the size of obsolete data."""

    whole_bytes: int = 0
    changes: int = 0
    bytes: int = 0
    replaced_bytes: int = 0

    @property
    def needs_compaction(self) -> bool:
        """Whether to compact now; the threshold grows with the snapshot, as the cost does."""
        size = self.bytes + self.replaced_bytes
        return size >= max(256 << 10, self.whole_bytes) or self.changes >= max(
            1000, self.whole_bytes >> 10
        )

    @property
    def worth_it(self) -> bool:
        """Whether compaction at closing would speed up the next opening."""
        return self.changes >= 100 or self.replaced_bytes >= 64 << 10


class LogStore:
    """A `Store` in a data folder. Create it on the loop that receives its reports.

    `server` names this process in the messages of servers that want the same room.
    """

    def __init__(
        self, folder: DataDir, *, server: str, fold: Callable[[bytes], bytes] = compact
    ) -> None:
        self._folder = folder
        self._server = server
        self._fold = fold
        self._places: dict[RoomId, Place] = {}
        self._leases: dict[RoomId, RoomLock] = {}
        self._logs: dict[RoomId, RoomLog] = {}
        self._listeners: dict[RoomId, Listener] = {}
        self._growth: dict[tuple[RoomId, DocName], _Growth] = {}
        self._folding: dict[RoomId, asyncio.Task[None]] = {}
        self._trouble: dict[RoomId, str] = {}
        self.writer = CommitThread(self._commit, durable=self._durable, failed=self._failed)

    # ------------------------------------------------------------ rooms

    def lock(self, room: RoomId, place: Place = FIRST) -> None:
        if room in self._leases and room not in self._listeners:
            # The room's last writes are still pending, so its lock was never released.
            if self._places[room] != place:
                raise RoomElsewhere(f"the last edits of room {room} are not written yet; try again")
            return
        name = stored_name(room, place)
        lease = RoomLock.take(self._folder.locks, name, holder=self._server)
        self._places[room], self._leases[room] = place, lease
        self._logs[room] = RoomLog(self._place(room), name, still_ours=lease.renew)

    def listen(self, room: RoomId, listener: Listener) -> None:
        self._listeners[room] = listener

    async def places(self, room: RoomId) -> list[Place]:
        return await asyncio.to_thread(places_of, self._folder.rooms, room)

    async def look(self, room: RoomId, place: Place) -> StoredRoom | None:
        reading = await self._read(room, self._folder.rooms / file_name(stored_name(room, place)))
        return None if reading is None else stored(reading)

    async def _read(self, room: RoomId, place: Path) -> RoomSnapshot | None:
        try:
            return await asyncio.to_thread(room_log.read, place)
        except OSError as error:
            raise StorageError(
                f"room {room} cannot be read from the store {place} ({error}); "
                "the notebook's file is unchanged; see `jupyter runtimed check`"
            ) from error

    async def load(self, room: RoomId) -> StoredRoom | None:
        reading = await self._read(room, self._place(room))
        if reading is None:
            return None
        for doc, (_, chunks) in reading.state.documents.items():
            rest = chunks[1:]
            self._growth[room, doc] = _Growth(len(chunks[0]), len(rest), sum(map(len, rest)))
        for line in reading.damage:
            log.error("Room %s: %s", room, line)
        return stored(reading)

    async def unlock(self, room: RoomId) -> None:
        self._listeners.pop(room, None)
        settling = asyncio.create_task(self._settle(room), name=f"settle {room}")
        done, _ = await asyncio.wait({settling}, timeout=RELEASE_SECONDS)
        if done:
            settling.result()
            self._let_go(room)
        else:
            settling.cancel()
            log.error("Room %s stays locked, because its last edits are not written yet", room)

    async def _settle(self, room: RoomId) -> None:
        await self.writer.flush(room)
        await self._folded_by_now(room)
        documents = [self._growth.get((room, doc)) for doc in (NOTEBOOK, RUNTIME)]
        if any(growth is not None and growth.worth_it for growth in documents):
            # The previous compaction may have started before the last changes.
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
        self._places.pop(room, None)
        if (lease := self._leases.pop(room, None)) is not None:
            lease.release()

    # ------------------------------------------------------------ writing

    def append(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        growth = self._growth.setdefault((room, doc), _Growth())
        growth.changes += 1
        growth.bytes += len(data)
        self._write(room, number, Incremental(doc, epoch, data))

    def replace(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        former = self._growth.get((room, doc), _Growth())
        replaced = former.whole_bytes + former.bytes + former.replaced_bytes
        self._growth[room, doc] = _Growth(len(data), replaced_bytes=replaced)
        self._write(room, number, Snapshot(doc, epoch, data))

    def finish_save(
        self, room: RoomId, number: int, heads: Heads, stamp: FileStamp, at: int
    ) -> None:
        self._write(room, number, log_records.remembered(heads, stamp, at))

    async def begin_save(self, room: RoomId, heads: Heads, stamp: FileStamp) -> None:
        self._write(room, 0, log_records.intended(heads, stamp))
        await self.writer.flush(room)

    def set_path(self, room: RoomId, path: str) -> None:
        self._write(room, 0, log_records.located(path))

    def bind(self, room: RoomId, root: str) -> None:
        self._write(room, 0, log_records.bound(root))

    async def rotate(self, room: RoomId, anew: RotatedNotebook) -> None:
        # Pending writes belong to the old document, so they must precede the new document.
        before = asyncio.create_task(self.writer.flush(room))
        if not (await asyncio.wait({before}, timeout=RELEASE_SECONDS))[0]:
            before.cancel()
            raise self._too_slow()
        outcome: Future[None] = Future()
        begin = partial(_begin_anew, self._logs[room], anew, outcome)
        self.writer.submit(Write(room, before_commit=begin))
        waiting = asyncio.wrap_future(outcome)
        await asyncio.wait({waiting}, timeout=RELEASE_SECONDS)
        # After the timeout the rotation must not happen, because the old room may open again.
        if outcome.cancel():
            raise self._too_slow()
        await waiting
        former = self._growth.pop((room, NOTEBOOK), _Growth())
        replaced = former.whole_bytes + former.bytes + former.replaced_bytes
        self._growth[room, NOTEBOOK] = _Growth(len(anew.data), replaced_bytes=replaced)

    def _too_slow(self) -> StorageError:
        return StorageError(f"the store {self._folder.root} takes too long; check its disk")

    async def former(self, room: RoomId, epoch: Epoch) -> bytes | None:
        try:
            here = self._places.get(room, FIRST)
            return await asyncio.to_thread(_former_of, self._folder.rooms, room, here, epoch)
        except OSError as error:
            raise StorageError(f"{self._place(room)} cannot be read ({error})") from error

    def _write(self, room: RoomId, number: int, record: Record) -> None:
        self.writer.submit(Write(room, number, record))

    def _commit(self, room: RoomId, writes: list[Write]) -> None:
        """Commit a room's writes, in the writer's thread. Raises `OSError`."""
        for write in writes:
            if write.before_commit is not None:
                write.before_commit()
        if fresh := [write.record for write in writes if write.record is not None]:
            self._logs[room].append(fresh)

    # ------------------------------------------------------------ called by the writer

    def _durable(self, numbers: dict[RoomId, int]) -> None:
        for room, number in numbers.items():
            self._trouble.pop(room, None)
            if (listener := self._listeners.get(room)) is not None:
                listener.on_durable(number)
            for doc in (NOTEBOOK, RUNTIME):
                if (
                    growth := self._growth.get((room, doc))
                ) is not None and growth.needs_compaction:
                    self._start_folding(room)

    def _failed(self, affected: frozenset[RoomId], message: str) -> None:
        fresh = [room for room in affected if self._trouble.get(room) != message]
        if fresh:
            log.error("The store cannot be written (%s); trying again", message)
        for room in fresh:
            self._trouble[room] = message
            if (listener := self._listeners.get(room)) is not None:
                listener.on_failed(
                    f"the store {self._folder.root} cannot be written ({message}); the server "
                    "keeps edits in memory and tries again; check the disk"
                )

    # ------------------------------------------------------------ compaction

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
            renewal, folded = await asyncio.to_thread(compacted, self._place(room), self._fold)
        except (OSError, StorageError) as error:
            log.warning("Room %s was not compacted (%s)", room, error)
            renewal, folded = None, {}
        for doc in (NOTEBOOK, RUNTIME):
            if (growth := self._growth.get((room, doc))) is not None:
                # After a failed compaction, wait for the same amount of changes again.
                gone = folded.get(doc) or Compacted(
                    growth.whole_bytes, growth.changes, growth.bytes
                )
                growth.whole_bytes = gone.whole_bytes
                growth.changes = max(growth.changes - gone.changes, 0)
                growth.bytes = max(growth.bytes - gone.bytes, 0)
                growth.replaced_bytes = 0
        if renewal is not None:
            its_log = self._logs[room]
            self.writer.submit(Write(room, before_commit=partial(_put_in_place, its_log, renewal)))

    def _place(self, room: RoomId) -> Path:
        place = self._places.get(room, FIRST)
        return self._folder.rooms / file_name(stored_name(room, place))


def stored_name(room: RoomId, place: Place) -> RoomId:
    """What a place of a room is called in the data folder, and by the commands."""
    return RoomId(f"{file_name(room)}~{place}") if place else room


def places_of(rooms: Path, room: RoomId) -> list[Place]:
    """The places besides `FIRST`. Raises `StorageError`."""
    begins = f"{file_name(room)}~"
    try:
        found = sorted(path.name for path in rooms.iterdir() if path.name.startswith(begins))
    except OSError as error:
        raise StorageError(f"{rooms} cannot be read ({error})") from error
    return [Place(name[len(begins) :]) for name in found]


def _former_of(rooms: Path, room: RoomId, here: Place, epoch: Epoch) -> bytes | None:
    for place in (FIRST, *places_of(rooms, room)):
        folder = rooms / file_name(stored_name(room, place))
        if (data := room_log.read_archive(folder, epoch)) is not None:
            return data
        reading = None if place == here else room_log.read(folder)
        if reading is not None and NOTEBOOK in reading.state.documents:
            known, chunks = reading.state.documents[NOTEBOOK]
            if known == epoch:
                return b"".join(chunks)
    return None


def stored(reading: RoomSnapshot) -> StoredRoom:
    state = reading.state
    documents = {
        doc: StoredDocument(epoch, tuple(chunks))
        for doc, (epoch, chunks) in state.documents.items()
    }
    saved, intended = state.version("saved"), state.version("intended")
    return StoredRoom(
        state.path,
        documents,
        saved,
        intended,
        state.tried(),
        state.former(),
        reading.damage,
        state.root,
    )


@dataclass(frozen=True, slots=True)
class Compacted:
    """The size of a compacted document, and the number and bytes of its merged changes."""

    whole_bytes: int
    changes: int
    bytes: int


def compacted(
    place: Path, fold: Callable[[bytes], bytes] = compact
) -> tuple[room_log.Compaction | None, dict[DocName, Compacted]]:
    """Write a temporary segment with a snapshot per document, for `RoomLog.replace_segment`.

    Return None as segment if the room is damaged or missing; the next reader reports the damage.
    Raises `OSError`.
    """
    reading = room_log.read(place)
    if reading is None or reading.damage:
        return None, {}
    state = reading.state.copy()
    folded = {}
    for doc, (epoch, chunks) in state.documents.items():
        whole = chunks if len(chunks) < 2 else [_fold_if_possible(place, doc, chunks, fold)]
        state.documents[doc] = (epoch, whole)
        folded[doc] = Compacted(len(whole[0]), len(chunks) - 1, sum(map(len, chunks[1:])))
    return room_log.compaction(place, reading, state), folded


def _fold_if_possible(
    place: Path, doc: DocName, chunks: list[bytes], fold: Callable[[bytes], bytes]
) -> bytes:
    data = b"".join(chunks)
    try:
        return fold(data)
    except DocumentError as error:
        log.warning("The %s document of %s cannot be compacted (%s)", doc, place, error)
        return data


def _begin_anew(its_log: RoomLog, anew: RotatedNotebook, outcome: Future[None]) -> None:
    if outcome.done() or not outcome.set_running_or_notify_cancel():
        return
    whole = Snapshot(NOTEBOOK, anew.epoch, anew.data)
    try:
        room_log.archive(its_log.folder, anew.former_epoch, anew.former)
        its_log.append([whole, log_records.begun_anew(anew.saved.heads, anew.saved.stamp)])
    except OSError as error:
        outcome.set_exception(StorageError(f"{its_log.folder} cannot be written ({error})"))
    else:
        outcome.set_result(None)


def _put_in_place(its_log: RoomLog, renewal: room_log.Compaction) -> None:
    """Install a compacted segment; after an error, the next compaction tries again."""
    try:
        its_log.replace_segment(renewal)
    except OSError as error:
        log.warning("%s was not compacted (%s)", its_log.folder, error)
