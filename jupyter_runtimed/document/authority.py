"""Who may write what: one table, and the judge that reads a change before it is applied.

A change is judged as a whole by its decoded operations. What a role may write is in `ROLES`; what a
permitted change to the notebook document looks like is in `RULES`. The judge needs to know where an
object stands in the document; what the change itself makes, it learns on the way.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

from ..crdt import ROOT, Change, ChangeHash, Document, ObjId, Op
from ..errors import Refused
from .positions import is_position
from .schema import CELL_KEYS, KNOWN_KEYS, NOTEBOOK, TRUSTED, DocName

Role: TypeAlias = Literal["viewer", "editor", "runner"]

ROLES: Final[dict[str, dict[str, str]]] = {
    "cells: add, delete, move, type": {
        "viewer": "-", "editor": "yes", "runner": "yes", "agent": "as its token",
        "server": "when merging a file or a PUT",
    },
    "source, metadata, attachments": {
        "viewer": "-", "editor": "yes", "runner": "yes", "agent": "as its token",
        "server": "when merging a file or a PUT",
    },
    "runs, queue, interrupt, restart, answers": {
        "viewer": "-", "editor": "-", "runner": "asks", "agent": "as its token asks",
        "server": "writes",
    },
    "outputs, execution counts, kernel state, trust": {
        "viewer": "-", "editor": "-", "runner": "-", "agent": "-", "server": "writes",
    },
    "clear outputs, import outputs (paste)": {
        "viewer": "-", "editor": "asks", "runner": "asks", "agent": "asks", "server": "writes",
    },
    "presence": {
        "viewer": "own", "editor": "own", "runner": "own", "agent": "own", "server": "removes",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rights:
    """What Jupyter's authorizer lets a connection do, asked anew for each frame."""

    write: bool
    execute: bool

    @property
    def role(self) -> Role:
        if not self.write:
            return "viewer"
        return "runner" if self.execute else "editor"


class Place(Enum):
    """Where an object stands in the notebook document."""

    ROOT = "the notebook"
    CELLS = "cells"
    CELL = "a cell"
    NEW_CELL = "a cell that this change adds"
    SOURCE = "a cell's source"
    ENTRIES = "metadata or attachments"
    NEW_EXTRA = "unknown keys of a cell that this change adds"
    CLOSED = "unknown keys that came with the file"


_CHILDREN: Final[dict[str, tuple[str, Place]]] = {
    "source": ("text", Place.SOURCE),
    "metadata": ("map", Place.ENTRIES),
    "attachments": ("map", Place.ENTRIES),
    "extra": ("map", Place.NEW_EXTRA),
}
"""What a new cell's objects must be."""

_TYPES: Final = frozenset({"code", "markdown", "raw"})
_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
"""What nbformat takes as a cell id."""
LONGEST_POSITION: Final = 256


def admit(doc: DocName, rights: Rights) -> None:
    """Raise `Refused` if these rights allow no change to this document at all."""
    if doc != NOTEBOOK:
        raise Refused("not-allowed", "only the server writes outputs and kernel state")
    if not rights.write:
        raise Refused("read-only", "you may read this notebook but not change it")


def judge(
    changes: Sequence[Change],
    *,
    doc: DocName,
    notebook: Document,
    rights: Rights,
    prefixes: Collection[bytes],
    known: dict[ObjId, Place] | None = None,
) -> None:
    """Raise `Refused` unless these changes, in this order, may be applied as they are.

    `known` is kept by the caller, for one document: an object never moves.
    """
    admit(doc, rights)
    judge = _Judge(notebook, {} if known is None else known)
    for change in changes:
        if change.actor[:16] not in prefixes or not 16 <= len(change.actor) <= 20:
            raise Refused("foreign-actor", "this change carries an author id of another connection")
        judge.look(change)


