"""Automerge documents in Python; the stub beside this file is the manual."""

from datetime import datetime
from typing import Literal

from ._native import (
    CORE_VERSION,
    ROOT,
    AutomergeError,
    Change,
    Counter,
    DecodeError,
    Document,
    DuplicateActorError,
    InvalidCursorError,
    InvalidHeadsError,
    InvalidObjectError,
    Obj,
    Op,
    Patch,
    SyncMessage,
    SyncState,
    Text,
    Uint,
    __version__,
)

ObjId = str
ChangeHash = str
Heads = list[ChangeHash]
Prop = str | int
# Spelled out because stubtest takes a Literal of several values for a Union, as mypy does.
Kind = Literal["map"] | Literal["list"] | Literal["text"] | Literal["table"]  # noqa: PYI030
TextUnit = Literal["unicode"] | Literal["utf16"] | Literal["utf8"]  # noqa: PYI030
Scalar = bool | int | float | str | bytes | datetime | Counter | Uint | None
Value = Scalar | Text | dict[str, "Value"] | list["Value"]
PyValue = Scalar | dict[str, "PyValue"] | list["PyValue"]

__all__ = [
    "CORE_VERSION",
    "ROOT",
    "AutomergeError",
    "Change",
    "ChangeHash",
    "Counter",
    "DecodeError",
    "Document",
    "DuplicateActorError",
    "Heads",
    "InvalidCursorError",
    "InvalidHeadsError",
    "InvalidObjectError",
    "Kind",
    "Obj",
    "ObjId",
    "Op",
    "Patch",
    "Prop",
    "PyValue",
    "Scalar",
    "SyncMessage",
    "SyncState",
    "Text",
    "TextUnit",
    "Uint",
    "Value",
    "__version__",
]
