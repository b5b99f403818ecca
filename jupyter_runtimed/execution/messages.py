"""What a kernel says, as values.

A kernel may be any program: every field is checked, nothing here raises. `read` turns one message
into what it means and the `Problem`s that were found in it; what cannot be used is left out.
Known message types are those of Jupyter's messaging protocol, version 5.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from ..document.jsontext import clean

Channel: TypeAlias = Literal["iopub", "shell", "control", "stdin"]

_DEEPEST: Final = 200
_INT64: Final = 1 << 63
_LONGEST_INT_BITS: Final = 8192


@dataclass(frozen=True, slots=True)
class KernelMessage:
    """One message as it came. `parent_id` is the `msg_id` of the request that it belongs to."""

    channel: Channel
    type: str
    parent_id: str
    msg_id: str
    content: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
    buffers: tuple[bytes, ...] = ()
    parent_type: str = ""

    @staticmethod
    def of(channel: Channel, raw: object) -> KernelMessage:
        """From a message in `jupyter_client`'s form (header, parent_header, content...)."""
        message = _map(raw)
        header, parent = _map(message.get("header")), _map(message.get("parent_header"))
        buffers = message.get("buffers")
        return KernelMessage(
            channel=channel,
            type=_text(header.get("msg_type", message.get("msg_type"))),
            parent_id=_text(parent.get("msg_id")),
            msg_id=_text(header.get("msg_id", message.get("msg_id"))),
            content=_map(message.get("content")),
            metadata=_map(message.get("metadata")),
            buffers=tuple(bytes(part) for part in buffers if isinstance(part, (bytes, memoryview)))
            if isinstance(buffers, (list, tuple))
            else (),
            parent_type=_text(parent.get("msg_type")),
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a message that is not as the protocol says; the same one is the same value."""

    type: str
    what: str


# ---------------------------------------------------------------- what messages mean


@dataclass(frozen=True, slots=True)
class StreamText:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A MIME bundle to show, in JSON form."""

    type: Literal["display_data", "execute_result"]
    data: Mapping[str, object]
    metadata: Mapping[str, object]
    display_id: str | None
    execution_count: int | None = None


@dataclass(frozen=True, slots=True)
class Updated:
    """What the displays with this id show from now on."""

    data: Mapping[str, object]
    metadata: Mapping[str, object]
    display_id: str


@dataclass(frozen=True, slots=True)
class Failed:
    ename: str
    evalue: str
    traceback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cleared:
    wait: bool


@dataclass(frozen=True, slots=True)
class Began:
    execution_count: int | None


@dataclass(frozen=True, slots=True)
class StateIs:
    state: str


@dataclass(frozen=True, slots=True)
class Replied:
    """An execute reply. `status` is ok, error or aborted; `pages` are MIME bundles of a pager."""

    status: Literal["ok", "error", "aborted"]
    execution_count: int | None
    next_input: tuple[str, bool] | None = None
    pages: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    prompt: str
    password: bool


Meaning: TypeAlias = (
    StreamText | Shown | Updated | Failed | Cleared | Began | StateIs | Replied | Asked
)


class Reading(NamedTuple):
    """What a message means (None: nothing to a run), and what was wrong with it."""

    meaning: Meaning | None
    problems: tuple[Problem, ...] = ()


class _Fields:
    """The fields of one message's content, with a note on each that is not as it should be."""

    def __init__(self, message: KernelMessage) -> None:
        self._type = message.type
        self._content = message.content
        self.problems: list[Problem] = []

    def note(self, what: str) -> None:
        self.problems.append(Problem(self._type, what))

    def text(self, key: str) -> str:
        value = self._content.get(key, "")
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            self.note(f"{key} is a list of lines")
            return clean("".join(value))
        if not isinstance(value, str):
            self.note(f"{key} is not text")
            return "" if value is None else clean(_repr(value))
        return clean(value)

    def flag(self, key: str) -> bool:
        value = self._content.get(key, False)
        if not isinstance(value, bool):
            self.note(f"{key} is not true or false")
        return value is True or (isinstance(value, int) and value != 0)

    def lines(self, key: str) -> tuple[str, ...]:
        value = self._content.get(key, [])
        if isinstance(value, (list, tuple)):
            if not all(isinstance(line, str) for line in value):
                self.note(f"{key} holds what is not text")
            return tuple(clean(line if isinstance(line, str) else _repr(line)) for line in value)
        self.note(f"{key} is not a list")
        return (clean(value),) if isinstance(value, str) else ()

    def count(self, key: str) -> int | None:
        value = self._content.get(key)
        if value is None:
            return None
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _INT64:
            self.note(f"{key} is not a count")
            return None
        return value

    def bundle(self, key: str) -> Mapping[str, object]:
        """A map whose values are JSON without NaN and Infinity, which browsers cannot read."""
        value = self._content.get(key, {})
        if not isinstance(value, Mapping):
            self.note(f"{key} is not an object")
            return {}
        return {clean(str(name)): self._json(key, inner) for name, inner in value.items()}

    def display_id(self) -> str | None:
        transient = self._content.get("transient", {})
        if not isinstance(transient, Mapping):
            self.note("transient is not an object")
            return None
        value = transient.get("display_id")
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.note("display_id is not text")
            return None
        return clean(value)

    def payload(self) -> list[Mapping[str, object]]:
        value = self._content.get("payload") or []
        if not isinstance(value, list):
            self.note("payload is not a list")
            return []
        return [_map(part) for part in value]

    def _json(self, key: str, value: object) -> object:
        if isinstance(value, str):
            return value
        try:
            json.dumps(value, allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            self.note(f"{key} holds what is not JSON")
            return _plain(value, _DEEPEST)
        return value


def read(message: KernelMessage) -> Reading:
    """What a message means to the run that it belongs to. Never raises."""
    fields = _Fields(message)
    meaning = _meaning(message, fields)
    return Reading(meaning, tuple(fields.problems))


def _meaning(message: KernelMessage, fields: _Fields) -> Meaning | None:
    match message.channel, message.type:
        case "iopub", "stream":
            return StreamText(fields.text("name") or "stdout", fields.text("text"))
        case "iopub", ("display_data" | "execute_result") as kind:
            return _shown(kind, fields)
        case "iopub", "update_display_data":
            return _updated(fields)
        case "iopub", "error":
            return Failed(fields.text("ename"), fields.text("evalue"), fields.lines("traceback"))
        case "iopub", "clear_output":
            return Cleared(fields.flag("wait"))
        case "iopub", "execute_input":
            return Began(fields.count("execution_count"))
        case "iopub", "status":
            return StateIs(fields.text("execution_state"))
        case "shell", "execute_reply":
            return _replied(fields)
        case "stdin", "input_request":
            return Asked(fields.text("prompt"), fields.flag("password"))
        case _:
            return None


def _shown(kind: Literal["display_data", "execute_result"], fields: _Fields) -> Shown:
    count = fields.count("execution_count") if kind == "execute_result" else None
    return Shown(kind, fields.bundle("data"), fields.bundle("metadata"), fields.display_id(), count)


def _updated(fields: _Fields) -> Updated | None:
    if (display_id := fields.display_id()) is None:
        fields.note("there is no display_id")
        return None
    return Updated(fields.bundle("data"), fields.bundle("metadata"), display_id)


def _replied(fields: _Fields) -> Replied:
    status = fields.text("status")
    if status in ("abort", "aborted"):
        return Replied("aborted", None)
    count = fields.count("execution_count")
    if status == "error":
        return Replied("error", count)
    if status != "ok":
        fields.note("status is not ok, error or aborted")
    payload = fields.payload()
    inputs = [part for part in payload if part.get("source") == "set_next_input"]
    pages = [_map(part.get("data")) for part in payload if part.get("source") == "page"]
    return Replied(
        "ok",
        count,
        (_text(inputs[0].get("text")), inputs[0].get("replace") is True) if inputs else None,
        tuple(_map(_plain(page, _DEEPEST)) for page in pages[:1] if page),
    )


# ---------------------------------------------------------------- checking


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""


def _repr(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return f"({type(value).__name__})"


def _plain(value: object, depth: int) -> object:
    """The nearest JSON value: null for numbers that JSON has not, and for what is too deep."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if value.bit_length() < _LONGEST_INT_BITS else None
        case float():
            return value if math.isfinite(value) else None
        case Mapping() if depth:
            return {str(key): _plain(inner, depth - 1) for key, inner in value.items()}
        case list() | tuple() if depth:
            return [_plain(inner, depth - 1) for inner in value]
        case _:
            return None
