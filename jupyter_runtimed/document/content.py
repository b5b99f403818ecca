"""What a notebook holds, as values: what documents and files are both turned into.

Nothing here knows Automerge or JSON files. `JsonText` is JSON in its text form; it is compared and
carried as text, and parsed only by who needs the value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NewType, TypeAlias

from ..ids import CellId, RunId, Sha256

JsonText = NewType("JsonText", str)
JsonMap: TypeAlias = Mapping[str, JsonText]
CellType: TypeAlias = Literal["code", "markdown", "raw"]
Encoding: TypeAlias = Literal["utf-8", "base64", "json"]
RunState: TypeAlias = Literal["queued", "running", "ok", "error", "cancelled", "lost"]

FINISHED: frozenset[str] = frozenset({"ok", "error", "cancelled", "lost"})


def to_json(value: object) -> JsonText:
    """Compact JSON text; key order kept, no ASCII escapes, NaN and Infinity as Python has them."""
    return JsonText(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def from_json(text: JsonText) -> object:
    return json.loads(text)


@dataclass(frozen=True, slots=True)
class Blob:
    """A large value, by hash. `size` in bytes as stored.

    `encoding` says how to show it: `utf-8` is text, `json` a JSON value's text, `base64` bytes that
    nbformat shows as base64 text.
    """

    sha256: Sha256
    size: int
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class Json:
    """A MIME value that is neither text nor a list of lines."""

    text: JsonText


MimeValue: TypeAlias = str | Blob | Json


@dataclass(frozen=True, slots=True)
class Stream:
    id: str
    name: str
    chunks: tuple[str | Blob, ...]
    extra: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Display:
    """`display_data` or `execute_result`; `execution_count` only for the latter."""

    id: str
    type: Literal["display_data", "execute_result"]
    data: Mapping[str, MimeValue]
    metadata: JsonText = JsonText("{}")
    display_id: str | None = None
    execution_count: int | None = None
    extra: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorOutput:
    """A blob in `traceback` is a JSON list, and stands for the lines in it."""

    id: str
    ename: str
    evalue: str | Blob
    traceback: tuple[str | Blob, ...]
    extra: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnknownOutput:
    """An output of a type that this version does not know: kept whole."""

    id: str
    type: str
    extra: JsonMap


Output: TypeAlias = Stream | Display | ErrorOutput | UnknownOutput


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell without its outputs."""

    id: CellId
    cell_type: str
    source: str
    metadata: JsonMap = field(default_factory=dict)
    attachments: JsonMap = field(default_factory=dict)
    extra: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a code cell shows: outputs and execution count, from the file or from a run."""

    outputs: tuple[Output, ...] = ()
    execution_count: int | None = None


NOTHING = Outcome()


@dataclass(frozen=True, slots=True)
class Content:
    """A whole notebook at one moment, immutable and cheap to hand to another thread."""

    nbformat_minor: int
    metadata: JsonMap
    extra: JsonMap
    cells: tuple[Cell, ...]
    outcomes: Mapping[CellId, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """An open `input()` request."""

    id: str
    text: str
    password: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one cell, as the runtime document has it (without its outputs)."""

    id: RunId
    cell_id: CellId
    state: RunState
    by: str
    queued_at: int
    started_at: int | None = None
    finished_at: int | None = None
    execution_count: int | None = None
    source_hash: str = ""
    reason: str | None = None
    prompt: Prompt | None = None
