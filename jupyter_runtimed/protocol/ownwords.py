"""Own typing carried onto another copy of the notebook, character by character.

Two texts alone do not say which of two equal words was typed, and a merge by them may write one
word into another. The history does say it: it is walked through every own step, and of what comes
and goes on that way only the own part is kept.

The way begins at the copy's version. If the copy has another history, it begins for each cell where
something was first typed in it, and there alone texts are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..crdt import ROOT, Document, Heads, Obj, ObjId, Patch, own_errors
from ..document.notebook import Notebook
from ..document.textdiff import splices
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

    def __init__(self, old: Notebook, fresh: Notebook, *, same_line: bool) -> None:
        self._fresh = fresh
        self._same_line = same_line
        self._at: Heads = fresh.heads if same_line else ()
        self._texts: dict[CellId, list[_Character]] = {}
        self._by_object: dict[ObjId, list[_Character]] = {}
        with own_errors("the notebook cannot be re-based"):
            self._both = old.document.fork()
            if same_line:
                self._both.merge(fresh.document)
        if same_line:
            for cell_id, obj in _sources(fresh).items():
                text = fresh.source(cell_id)
                self._begin(cell_id, obj, [_Character(char, first=True) for char in text])

    def others(self, before: Notebook) -> None:
        """Go on to this version of `old` by what others did."""
        self._go(before.heads, own=False)
        if self._same_line:
            return
        for cell_id, obj in _sources(before).items():
            if cell_id not in self._texts and cell_id in self._fresh:
                beside = _beside(before.source(cell_id), self._fresh.source(cell_id))
                self._begin(cell_id, obj, beside)

    def own(self, after: Notebook) -> None:
        """Go on to this version of `old` by what was done here."""
        self._go(after.heads, own=True)

    def cells(self) -> frozenset[CellId]:
        """The cells of `fresh` whose text is walked here, and to be written by nobody else."""
        if not self._same_line:
            return frozenset(cell_id for cell_id in self._texts if cell_id in self._fresh)
        return frozenset(
            cell_id
            for cell_id, obj in _sources(self._fresh).items()
            if obj in self._by_object and self._texts[cell_id] is self._by_object[obj]
        )

    def write(self) -> None:
        for cell_id in self.cells():
            characters = self._texts[cell_id]
            _write(self._fresh, cell_id, characters if self._same_line else _once(characters))

    def _begin(self, cell_id: CellId, obj: ObjId, characters: list[_Character]) -> None:
        self._texts[cell_id] = self._by_object[obj] = characters

    def _go(self, heads: Heads, *, own: bool) -> None:
        with own_errors("the notebook cannot be re-based"):
            patches = self._both.diff(self._at, heads) if self._by_object else []
        for patch in patches:
            if (characters := self._by_object.get(patch.obj)) is not None:
                _apply(characters, patch, own=own)
        self._at = heads


def _beside(was: str, now: str) -> list[_Character]:
    """The text `was`, where the walk begins, beside `now`, which the copy holds."""
    characters: list[_Character] = []
    done = 0
    for position, delete, insert in splices(was, now):
        characters += (_Character(char, first=True) for char in was[done:position])
        done = position + delete
        characters += (_Character(char, first=False, stays=False) for char in was[position:done])
        characters += (_Character(char, first=True, here=False) for char in insert)
    return characters + [_Character(char, first=True) for char in was[done:]]


def _once(characters: Sequence[_Character]) -> list[_Character]:
    """What was typed here and stands at that place of the copy already is not written again."""
    out: list[_Character] = []
    gap: list[_Character] = []
    for character in characters:
        if character.first and (character.here or not character.stays):
            out += (*_counted(gap), character)
            gap = []
        else:
            gap.append(character)
    return out + _counted(gap)


def _counted(gap: list[_Character]) -> list[_Character]:
    mine = [character for character in gap if not character.first and character.stays]
    theirs = [character for character in gap if character.first]
    typed, there = _text(mine), _text(theirs)
    if there.startswith(typed) or there.endswith(typed):
        return theirs
    if typed.startswith(there):
        return [*theirs, *mine[len(theirs) :]]
    if typed.endswith(there):
        return [*mine[: -len(theirs)], *theirs]
    return gap


def _text(characters: Sequence[_Character]) -> str:
    return "".join(character.text for character in characters)


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
