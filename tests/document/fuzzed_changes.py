"""Random operations on a notebook document, allowed and forged, several for each key."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from jupyter_runtimed.crdt import ROOT, Change, Document, Obj, ObjId
from jupyter_runtimed.document.content import Cell, JsonText
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.document.permissions import Permissions, check_change
from jupyter_runtimed.document.seeds import empty_notebook
from jupyter_runtimed.errors import DocumentError, Refused
from jupyter_runtimed.ids import CellId
from pyautomerge import InvalidObjectError
from tests.support.forged import HEAD, Action, Forged, Scalar, encode

MAY_ALL = Permissions(write=True, execute=True)
SERVER = b"s" * 16
AUTHORS = (b"a" * 16, b"b" * 16, b"c" * 16)
KEYS = (
    "cell_type", "position", "source", "metadata", "attachments", "extra", "cells", "schema",
    "nbformat_minor", "outputs", "trusted", "collapsed", "__proto__", "constructor", "", "a b",
    "c0", "c1", "n1", "n2", "x" * 65,
)  # fmt: skip
VALUES: tuple[Scalar, ...] = (
    "code", "raw", "markdown", "evil", "", "V", "Zz", "0", "V0", "V" * 300, "über", "\0", "x", "ab",
    "😀", "{}", "1", "NaN", 1, -1, True, None,
)  # fmt: skip
ACTIONS: tuple[Action, ...] = (
    "set", "set", "set", "delete", "delete", "make map", "make text", "make list", "increment",
)  # fmt: skip


@dataclass
class Story:
    """A server's document, and authors who send random changes to it."""

    seed: int
    accepted: int = 0
    refused: int = 0
    places: dict[ObjId, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.server = Notebook(empty_notebook(SERVER))
        cells = [Cell(CellId(f"c{i}"), "code", f"x = {i}", {"k": JsonText("1")}) for i in range(2)]
        self.server.add_cells(cells, index=0)
        self.server.set_extra(None, "unknown", JsonText("1"))
        self.server.commit(now_ms=0)
        self.seq = dict.fromkeys(AUTHORS, 0)
        self.states = [self.server.heads]
        self.seen = dict.fromkeys(AUTHORS, 0)

    def step(self) -> bool:
        """Send a frame with one to three changes; return whether the server applied it."""
        author = self.rng.choice(AUTHORS)
        honest = self.rng.random() < 0.4
        data = self._honest(author) if honest else self._forged(author)
        document = self.server.document
        changes = Change.decode_all(data)
        try:
            check_change(
                changes,
                doc="notebook",
                notebook=document,
                rights=MAY_ALL,
                prefixes={author},
                known=self.places,  # type: ignore[arg-type]
            )
            self.server.apply(changes)
        except (Refused, DocumentError):
            if honest:
                raise
            self.refused += 1
            return False
        self.accepted += 1
        self.seq[author] += len(changes)
        self.states.append(self.server.heads)
        self.seen[author] = len(self.states) - 1
        return True

    def _seen_by(self, author: bytes) -> Document:
        """Return the author's copy: the current document, or a version some changes older."""
        oldest = max(self.seen[author], len(self.states) - 4)
        heads = self.states[self.rng.randint(oldest, len(self.states) - 1)]
        return self.server.document.fork_at(heads, actor=author)

    # ------------------------------------------------------------ honest edits

    def _honest(self, author: bytes) -> bytes:
        """Make several edits that the editor could make."""
        notebook, made = Notebook(self._seen_by(author)), b""
        for _ in range(self.rng.randint(1, 2)):
            for _ in range(self.rng.randint(1, 5)):
                self._edit(notebook)
            made += notebook.commit(now_ms=0) or b""
        return made

    def _edit(self, nb: Notebook) -> None:
        rng, order = self.rng, nb.order
        if not order or rng.random() < 0.15:
            fresh = CellId(f"n{rng.randrange(4)}")
            if fresh not in nb:
                nb.add_cell(Cell(fresh, "code", "new"), after=None)
            return
        cell = rng.choice(order)
        match rng.randrange(7):
            case 0:
                nb.set_metadata(cell, rng.choice("kl"), rng.choice((JsonText("2"), None)))
            case 1:
                nb.move_cell(
                    cell, after=rng.choice([other for other in order if other != cell] or [None])
                )
            case 2:
                nb.set_cell_type(cell, rng.choice(("code", "raw", "markdown")))
            case 3:
                nb.set_metadata(None, "title", JsonText(str(rng.random())))
            case 4 if len(order) > 2:
                nb.delete_cell(cell)
            case _:
                length = len(nb.source(cell))
                at = rng.randint(0, length)
                nb.splice(
                    cell, at, rng.randint(0, min(2, length - at)), rng.choice(("", "é😀\r\n", "ab"))
                )

    # ------------------------------------------------------------ forged ones

    def _forged(self, author: bytes) -> bytes:
        document, made = self._seen_by(author), b""
        heads, start = list(document.heads()), document.max_op + 1
        for number in range(self.rng.choice((1, 1, 2))):
            ops = self._operations(document, author, start)
            data = encode(
                ops, actor=author, seq=self.seq[author] + 1 + number, start_op=start, deps=heads
            )
            made += data
            heads, start = [Change.decode(data).hash], start + len(ops)
        return made

    def _operations(self, document: Document, author: bytes, start: int) -> list[Forged]:
        """Write allowed values several times at one key, and sometimes a forbidden value."""
        objects = self._objects(document)
        cells = [obj for obj in objects if len(document.path(obj) or ()) == len(("cells", "id"))]
        own = self.rng.choice(cells if cells and self.rng.random() < 0.6 else objects)
        if self.rng.random() < 0.4:
            return self._behind_a_decoy(document, own)
        ops: list[Forged] = []
        for number in range(self.rng.randint(1, 4)):
            obj = own if self.rng.random() < 0.7 else self.rng.choice(objects)
            former = ops[-1] if ops and self.rng.random() < 0.6 else None
            op = self._operation(document, obj, former)
            ops.append(op)
            if op.action.startswith("make"):
                objects.append(f"{start + number}@{author.hex()}")
        return ops

    def _behind_a_decoy(self, document: Document, obj: ObjId) -> list[Forged]:
        """Return allowed operations on one key, one of them replaced by a random operation."""
        rng = self.rng
        key = rng.choice([*_keys(document, obj), *self._fitting(document.path(obj)), "k"])
        value = {"position": "Zz", "cell_type": "raw"}.get(key, "{}")
        if rng.random() < 0.5:
            pred = self._pred(document, obj, key)
            values = [value, value, rng.choice(VALUES)]
            return [Forged("set", obj, key, each, pred) for each in values[rng.randrange(2) :]]
        here = [id_ for _, id_ in document.get_all(obj, key)] if _keys(document, obj) else []
        return [Forged("delete", obj, key, None, (id_,)) for id_ in here or [f"1@{SERVER.hex()}"]]

    def _operation(self, document: Document, obj: ObjId, former: Forged | None) -> Forged:
        if former is not None:
            obj = former.obj
        kind = document.path(obj) if _is_there(document, obj) else None
        if kind is not None and kind[-1:] == ("source",):
            return self._on_text(document, obj)
        if former is not None and not former.element:
            key = former.key
        elif self.rng.random() < 0.9:
            key = self.rng.choice([*_keys(document, obj), *self._fitting(kind)] or list(KEYS))
        else:
            key = self.rng.choice(KEYS)
        pred = self._pred(document, obj, key)
        if self.rng.random() < (0.1 if former is None else 0.4):
            action = self.rng.choice(ACTIONS)
            if former is not None and self.rng.random() < 0.6:
                action = former.action
            value = 1 if action == "increment" else self.rng.choice(VALUES)
            return Forged(action, obj, key, value, pred, insert=self.rng.random() < 0.1)
        if self.rng.random() < 0.4:
            return Forged("delete", obj, key, None, pred)
        value = {"position": "Zz", "cell_type": "raw"}.get(key, "{}")
        return Forged("set", obj, key, value, pred)

    def _fitting(self, path: tuple[object, ...] | None) -> list[str]:
        """Return the keys that an editor may write in an object at this path."""
        match path:
            case ("cells", _):
                return ["cell_type", "position"] * 3
            case ("metadata",) | ("cells", _, "metadata" | "attachments"):
                return ["k", "l", "title"]
            case _:
                return []

    def _on_text(self, document: Document, obj: ObjId) -> Forged:
        rng = self.rng
        history = [op for change in document.changes_after([]) for op in change.ops]
        element = rng.choice([HEAD, *(op.id for op in history if op.obj == obj and op.insert)])
        match rng.randrange(10):
            case 0:
                value = rng.choice(VALUES)
                return Forged("set", obj, element, value, element=True, insert=True)
            case 1 if element != HEAD:
                action = rng.choice(("set", "delete", "increment"))
                value = 1 if action == "increment" else "y"
                pred = self._pred(document, obj, element)
                return Forged(action, obj, element, value, pred, element=True)
            case 2:
                return Forged("set", obj, rng.choice(KEYS), "z", insert=rng.random() < 0.5)
            case 3 | 4 | 5 if element != HEAD:
                return Forged("delete", obj, element, pred=(element,), element=True)
            case _:
                return Forged("set", obj, element, rng.choice("xyz"), element=True, insert=True)

    def _pred(self, document: Document, obj: ObjId, key: str) -> tuple[ObjId, ...]:
        """Return overwritten operations: all, some, the losers, none, or unrelated ones."""
        is_map = _is_there(document, obj) and document.kind(obj) == "map"
        here = [id_ for _, id_ in document.get_all(obj, key)] if is_map else []
        rng = self.rng
        match rng.randrange(8):
            case 0:
                return ()
            case 1 | 2:
                return tuple(here[:-1])
            case 3 | 4 if here:
                return (rng.choice(here),)
            case 5:
                others = [op.id for change in document.changes_after([])[-3:] for op in change.ops]
                return (rng.choice(others),) if others else ()
            case _:
                return tuple(here)

    def _objects(self, document: Document) -> list[ObjId]:
        found: list[ObjId] = [ROOT]
        for obj in found:
            found += [
                value.id
                for key in _keys(document, obj)
                for value, _ in document.get_all(obj, key)
                if isinstance(value, Obj)
            ]
        return found


def _is_there(document: Document, obj: ObjId) -> bool:
    try:
        document.kind(obj)
    except InvalidObjectError:
        return False
    return True


def _keys(document: Document, obj: ObjId) -> list[str]:
    if not _is_there(document, obj) or document.kind(obj) != "map":
        return []
    return list(document.keys(obj))
