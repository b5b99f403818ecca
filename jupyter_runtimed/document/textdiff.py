"""The difference of two texts as few, readable splices, word by word.

Words are kept whole where they are replaced, so that a merge never mixes letters of two spellings;
an insertion inside a word (someone typing on) stays an insertion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_MOST_PAIRS = 250_000


class Splice(NamedTuple):
    """At `position` (code points, in the text as it was) `delete` go and `insert` comes."""

    position: int
    delete: int
    insert: str


def splices(old: str, new: str) -> tuple[Splice, ...]:
    """From top to bottom, not overlapping; all positions are those of `old`."""
    if old == new:
        return ()
    if (one := _single(0, old, new)) is not None:
        return (one,)
    found: list[Splice] = []
    for at, before, after in _changed(_LINES.findall(old), _LINES.findall(new), 0):
        if (one := _single(at, before, after)) is not None:
            found.append(one)
            continue
        for place, left, right in _changed(_WORDS.findall(before), _WORDS.findall(after), at):
            found.append(_single(place, left, right) or Splice(place, len(left), right))
    return tuple(found)


def spliced(text: str, changes: Sequence[Splice]) -> str:
    """`text` after `changes`."""
    out: list[str] = []
    done = 0
    for position, delete, insert in changes:
        out += (text[done:position], insert)
        done = position + delete
    out.append(text[done:])
    return "".join(out)


def _single(at: int, old: str, new: str) -> Splice | None:
    """The one pure insertion or deletion that turns `old` into `new`, if there is one."""
    short, long = sorted((old, new), key=len)
    head = _common(short, long)
    if not long.endswith(short[head:]):
        return None
    middle = long[head : head + len(long) - len(short)]
    return Splice(at + head, 0, middle) if long is new else Splice(at + head, len(middle), "")


def _common(a: str, b: str) -> int:
    """The length of the common beginning."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _changed(old: Sequence[str], new: Sequence[str], at: int) -> list[tuple[int, str, str]]:
    """The runs of tokens that differ: where they begin, what was there, what is there now."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    place = at + sum(map(len, old[:head]))
    if len(left) * len(right) > _MOST_PAIRS:
        return [(place, "".join(left), "".join(right))]
    starts = [place]
    for token in left:
        starts.append(starts[-1] + len(token))
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    return [
        (starts[i1], "".join(left[i1:i2]), "".join(right[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]
