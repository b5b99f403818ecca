"""The only module that imports Automerge.

The rest of the package takes documents, changes and patches from here. The module converts the
engine's errors to `DocumentError`, and names the types that the whole package uses.
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
    Scalar,
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
    "Scalar",
    "Text",
    "changes_between",
    "engine_errors",
    "has_heads",
    "heads_of",
    "join",
    "load",
]


class engine_errors:  # noqa: N801 -- reads as what it does
    """Raise the engine's errors as `DocumentError` with a message that begins with `what`."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AutomergeError):
            raise DocumentError(f"{self._what}: {error}") from error


def load(data: bytes, *, actor: bytes) -> Document:
    """Load a document from concatenated document and change chunks. Raises `DocumentError`."""
    with engine_errors("the document cannot be read"):
        return Document.load(data, actor=actor)


def heads_of(document: Document) -> Heads:
    return tuple(document.heads())


def has_heads(document: Document, heads: Iterable[ChangeHash]) -> bool:
    """Return whether the document has all these changes; a malformed hash counts as missing."""
    try:
        return all(document.has(head) for head in heads)
    except InvalidHeadsError:
        return False


def join(changes: Iterable[Change]) -> bytes:
    """Concatenate change chunks, as they are sent and stored."""
    return b"".join(change.bytes for change in changes)


def changes_between(document: Document, heads: Heads) -> bytes:
    """Return the changes that a replica at `heads` lacks, as concatenated chunks.

    Raises `DocumentError` if the document does not contain `heads`.
    """
    with engine_errors("these heads are not part of the document"):
        return document.save_after(heads)
