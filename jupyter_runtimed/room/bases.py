"""From which of the states that a file had somebody made what they wrote.

The one that it takes the fewest edits from. What another program made of a cell in between is taken
for what it goes on from; a cell that is known only from before tells that the state is from before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..document import merge as edits_of
from ..document.content import Content
from ..document.textdiff import spliced, splices
from ..ids import CellId
from . import events as ev

COMPARED = 8
"""How many of the bases are compared in full, beside the newest."""
_MOST_WORDS = 4_000
"""Characters that are compared by words, to find those; more are compared by lines alone."""
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_WORDS = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Compared:
    """A base, what it said, and what was done to that. The newest has the `age` 0."""

    age: int
    base: ev.SavedState | None
    was: Content
    edits: tuple[edits_of.Edit, ...]


def likely(bases: Sequence[ev.SavedState | None], theirs: Content) -> list[int]:
    """The newest base, and of the others those that say most of what this says; by age."""
    now = {cell.source for cell in theirs.cells}

    def unlike(age: int) -> int:
        base = bases[age]
        if base is None or base.content is None:
            return 0
        was = {cell.source for cell in base.content.cells}
        return _unlike(was - now, now - was)

    return [0, *sorted(range(1, len(bases)), key=unlike)[:COMPARED]]


def _unlike(gone: Iterable[str], come: Iterable[str]) -> int:
    """The characters of the lines, or rather words, that only one of the two has."""
    gone, come = _only_in_one(gone, come, _LINES)
    size = sum(map(len, gone)) + sum(map(len, come))
    if size > _MOST_WORDS:
        return size
    gone, come = _only_in_one(gone, come, _WORDS)
    return sum(map(len, gone)) + sum(map(len, come))


def _only_in_one(
    gone: Iterable[str], come: Iterable[str], what: re.Pattern[str]
) -> tuple[list[str], list[str]]:
    left = Counter(part for text in gone for part in what.findall(text))
    right = Counter(part for text in come for part in what.findall(text))
    return list((left - right).elements()), list((right - left).elements())


class Weighing:
    """How much somebody did, if they began with this base or with that one."""

    def __init__(
        self, bases: Sequence[ev.SavedState | None], theirs: Content, found: Sequence[Compared]
    ) -> None:
        self._bases = bases
        self._theirs = {cell.id: cell.source for cell in theirs.cells}
        self._found = found

    def best(self) -> Compared:
        """Of equal ones the newest."""
        return min(self._found, key=lambda one: (*self._work(one), one.age))

    def _work(self, one: Compared) -> tuple[int, int]:
        """Roughly in characters; and the outputs that it took from cells that it let alone.

        Who writes a text has not looked at each output: those that came since are to stay.
        """
        words = last_words(self._bases[: one.age])
        was = {cell.id: cell.source for cell in one.was.cells}
        work = sum(self._size(edit, one.age, was, words) for edit in one.edits)
        for cell_id, word in words.items():
            if word is None and cell_id in was and cell_id in self._theirs:
                work += self._size_again(cell_id, was[cell_id])
        return work, _outputs_taken(one.edits)

    def _size(
        self, edit: edits_of.Edit, age: int, was: dict[CellId, str], words: dict[CellId, str | None]
    ) -> int:
        """In a cell that a program rewrote since, it counts from there: who writes the same words
        twice has most likely gone on from their own, and made from the state before, they would be
        mixed."""
        match edit:
            case edits_of.EditSource():
                if (before := words.get(edit.id)) is not None:
                    now = spliced(was[edit.id], edit.splices)
                    return _size(replace(edit, splices=splices(before, now)))
            case edits_of.AddCell(_, cell):
                if (before := words.get(cell.id)) is not None:
                    return _changed(before, cell.source)
                known = self._known_before.get(cell.id)
                if known is not None and known[0] > age:
                    return self._size_again(cell.id, known[1])
            case _:
                pass
        return _size(edit)

    def _size_again(self, cell_id: CellId, before: str) -> int:
        """A cell that was there, and is there again: more than to have changed it all."""
        return 1 + len(before) + len(self._theirs[cell_id])

    @cached_property
    def _known_before(self) -> dict[CellId, tuple[int, str]]:
        """Of the cells that are new to a base, the oldest state that had them, and what it said."""
        new = {
            edit.cell.id
            for one in self._found
            for edit in one.edits
            if isinstance(edit, edits_of.AddCell)
        }
        known: dict[CellId, tuple[int, str]] = {}
        for age, base in enumerate(self._bases):
            if new and base is not None and base.content is not None:
                known |= {c.id: (age, c.source) for c in base.content.cells if c.id in new}
        return known


def last_words(later: Iterable[ev.SavedState | None]) -> dict[CellId, str | None]:
    """What programs made of cells in these states, newest first; None: they took the cell away."""
    words: dict[CellId, str | None] = {}
    for base in later:
        if base is not None and (base.rewrote or base.removed):
            words = {**dict.fromkeys(base.removed), **base.rewrote, **words}
    return words


def rewritten(edits: Iterable[edits_of.Edit], now: Content) -> dict[CellId, str]:
    """The cells that somebody wrote, or wrote in, and what they say now."""
    wrote = _written(edits)
    return {cell.id: cell.source for cell in now.cells if cell.id in wrote}


def _written(edits: Iterable[edits_of.Edit]) -> frozenset[CellId]:
    return frozenset(
        edit.id if isinstance(edit, edits_of.EditSource) else edit.cell.id
        for edit in edits
        if isinstance(edit, (edits_of.EditSource, edits_of.AddCell))
    )


def removed(edits: Iterable[edits_of.Edit]) -> frozenset[CellId]:
    """The cells that somebody took away."""
    return frozenset(edit.id for edit in edits if isinstance(edit, edits_of.DeleteCell))


def _outputs_taken(edits: Sequence[edits_of.Edit]) -> int:
    wrote = _written(edits)
    if not wrote and not removed(edits):
        return 0
    return sum(isinstance(edit, edits_of.SetOutcome) and edit.id not in wrote for edit in edits)


def _changed(before: str, now: str) -> int:
    return sum(splice.delete + len(splice.insert) for splice in splices(before, now))


def _size(edit: edits_of.Edit) -> int:
    match edit:
        case edits_of.EditSource():
            return sum(splice.delete + len(splice.insert) for splice in edit.splices)
        case edits_of.AddCell():
            return 1 + len(edit.cell.source)
        case edits_of.SetOutcome():
            return 0
        case _:
            return 1
