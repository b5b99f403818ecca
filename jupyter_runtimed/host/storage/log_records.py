"""The record format of a room's log; readers can skip damaged records.

    file    = HEADER record*
    record  = MARK kind(1) length(varint) crc32(4, of kind and body) body

A reader skips a damaged record and continues where mark, length and checksum match again. A small
change after another change is written as a delta (`NEXT`), so the 110 bytes of a keystroke's change
take about 36. Every 16th change is written completely, so a damaged record makes at most the 15
following deltas unreadable; most of these depend on the damaged change anyway.

This module knows bytes and the state of rooms, not files.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import msgpack

from ...crdt import Heads
from ...document.file_version import FileStamp
from ...document.schema import NOTEBOOK, RUNTIME, DocName
from ...ids import Epoch
from .store import FormerlySaved, recent, unseen

VERSION: Final = 2
"""The version of the format."""
NAME: Final = b"\x89room\r\n"
HEADER: Final = NAME + bytes([VERSION, 255 - VERSION])
"""The version and its complement, to distinguish damage from another version."""
MARK: Final = b"\xa5"
CHAIN: Final = 16
SMALL_BYTES: Final = 1024
"""The size limit for deltas; larger changes are compressed already."""

_DOCS: Final[tuple[DocName, ...]] = (NOTEBOOK, RUNTIME)


class Kind(IntEnum):
    SNAPSHOT = 1
    INCREMENTAL = 2
    DELTA = 3
    METADATA = 4
    FOOTER = 5


_KINDS: Final = frozenset(map(int, Kind))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot, which replaces all earlier records of the document."""

    doc: DocName
    epoch: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class Incremental:
    """Incremental changes to a document of this epoch."""

    doc: DocName
    epoch: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class Metadata:
    """Metadata of the room and its file; a missing key keeps its earlier value."""

    facts: dict[str, Any]


Record = Snapshot | Incremental | Metadata

Version = tuple[Heads, FileStamp]


def located(path: str) -> Metadata:
    return Metadata({"path": path})


def bound(root: str) -> Metadata:
    return Metadata({"root": root})


def remembered(heads: Heads, stamp: FileStamp, at: int) -> Metadata:
    return Metadata({"saved": _packed(heads, stamp), "intended": None, "at": at})


def begun_anew(heads: Heads, stamp: FileStamp) -> Metadata:
    """Return metadata after a rotation, which forgets saved versions of the old history."""
    return Metadata({"saved": _packed(heads, stamp), "intended": None, "tried": [], "former": []})


def intended(heads: Heads, stamp: FileStamp) -> Metadata:
    return Metadata({"intended": _packed(heads, stamp)})


# ---------------------------------------------------------------- the state of a room


@dataclass(slots=True)
class _Last:
    """The base of the next delta, and the length of the chain of deltas so far."""

    epoch: Epoch
    data: bytes
    length: int = 1


@dataclass(slots=True)
class RoomState:
    """The state of a room after a sequence of records."""

    facts: dict[str, Any] = field(default_factory=dict)
    documents: dict[DocName, tuple[Epoch, list[bytes]]] = field(default_factory=dict)
    based: set[DocName] = field(default_factory=set)
    """Documents that begin with a snapshot."""

    def take(self, record: Record) -> None:
        match record:
            case Snapshot(doc, epoch, data):
                self.documents[doc] = (epoch, [data])
                self.based.add(doc)
            case Incremental(doc, epoch, data):
                known, chunks = self.documents.setdefault(doc, (epoch, []))
                if known == epoch:
                    chunks.append(data)
            case Metadata(facts):
                self._save_over(facts)
                self._intend_over(facts)
                self.facts.update(facts)

    def records(self) -> Iterator[Record]:
        """Yield records that produce this state."""
        yield Metadata(self.facts)
        for doc, (epoch, chunks) in self.documents.items():
            for index, data in enumerate(chunks):
                yield Incremental(doc, epoch, data) if index else Snapshot(doc, epoch, data)

    @property
    def path(self) -> str:
        return str(self.facts.get("path", ""))

    @property
    def root(self) -> str:
        return str(self.facts.get("root", ""))

    def version(self, name: str) -> Version | None:
        """Return the version under the key "saved" or "intended", or None."""
        return _unpacked(self.facts.get(name))

    def former(self) -> tuple[FormerlySaved, ...]:
        """Return the recently replaced versions, oldest first."""
        found = ((at, _unpacked(version)) for at, version in self.facts.get("former", ()))
        return tuple((at, *version) for at, version in found if version is not None)

    def _save_over(self, facts: dict[str, Any]) -> None:
        saved, at = self.facts.get("saved"), facts.get("at")
        if at is not None and saved is not None and facts.get("saved", saved) != saved:
            self.facts["former"] = recent([*self.facts.get("former", ()), (at, saved)], at)

    def _intend_over(self, facts: dict[str, Any]) -> None:
        if "intended" not in facts or "tried" in facts:
            return
        over = facts["intended"] or facts.get("saved")
        tried = unseen(self.facts.get("tried", ()), self.facts.get("intended"), over)
        if tried or "tried" in self.facts:
            self.facts["tried"] = tried

    def tried(self) -> tuple[Version, ...]:
        """Return the save attempts with an unknown result, oldest first."""
        found = map(_unpacked, self.facts.get("tried", ()))
        return tuple(version for version in found if version is not None)

    def copy(self) -> RoomState:
        documents = {doc: (epoch, list(chunks)) for doc, (epoch, chunks) in self.documents.items()}
        return RoomState(dict(self.facts), documents, set(self.based))


