"""Select the merge base of a file that another program wrote.

The candidates are the recent versions of the file. The version that needs the fewest edits is the
merge base; `CRITERIA` and `COST_RULES` say what counts. If another program rewrote a cell after the
base, the edits of the cell are computed against the rewrite. Decision 0014 gives the reasons.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ...document.content import Cell, Content
from ...document.diff import notebook_diff as edits_of
from ...document.diff.text_diff import spliced, splices
from ...document.file_version import FileVersion
from ...ids import CellId

COMPARED = 8
"""Number of candidates that are compared in full, in addition to the newest version."""
PROGRAMS = 3
"""Number of versions from other programs that are always compared in full.

A program that writes often continues from its own versions (`tests/files/test_rewriting.py`).
"""
_MOST_WORDS = 4_000
"""Most characters that the shortlist compares by words; longer texts are compared by lines."""
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_WORDS = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Candidate:
    """A candidate: its position in `bases` (0 is the newest), its content and the edits to it."""

    age: int
    base: FileVersion | None
    was: Content
    edits: tuple[edits_of.Edit, ...]


def shortlist(bases: Sequence[FileVersion | None], theirs: Content) -> list[int]:
    """Return the ages of the newest version and of those most similar to `theirs`, ascending."""
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
    """Count the characters of the lines that are only in one of two texts, or of the words."""
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


class LaterEdit(NamedTuple):
    """An edit of a text that a program wrote after the base.

    `age` is the version that holds the text; `edit` applies to this version.
    """

    age: int
    edit: edits_of.EditSource


class Change(NamedTuple):
    """One change from a candidate to the program's file."""

    edit: edits_of.Edit | None
    """None for a cell that another program deleted after the candidate, and this program wrote."""
    characters: int
    """The characters that the change deletes and inserts in a source."""
    restored: int | None
    """The characters of a deleted cell that the change restores: its source before and now."""


class CostRule(NamedTuple):
    """The cost of a kind of change. `case` in `tests/golden/merge_bases.json` needs the rule."""

    name: str
    applies: Callable[[Change], bool]
    cost: Callable[[Change], int]
    case: str


COST_RULES = (
    # Only a program that read a version with the cell knows the cell's id. So restoring the cell
    # costs more than editing it in such a version.
    CostRule(
        "a deleted cell is restored",
        lambda change: change.restored is not None,
        lambda change: 1 + (change.restored or 0),
        "a moved cell that was deleted after a version seen halfway stays deleted",
    ),
    # A program that edits a text rarely decides about outputs.
    CostRule(
        "outputs are set",
        lambda change: isinstance(change.edit, edits_of.SetOutcome),
        lambda _: 0,
        "a program that only clears outputs clears them",
    ),
    CostRule(
        "any other change",
        lambda _: True,
        lambda _: 1,
        "a slow program keeps text that was typed meanwhile",
    ),
)
"""The first rule that applies gives the cost of a change."""


class Criterion(NamedTuple):
    """A number by which candidates are compared. `case` in the golden vectors needs it."""

    name: str
    number: Callable[[Candidate, Sequence[Change]], int]
    case: str


CRITERIA = (
    Criterion(
        "the lowest cost of changes",
        lambda _, changes: sum(map(_cost, changes)),
        "a cell that a person deleted stays deleted",
    ),
    # A program that edits a text rarely changes other outputs on purpose, so newer outputs stay.
    Criterion(
        "the fewest changed outputs of cells that the program did not edit",
        lambda candidate, _: _outputs_taken(candidate.edits),
        "outputs that came since the program read the file stay",
    ),
    Criterion(
        "the fewest characters",
        lambda _, changes: sum(change.characters for change in changes),
        "text that was typed into a program's text stays",
    ),
)
"""The base is the candidate with the lowest first number; on a tie, the next number decides.

If all numbers are equal, the base is the newest candidate.
"""


def _cost(change: Change) -> int:
    return next(rule.cost(change) for rule in COST_RULES if rule.applies(change))


