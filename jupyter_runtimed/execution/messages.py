"""Parse kernel messages into typed values.

A kernel may be any program, so every field is checked and nothing raises. `KernelMessage.parsed`
has the typed value of a message and the problems of its fields; unusable parts are left out. The
known message types are those of Jupyter's messaging protocol, version 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from .message_fields import FieldProblem, MessageFields, map_of, plain_of, text_of

Channel: TypeAlias = Literal["iopub", "shell", "control", "stdin"]


@dataclass(frozen=True, slots=True)
class KernelMessage:
    """One message of a kernel. `parent_id` is the `msg_id` of the request that caused it."""

    channel: Channel
    type: str
    parent_id: str
    msg_id: str
    content: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
    buffers: tuple[bytes, ...] = ()
    parent_type: str = ""
    _parsed: Parsed | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def parsed(self) -> Parsed:
        """The typed value of the message, which the first access parses. Never raises."""
        if self._parsed is None:
            fields = MessageFields(self.type, self.content)
            meaning = _meaning(self, fields)
            parsed = Parsed(meaning, tuple(fields.problems))
            object.__setattr__(self, "_parsed", parsed)
            return parsed
        return self._parsed

    @property
    def meaning(self) -> Meaning | None:
        """The typed value of the message; None if the message does not concern a run."""
        return self.parsed.meaning

    @staticmethod
    def of(channel: Channel, raw: object) -> KernelMessage:
        """Convert a message in `jupyter_client`'s form (header, parent_header, content...)."""
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


# ---------------------------------------------------------------- typed messages


@dataclass(frozen=True, slots=True)
class Stream:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class DisplayData:
    """`display_data` or `execute_result`, with a MIME bundle in JSON form."""

    type: Literal["display_data", "execute_result"]
    data: Mapping[str, object]
    metadata: Mapping[str, object]
    display_id: str | None
    execution_count: int | None = None


@dataclass(frozen=True, slots=True)
class UpdateDisplayData:
    """`update_display_data`: new data of all displays with this display id."""

    data: Mapping[str, object]
    metadata: Mapping[str, object]
    display_id: str


@dataclass(frozen=True, slots=True)
class Error:
    ename: str
    evalue: str
    traceback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClearOutput:
    wait: bool


@dataclass(frozen=True, slots=True)
class ExecuteInput:
    execution_count: int | None


@dataclass(frozen=True, slots=True)
class Status:
    state: str


@dataclass(frozen=True, slots=True)
class ExecuteReply:
    """`execute_reply`. `next_input` is (text, replace); `pages` are MIME bundles of a pager."""

    status: Literal["ok", "error", "aborted"]
    execution_count: int | None
    next_input: tuple[str, bool] | None = None
    pages: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class InputRequest:
    prompt: str
    password: bool


Meaning: TypeAlias = (
    Stream
    | DisplayData
    | UpdateDisplayData
    | Error
    | ClearOutput
    | ExecuteInput
    | Status
    | ExecuteReply
    | InputRequest
)


class Parsed(NamedTuple):
    """Typed value of a message (None if it does not concern a run), and its problems."""

    meaning: Meaning | None
    problems: tuple[FieldProblem, ...] = ()


def _meaning(message: KernelMessage, fields: MessageFields) -> Meaning | None:
    match message.channel, message.type:
        case "iopub", "stream":
            return Stream(fields.text("name") or "stdout", fields.text("text"))
        case "iopub", ("display_data" | "execute_result") as kind:
            return _shown(kind, fields)
        case "iopub", "update_display_data":
            return _updated(fields)
        case "iopub", "error":
            return Error(fields.text("ename"), fields.text("evalue"), fields.lines("traceback"))
        case "iopub", "clear_output":
            return ClearOutput(fields.flag("wait"))
        case "iopub", "execute_input":
            return ExecuteInput(fields.count("execution_count"))
        case "iopub", "status":
            return Status(fields.text("execution_state"))
        case "shell", "execute_reply":
            return _replied(fields)
        case "stdin", "input_request":
            return InputRequest(fields.text("prompt"), fields.flag("password"))
        case _:
            return None


def _shown(kind: Literal["display_data", "execute_result"], fields: MessageFields) -> DisplayData:
    count = fields.count("execution_count") if kind == "execute_result" else None
    return DisplayData(
        kind, fields.bundle("data"), fields.bundle("metadata"), fields.display_id(), count
    )


def _updated(fields: MessageFields) -> UpdateDisplayData | None:
    if (display_id := fields.display_id()) is None:
        fields.note("display_id is missing")
        return None
    return UpdateDisplayData(fields.bundle("data"), fields.bundle("metadata"), display_id)


def _replied(fields: MessageFields) -> ExecuteReply:
    status = fields.text("status")
    if status in ("abort", "aborted"):
        return ExecuteReply("aborted", None)
    count = fields.count("execution_count")
    if status == "error":
        return ExecuteReply("error", count)
    if status != "ok":
        fields.note("status is not ok, error or aborted")
    payload = fields.payload()
    inputs = [part for part in payload if part.get("source") == "set_next_input"]
    pages = [map_of(part.get("data")) for part in payload if part.get("source") == "page"]
    return ExecuteReply(
        "ok",
        count,
        (text_of(inputs[0].get("text")), inputs[0].get("replace") is True) if inputs else None,
        tuple(map_of(plain_of(page)) for page in pages[:1] if page),
    )
