"""Plays the cases of `tests/golden/rebase.json` with the Python client's rebase.

A case says who edited what: `own` edits are those of the client, `ben` is another peer. The section
"Shared vectors" of `docs/design/protocol.md` explains the file.
"""

from __future__ import annotations

from typing import Any

from jupyter_runtimed.crdt import Change, load
from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.content import Cell, JsonText
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.peer.actor_ids import ActorIds
from jupyter_runtimed.peer.local_edits import LocalEdits
from jupyter_runtimed.peer.pending_changes import PendingChanges
from jupyter_runtimed.peer.rebase import Refusal, rebase

Json = dict[str, Any]


class Case:
    """The client's notebook, the server's, and one with edits that the server loses."""

    def __init__(self, start: list[list[str]]) -> None:
        self.identity = ActorIds()
        self.identity.given(b"own".ljust(16, b"."), b"")
        saved = notebook_of(start, "room").document.save()
        self.own = Notebook(load(saved, actor=self.identity.fresh_actor()))
        self.room = Notebook(load(saved, actor=actor("ben")))
        self._lost: Notebook | None = None
        self.ledger = PendingChanges(self.own.heads)
        self.made: list[Change] = []

    def edit(self, step: Json) -> None:
        match step:
            case {"own": change, **how}:
                (made,) = Change.decode_all(edited(self.own, change))
                self.made.append(made)
                self.ledger.add_local(made)
                if how.get("reached"):
                    self.room.apply([made])
            case {"ben": change, "lost": True}:
                self._lost = self._lost or self.room.fork(actor=actor("ben, lost"))
                self._receive(edited(self._lost, change))
            case {"ben": change, **how}:
                data = edited(self.room, change)
                if not how.get("unseen"):
                    self._receive(data)

    def _receive(self, data: bytes) -> None:
        for change in Change.decode_all(data):
            self.ledger.received(change)
            self.own.apply([change])


def play(case: Json, start: list[list[str]]) -> Json:
    """Rebase the client's edits onto the fresh copy: `{cells, metadata, dropped}`."""
    state = Case(case.get("start", start))
    for step in case["edits"]:
        state.edit(step)
    fresh = case["fresh"]
    same = fresh == "same history"
    copy = state.room if same else notebook_of(fresh["cells"], "another")
    data = copy.document.save()
    carried = rebase(
        state.own,
        lambda: Notebook(load(data, actor=state.identity.fresh_actor())),
        state.ledger,
        state.identity,
        same_line=same,
        had=() if same else tuple(state.made[n - 1].hash for n in fresh.get("has", [])),
        refusal=Refusal("gap", "because", drop=False) if case.get("refused") else None,
        may_write=True,
    )
    carried.notebook.commit(now_ms=0)
    dropped = [] if carried.rebased is None else cells_of(carried.rebased.dropped)
    result = {"cells": [described(cell) for cell in carried.notebook.content().cells]}
    metadata = dict(carried.notebook.metadata())
    return result | ({"metadata": metadata} if metadata else {}) | {"dropped": dropped}


def actor(name: str) -> bytes:
    return name.encode().ljust(20, b".")


def notebook_of(cells: list[list[str]], author: str) -> Notebook:
    """A new document with these cells, each `[id, type, source]`."""
    made = Notebook(seeds.empty_notebook(actor(author)))
    made.add_cells([Cell(CellId(cell), kind, source) for cell, kind, source in cells], index=0)  # type: ignore[arg-type]
    made.commit(now_ms=0)
    return made


def edited(notebook: Notebook, edit: Json) -> bytes:
    """Make one edit, and return the bytes of its change."""
    write(notebook, edit)
    data = notebook.commit(now_ms=0)
    assert data is not None, f"this edit changes nothing: {edit}"
    return data


def write(notebook: Notebook, edit: Json) -> None:
    match edit:
        case {"insert": text, "cell": cell, "at": position}:
            notebook.splice(CellId(cell), position, 0, text)
        case {"delete": count, "cell": cell, "at": position}:
            notebook.splice(CellId(cell), position, count)
        case {"add": cell, "source": source, "after": after}:
            notebook.add_cell(Cell(CellId(cell), "code", source), after=after)
        case {"delete cell": cell}:
            notebook.delete_cell(CellId(cell))
        case {"move cell": cell, "after": after}:
            notebook.move_cell(CellId(cell), after=after)
        case {"retype": cell, "to": kind}:
            notebook.set_cell_type(CellId(cell), kind)
        case {"attachment": name, "cell": cell, "value": value}:
            notebook.set_attachment(CellId(cell), name, _json(value))
        case {"metadata": key, "value": value, **where}:
            notebook.set_metadata(where.get("cell"), key, _json(value))
        case _:
            raise AssertionError(f"an unknown edit: {edit}")


def _json(value: str | None) -> JsonText | None:
    return None if value is None else JsonText(value)


def described(cell: Cell) -> list[Any]:
    maps = {"metadata": dict(cell.metadata), "attachments": dict(cell.attachments)}
    more = {key: value for key, value in maps.items() if value}
    return [cell.id, cell.cell_type, cell.source, *([more] if more else [])]


def cells_of(intent: LocalEdits) -> list[str]:
    """The cells that an intent adds, deletes or edits."""
    return sorted({*intent.edited(), *(cell.id for cell in intent.added), *intent.deleted})
