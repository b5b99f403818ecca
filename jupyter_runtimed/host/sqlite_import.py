"""Stores of version 1 were a database: each of its rooms becomes a folder, once.

The database stays where it was, under another name. It is read and never written; a room that
cannot be read from it is told in the log, and the others are taken over.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast
from zlib import crc32

from ..document.schema import NOTEBOOK, RUNTIME, DocName
from ..errors import RoomElsewhere, StorageError
from ..ids import Epoch, RoomId
from ..room.events import Stamp
from . import records, room_log
from .datadir import DataDir
from .lease import Lease, file_name
from .records import Change, Record, Whole

log = logging.getLogger(__name__)

OLD = "rooms.db"
TAKEN_OVER = "rooms-1.db"
_WHO = RoomId("import")


def take_over(folder: DataDir) -> None:
    """Nothing if there is no old store. Raises `StorageError` if it cannot be moved aside."""
    old = folder.root / OLD
    if not old.exists():
        return
    try:
        lease = Lease.take(folder.locks, _WHO, holder="the import of an older store")
    except RoomElsewhere as error:
        raise StorageError("another server is taking over the older store; try again") from error
    try:
        if old.exists():
            _take_over(folder, old)
    finally:
        lease.release()


def _take_over(folder: DataDir, old: Path) -> None:
    log.warning("The store %s is of an older version; its rooms are taken over", old)
    try:
        # Not read-only: the log that a crash left beside it has to be taken in.
        with closing(sqlite3.connect(old, isolation_level=None)) as db:
            for room in _rooms(db):
                _room(folder, db, room)
    except sqlite3.Error as error:
        log.error(  # noqa: TRY400 -- it says all there is to say
            "The older store %s cannot be read (%s); what it held beyond the notebooks' files "
            "stays in it",
            old,
            error,
        )
    try:
        for suffix in ("", "-wal", "-shm"):
            beside = folder.root / f"{OLD}{suffix}"
            if beside.exists():
                beside.rename(folder.root / f"{TAKEN_OVER}{suffix}")
    except OSError as error:
        raise StorageError(f"the older store {old} cannot be moved aside: {error}") from error


def _rooms(db: sqlite3.Connection) -> list[RoomId]:
    """Known by any table, so that damage of one of them does not hide a room."""
    found: dict[RoomId, None] = {}
    for table in ("rooms", "documents", "changes"):
        try:
            for (room,) in db.execute(f"SELECT DISTINCT room FROM {table}"):  # noqa: S608
                found[RoomId(room)] = None
        except sqlite3.DatabaseError as error:
            log.error("A table of the older store is damaged: %s (%s)", table, error)  # noqa: TRY400
    return list(found)


def _room(folder: DataDir, db: sqlite3.Connection, room: RoomId) -> None:
    place = folder.rooms / file_name(room)
    if room_log.generations(place):
        return
    read: list[Record] = []
    try:
        read.extend(_facts(db, room))
        for doc in (NOTEBOOK, RUNTIME):
            read.extend(_document(db, room, doc))
    except sqlite3.DatabaseError as error:
        log.error("Room %s of the older store is damaged: %s", room, error)  # noqa: TRY400
    if any(isinstance(record, Whole) for record in read):
        fresh = room_log.RoomLog(place, room, still_ours=lambda: None)
        fresh.append(read)
        fresh.close()


def _facts(db: sqlite3.Connection, room: RoomId) -> Iterator[Record]:
    query = "SELECT path, saved, intended FROM rooms WHERE room = ?"
    for path, saved, intended in db.execute(query, (room,)):
        yield records.located(str(path))
        if (version := _version(saved)) is not None:
            yield records.remembered(*version, at=0)
        if (version := _version(intended)) is not None:
            yield records.intended(*version)


def _document(db: sqlite3.Connection, room: RoomId, doc: str) -> Iterator[Record]:
    """Rows whose checksum holds; nothing if that of the whole document does not."""
    name = cast(DocName, doc)
    query = "SELECT epoch, data, crc FROM documents WHERE room = ? AND name = ?"
    whole = db.execute(query, (room, doc)).fetchone()
    if whole is None or crc32(whole[1]) != whole[2]:
        return
    epoch = Epoch(whole[0])
    yield Whole(name, epoch, whole[1])
    query = "SELECT data, crc FROM changes WHERE room = ? AND name = ? AND epoch = ? ORDER BY seq"
    for data, crc in db.execute(query, (room, doc, epoch)):
        if crc32(data) == crc:
            yield Change(name, epoch, data)
        else:
            log.error("A change of room %s in the older store is damaged", room)


def _version(text: str | None) -> records.Version | None:
    try:
        heads, file_hash, last_modified = json.loads(text or "")
        return tuple(map(str, heads)), Stamp(str(file_hash), str(last_modified))
    except (ValueError, TypeError):
        return None
