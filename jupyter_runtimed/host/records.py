"""What a room's log is made of, as bytes: records that can be told apart when some are damaged.

    file    = HEADER record*
    record  = MARK kind(1) length(varint) crc32(4, of kind and body) body

A record that does not read is skipped: the next one begins where mark, length and checksum agree
again. A change that follows another one is written as what it adds to it (`NEXT`): a keystroke's
change of 110 bytes takes about 36. Every 16th is written in full, so that what is damaged costs at
most the 15 behind it, which mostly build on it anyway.

It knows bytes and rooms' states. It does not know files.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import msgpack

from ..crdt import Heads
from ..document.schema import NOTEBOOK, RUNTIME, DocName
from ..ids import Epoch
from ..room.events import Stamp
from .store import FormerlySaved, recent

VERSION: Final = 2
"""Version 1 was a database; `sqlite_import` reads it."""
NAME: Final = b"\x89room\r\n"
HEADER: Final = NAME + bytes([VERSION, 255 - VERSION])
"""The version twice, so that damage is not taken for another version."""
MARK: Final = b"\xa5"
CHAIN: Final = 16
SMALL_BYTES: Final = 1024
"""Larger changes are compressed already, and gain nothing from the one before."""

_DOCS: Final[tuple[DocName, ...]] = (NOTEBOOK, RUNTIME)


class Kind(IntEnum):
    WHOLE = 1
    CHANGE = 2
    NEXT = 3
    FACTS = 4
    PLACED = 5


_KINDS: Final = frozenset(map(int, Kind))


@dataclass(frozen=True, slots=True)
class Whole:
    """A document in place of all that was kept for it."""

    doc: DocName
    epoch: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """Changes to add to a document of this epoch."""

    doc: DocName
    epoch: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the room and its file; a name that is missing is as it was."""

    facts: dict[str, Any]


Record = Whole | Change | Facts

Version = tuple[Heads, Stamp]


def located(path: str) -> Facts:
    return Facts({"path": path})


def remembered(heads: Heads, stamp: Stamp, at: int) -> Facts:
    return Facts({"saved": _packed(heads, stamp), "intended": None, "at": at})


def begun_anew(heads: Heads, stamp: Stamp) -> Facts:
    """What was saved before is of another history."""
    return Facts({"saved": _packed(heads, stamp), "intended": None, "former": []})


def intended(heads: Heads, stamp: Stamp) -> Facts:
    return Facts({"intended": _packed(heads, stamp)})


# ---------------------------------------------------------------- the state of a room


@dataclass(slots=True)
class _Last:
    """The change that the next one may build on, and how many have built on each other."""

    epoch: Epoch
    data: bytes
    length: int = 1


@dataclass(slots=True)
class State:
    """What records add up to."""

    facts: dict[str, Any] = field(default_factory=dict)
    documents: dict[DocName, tuple[Epoch, list[bytes]]] = field(default_factory=dict)
    based: set[DocName] = field(default_factory=set)
    """Documents that begin with a whole one."""

    def take(self, record: Record) -> None:
        match record:
            case Whole(doc, epoch, data):
                self.documents[doc] = (epoch, [data])
                self.based.add(doc)
            case Change(doc, epoch, data):
                known, chunks = self.documents.setdefault(doc, (epoch, []))
                if known == epoch:
                    chunks.append(data)
            case Facts(facts):
                self._save_over(facts)
                self.facts.update(facts)

    def records(self) -> Iterator[Record]:
        """What adds up to this state."""
        yield Facts(self.facts)
        for doc, (epoch, chunks) in self.documents.items():
            for index, data in enumerate(chunks):
                yield Change(doc, epoch, data) if index else Whole(doc, epoch, data)

    @property
    def path(self) -> str:
        return str(self.facts.get("path", ""))

    def version(self, name: str) -> Version | None:
        """The version that was `saved`, or is `intended`."""
        return _unpacked(self.facts.get(name))

    def former(self) -> tuple[FormerlySaved, ...]:
        """What was saved before, oldest first."""
        found = ((at, _unpacked(version)) for at, version in self.facts.get("former", ()))
        return tuple((at, *version) for at, version in found if version is not None)

    def _save_over(self, facts: dict[str, Any]) -> None:
        saved, at = self.facts.get("saved"), facts.get("at")
        if at is not None and saved is not None and facts.get("saved", saved) != saved:
            self.facts["former"] = recent([*self.facts.get("former", ()), (at, saved)], at)

    def copy(self) -> State:
        documents = {doc: (epoch, list(chunks)) for doc, (epoch, chunks) in self.documents.items()}
        return State(dict(self.facts), documents, set(self.based))


# ---------------------------------------------------------------- writing


