"""Automerge documents in Python; the stub beside this file is the manual."""

from datetime import datetime
from typing import Literal, Union

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
Prop = Union[str, int]
# Spelled out because stubtest takes a Literal of several values for a Union, as mypy does.
Kind = Union[Literal["map"], Literal["list"], Literal["text"], Literal["table"]]
TextUnit = Union[Literal["unicode"], Literal["utf16"], Literal["utf8"]]
Scalar = Union[None, bool, int, float, str, bytes, datetime, Counter, Uint]
Value = Union[Scalar, Text, dict[str, "Value"], list["Value"]]
PyValue = Union[Scalar, dict[str, "PyValue"], list["PyValue"]]

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
