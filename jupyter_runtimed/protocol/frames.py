"""The frames of the protocol as values, and their MessagePack encoding.

`docs/design/protocol.md` specifies the frames in CDDL. `decode` checks every field; its `BadFrame`
names the frame and the field that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

import msgpack

from ..document.schema import DocName
from ..errors import BadFrame
from ..ids import Epoch

PROTOCOL: Final = 1
Heads: TypeAlias = tuple[str, ...]
Held: TypeAlias = Mapping[DocName, tuple[Epoch, Heads]]
Role: TypeAlias = Literal["viewer", "editor", "runner"]
PeerKind: TypeAlias = Literal["browser", "agent"]
T = TypeVar("T")

SMALL_BYTES: Final = 1 << 20
"""Largest size of a frame; a `change` and a `sync` may be larger by the bytes of their changes."""
CHANGE_BYTES: Final = 64 << 20
"""Default largest size of a `change`, and so of any frame from a client."""
CHANGE_OPS: Final = 1_000_000
"""Most operations (typed characters) in a `change`, because the permission check costs time."""
_BEGINNING_BYTES: Final = 512
PRESENCE_BYTES: Final = 16 << 10
"""Largest `presence` from a client; the server adds the user before it broadcasts the frame."""
PRESENCE_CURSORS: Final = 64
HELLO_LIST: Final = 1_000
"""Most tickets, and most heads, in a `hello`."""
CALL_HEADS: Final = 1_000
CONTAINER: Final = 100_000
"""Most elements in any array or map."""
_PRESENCE_TEXTS: Final = {"kind": 20, "actor": 32, "cell": 200, "doing": 100}
_CURSOR_LENGTH: Final = 200
PREFIX_BYTES: Final = 16
"""Length of the actor prefix that the server gives to a connection."""


@dataclass(frozen=True, slots=True)
class Hello:
    client: str
    kind: PeerKind
    docs: Held = field(default_factory=dict)
    tickets: tuple[tuple[bytes, bytes], ...] = ()
    protocol: int = PROTOCOL


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to a hello.

    If the hello named the epoch of an archived document, `had` lists the last change in the archive
    by each of this client's actors. The present document contains the effect of these changes and
    of all earlier ones.
    """

    room: str
    path: str
    server: str
    session: str
    user: Mapping[str, str | None]
    role: Role
    actor: bytes
    proof: bytes
    docs: Held
    limits: Mapping[str, int]
    saved: bool
    protocol: int = PROTOCOL
    had: Heads = ()


@dataclass(frozen=True, slots=True)
class Sync:
    doc: DocName
    epoch: Epoch
    full: bool
    data: bytes
    heads: Heads


@dataclass(frozen=True, slots=True)
class Change:
    doc: DocName
    data: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    doc: DocName
    heads: Heads


@dataclass(frozen=True, slots=True)
class Refuse:
    doc: DocName
    hashes: tuple[str, ...]
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Call:
    id: int
    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    heads: Heads = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a call: `error` is `{code, message}`, or None if the call returned `result`."""

    id: int
    result: Any = None
    error: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Presence:
    session: str
    state: Mapping[str, Any] | None


Frame: TypeAlias = Hello | Welcome | Sync | Change | Ack | Refuse | Call | Reply | Event | Presence


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes. Raises `BadFrame` for a value that MessagePack cannot encode."""
    try:
        return cast(bytes, msgpack.packb(_plain(frame), use_bin_type=True))
    except (ValueError, TypeError, OverflowError) as error:  # a lone surrogate, 2**64, an object
        kind = type(frame).__name__.lower()
        raise BadFrame(f"the {kind} frame cannot be sent: {error}") from error


