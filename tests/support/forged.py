"""Automerge changes with arbitrary operations, including ones that no editor would write.

`encode` writes one change chunk from a list of operations, as the Automerge core does. It does not
check the meaning of the operations for a document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

from jupyter_runtimed.crdt import ROOT, Document, ObjId

Action = Literal["make map", "set", "make list", "delete", "make text", "increment"]
Scalar = str | int | bool | None

_ACTIONS: Final[dict[Action, int]] = {
    "make map": 0, "set": 1, "make list": 2, "delete": 3, "make text": 4, "increment": 5,
}  # fmt: skip
HEAD: Final = "_head"


@dataclass(frozen=True, slots=True)
class Forged:
    """One operation. `key` is a map key, or (`element`) the id of an element or `HEAD`."""

    action: Action
    obj: ObjId
    key: str
    value: Scalar = None
    pred: tuple[ObjId, ...] = ()
    element: bool = False
    insert: bool = False


def encode(
    ops: Sequence[Forged], *, actor: bytes, seq: int, start_op: int, deps: Iterable[str]
) -> bytes:
    """One change by `actor` with these operations, numbered from `start_op` on."""
    named = {_actor(id_) for op in ops for id_ in _ids(op)} - {actor}
    actors = [actor, *sorted(named)]
    heads = sorted(bytes.fromhex(head) for head in deps)
    body = bytearray(_uleb(len(heads)) + b"".join(heads))
    body += _uleb(len(actor)) + actor + _uleb(seq) + _uleb(start_op) + b"\0" + b"\0"
    body += _uleb(len(actors) - 1)
    body += b"".join(_uleb(len(other)) + other for other in actors[1:])
    columns = [(spec, data) for spec, data in _columns(ops, actors) if data]
    body += _uleb(len(columns))
    body += b"".join(_uleb(spec) + _uleb(len(data)) for spec, data in columns)
    body += b"".join(data for _, data in columns)
    sealed = b"\x01" + _uleb(len(body)) + bytes(body)
    return b"\x85\x6f\x4a\x83" + hashlib.sha256(sealed).digest()[:4] + sealed


def next_change(document: Document, ops: Sequence[Forged], *, actor: bytes, seq: int = 1) -> bytes:
    """Return the change that `actor` would make on top of `document`."""
    heads, start = document.heads(), document.max_op + 1
    return encode(ops, actor=actor, seq=seq, start_op=start, deps=heads)


def _ids(op: Forged) -> list[ObjId]:
    key = [op.key] if op.element and op.key != HEAD else []
    return [*([] if op.obj == ROOT else [op.obj]), *key, *op.pred]


def _actor(id_: ObjId) -> bytes:
    return bytes.fromhex(id_.partition("@")[2])


def _counter(id_: ObjId) -> int:
    return int(id_.partition("@")[0])


def _columns(ops: Sequence[Forged], actors: Sequence[bytes]) -> list[tuple[int, bytes]]:
    def index(id_: ObjId) -> int:
        return actors.index(_actor(id_))

    objs = [None if op.obj == ROOT else op.obj for op in ops]
    elements = [op.key if op.element else None for op in ops]
    named = [None if key is None or key == HEAD else key for key in elements]
    preds = [sorted(op.pred, key=lambda id_: (_counter(id_), _actor(id_))) for op in ops]
    flat = [id_ for pred in preds for id_ in pred]
    values = [_value(op.value) if op.action in ("set", "increment") else (0, b"") for op in ops]
    counters = [None if key is None else 0 if key == HEAD else _counter(key) for key in elements]
    return [
        (0x01, _rle([None if id_ is None else _uleb(index(id_)) for id_ in objs])),
        (0x02, _rle([None if id_ is None else _uleb(_counter(id_)) for id_ in objs])),
        (0x11, _rle([None if id_ is None else _uleb(index(id_)) for id_ in named])),
        (0x13, _delta(counters)),
        (0x15, _rle([None if op.element else _string(op.key) for op in ops])),
        (0x34, _booleans([op.insert for op in ops])),
        (0x42, _rle([_uleb(_ACTIONS[op.action]) for op in ops])),
        (0x56, _rle([_uleb(len(data) << 4 | kind) for kind, data in values])),
        (0x57, b"".join(data for _, data in values)),
        (0x70, _rle([_uleb(len(pred)) for pred in preds])),
        (0x71, _rle([_uleb(index(id_)) for id_ in flat])),
        (0x73, _delta([_counter(id_) for id_ in flat])),
    ]


def _value(value: Scalar) -> tuple[int, bytes]:
    """The type's number, and the bytes."""
    match value:
        case None:
            return 0, b""
        case bool():
            return (2 if value else 1), b""
        case int():
            return 4, _sleb(value)
        case str():
            return 6, value.encode()


def _string(text: str) -> bytes:
    return _uleb(len(text.encode())) + text.encode()


def _uleb(number: int) -> bytes:
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        out.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _sleb(number: int) -> bytes:
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        if (number == 0 and not byte & 0x40) or (number == -1 and byte & 0x40):
            return bytes([*out, byte])
        out.append(byte | 0x80)


def _rle(values: Sequence[bytes | None]) -> bytes:
    """Run-length encoding: repeated values, literal runs, runs of nothing."""
    if all(value is None for value in values):
        return b""
    out, singles = bytearray(), list[bytes]()

    def flush() -> None:
        if singles:
            out.extend(_sleb(-len(singles)) + b"".join(singles))
            singles.clear()

    for value, run in groupby(values):
        count = len(list(run))
        if value is not None and count == 1:
            singles.append(value)
            continue
        flush()
        out.extend(b"\0" + _uleb(count) if value is None else _sleb(count) + value)
    flush()
    return bytes(out)


def _delta(numbers: Sequence[int | None]) -> bytes:
    steps: list[bytes | None] = []
    last = 0
    for number in numbers:
        steps.append(None if number is None else _sleb(number - last))
        last = last if number is None else number
    return _rle(steps)


def _booleans(values: Sequence[bool]) -> bytes:
    """Lengths of runs, which alternate and begin with false."""
    out, now, count = bytearray(), False, 0
    for value in values:
        if value != now:
            out += _uleb(count)
            now, count = value, 0
        count += 1
    return bytes(out + _uleb(count))
