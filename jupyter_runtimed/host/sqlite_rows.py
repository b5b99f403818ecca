"""What the store reads and writes, as SQL. Every function is one thing done in one connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard, cast
from zlib import crc32

from ..crdt import Heads
from ..document.schema import NOTEBOOK, RUNTIME, DocName
from ..ids import Epoch, RoomId
from ..room.events import Stamp
from .store import StoredDocument, StoredRoom


@dataclass(frozen=True, slots=True)
class Cut:
    """One document as it was read: what a compaction may replace, if nothing replaced it before."""

    epoch: str
    version: int
    last_seq: int
    chunks: tuple[bytes, ...]
    damaged: tuple[int | None, ...] = ()
    """Numbers of damaged changes; None is the whole document's row."""


def append(db: sqlite3.Connection, room: RoomId, doc: DocName, epoch: Epoch, data: bytes) -> None:
    db.execute(
        "INSERT INTO changes SELECT ?1, ?2, coalesce(max(seq), 0) + 1, ?3, ?4, ?5 "
        "FROM changes WHERE room = ?1 AND name = ?2",
        (room, doc, epoch, data, crc32(data)),
    )


def replace(db: sqlite3.Connection, room: RoomId, doc: DocName, epoch: Epoch, data: bytes) -> None:
    _know(db, room)
    db.execute("DELETE FROM changes WHERE room = ? AND name = ?", (room, doc))
    db.execute(
        "INSERT INTO documents VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET "
        "epoch = excluded.epoch, version = version + 1, data = excluded.data, crc = excluded.crc",
        (room, doc, epoch, data, crc32(data)),
    )


def compact(db: sqlite3.Connection, room: RoomId, doc: DocName, cut: Cut, data: bytes) -> None:
    """Put one chunk in place of those that it was made from; nothing if they were replaced."""
    changed = db.execute(
        "UPDATE documents SET version = version + 1, data = ?, crc = ? "
        "WHERE room = ? AND name = ? AND epoch = ? AND version = ?",
        (data, crc32(data), room, doc, cut.epoch, cut.version),
    )
    if changed.rowcount:
        db.execute(
            "DELETE FROM changes WHERE room = ? AND name = ? AND seq <= ?",
            (room, doc, cut.last_seq),
        )


def remember(db: sqlite3.Connection, room: RoomId, heads: Heads, stamp: Stamp) -> None:
    _know(db, room)
    saved = _version_text(heads, stamp)
    db.execute("UPDATE rooms SET saved = ?, intended = NULL WHERE room = ?", (saved, room))


def intend(db: sqlite3.Connection, room: RoomId, heads: Heads, stamp: Stamp) -> None:
    _know(db, room)
    intended = _version_text(heads, stamp)
    db.execute("UPDATE rooms SET intended = ? WHERE room = ?", (intended, room))


def locate(db: sqlite3.Connection, room: RoomId, path: str) -> None:
    _know(db, room)
    db.execute("UPDATE rooms SET path = ? WHERE room = ?", (path, room))


def set_aside(db: sqlite3.Connection, room: RoomId, doc: DocName, cut: Cut) -> None:
    """Put damaged rows where they are not read again; changes of a damaged whole go with it."""
    if None in cut.damaged:
        db.execute(
            "INSERT INTO damaged SELECT room, name, NULL, epoch, data, crc FROM documents "
            "WHERE room = ? AND name = ? AND version = ?",
            (room, doc, cut.version),
        )
        db.execute("DELETE FROM documents WHERE room = ? AND name = ?", (room, doc))
        seqs = [seq for (seq,) in db.execute(_SEQS, (room, doc))]
    else:
        seqs = [seq for seq in cut.damaged if seq is not None]
    for seq in seqs:
        key = (room, doc, seq)
        db.execute(
            "INSERT INTO damaged SELECT room, name, seq, epoch, data, crc FROM changes "
            "WHERE room = ? AND name = ? AND seq = ?",
            key,
        )
        db.execute("DELETE FROM changes WHERE room = ? AND name = ? AND seq = ?", key)


# ---------------------------------------------------------------- reading