def decode(data: bytes, *, cap_bytes: int = CHANGE_BYTES) -> Frame:
    """Decode one frame. Raises `BadFrame`. The size is checked before the data is unpacked."""
    if len(data) > cap_bytes:
        raise BadFrame(f"a frame of {len(data)} bytes; the cap is {cap_bytes}")
    try:
        if len(data) > SMALL_BYTES:
            _judge_large(data)
        parts = msgpack.unpackb(
            data, raw=False, strict_map_key=True, max_array_len=CONTAINER, max_map_len=CONTAINER
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise BadFrame(f"not a MessagePack frame: {error}") from error
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], str):
        raise BadFrame("a frame is an array that begins with its kind")
    kind = parts[0]
    if kind not in _READERS:
        raise BadFrame(f"unknown frame kind {kind[:40]!r}; please reload")
    length, read = _READERS[kind]
    if len(parts) != length:
        raise BadFrame(f"a {kind} frame has {length} elements, not {len(parts)}")
    if kind == "presence" and not parts[1] and len(data) > PRESENCE_BYTES:
        raise BadFrame(f"a presence frame of {len(data)} bytes; the cap is {PRESENCE_BYTES}")
    return read(parts)


_BULK: Final = {"change": (3, 2), "sync": (6, 4)}
"""The kinds that may be large: their number of elements, and the position of the large one."""
_BYTES_MARKS: Final = frozenset({0xC4, 0xC5, 0xC6})
"""The first byte of MessagePack's three binary formats."""


def _judge_large(data: bytes) -> None:
    """Check the beginning of a large frame before it is unpacked. Raises `BadFrame`.

    A megabyte of nested arrays unpacks to a hundred times its size, so all but `SMALL_BYTES` of a
    large frame must be one binary element.
    """
    reader = msgpack.Unpacker(raw=False)
    reader.feed(data[:_BEGINNING_BYTES])
    try:
        length, kind = reader.read_array_header(), reader.unpack()
        if kind not in _BULK:
            raise BadFrame(f"a {kind!s:.40} frame of {len(data)} bytes; the cap is {SMALL_BYTES}")
        expected, place = _BULK[kind]
        for _ in range(place - 1):
            reader.skip()
    except (msgpack.OutOfData, TypeError):
        raise BadFrame(f"a frame of {len(data)} bytes is neither a change nor a sync") from None
    start = reader.tell()
    if length != expected or data[start] not in _BYTES_MARKS:
        raise BadFrame(f"the changes in a large {kind} frame are not bytes")
    width = 1 << (data[start] - 0xC4)
    bulk = int.from_bytes(data[start + 1 : start + 1 + width], "big")
    if len(data) - bulk > SMALL_BYTES:
        raise BadFrame(f"a {kind} frame has more than {SMALL_BYTES} bytes beside its changes")


def _plain(frame: Frame) -> list[Any]:
    match frame:
        case Hello():
            return ["hello", {
                "protocol": frame.protocol, "client": frame.client, "kind": frame.kind,
                "docs": _held_plain(frame.docs), "tickets": [list(t) for t in frame.tickets],
            }]  # fmt: skip
        case Welcome():
            return ["welcome", {
                "protocol": frame.protocol, "room": frame.room, "path": frame.path,
                "server": frame.server, "session": frame.session, "user": dict(frame.user),
                "role": frame.role, "actor": frame.actor, "proof": frame.proof,
                "docs": _held_plain(frame.docs), "limits": dict(frame.limits),
                "saved": frame.saved, "had": list(frame.had),
            }]  # fmt: skip
        case Sync():
            return ["sync", frame.doc, frame.epoch, frame.full, frame.data, list(frame.heads)]
        case Change():
            return ["change", frame.doc, frame.data]
        case Ack():
            return ["ack", frame.doc, list(frame.heads)]
        case Refuse():
            return ["refuse", frame.doc, list(frame.hashes), frame.code, frame.reason]
        case Call():
            return ["call", frame.id, frame.name, dict(frame.args), list(frame.heads)]
        case Reply():
            error = None if frame.error is None else dict(frame.error)
            return ["reply", frame.id, frame.result, error]
        case Event():
            return ["event", frame.name, dict(frame.body)]
        case Presence():
            state = None if frame.state is None else dict(frame.state)
            return ["presence", frame.session, state]