class BaseSelector:
    """Choose the merge base among candidates, which are sorted from the newest to the oldest."""

    def __init__(
        self, bases: Sequence[FileVersion | None], theirs: Content, found: Sequence[Candidate]
    ) -> None:
        self._bases = bases
        self._theirs = {cell.id: cell.source for cell in theirs.cells}
        self._found = found
        self._newest = found[0].was
        self._since: dict[tuple[CellId, str], LaterEdit] = {}
        self._sources: dict[int, dict[CellId, str]] = {}

    def best(self) -> Candidate:
        """Return the best candidate by `CRITERIA`."""
        return min(self._found, key=self._numbers)

    def _numbers(self, one: Candidate) -> tuple[int, ...]:
        changes = list(self._changes(one))
        return tuple(criterion.number(one, changes) for criterion in CRITERIA)

    def _changes(self, one: Candidate) -> Iterator[Change]:
        since = self.since(one)
        for edit in one.edits:
            match edit:
                case edits_of.EditSource(cell_id, _):
                    spliced_by = since[cell_id].edit if cell_id in since else edit
                    yield Change(edit, _size(spliced_by), None)
                case edits_of.AddCell(_, cell):
                    characters = _size(since[cell.id].edit) if cell.id in since else 0
                    yield Change(edit, characters, self._restored(cell, one.age))
                case _:
                    yield Change(edit, 0, None)
        for cell in one.was.cells:
            age, text = self._words.get(cell.id, (one.age, ""))
            if age < one.age and text is None and cell.id in self._theirs:
                yield Change(None, 0, len(cell.source) + len(self._theirs[cell.id]))

    def _restored(self, cell: Cell, age: int) -> int | None:
        """Return the characters of a cell that a version before `age` had; None if none had it."""
        known = self._known_before.get(cell.id)
        if known is None or known[0] <= age:
            return None
        return len(known[1]) + len(cell.source)

    def since(self, one: Candidate) -> dict[CellId, LaterEdit]:
        """Return the edits of cells that a program rewrote after this base, against the rewrite.

        A program that writes a cell twice usually continues from its own first text. An edit
        against the base would mix both texts in a merge.
        """
        found = {cell: self._from_there(cell, now, one.age) for cell, now in rewritten(one).items()}
        return {cell: since for cell, since in found.items() if since is not None}

    def _from_there(self, cell_id: CellId, now: str, age: int) -> LaterEdit | None:
        """Return the smallest edit from a rewrite newer than `age` to `now`; None if none is."""
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
                LaterEdit(later, edits_of.EditSource(cell_id, splices(there, now)))
                for there, later in newest + first
            ]
            if not ways:
                return None
            self._since[cell_id, now] = min(ways, key=lambda way: (_size(way.edit), way.age))
        return self._since[cell_id, now]

    def _ours_until(self, age: int) -> list[int]:
        """Return the versions that the room saved later; they contain the text of version `age`."""
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
        """The newest rewrite of each cell by a program: its age and text (None: deleted)."""
        words: dict[CellId, tuple[int, str | None]] = {}
        for age, base in enumerate(self._bases):
            if base is not None:
                made: dict[CellId, str | None] = {**dict.fromkeys(base.removed), **base.rewrote}
                words = {cell: (age, text) for cell, text in made.items()} | words
        return words

    @cached_property
    def _known_before(self) -> dict[CellId, tuple[int, str]]:
        """For each cell that some candidate lacks: the oldest version that has it, and its text."""
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


def rewritten(one: Candidate) -> dict[CellId, str]:
    """Return the new text of each cell that the program added or whose source it changed."""
    return dict(_texts(one.edits, {cell.id: cell.source for cell in one.was.cells}))


def _written(edits: Iterable[edits_of.Edit]) -> frozenset[CellId]:
    return frozenset(
        edit.id if isinstance(edit, edits_of.EditSource) else edit.cell.id
        for edit in edits
        if isinstance(edit, (edits_of.EditSource, edits_of.AddCell))
    )


def removed(edits: Iterable[edits_of.Edit]) -> frozenset[CellId]:
    """Return the cells that the program deleted."""
    return frozenset(edit.id for edit in edits if isinstance(edit, edits_of.DeleteCell))


def _outputs_taken(edits: Sequence[edits_of.Edit]) -> int:
    """Count the changed outputs of cells that the program did not edit.

    If the program changed nothing but outputs, it changed them on purpose: the count is 0.
    """
    wrote = _written(edits)
    if not wrote and not removed(edits):
        return 0
    return sum(isinstance(edit, edits_of.SetOutcome) and edit.id not in wrote for edit in edits)


def _texts(
    edits: Iterable[edits_of.Edit], was: Mapping[CellId, str]
) -> Iterator[tuple[CellId, str]]:
    """Yield each added or edited cell with its new text."""
    for edit in edits:
        match edit:
            case edits_of.EditSource(cell_id, changed):
                yield cell_id, spliced(was[cell_id], changed)
            case edits_of.AddCell(_, cell):
                yield cell.id, cell.source
            case _:
                pass


def _size(edit: edits_of.EditSource) -> int:
    return sum(splice.delete + len(splice.insert) for splice in edit.splices)