class _Judge:
    """Judges the changes of one frame; remembers what they have made so far."""

    def __init__(self, notebook: Document, known: dict[ObjId, Place]) -> None:
        self._notebook = notebook
        self._known = known
        self._places: dict[ObjId, Place] = {ROOT: Place.ROOT}
        self._made: dict[ObjId, set[str]] = {}
        self._set: set[tuple[ObjId, str]] = set()
        self._seen: set[ChangeHash] = set()
        self._next_op = notebook.max_op + 1

    def look(self, change: Change) -> None:
        if not all(dep in self._seen or self._notebook.has(dep) for dep in change.deps):
            raise Refused("gap", "this change builds on changes that the server does not have")
        self._seen.add(change.hash)
        # Numbers that run ahead would use up the numbers that all later edits need.
        if change.start_op > self._next_op:
            raise Refused("not-allowed", "this change numbers its operations out of turn")
        self._next_op = max(self._next_op, change.start_op + change.op_count)
        for op in change.distinct_ops:
            self._operation(op)
        if any(keys != CELL_KEYS for keys in self._made.values()):
            raise Refused("not-allowed", "a new cell must come whole, with all of its parts")

    def _operation(self, op: Op) -> None:
        place = self._places.get(op.obj) or self._known.get(op.obj)
        if place is None:
            place = self._known[op.obj] = locate(self._notebook, op.obj)
        match place:
            case Place.CELLS:
                self._in_cells(op)
            case Place.CELL:
                self._in_cell(op)
            case Place.NEW_CELL:
                self._in_new_cell(op)
            case Place.SOURCE:
                self._in_source(op)
            case Place.ENTRIES:
                self._in_entries(op)
            case Place.NEW_EXTRA:
                if op.key in KNOWN_KEYS:
                    raise _not_allowed(op, place)
                self._in_entries(op)
            case _:
                raise _not_allowed(op, place)

    def _in_cells(self, op: Op) -> None:
        if op.action == "make" and op.kind == "map" and op.is_map_key and _ID.match(op.key):
            self._places[op.id] = Place.NEW_CELL
            self._made[op.id] = set()
        elif op.action != "delete":
            raise _not_allowed(op, Place.CELLS)

    def _in_cell(self, op: Op) -> None:
        if not _sets_facts(op) and not self._settles(op):
            raise _not_allowed(op, Place.CELL)
        self._set.add((op.obj, op.key))

    def _settles(self, op: Op) -> bool:
        """Does it only remove values that have lost?

        So Automerge writes down that somebody chose, of values set at the same time, the one that
        is shown already. The shown one must stay, and what is chosen from must be in the document.
        """
        if op.action != "delete" or not op.is_map_key or (op.obj, op.key) in self._set:
            return False
        lost = [id_ for _, id_ in self._notebook.get_all(op.obj, op.key)][:-1]
        return bool(op.pred) and set(op.pred) <= set(lost)

    def _in_new_cell(self, op: Op) -> None:
        if op.action == "make" and op.key in _CHILDREN and op.key not in self._made[op.obj]:
            kind, place = _CHILDREN[op.key]
            if op.kind != kind:
                raise _not_allowed(op, Place.NEW_CELL)
            self._places[op.id] = place
        elif not _sets_facts(op):
            raise _not_allowed(op, Place.NEW_CELL)
        self._made[op.obj].add(op.key)

    def _in_source(self, op: Op) -> None:
        typed = op.action == "set" and isinstance(op.value, str) and op.insert
        if not typed and op.action != "delete":
            raise _not_allowed(op, Place.SOURCE)

    def _in_entries(self, op: Op) -> None:
        if not op.is_map_key or op.key == TRUSTED:
            raise _not_allowed(op, Place.ENTRIES)
        if op.action != "delete" and not (op.action == "set" and isinstance(op.value, str)):
            raise _not_allowed(op, Place.ENTRIES)


def locate(notebook: Document, obj: ObjId) -> Place:
    """Where an object of the document stands, also one that was deleted meanwhile."""
    keys: list[object] = []
    while obj != ROOT:
        above = notebook.parent(obj)
        if above is None:
            raise Refused("gap", "this change writes to something that the server does not have")
        obj, key = above
        keys.append(key)
    match list(reversed(keys)):
        case []:
            return Place.ROOT
        case ["cells"]:
            return Place.CELLS
        case ["metadata"] | ["cells", _, "metadata" | "attachments"]:
            return Place.ENTRIES
        case ["cells", _]:
            return Place.CELL
        case ["cells", _, "source"]:
            return Place.SOURCE
        case _:
            return Place.CLOSED


def _sets_facts(op: Op) -> bool:
    if op.action != "set" or not isinstance(op.value, str):
        return False
    if op.key == "position":
        return len(op.value) <= LONGEST_POSITION and is_position(op.value)
    return op.key == "cell_type" and op.value in _TYPES


def _not_allowed(op: Op, place: Place) -> Refused:
    return Refused("not-allowed", f"{op.action} of {op.key!r} in {place.value} is not allowed")
