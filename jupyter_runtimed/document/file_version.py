"""Versions of the `.ipynb` file, and the result of a rotation of the notebook document.

The room selects merge bases among these values, and the store keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..crdt import Heads
from ..ids import CellId, Epoch
from .content import Content
from .notebook import Notebook

PAST_MS = 600_000
"""How long an overwritten version of the file stays a candidate for the merge base.

A program may read the file, work for minutes, and write. A comparison of its file with the last
saved version would delete what users typed since the program read the file.
"""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Identifies a version of the file: the hash of its bytes and its time (ISO 8601)."""

    hash: str
    last_modified: str


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A version of the file, as a candidate for the base of a three-way merge.

    `heads` is the version of the document, `stamp` identifies the file. `content` is None after a
    restart of the server; the cells are then read from the document at `heads`, and the outputs
    count as unchanged. `notebook` is a copy of the document at `heads`, or None; the copy may be
    forked but not changed. It is kept because rebuilding it is slow.

    If `outside`, another program wrote this version. `rewrote` then maps the cells that the program
    added or edited to their new text, and `removed` has the cells that it deleted. Otherwise the
    room wrote this version, with all edits that it had received.
    """

    heads: Heads
    stamp: FileStamp
    content: Content | None = None
    notebook: Notebook | None = None
    outside: bool = False
    rewrote: Mapping[CellId, str] = field(default_factory=dict)
    removed: frozenset[CellId] = frozenset()


@dataclass(frozen=True, slots=True)
class RotatedNotebook:
    """A rotation of the notebook document: the archive of the old one, and the new one.

    `former` is the old document as bytes; the store keeps it as an archive. `data` is the new
    document, with the same content and no history. `saved` is its version that the file holds.
    """

    former_epoch: Epoch
    former: bytes
    epoch: Epoch
    data: bytes
    saved: FileVersion
