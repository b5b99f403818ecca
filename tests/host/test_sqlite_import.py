"""A store of version 1, a database, is taken over: whole, or as far as it can be read."""

import json
import sqlite3
from contextlib import closing
from zlib import crc32

import pytest

from jupyter_runtimed.host.log_store import LogStore
from jupyter_runtimed.room.events import Stamp

from .stores import ONE, OTHER, ROOM, Ear, whole_text

TABLES = """
CREATE TABLE rooms (
    room TEXT PRIMARY KEY, path TEXT NOT NULL DEFAULT '', saved TEXT, intended TEXT
) WITHOUT ROWID;
CREATE TABLE documents (
    room TEXT NOT NULL, name TEXT NOT NULL, epoch TEXT NOT NULL, version INTEGER NOT NULL,
    data BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (room, name)
);
CREATE TABLE changes (
    room TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL, epoch TEXT NOT NULL,
    data BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (room, name, seq)
) WITHOUT ROWID;
CREATE TABLE damaged (
    room TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER, epoch TEXT, data BLOB, crc INTEGER
);
PRAGMA user_version = 1;
"""
SAVED = json.dumps([["ab" * 32], "hash", "then"])


@pytest.fixture
def old(folder):
    """A database of two rooms, each with 400 changes."""
    path = folder.root / "rooms.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(TABLES)
        for room in (ROOM, OTHER):
            db.execute("INSERT INTO rooms VALUES (?, 'a.ipynb', ?, NULL)", (room, SAVED))
            whole = b"whole,"
            row = (room, "notebook", ONE, 1, whole, crc32(whole))
            db.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)", row)
            for seq in range(1, 401):
                data = b"%d," % seq
                row = (room, "notebook", seq, ONE, data, crc32(data))
                db.execute("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?)", row)
        db.commit()
    return path


async def numbers(store, room=ROOM):
    found = await store.load(room)
    return [int(part) for part in found.documents["notebook"].data.split(b",")[1:-1]]


async def test_rooms_are_taken_over_once_and_the_database_is_kept(folder, old):
    store, ear = LogStore(folder, server="new", fold=whole_text), Ear()
    found = await store.load(ROOM)
    assert found.path == "a.ipynb"
    assert found.saved == (("ab" * 32,), Stamp("hash", "then"))
    assert await numbers(store) == await numbers(store, OTHER) == list(range(1, 401))
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.append(ROOM, 1, "notebook", ONE, b"401,")
    await store.close()
    assert not old.exists()
    assert old.with_name("rooms-1.db").exists()
    assert await numbers(LogStore(folder, server="again")) == list(range(1, 402))


async def test_a_log_that_a_crash_left_beside_the_database_is_taken_in(folder, old):
    db = sqlite3.connect(old)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("DELETE FROM changes WHERE seq > 300")
    db.commit()
    files = {path.name: path.read_bytes() for path in old.parent.glob("rooms.db*")}
    db.close()
    for name, data in files.items():
        (old.parent / name).write_bytes(data)
    assert await numbers(LogStore(folder, server="new")) == list(range(1, 301))


async def test_a_damaged_change_is_left_out_and_told(folder, old, caplog):
    with closing(sqlite3.connect(old)) as db:
        db.execute("UPDATE changes SET crc = 0 WHERE seq = 7 AND room = ?", (ROOM,))
        db.commit()
    store = LogStore(folder, server="new")
    assert await numbers(store) == [*range(1, 7), *range(8, 401)]
    assert await numbers(store, OTHER) == list(range(1, 401))
    assert "is damaged" in caplog.text


@pytest.mark.parametrize("how", ["cut off", "zeroed page", "not a database", "empty"])
async def test_of_a_damaged_database_what_can_be_read_is_taken_over(folder, old, how, caplog):
    data = old.read_bytes()
    damaged = {
        "cut off": data[: len(data) // 2],
        "zeroed page": data[:12288] + bytes(4096) + data[16384:],
        "not a database": b"not a database, but somebody's only copy" * 100,
        "empty": b"",
    }[how]
    old.write_bytes(damaged)
    store = LogStore(folder, server="new")
    for room in (ROOM, OTHER):
        if (await store.load(room)) is not None:
            found = await numbers(store, room)
            assert found == sorted(set(found))
    assert old.with_name("rooms-1.db").read_bytes() == damaged
    assert "older" in caplog.text
