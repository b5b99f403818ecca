"""Counts of stored, lost, duplicated and refused work of one scenario."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Tally:
    """Numbers of words, lines, cells or files; each scenario chooses its unit."""

    of: int
    lost: int = 0
    duplicated: int = 0
    refused: int = 0
    """Not stored, with a message to the author."""
    unwanted: int = 0
    """Stored although the author had no permission."""
    notes: tuple[str, ...] = field(default=())

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.of + other.of,
            self.lost + other.lost,
            self.duplicated + other.duplicated,
            self.refused + other.refused,
            self.unwanted + other.unwanted,
            tuple(dict.fromkeys(self.notes + other.notes)),
        )

    def noting(self, *notes: str) -> Tally:
        return replace(self, notes=tuple(dict.fromkeys(self.notes + notes)))

    @property
    def harmed(self) -> bool:
        return bool(self.lost or self.duplicated or self.unwanted)


def words(prefix: str, number: int) -> list[str]:
    """Return different words, none of them part of another."""
    return [f"{prefix}{index:03d}x" for index in range(number)]


def count(expected: Iterable[str], text: str, *, asked: bool = False) -> Tally:
    """Count the words in a text. A missing word counts as refused if the author was asked."""
    times = [text.count(word) for word in expected]
    missing = sum(number == 0 for number in times)
    return Tally(
        of=len(times),
        lost=0 if asked else missing,
        refused=missing if asked else 0,
        duplicated=sum(number > 1 for number in times),
    )