# ---------------------------------------------------------------- writing


class Encoder:
    """Encodes the records of one file, in order. Use a `copy` for a write that may fail."""

    def __init__(self, lasts: dict[DocName, _Last] | None = None) -> None:
        self._lasts: dict[DocName, _Last] = lasts or {}

    def copy(self) -> Encoder:
        lasts = {doc: _Last(it.epoch, it.data, it.length) for doc, it in self._lasts.items()}
        return Encoder(lasts)

    def encode(self, records: Iterable[Record]) -> bytes:
        return b"".join(map(self._encode, records))

    def placed(self) -> bytes:
        """Return the record that ends the initial content of a file."""
        return _framed(Kind.FOOTER, b"")

    def _encode(self, record: Record) -> bytes:
        match record:
            case Metadata(facts):
                return _framed(Kind.METADATA, msgpack.packb(facts))
            case Snapshot(doc, epoch, data):
                self._lasts.pop(doc, None)
                return _framed(Kind.SNAPSHOT, _body(doc, epoch, data))
            case Incremental(doc, epoch, data):
                return self._change(doc, epoch, data)

    def _change(self, doc: DocName, epoch: Epoch, data: bytes) -> bytes:
        last = self._lasts.get(doc)
        small = len(data) <= SMALL_BYTES
        if small and last is not None and last.epoch == epoch and last.length < CHAIN:
            added = _added(data, last.data)
            self._lasts[doc] = _Last(epoch, data, last.length + 1)
            return _framed(Kind.DELTA, bytes([_DOCS.index(doc)]) + added)
        if small:
            self._lasts[doc] = _Last(epoch, data)
        else:
            self._lasts.pop(doc, None)
        return _framed(Kind.INCREMENTAL, _body(doc, epoch, data))


# ---------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class CorruptSpan:
    """A damaged range of bytes; `open_end`: the file ends within a record, as after a crash."""

    start: int
    end: int
    open_end: bool = False


