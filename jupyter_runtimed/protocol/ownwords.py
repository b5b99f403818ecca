"""Own typing carried onto a copy of the same history, character by character.

Two texts alone do not say which of two equal words was typed, and a merge by them may write one
word into another. The history does say it: it is walked from the copy's version through every own
step, and of what comes and goes on that way only the own part is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..crdt import ROOT, Document, Heads, Obj, ObjId, Patch, own_errors
from ..document.notebook import Notebook
from ..ids import CellId


@dataclass(slots=True)
class _Character:
    text: str
    first: bool
    """Was it in the copy?"""
    here: bool = True
    """Is it in the version that the walk has reached?"""
    stays: bool = True


class OwnWords:
    """The cells' texts in `fresh` while the walk goes on; `fresh` is written only by `write`."""

    def __init__(self, old: Notebook, fresh: Notebook) -> None:
        self._at: Heads = fresh.heads
        with own_errors("the notebook cannot be re-based"):
            self._both = old.document.fork()
            self._both.merge(fresh.document)
        self._texts = {
            cell_id: (obj, [_Character(char, first=True) for char in fresh.source(cell_id)])
            for cell_id, obj in _sources(fresh).items()
        }
        self._by_object = dict(self._texts.values())

    def step(self, before: Heads, after: Heads) -> None:
        """Go on by what was done here between these two versions."""
        self._go(before, own=False)
        self._go(after, own=True)

    def cells(self, notebook: Notebook) -> frozenset[CellId]:
        """The cells whose text is, in `notebook` too, the very one that is walked here."""
        return frozenset(
            cell_id
            for cell_id, obj in _sources(notebook).items()
            if cell_id in self._texts and self._texts[cell_id][0] == obj
        )

    def write(self, fresh: Notebook) -> None:
        for cell_id in self.cells(fresh):
            _write(fresh, cell_id, self._texts[cell_id][1])

    def _go(self, heads: Heads, *, own: bool) -> None:
        with own_errors("the notebook cannot be re-based"):
            patches = self._both.diff(self._at, heads)
        for patch in patches:
            if (characters := self._by_object.get(patch.obj)) is not None:
                _apply(characters, patch, own=own)
        self._at = heads


def _apply(characters: list[_Character], patch: Patch, *, own: bool) -> None:
    position = patch.prop if isinstance(patch.prop, int) else 0
    here = [index for index, character in enumerate(characters) if character.here]
    if patch.action == "splice":
        place = here[position - 1] + 1 if position else 0
        characters[place:place] = [
            _Character(char, first=False, stays=own) for char in patch.text or ""
        ]
    elif patch.action == "delete":
        for index in here[position : position + (patch.length or 1)]:
            characters[index].here = False
            characters[index].stays = characters[index].stays and not own


def _write(notebook: Notebook, cell_id: CellId, characters: Sequence[_Character]) -> None:
    """From the last to the first, so that positions are those of the copy."""
    position = sum(character.first for character in characters)
    typed: list[str] = []
    for character in reversed(characters):
        if not character.first:
            typed += [character.text] if character.stays else []
            continue
        if typed:
            notebook.splice(cell_id, position, 0, "".join(reversed(typed)))
            typed = []
        position -= 1
        if not character.stays:
            notebook.splice(cell_id, position, 1)
    if typed:
        notebook.splice(cell_id, 0, 0, "".join(reversed(typed)))


def _sources(notebook: Notebook) -> Mapping[CellId, ObjId]:
    document = notebook.document
    cells = _child(document, ROOT, "cells")
    found = {cell_id: _child(document, _child(document, cells, cell_id), "source")
             for cell_id in notebook.order}  # fmt: skip
    return {cell_id: obj for cell_id, obj in found.items() if obj is not None}


def _child(document: Document, parent: ObjId | None, key: str) -> ObjId | None:
    value = None if parent is None else document.get(parent, key)
    return value.id if isinstance(value, Obj) else None
