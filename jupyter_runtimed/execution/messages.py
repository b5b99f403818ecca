"""What a kernel says, as values.

A kernel may be any program: every field is checked, nothing here raises. `read` turns one message
into what it means and the `Problem`s that were found in it; what cannot be used is left out.
Known message types are those of Jupyter's messaging protocol, version 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from .fields import Fields, Problem, map_of, plain_of, text_of

Channel: TypeAlias = Literal["iopub", "shell", "control", "stdin"]


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
        message = map_of(raw)
        header, parent = map_of(message.get("header")), map_of(message.get("parent_header"))
        buffers = message.get("buffers")
        return KernelMessage(
            channel=channel,
            type=text_of(header.get("msg_type", message.get("msg_type"))),
            parent_id=text_of(parent.get("msg_id")),
            msg_id=text_of(header.get("msg_id", message.get("msg_id"))),
            content=map_of(message.get("content")),
            metadata=map_of(message.get("metadata")),
            buffers=tuple(bytes(part) for part in buffers if isinstance(part, (bytes, memoryview)))
            if isinstance(buffers, (list, tuple))
            else (),
            parent_type=text_of(parent.get("msg_type")),
        )


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


def read(message: KernelMessage) -> Reading:
    """What a message means to the run that it belongs to. Never raises."""
    fields = Fields(message.type, message.content)
    meaning = _meaning(message, fields)
    return Reading(meaning, tuple(fields.problems))


def _meaning(message: KernelMessage, fields: Fields) -> Meaning | None:
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


def _shown(kind: Literal["display_data", "execute_result"], fields: Fields) -> Shown:
    count = fields.count("execution_count") if kind == "execute_result" else None
    return Shown(kind, fields.bundle("data"), fields.bundle("metadata"), fields.display_id(), count)


def _updated(fields: Fields) -> Updated | None:
    if (display_id := fields.display_id()) is None:
        fields.note("there is no display_id")
        return None
    return Updated(fields.bundle("data"), fields.bundle("metadata"), display_id)


def _replied(fields: Fields) -> Replied:
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
    pages = [map_of(part.get("data")) for part in payload if part.get("source") == "page"]
    return Replied(
        "ok",
        count,
        (text_of(inputs[0].get("text")), inputs[0].get("replace") is True) if inputs else None,
        tuple(map_of(plain_of(page)) for page in pages[:1] if page),
    )