class Decoder:
    """Decodes the records of one file, in order, and collects the damage."""

    def __init__(self) -> None:
        self._lasts: dict[DocName, _Last] = {}
        self.gaps: list[CorruptSpan] = []
        self.placed = False
        self.unreadable = 0
        """The number of undamaged records that depend on a damaged record."""

    def decode(self, data: bytes, start: int = 0) -> Iterator[Record]:
        """Yield the records from `start`, which must be the start of a record."""
        at = start
        while at < len(data):
            found = _frame(data, at)
            if found is None:
                at = self._skip(data, at)
                continue
            kind, body, at = found
            if (record := self._record(kind, body)) is not None:
                yield record

    def encoder(self) -> Encoder:
        """Return an encoder that continues the decoded file."""
        return Encoder(self._lasts).copy()

    def _skip(self, data: bytes, start: int) -> int:
        end = start
        while (end := data.find(MARK, end + 1)) >= 0 and _frame(data, end) is None:
            pass
        if end < 0:
            self.gaps.append(CorruptSpan(start, len(data), _ends_early(data, start)))
            return len(data)
        self.gaps.append(CorruptSpan(start, end))
        self._lasts.clear()
        return end

    def _record(self, kind: Kind, body: bytes) -> Record | None:
        try:
            match kind:
                case Kind.METADATA:
                    return Metadata(dict(msgpack.unpackb(body)))
                case Kind.SNAPSHOT:
                    doc, epoch, data = _parts(body)
                    self._lasts.pop(doc, None)
                    return Snapshot(doc, epoch, data)
                case Kind.INCREMENTAL:
                    return self._first(*_parts(body))
                case Kind.DELTA:
                    return self._next(_DOCS[body[0]], body[1:])
                case Kind.FOOTER:
                    self.placed = True
                    return None
        except (ValueError, IndexError, TypeError, zlib.error, msgpack.UnpackException):
            self.unreadable += 1
            return None

    def _first(self, doc: DocName, epoch: Epoch, data: bytes) -> Incremental:
        if len(data) <= SMALL_BYTES:
            self._lasts[doc] = _Last(epoch, data)
        else:
            self._lasts.pop(doc, None)
        return Incremental(doc, epoch, data)

    def _next(self, doc: DocName, added: bytes) -> Incremental | None:
        last = self._lasts.get(doc)
        if last is None:
            self.unreadable += 1
            return None
        data = zlib.decompressobj(-15, zdict=_known(last.data)).decompress(added)
        self._lasts[doc] = _Last(last.epoch, data, last.length + 1)
        return Incremental(doc, last.epoch, data)


# ---------------------------------------------------------------- bytes


def _framed(kind: Kind, body: bytes) -> bytes:
    head = bytes([kind])
    crc = zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little")
    return MARK + head + _varint(len(body)) + crc + body


def _frame(data: bytes, at: int) -> tuple[Kind, bytes, int] | None:
    """Return kind, body and end of the record at `at`; None if no valid record begins there."""
    if data[at : at + 1] != MARK or (found := _head(data, at)) is None:
        return None
    kind, length, start = found
    body = data[start : start + length]
    crc = int.from_bytes(data[start - 4 : start], "little")
    if len(body) < length or zlib.crc32(body, zlib.crc32(bytes([kind]))) != crc:
        return None
    return kind, body, start + length


def _head(data: bytes, at: int) -> tuple[Kind, int, int] | None:
    """Return kind, length and start of the body."""
    if at + 1 >= len(data) or data[at + 1] not in _KINDS:
        return None
    length, shift, place = 0, 0, at + 2
    while place < len(data) and shift < 64:
        byte = data[place]
        length |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return Kind(data[at + 1]), length, place + 4
    return None


def _ends_early(data: bytes, at: int) -> bool:
    """Return whether a record begins at `at` and extends beyond the data."""
    if data[at : at + 1] != MARK:
        return False
    found = _head(data, at)
    if found is None:
        return len(data) - at < 12
    return found[2] + found[1] > len(data)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _body(doc: DocName, epoch: Epoch, data: bytes) -> bytes:
    name = epoch.encode()
    return bytes([_DOCS.index(doc), len(name)]) + name + data


def _parts(body: bytes) -> tuple[DocName, Epoch, bytes]:
    end = 2 + body[1]
    return _DOCS[body[0]], Epoch(body[2:end].decode()), body[end:]


def _known(before: bytes) -> bytes:
    """Return a compression dictionary: the previous change, and its hash (the next dependency)."""
    return before + hashlib.sha256(before[8:]).digest()


def _added(data: bytes, before: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zlib.Z_FIXED, _known(before))
    return packer.compress(data) + packer.flush()


def _packed(heads: Heads, stamp: FileStamp) -> list[Any]:
    return [[_short(head) for head in heads], _short(stamp.hash), stamp.last_modified]


def _unpacked(value: object) -> Version | None:
    match value:
        case [[*heads], file_hash, str(last_modified)]:
            return tuple(map(_long, heads)), FileStamp(_long(file_hash), last_modified)
        case _:
            return None


def _short(text: str) -> str | bytes:
    """Return a hash as bytes, in half the length; return any other text unchanged."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return text
    return data if data.hex() == text else text


def _long(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