def _held_plain(docs: Held) -> dict[str, list[Any]]:
    return {name: [epoch, list(heads)] for name, (epoch, heads) in docs.items()}


# ---------------------------------------------------------------- checked reading

_HASH = re.compile(r"[0-9a-f]{64}\Z")


def _want(kind: type[T], value: object, what: str) -> T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadFrame(f"{what} is not {kind.__name__}")
    return value


def _id(value: object, what: str) -> int:
    number = _want(int, value, what)
    if number < 0:
        raise BadFrame(f"{what} is negative")
    return number


def _heads(value: object, what: str) -> Heads:
    heads = _want(list, value, what)
    for head in heads:
        if not isinstance(head, str) or not _HASH.match(head):
            raise BadFrame(f"{what} holds something that is not a change hash")
    return tuple(heads)


def _doc(value: object, what: str) -> DocName:
    if value == "notebook":
        return "notebook"
    if value == "runtime":
        return "runtime"
    raise BadFrame(f"{what} is neither notebook nor runtime")


def _prefix(value: object, what: str) -> bytes:
    prefix = _want(bytes, value, what)
    if len(prefix) != PREFIX_BYTES:
        raise BadFrame(f"{what} is not {PREFIX_BYTES} bytes")
    return prefix


def _body(value: object, what: str) -> dict[str, Any]:
    body = _want(dict, value, what)
    if not all(isinstance(key, str) for key in body):
        raise BadFrame(f"{what} has a key that is not a string")
    return body


def _short_list(value: object, most: int, what: str) -> list[Any]:
    found = _want(list, value, what)
    if len(found) > most:
        raise BadFrame(f"{what} has {len(found)} elements; the cap is {most}")
    return found


def _held(value: object, what: str, *, most: int = CONTAINER) -> Held:
    held: dict[DocName, tuple[Epoch, Heads]] = {}
    for name, pair in _body(value, what).items():
        if not isinstance(pair, list) or len(pair) != 2:
            raise BadFrame(f"{what} does not give [epoch, heads]")
        epoch = Epoch(_want(str, pair[0], f"{what} epoch"))
        heads = _heads(_short_list(pair[1], most, f"{what} heads"), f"{what} heads")
        held[_doc(name, what)] = (epoch, heads)
    return held


def _hello(parts: list[Any]) -> Frame:
    body = _body(parts[1], "hello")
    kind = body.get("kind")
    if kind not in ("browser", "agent"):
        raise BadFrame("hello kind is neither browser nor agent")
    tickets = []
    for pair in _short_list(body.get("tickets", []), HELLO_LIST, "hello tickets"):
        if not isinstance(pair, list) or len(pair) != 2:
            raise BadFrame("a ticket is [prefix, proof]")
        tickets.append((_prefix(pair[0], "ticket"), _want(bytes, pair[1], "ticket proof")))
    return Hello(
        client=_want(str, body.get("client"), "hello client"),
        kind=cast(PeerKind, kind),
        docs=_held(body.get("docs", {}), "hello docs", most=HELLO_LIST),
        tickets=tuple(tickets),
        protocol=_want(int, body.get("protocol"), "hello protocol"),
    )


def _welcome(parts: list[Any]) -> Frame:
    body = _body(parts[1], "welcome")
    role = body.get("role")
    if role not in ("viewer", "editor", "runner"):
        raise BadFrame("welcome role is unknown; please reload")
    return Welcome(
        room=_want(str, body.get("room"), "welcome room"),
        path=_want(str, body.get("path"), "welcome path"),
        server=_want(str, body.get("server"), "welcome server"),
        session=_want(str, body.get("session"), "welcome session"),
        user=_body(body.get("user"), "welcome user"),
        role=cast(Role, role),
        actor=_prefix(body.get("actor"), "welcome actor"),
        proof=_want(bytes, body.get("proof"), "welcome proof"),
        docs=_held(body.get("docs"), "welcome docs"),
        limits=_body(body.get("limits"), "welcome limits"),
        saved=_want(bool, body.get("saved"), "welcome saved"),
        had=_heads(body.get("had", []), "welcome had"),
        protocol=_want(int, body.get("protocol"), "welcome protocol"),
    )