_SEQS = "SELECT seq FROM changes WHERE room = ? AND name = ? ORDER BY seq"


def load(db: sqlite3.Connection, room: RoomId) -> tuple[StoredRoom | None, dict[DocName, Cut]]:
    """Everything about a room, as it is at one moment, and how each document was read."""
    db.execute("BEGIN")
    try:
        row = db.execute(
            "SELECT path, saved, intended FROM rooms WHERE room = ?", (room,)
        ).fetchone()
        cuts = {doc: read_document(db, room, doc) for doc in (NOTEBOOK, RUNTIME)}
    finally:
        db.execute("ROLLBACK")
    found: dict[DocName, Cut] = {
        cast(DocName, doc): cut for doc, cut in cuts.items() if cut is not None
    }
    if row is None and not found:
        return None, {}
    damage = [line for doc, cut in found.items() for line in _damage(doc, cut)]
    saved, intended = (None, None) if row is None else (_version(row[1]), _version(row[2]))
    if row is not None and row[1] is not None and saved is None:
        damage.append("the record of the last saved version is damaged; the file is merged anew")
    documents = {
        doc: StoredDocument(Epoch(cut.epoch), cut.chunks)
        for doc, cut in found.items()
        if cut.chunks and None not in cut.damaged
    }
    path = "" if row is None else str(row[0])
    return StoredRoom(path, documents, saved, intended, tuple(damage)), found


def read_document(db: sqlite3.Connection, room: RoomId, doc: str) -> Cut | None:
    whole = db.execute(
        "SELECT epoch, version, data, crc FROM documents WHERE room = ? AND name = ?", (room, doc)
    ).fetchone()
    chunks: list[bytes] = []
    damaged: list[int | None] = []
    epoch, version, last = ("", 0, 0) if whole is None else (whole[0], whole[1], 0)
    if whole is not None:
        if _sound(whole[2], whole[3]):
            chunks.append(whole[2])
        else:
            damaged.append(None)
    for last, its_epoch, data, crc in _changes(db, room, doc):
        epoch = epoch or its_epoch
        if not _sound(data, crc):
            damaged.append(last)
        elif its_epoch == epoch:
            chunks.append(data)
    if whole is None and not chunks and not damaged:
        return None
    return Cut(epoch, version, last, tuple(chunks), tuple(damaged))


def _changes(
    db: sqlite3.Connection, room: RoomId, doc: str
) -> Iterator[tuple[int, str, object, object]]:
    """Rows in order; where the file itself is damaged, row by row, so that it costs only some."""
    query = "SELECT seq, epoch, data, crc FROM changes WHERE room = ? AND name = ?"
    try:
        yield from db.execute(f"{query} ORDER BY seq", (room, doc)).fetchall()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        for (seq,) in db.execute(_SEQS, (room, doc)).fetchall():
            try:
                yield db.execute(f"{query} AND seq = ?", (room, doc, seq)).fetchone()
            except sqlite3.DatabaseError:
                yield seq, "", b"", None


def _sound(data: object, crc: object) -> TypeGuard[bytes]:
    return isinstance(data, bytes) and crc32(data) == crc


def _damage(doc: DocName, cut: Cut) -> Iterator[str]:
    if None in cut.damaged:
        yield f"the stored {doc} document is damaged and was set aside"
    elif cut.damaged:
        yield (
            f"{len(cut.damaged)} of the stored changes of the {doc} document are damaged and were "
            "set aside; the others are kept, and a browser that still holds them sends them again"
        )


def _version_text(heads: Heads, stamp: Stamp) -> str:
    return json.dumps([list(heads), stamp.hash, stamp.last_modified])


def _version(text: str | None) -> tuple[Heads, Stamp] | None:
    try:
        heads, file_hash, last_modified = json.loads(text or "")
        return tuple(map(str, heads)), Stamp(str(file_hash), str(last_modified))
    except (ValueError, TypeError):
        return None


def _know(db: sqlite3.Connection, room: RoomId) -> None:
    db.execute("INSERT INTO rooms (room) VALUES (?) ON CONFLICT DO NOTHING", (room,))
