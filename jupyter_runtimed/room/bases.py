"""From which of the states that a file had somebody made what they wrote.

The one that it takes the fewest edits from. What another program made of a cell in between is taken
for what it goes on from; a cell that is known only from before tells that the state is from before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ..document import merge as edits_of
from ..document.content import Content
from ..document.textdiff import spliced, splices
from ..ids import CellId
from . import events as ev

COMPARED = 8
"""How many of the bases are compared in full, beside the newest."""
PROGRAMS = 3
"""How many of those that other programs wrote are always among them."""
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

    older = range(1, len(bases))
    programs = [age for age in older if (base := bases[age]) and base.outside]
    return [0, *sorted({*programs[:PROGRAMS], *sorted(older, key=unlike)[:COMPARED]})]


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


class Since(NamedTuple):
    """A text that a program made after the base, and somebody went on from: in which state it stood
    (by age), and what was done to it there."""

    age: int
    edit: edits_of.EditSource


class Weighing:
    """How much somebody did, if they began with this base or with that one."""

    def __init__(
        self, bases: Sequence[ev.SavedState | None], theirs: Content, found: Sequence[Compared]
    ) -> None:
        self._bases = bases
        self._theirs = {cell.id: cell.source for cell in theirs.cells}
        self._found = found
        self._newest = found[0].was
        self._since: dict[tuple[CellId, str], Since] = {}
        self._sources: dict[int, dict[CellId, str]] = {}

    def best(self) -> Compared:
        """Of equal ones the newest."""
        return min(self._found, key=lambda one: (*self._work(one), one.age))

    def since(self, one: Compared) -> dict[CellId, Since]:
        """What was done to the cells that a program wrote after this base, counted from there.

        Who writes the same words twice has most likely gone on from their own. Made from the state
        before, both would be mixed.
        """
        was = {cell.id: cell.source for cell in one.was.cells}
        found = {cell: self._from_there(cell, now, one.age) for cell, now in _texts(one.edits, was)}
        return {cell: since for cell, since in found.items() if since is not None}

    def _work(self, one: Compared) -> tuple[int, int, int]:
        """Roughly in characters; then the outputs that it took from cells that it let alone, and
        the characters of texts in full.

        Who writes a text has not looked at each output: those that came since are to stay.
        """
        since = self.since(one)
        was = {cell.id: cell.source for cell in one.was.cells}
        texts = dict(_texts(one.edits, was))
        sizes = [self._sizes(edit, one.age, texts, since) for edit in one.edits]
        work, whole = sum(size for size, _ in sizes), sum(size for _, size in sizes)
        for cell in one.was.cells:
            age, text = self._words.get(cell.id, (one.age, ""))
            if age < one.age and text is None and cell.id in self._theirs:
                work += self._size_again(cell.id, cell.source)
        return work, _outputs_taken(one.edits), whole

    def _sizes(
        self,
        edit: edits_of.Edit,
        age: int,
        texts: Mapping[CellId, str],
        since: Mapping[CellId, Since],
    ) -> tuple[int, int]:
        """What an edit weighs, and its characters.

        A text that is another one now weighs the same whatever was there: how much that was tells
        nothing of who wrote it.
        """
        match edit:
            case edits_of.EditSource():
                return _weight(since[edit.id].edit if edit.id in since else edit, texts[edit.id])
            case edits_of.AddCell(_, cell):
                if cell.id in since:
                    return _weight(since[cell.id].edit, cell.source)
                known = self._known_before.get(cell.id)
                if known is not None and known[0] > age:
                    return self._size_again(cell.id, known[1]), 0
            case _:
                pass
        return _size(edit), 0

    def _size_again(self, cell_id: CellId, before: str) -> int:
        """A cell that was there, and is there again: more than to have changed it all."""
        return 1 + len(before) + len(self._theirs[cell_id])

    def _from_there(self, cell_id: CellId, now: str, age: int) -> Since | None:
        made, text = self._words.get(cell_id, (age, None))
        if made >= age or text is None:
            return None
        if (cell_id, now) not in self._since:
            stood: dict[str, int] = {}
            for later in [*self._ours_until(made), made]:
                if (there := self._sources_at(later).get(cell_id)) is not None:
                    stood.setdefault(there, later)
            newest, first = list(stood.items())[:COMPARED], list(stood.items())[-1:]
            ways = [
                Since(later, edits_of.EditSource(cell_id, splices(there, now)))
                for there, later in newest + first
            ]
            if not ways:
                return None
            self._since[cell_id, now] = min(ways, key=lambda way: (_size(way.edit), way.age))
        return self._since[cell_id, now]

    def _ours_until(self, age: int) -> list[int]:
        """The states that have what a program made at this age, whatever was typed there since."""
        later = enumerate(self._bases[:age])
        return [other for other, base in later if base is not None and not base.outside]

    def _sources_at(self, age: int) -> dict[CellId, str]:
        if age not in self._sources:
            base = self._bases[age]
            content = self._newest if age == 0 or base is None else base.content
            cells = () if content is None else content.cells
            self._sources[age] = {cell.id: cell.source for cell in cells}
        return self._sources[age]

    @cached_property
    def _words(self) -> dict[CellId, tuple[int, str | None]]:
        """What the last program made of a cell, and at which age; None: it took the cell away."""
        words: dict[CellId, tuple[int, str | None]] = {}
        for age, base in enumerate(self._bases):
            if base is not None:
                made: dict[CellId, str | None] = {**dict.fromkeys(base.removed), **base.rewrote}
                words = {cell: (age, text) for cell, text in made.items()} | words
        return words

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


def rewritten(one: Compared) -> dict[CellId, str]:
    """The cells that somebody wrote, or wrote in, and what they say now."""
    return dict(_texts(one.edits, {cell.id: cell.source for cell in one.was.cells}))


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


def _texts(
    edits: Iterable[edits_of.Edit], was: Mapping[CellId, str]
) -> Iterator[tuple[CellId, str]]:
    """What the cells say that somebody wrote, or wrote in."""
    for edit in edits:
        match edit:
            case edits_of.EditSource(cell_id, changed):
                yield cell_id, spliced(was[cell_id], changed)
            case edits_of.AddCell(_, cell):
                yield cell.id, cell.source
            case _:
                pass


def _weight(edit: edits_of.EditSource, now: str) -> tuple[int, int]:
    size = _size(edit)
    came = sum(len(splice.insert) for splice in edit.splices)
    anew = 1 + len(now)
    return (anew if 2 * came > len(now) else min(size, anew)), size


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
