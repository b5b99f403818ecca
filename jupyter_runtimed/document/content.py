"""Immutable values of a notebook: the common form of documents and files.

This module knows neither Automerge nor JSON files. `JsonText` is a JSON value in text form; code
passes and compares the text, and parses it only where it needs the value.
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
    """Return compact JSON text.

    Keys keep their order, characters beyond ASCII are not escaped, and NaN and Infinity are
    written as Python's `json` writes them.
    """
    return JsonText(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def from_json(text: JsonText) -> object:
    return json.loads(text)


@dataclass(frozen=True, slots=True)
class Blob:
    """Reference to a large value in the blob store; `size` counts the stored bytes.

    `encoding` tells how to interpret the bytes: `utf-8` as text, `json` as the text of a JSON
    value, `base64` as binary data that nbformat stores as base64 text.
    """

    sha256: Sha256
    size: int
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class Json:
    """JSON value of a MIME bundle that is neither text nor a list of lines."""

    text: JsonText


MimeValue: TypeAlias = str | Blob | Json


@dataclass(frozen=True, slots=True)
class StreamOutput:
    id: str
    name: str
    chunks: tuple[str | Blob, ...]
    extra: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DisplayOutput:
    """`display_data` or `execute_result`; only `execute_result` has an `execution_count`."""

    id: str
    type: Literal["display_data", "execute_result"]
    data: Mapping[str, MimeValue]
    metadata: JsonText = JsonText("{}")
    display_id: str | None = None
    execution_count: int | None = None
    extra: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorOutput:
    """An `error` output. A blob in `traceback` holds a JSON list of lines."""

    id: str
    ename: str
    evalue: str | Blob
    traceback: tuple[str | Blob, ...]
    extra: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnknownOutput:
    """An output of a type that this version does not know; `extra` holds all its keys."""

    id: str
    type: str
    extra: JsonMap


Output: TypeAlias = StreamOutput | DisplayOutput | ErrorOutput | UnknownOutput


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
class CellOutputs:
    """Outputs and execution count of a code cell, from the file or from a run."""

    outputs: tuple[Output, ...] = ()
    execution_count: int | None = None


NOTHING = CellOutputs()


@dataclass(frozen=True, slots=True)
class Content:
    """A whole notebook at one moment; immutable, so that threads can share it."""

    nbformat_minor: int
    metadata: JsonMap
    extra: JsonMap
    cells: tuple[Cell, ...]
    outcomes: Mapping[CellId, CellOutputs] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """An open `input()` request."""

    id: str
    text: str
    password: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a cell without its outputs, as the runtime document stores it.

    Times are in milliseconds of Unix time.
    """

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
