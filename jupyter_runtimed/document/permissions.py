"""Permissions of roles, and the check of each incoming change before the document applies it.

`check_change` accepts or refuses a whole change by its decoded operations: every operation on a
map, and one for each row of alike operations on text (`Change.distinct_ops`). `ROLES` is the table
of permissions that the docs print; the methods of `_ChangeChecker` hold the rules for each object.
The check looks up the place of an object in the document, and records the objects that the change
itself makes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

from ..crdt import ROOT, Change, ChangeHash, Document, ObjId, Op
from ..errors import Refused
from .fractional_index import readable
from .schema import CELL_KEYS, FORBIDDEN_KEY, KNOWN_KEYS, NOTEBOOK, TRUSTED, DocName

Role: TypeAlias = Literal["viewer", "editor", "runner"]

ROLES: Final[dict[str, dict[str, str]]] = {
    "cells: add, delete, move, type": {
        "viewer": "-", "editor": "yes", "runner": "yes", "agent": "if its token permits",
        "server": "when it merges a file or a PUT",
    },
    "source, metadata, attachments": {
        "viewer": "-", "editor": "yes", "runner": "yes", "agent": "if its token permits",
        "server": "when it merges a file or a PUT",
    },
    "runs, queue, answers": {
        "viewer": "-", "editor": "-", "runner": "by a call",
        "agent": "by a call, if its token permits", "server": "writes",
    },
    "interrupt, restart, start or shut down the kernel": {
        "viewer": "-", "editor": "-", "runner": "by a call, if Jupyter's API permits",
        "agent": "by a call, if its token permits", "server": "writes",
    },
    "outputs, execution counts, kernel state, trust": {
        "viewer": "-", "editor": "-", "runner": "-", "agent": "-", "server": "writes",
    },
    "clear outputs, import outputs (paste)": {
        "viewer": "-", "editor": "by a call", "runner": "by a call",
        "agent": "by a call, if its token permits", "server": "writes",
    },
    "presence": {
        "viewer": "own", "editor": "own", "runner": "own", "agent": "own", "server": "removes",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Permissions:
    """Permissions of a connection, as Jupyter's authorizer grants them.

    The server asks the authorizer again for each frame and on a timer. `write`: change the
    notebook. `execute`: run code. `kernels`: interrupt and restart the kernel. `sessions`: start
    and shut down the kernel. `kernels` and `sessions` count only together with `execute`.
    """

    write: bool
    execute: bool
    kernels: bool = True
    sessions: bool = True

    @property
    def role(self) -> Role:
        if not self.write:
            return "viewer"
        return "runner" if self.execute else "editor"


class ObjectKind(Enum):
    """Kind of an object of the notebook document, by its place in the schema."""

    ROOT = "the notebook"
    CELLS = "cells"
    CELL = "a cell"
    NEW_CELL = "a cell that this change adds"
    SOURCE = "a cell's source"
    ENTRIES = "metadata or attachments"
    NEW_EXTRA = "unknown keys of a cell that this change adds"
    CLOSED = "unknown keys that came with the file"


_CHILDREN: Final[dict[str, tuple[str, ObjectKind]]] = {
    "source": ("text", ObjectKind.SOURCE),
    "metadata": ("map", ObjectKind.ENTRIES),
    "attachments": ("map", ObjectKind.ENTRIES),
    "extra": ("map", ObjectKind.NEW_EXTRA),
}
"""The type and the place of each object that a new cell must contain."""

LONGEST_ENTRY: Final = 16 << 20
"""Maximum length of an entry of metadata or attachments, in characters; fits a 12 MB image."""
_TYPES: Final = frozenset({"code", "markdown", "raw"})
_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
"""nbformat's pattern of a cell id."""


def check_role(doc: DocName, rights: Permissions) -> None:
    """Raise `Refused` if these permissions allow no change at all to the document `doc`."""
    if doc != NOTEBOOK:
        raise Refused("not-allowed", "only the server writes outputs and kernel state")
    if not rights.write:
        raise Refused("read-only", "you may read this notebook but not change it")


def check_change(
    changes: Sequence[Change],
    *,
    doc: DocName,
    notebook: Document,
    rights: Permissions,
    prefixes: Collection[bytes],
    known: dict[ObjId, ObjectKind] | None = None,
) -> int:
    """Raise `Refused` unless the connection may apply these changes in this order.

    `prefixes` are the actor id prefixes of the connection. `known` is a cache of places that the
    caller keeps per document; its entries stay valid because an object never moves. Returns the
    number of characters of metadata and attachments in the changes, because the size of a
    compressed change does not show it.
    """
    check_role(doc, rights)
    judge = _ChangeChecker(notebook, {} if known is None else known)
    for change in changes:
        if change.actor[:16] not in prefixes or not 16 <= len(change.actor) <= 20:
            raise Refused("foreign-actor", "this change has an actor id of another connection")
        judge.look(change)
    return judge.entries_size


