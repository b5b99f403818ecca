"""Match the cells of two versions of a notebook.

Three steps: cells with equal ids match; the remaining cells are aligned in order by the likeness of
their type and source; the cells that are still unmatched match a very similar cell at another place
(a moved cell). Only its position can tell a completely rewritten cell from a new one, so a match by
position is optional: callers request it for files without usable ids.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..content import Cell

_WORDS = re.compile(r"\w+|[^\w\s]")
_MOST_PAIRS = 10_000
_ALIKE = 0.5
_CARRIED = 0.8


def match_cells(old: Sequence[Cell], new: Sequence[Cell], *, by_place: bool) -> list[int | None]:
    """Return for each new cell the index of its old cell, or None for an added cell.

    With `by_place`, a rewritten cell may match the old cell at the same position.
    """
    known = {cell.id: index for index, cell in enumerate(old)}
    found: list[int | None] = [known.get(cell.id) for cell in new]
    taken = {index for index in found if index is not None}
    left = [index for index in range(len(old)) if index not in taken]
    right = [index for index, was in enumerate(found) if was is None]
    if left and right:
        aligner = _Aligner(
            [_Features(old[i]) for i in left], [_Features(new[i]) for i in right], by_place
        )
        for a, b in aligner.pairs():
            found[right[b]] = left[a]
    return found


def longest_increasing(values: Sequence[int]) -> set[int]:
    """Return the indices of a longest strictly increasing subsequence."""
    tops: list[int] = []
    top_index: list[int] = []
    before: list[int] = []
    for index, value in enumerate(values):
        level = bisect_left(tops, value)
        before.append(top_index[level - 1] if level else -1)
        if level == len(tops):
            tops.append(value)
            top_index.append(index)
        else:
            tops[level] = value
            top_index[level] = index
    rising: set[int] = set()
    at = top_index[-1] if top_index else -1
    while at >= 0:
        rising.add(at)
        at = before[at]
    return rising


class _Features:
    """The features of a cell that the comparison uses."""

    __slots__ = ("_words", "kind", "source")

    def __init__(self, cell: Cell) -> None:
        self.kind = cell.cell_type
        self.source = cell.source
        self._words: Counter[str] | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.source

    @property
    def words(self) -> Counter[str]:
        if self._words is None:
            self._words = Counter(_WORDS.findall(self.source))
        return self._words

    def likeness(self, other: _Features) -> float:
        """Return the share of common words, 0 to 1, minus 0.25 if the cell types differ."""
        cost = 0.0 if self.kind == other.kind else 0.25
        if self.source == other.source:
            return 1.0 - cost if self.source or not cost else 0.0
        total = self.words.total() + other.words.total()
        if not total:
            return 1.0 - cost
        return 2 * (self.words & other.words).total() / total - cost


@dataclass(slots=True)
class _Aligner:
    old: list[_Features]
    new: list[_Features]
    by_place: bool

    def pairs(self) -> list[tuple[int, int]]:
        found = self._in_order()
        return found + self._carried(found)

    def _in_order(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        a, b = 0, 0
        for i, j in [*self._anchors(), (len(self.old), len(self.new))]:
            found += self._gap(a, i, b, j)
            if i < len(self.old):
                found.append((i, j))
            a, b = i + 1, j + 1
        return found

    def _anchors(self) -> list[tuple[int, int]]:
        """Pair the equal cells at both ends, and the equal cells that are unique on each side."""
        old, new = [face.key for face in self.old], [face.key for face in self.new]
        shorter = min(len(old), len(new))
        head = 0
        while head < shorter and old[head] == new[head]:
            head += 1
        tail = 0
        while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        ends = [(i, i) for i in range(head)]
        middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
        counts, other = Counter(middle_old), Counter(middle_new)
        where = {key: index for index, key in enumerate(middle_old, head) if counts[key] == 1}
        once = [
            (where[key], index)
            for index, key in enumerate(middle_new, head)
            if key in where and other[key] == 1 and key[1]
        ]
        kept = longest_increasing([i for i, _ in once])
        ends += [pair for index, pair in enumerate(once) if index in kept]
        return ends + [(len(old) - tail + i, len(new) - tail + i) for i in range(tail)]

    def _gap(self, a: int, i: int, b: int, j: int) -> list[tuple[int, int]]:
        """Pair the cells between two anchors in order, with the greatest total likeness."""
        rows, columns = i - a, j - b
        if not rows or not columns:
            return []
        found = self._best(a, i, b, j) if rows * columns <= _MOST_PAIRS else self._equal(a, i, b, j)
        return self._by_place(found, (a, i), (b, j)) if self.by_place else found

    def _best(self, a: int, i: int, b: int, j: int) -> list[tuple[int, int]]:
        rows, columns = i - a, j - b
        like = [
            [self.old[a + r].likeness(self.new[b + c]) for c in range(columns)] for r in range(rows)
        ]
        best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
        for r in reversed(range(rows)):
            for c in reversed(range(columns)):
                pair = like[r][c] + best[r + 1][c + 1] if like[r][c] >= _ALIKE else 0.0
                best[r][c] = max(pair, best[r + 1][c], best[r][c + 1])
        found: list[tuple[int, int]] = []
        r = c = 0
        while r < rows and c < columns:
            if like[r][c] >= _ALIKE and best[r][c] == like[r][c] + best[r + 1][c + 1]:
                found.append((a + r, b + c))
                r, c = r + 1, c + 1
            elif best[r][c] == best[r + 1][c]:
                r += 1
            else:
                c += 1
        return found

    def _equal(self, a: int, i: int, b: int, j: int) -> list[tuple[int, int]]:
        """Pair only equal cells, for a gap too large to compare all pairs of cells."""
        places: dict[tuple[str, str], list[int]] = {}
        for index in reversed(range(a, i)):
            places.setdefault(self.old[index].key, []).append(index)
        once = [
            (places[self.new[index].key].pop(), index)
            for index in range(b, j)
            if places.get(self.new[index].key)
        ]
        kept = longest_increasing([index for index, _ in once])
        return [pair for index, pair in enumerate(once) if index in kept]

    def _by_place(
        self, found: list[tuple[int, int]], rows: tuple[int, int], columns: tuple[int, int]
    ) -> list[tuple[int, int]]:
        """Add pairs by position where as many old as new cells are unmatched and types agree."""
        out: list[tuple[int, int]] = []
        a, b = rows[0], columns[0]
        for i, j in [*found, (rows[1], columns[1])]:
            if i - a == j - b:
                out += [
                    (a + step, b + step)
                    for step in range(i - a)
                    if self.old[a + step].kind == self.new[b + step].kind
                ]
            if i < rows[1]:
                out.append((i, j))
            a, b = i + 1, j + 1
        return out

    def _carried(self, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Pair moved cells: first equal cells, then very similar ones."""
        old = set(range(len(self.old))) - {a for a, _ in found}
        new = sorted(set(range(len(self.new))) - {b for _, b in found})
        where: dict[tuple[str, str], list[int]] = {}
        for a in sorted(old, reverse=True):
            where.setdefault(self.old[a].key, []).append(a)
        moved: list[tuple[int, int]] = []
        for b in new:
            key = self.new[b].key
            if key[1] and where.get(key):
                moved.append((where[key].pop(), b))
        old -= {a for a, _ in moved}
        rest = [b for b in new if b not in {j for _, j in moved}]
        if len(old) * len(rest) > _MOST_PAIRS:
            return moved
        for b in rest:
            alike = [(self.old[a].likeness(self.new[b]), -a) for a in old if self.old[a].source]
            likeness, a = max(alike, default=(0.0, 0))
            if likeness >= _CARRIED:
                old.discard(-a)
                moved.append((-a, b))
        return moved
