"""Rebase local text edits onto a fresh copy of the notebook, character by character.

A comparison of two texts cannot tell which of two equal words was typed, so it may merge one word
into another. This module replays the history of the old document instead, and keeps only the local
insertions and deletions.

If the fresh copy shares its history with the old document, the replay begins at the copy's heads.
If not, the replay of a cell begins before the first local edit of the cell; only at this point are
the two texts compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..crdt import ROOT, Document, Heads, Obj, ObjId, Patch, engine_errors
from ..document.diff.text_diff import splices
from ..document.notebook import Notebook
from ..ids import CellId


@dataclass(slots=True)
class _Character:
    text: str
    first: bool
    """Whether the fresh copy contains this character."""
    here: bool = True
    """Whether the version that the replay has reached contains this character."""
    stays: bool = True
    """Whether the rebased text contains this character."""


class TextRebase:
    """The texts of the cells during the replay; only `write` changes `fresh`.

    `old` is the local document with its local edits. `same_line` states whether `fresh` has the
    same history (epoch) as `old`.
    """

    def __init__(self, old: Notebook, fresh: Notebook, *, same_line: bool) -> None:
        self._fresh = fresh
        self._same_line = same_line
        self._at: Heads = fresh.heads if same_line else ()
        self._texts: dict[CellId, list[_Character]] = {}
        self._by_object: dict[ObjId, list[_Character]] = {}
        with engine_errors("the pending edits cannot be rebased"):
            self._both = old.document.fork()
            if same_line:
                self._both.merge(fresh.document)
        if same_line:
            for cell_id, obj in _sources(fresh).items():
                text = fresh.source(cell_id)
                self._begin(cell_id, obj, [_Character(char, first=True) for char in text])

    def advance_remote(self, before: Notebook) -> None:
        """Advance the replay to this version of `old`; its changes are those of other peers."""
        self._go(before.heads, own=False)
        if self._same_line:
            return
        for cell_id, obj in _sources(before).items():
            if cell_id not in self._texts and cell_id in self._fresh:
                beside = _beside(before.source(cell_id), self._fresh.source(cell_id))
                self._begin(cell_id, obj, beside)

    def advance_local(self, after: Notebook) -> None:
        """Advance the replay to this version of `old`; its changes are local."""
        self._go(after.heads, own=True)

    def cells(self) -> frozenset[CellId]:
        """Return the cells of `fresh` whose text `write` rebases; no other code may write them."""
        if not self._same_line:
            return frozenset(cell_id for cell_id in self._texts if cell_id in self._fresh)
        return frozenset(
            cell_id
            for cell_id, obj in _sources(self._fresh).items()
            if obj in self._by_object and self._texts[cell_id] is self._by_object[obj]
        )

    def write(self) -> None:
        """Write the rebased texts into `fresh`, as uncommitted edits."""
        for cell_id in self.cells():
            characters = self._texts[cell_id]
            _write(self._fresh, cell_id, characters if self._same_line else _once(characters))

    def _begin(self, cell_id: CellId, obj: ObjId, characters: list[_Character]) -> None:
        self._texts[cell_id] = self._by_object[obj] = characters

    def _go(self, heads: Heads, *, own: bool) -> None:
        with engine_errors("the pending edits cannot be rebased"):
            patches = self._both.diff(self._at, heads) if self._by_object else []
        for patch in patches:
            if (characters := self._by_object.get(patch.obj)) is not None:
                _apply(characters, patch, own=own)
        self._at = heads


def _beside(was: str, now: str) -> list[_Character]:
    """Align `was`, the text at the start of the replay, with `now`, the text of the fresh copy."""
    characters: list[_Character] = []
    done = 0
    for position, delete, insert in splices(was, now):
        characters += (_Character(char, first=True) for char in was[done:position])
        done = position + delete
        characters += (_Character(char, first=False, stays=False) for char in was[position:done])
        characters += (_Character(char, first=True, here=False) for char in insert)
    return characters + [_Character(char, first=True) for char in was[done:]]


def _once(characters: Sequence[_Character]) -> list[_Character]:
    """Drop local insertions that the fresh copy already has at the same position."""
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
    """Merge the local and the copy's insertions at one position; equal text counts once."""
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
    """Write from the last character to the first, so that the copy's positions stay valid."""
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