def _sync(parts: list[Any]) -> Frame:
    return Sync(
        doc=_doc(parts[1], "sync document"),
        epoch=Epoch(_want(str, parts[2], "sync epoch")),
        full=_want(bool, parts[3], "sync full"),
        data=_want(bytes, parts[4], "sync data"),
        heads=_heads(parts[5], "sync heads"),
    )


def _change(parts: list[Any]) -> Frame:
    return Change(_doc(parts[1], "change document"), _want(bytes, parts[2], "change data"))


def _ack(parts: list[Any]) -> Frame:
    return Ack(_doc(parts[1], "ack document"), _heads(parts[2], "ack heads"))


def _refuse(parts: list[Any]) -> Frame:
    return Refuse(
        doc=_doc(parts[1], "refuse document"),
        hashes=_heads(parts[2], "refuse hashes"),
        code=_want(str, parts[3], "refuse code"),
        reason=_want(str, parts[4], "refuse reason"),
    )


def _call(parts: list[Any]) -> Frame:
    return Call(
        id=_id(parts[1], "call id"),
        name=_want(str, parts[2], "call name"),
        args=_body(parts[3], "call args"),
        heads=_heads(_short_list(parts[4], CALL_HEADS, "call heads"), "call heads"),
    )


def _reply(parts: list[Any]) -> Frame:
    error = None if parts[3] is None else _body(parts[3], "reply error")
    if error is not None:
        _want(str, error.get("code"), "reply error code")
        _want(str, error.get("message"), "reply error message")
    return Reply(id=_id(parts[1], "reply id"), result=parts[2], error=error)


def _event(parts: list[Any]) -> Frame:
    return Event(_want(str, parts[1], "event name"), _body(parts[2], "event body"))


def _presence(parts: list[Any]) -> Frame:
    state = None if parts[2] is None else _state(_body(parts[2], "presence state"))
    return Presence(_want(str, parts[1], "presence session"), state)


def _state(body: dict[str, Any]) -> dict[str, Any]:
    """Return the known fields of a presence, checked, because every peer receives them.

    Unknown fields and cursors beyond `PRESENCE_CURSORS` are dropped.
    """
    state: dict[str, Any] = {}
    if "user" in body:
        state["user"] = _body(body["user"], "presence user")
    for key, most in _PRESENCE_TEXTS.items():
        if key in body:
            state[key] = _short(body[key], most, f"presence {key}")
    if "cursors" in body:
        cursors = _want(list, body["cursors"], "presence cursors")[:PRESENCE_CURSORS]
        state["cursors"] = [_cursor(pair) for pair in cursors]
        size = sum(len(end.encode()) for pair in state["cursors"] for end in pair)
        if size > PRESENCE_BYTES:
            raise BadFrame(f"presence cursors of {size} bytes; the cap is {PRESENCE_BYTES}")
    return state


def _cursor(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) != 2:
        raise BadFrame("a presence cursor is [anchor, head]")
    return [_short(end, _CURSOR_LENGTH, "a presence cursor") for end in value]


def _short(value: object, most: int, what: str) -> str:
    text = _want(str, value, what)
    if len(text) > most:
        raise BadFrame(f"{what} is longer than {most}")
    return text


_READERS: dict[str, tuple[int, Callable[[list[Any]], Frame]]] = {
    "hello": (2, _hello),
    "welcome": (2, _welcome),
    "sync": (6, _sync),
    "change": (3, _change),
    "ack": (3, _ack),
    "refuse": (5, _refuse),
    "call": (5, _call),
    "reply": (4, _reply),
    "event": (3, _event),
    "presence": (3, _presence),
}
