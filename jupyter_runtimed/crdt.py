"""The one door to Automerge.

Everything else in the package takes documents, changes and patches from here. What this module adds
to the engine: its errors become the package's own, and the few shapes that are used everywhere have
one name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from pyautomerge import (
    ROOT,
    AutomergeError,
    Change,
    Document,
    InvalidHeadsError,
    Obj,
    Op,
    Patch,
    Text,
)

from .errors import DocumentError

ChangeHash: TypeAlias = str
ObjId: TypeAlias = str
Heads: TypeAlias = tuple[ChangeHash, ...]

__all__ = [
    "ROOT",
    "Change",
    "ChangeHash",
    "Document",
    "Heads",
    "Obj",
    "ObjId",
    "Op",
    "Patch",
    "Text",
    "changes_between",
    "heads_of",
    "holds",
    "join",
    "load",
    "own_errors",
]


class own_errors:  # noqa: N801 -- reads as what it does
    """Raise the engine's errors as `DocumentError`, saying what was being done."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AutomergeError):
            raise DocumentError(f"{self._what}: {error}") from error


def load(data: bytes, *, actor: bytes) -> Document:
    """A document from its bytes (document and change chunks, concatenated)."""
    with own_errors("the document cannot be read"):
        return Document.load(data, actor=actor)


def heads_of(document: Document) -> Heads:
    return tuple(document.heads())


def holds(document: Document, heads: Iterable[ChangeHash]) -> bool:
    """Does the document have all these changes? A malformed hash is one that it does not have."""
    try:
        return all(document.has(head) for head in heads)
    except InvalidHeadsError:
        return False


def join(changes: Iterable[Change]) -> bytes:
    """Change chunks in a row, as they travel and are stored."""
    return b"".join(change.bytes for change in changes)


def changes_between(document: Document, heads: Heads) -> bytes:
    """What a replica at `heads` lacks, as chunks in a row."""
    with own_errors("these heads are not part of the document"):
        return document.save_after(heads)