class _ChangeChecker:
    """Check of the changes of one frame; records the objects that they make."""

    def __init__(self, notebook: Document, known: dict[ObjId, ObjectKind]) -> None:
        self._notebook = notebook
        self._known = known
        self._places: dict[ObjId, ObjectKind] = {ROOT: ObjectKind.ROOT}
        self._made: dict[ObjId, set[str]] = {}
        self._set: set[tuple[ObjId, str]] = set()
        self._seen: set[ChangeHash] = set()
        self._next_op = notebook.max_op + 1
        self.entries_size = 0

    def look(self, change: Change) -> None:
        if not all(dep in self._seen or self._notebook.has(dep) for dep in change.deps):
            raise Refused("gap", "this change builds on changes that the server does not have")
        self._seen.add(change.hash)
        # A jump in the operation numbers would use up the numbers that later edits need.
        if change.start_op > self._next_op:
            raise Refused("not-allowed", "this change skips operation numbers")
        self._next_op = max(self._next_op, change.start_op + change.op_count)
        for op in change.distinct_ops:
            self._operation(op)
        if any(keys != CELL_KEYS for keys in self._made.values()):
            raise Refused("not-allowed", "a change must add a new cell with all of its parts")

    def _operation(self, op: Op) -> None:
        place = self._places.get(op.obj) or self._known.get(op.obj)
        if place is None:
            place = self._known[op.obj] = locate(self._notebook, op.obj)
        match place:
            case ObjectKind.CELLS:
                self._in_cells(op)
            case ObjectKind.CELL:
                self._in_cell(op)
            case ObjectKind.NEW_CELL:
                self._in_new_cell(op)
            case ObjectKind.SOURCE:
                self._in_source(op)
            case ObjectKind.ENTRIES:
                self._in_entries(op)
            case ObjectKind.NEW_EXTRA:
                if op.key in KNOWN_KEYS:
                    raise _not_allowed(op, place)
                self._in_entries(op)
            case _:
                raise _not_allowed(op, place)

    def _in_cells(self, op: Op) -> None:
        if _makes_cell(op):
            self._places[op.id] = ObjectKind.NEW_CELL
            self._made[op.id] = set()
        elif op.action != "delete" or not op.is_map_key:
            raise _not_allowed(op, ObjectKind.CELLS)

    def _in_cell(self, op: Op) -> None:
        if not _sets_facts(op) and not self._settles(op):
            raise _not_allowed(op, ObjectKind.CELL)
        self._set.add((op.obj, op.key))

    def _settles(self, op: Op) -> bool:
        """Whether `op` only removes the hidden values of a conflict.

        Automerge writes such an operation when a user sets the value that already wins over
        concurrent values. The winning value must stay, and the removed values must be in the
        document.
        """
        if op.action != "delete" or not op.is_map_key or (op.obj, op.key) in self._set:
            return False
        lost = [id_ for _, id_ in self._notebook.get_all(op.obj, op.key)][:-1]
        return bool(op.pred) and set(op.pred) <= set(lost)

    def _in_new_cell(self, op: Op) -> None:
        if _makes_child(op) and op.key not in self._made[op.obj]:
            kind, place = _CHILDREN[op.key]
            if op.kind != kind:
                raise _not_allowed(op, ObjectKind.NEW_CELL)
            self._places[op.id] = place
        elif not _sets_facts(op):
            raise _not_allowed(op, ObjectKind.NEW_CELL)
        self._made[op.obj].add(op.key)

    def _in_source(self, op: Op) -> None:
        typed = op.action == "set" and op.insert and _is_character(op.value)
        if op.is_map_key or (not typed and op.action != "delete"):
            raise _not_allowed(op, ObjectKind.SOURCE)

    def _in_entries(self, op: Op) -> None:
        if not op.is_map_key or op.insert or op.key in (TRUSTED, FORBIDDEN_KEY):
            raise _not_allowed(op, ObjectKind.ENTRIES)
        if op.action == "delete":
            return
        if op.action != "set" or not isinstance(op.value, str):
            raise _not_allowed(op, ObjectKind.ENTRIES)
        if len(op.value) > LONGEST_ENTRY:
            raise Refused(
                "too-large",
                f"{op.key!r} has {len(op.value)} characters; an entry of metadata or attachments "
                f"may have at most {LONGEST_ENTRY}",
            )
        self.entries_size += len(op.value)


def locate(notebook: Document, obj: ObjId) -> ObjectKind:
    """Return the place of an object of the document, including deleted objects.

    Raises `Refused` if the document does not hold the object.
    """
    keys: list[object] = []
    while obj != ROOT:
        above = notebook.parent(obj)
        if above is None:
            raise Refused("gap", "this change writes to an object that the server does not have")
        obj, key = above
        keys.append(key)
    match list(reversed(keys)):
        case []:
            return ObjectKind.ROOT
        case ["cells"]:
            return ObjectKind.CELLS
        case ["metadata"] | ["cells", _, "metadata" | "attachments"]:
            return ObjectKind.ENTRIES
        case ["cells", _]:
            return ObjectKind.CELL
        case ["cells", _, "source"]:
            return ObjectKind.SOURCE
        case _:
            return ObjectKind.CLOSED


def _makes_cell(op: Op) -> bool:
    is_id = op.is_map_key and op.key != FORBIDDEN_KEY and _ID.match(op.key) is not None
    return op.action == "make" and op.kind == "map" and is_id


def _makes_child(op: Op) -> bool:
    return op.action == "make" and op.is_map_key and not op.insert and op.key in _CHILDREN


def _is_character(value: object) -> bool:
    """Whether the value is one character, as each element of an Automerge text is."""
    return isinstance(value, str) and len(value) == 1


def _sets_facts(op: Op) -> bool:
    if op.action != "set" or not isinstance(op.value, str) or not op.is_map_key or op.insert:
        return False
    if op.key == "position":
        return bool(readable(op.value))
    return op.key == "cell_type" and op.value in _TYPES


def _not_allowed(op: Op, place: ObjectKind) -> Refused:
    return Refused("not-allowed", f"{op.action} of {op.key!r} in {place.value} is not allowed")