class Encoder:
    """Writes the records of one file, in order. `copy` before what may fail."""

    def __init__(self, lasts: dict[DocName, _Last] | None = None) -> None:
        self._lasts: dict[DocName, _Last] = lasts or {}

    def copy(self) -> Encoder:
        lasts = {doc: _Last(it.epoch, it.data, it.length) for doc, it in self._lasts.items()}
        return Encoder(lasts)

    def encode(self, records: Iterable[Record]) -> bytes:
        return b"".join(map(self._encode, records))

    def placed(self) -> bytes:
        """The end of what a file is made with."""
        return _framed(Kind.PLACED, b"")

    def _encode(self, record: Record) -> bytes:
        match record:
            case Facts(facts):
                return _framed(Kind.FACTS, msgpack.packb(facts))
            case Whole(doc, epoch, data):
                self._lasts.pop(doc, None)
                return _framed(Kind.WHOLE, _body(doc, epoch, data))
            case Change(doc, epoch, data):
                return self._change(doc, epoch, data)

    def _change(self, doc: DocName, epoch: Epoch, data: bytes) -> bytes:
        last = self._lasts.get(doc)
        small = len(data) <= SMALL_BYTES
        if small and last is not None and last.epoch == epoch and last.length < CHAIN:
            added = _added(data, last.data)
            self._lasts[doc] = _Last(epoch, data, last.length + 1)
            return _framed(Kind.NEXT, bytes([_DOCS.index(doc)]) + added)
        if small:
            self._lasts[doc] = _Last(epoch, data)
        else:
            self._lasts.pop(doc, None)
        return _framed(Kind.CHANGE, _body(doc, epoch, data))


# ---------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no record; `open_end`: the file ends within one, as after a crash."""

    start: int
    end: int
    open_end: bool = False


class Decoder:
    """Reads the records of one file, in order, and counts what could not be read."""

    def __init__(self) -> None:
        self._lasts: dict[DocName, _Last] = {}
        self.gaps: list[Gap] = []
        self.placed = False
        self.unreadable = 0
        """Records that are whole, but build on one that is not."""

    def decode(self, data: bytes, start: int = 0) -> Iterator[Record]:
        """Records from `start`, which is where one begins."""
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
        """To go on writing the file that was read."""
        return Encoder(self._lasts).copy()

    def _skip(self, data: bytes, start: int) -> int:
        end = start
        while (end := data.find(MARK, end + 1)) >= 0 and _frame(data, end) is None:
            pass
        if end < 0:
            self.gaps.append(Gap(start, len(data), _ends_early(data, start)))
            return len(data)
        self.gaps.append(Gap(start, end))
        self._lasts.clear()
        return end

    def _record(self, kind: Kind, body: bytes) -> Record | None:
        try:
            match kind:
                case Kind.FACTS:
                    return Facts(dict(msgpack.unpackb(body)))
                case Kind.WHOLE:
                    doc, epoch, data = _parts(body)
                    self._lasts.pop(doc, None)
                    return Whole(doc, epoch, data)
                case Kind.CHANGE:
                    return self._first(*_parts(body))
                case Kind.NEXT:
                    return self._next(_DOCS[body[0]], body[1:])
                case Kind.PLACED:
                    self.placed = True
                    return None
        except (ValueError, IndexError, TypeError, zlib.error, msgpack.UnpackException):
            self.unreadable += 1
            return None

    def _first(self, doc: DocName, epoch: Epoch, data: bytes) -> Change:
        if len(data) <= SMALL_BYTES:
            self._lasts[doc] = _Last(epoch, data)
        else:
            self._lasts.pop(doc, None)
        return Change(doc, epoch, data)

    def _next(self, doc: DocName, added: bytes) -> Change | None:
        last = self._lasts.get(doc)
        if last is None:
            self.unreadable += 1
            return None
        data = zlib.decompressobj(-15, zdict=_known(last.data)).decompress(added)
        self._lasts[doc] = _Last(last.epoch, data, last.length + 1)
        return Change(doc, last.epoch, data)


# ---------------------------------------------------------------- bytes


def _framed(kind: Kind, body: bytes) -> bytes:
    head = bytes([kind])
    crc = zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little")
    return MARK + head + _varint(len(body)) + crc + body


def _frame(data: bytes, at: int) -> tuple[Kind, bytes, int] | None:
    """The record that begins here, and where the next one does; None if none does."""
    if data[at : at + 1] != MARK or (found := _head(data, at)) is None:
        return None
    kind, length, start = found
    body = data[start : start + length]
    crc = int.from_bytes(data[start - 4 : start], "little")
    if len(body) < length or zlib.crc32(body, zlib.crc32(bytes([kind]))) != crc:
        return None
    return kind, body, start + length


def _head(data: bytes, at: int) -> tuple[Kind, int, int] | None:
    """Kind, length, and where the body begins."""
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
    """Is this a record whose end is not there?"""
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
    """What a change is likely to repeat: the one before it, and that one's hash as its parent."""
    return before + hashlib.sha256(before[8:]).digest()


def _added(data: bytes, before: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zlib.Z_FIXED, _known(before))
    return packer.compress(data) + packer.flush()


def _packed(heads: Heads, stamp: Stamp) -> list[Any]:
    return [[_short(head) for head in heads], _short(stamp.hash), stamp.last_modified]


def _unpacked(value: object) -> Version | None:
    match value:
        case [[*heads], file_hash, str(last_modified)]:
            return tuple(map(_long, heads)), Stamp(_long(file_hash), last_modified)
        case _:
            return None


def _short(text: str) -> str | bytes:
    """Half as long, if it is a hash."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return text
    return data if data.hex() == text else text


def _long(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
