"""Diff of two texts as few splices of whole words.

A replacement covers whole words, so that a merge never mixes the letters of two spellings. An
insertion inside a word stays an insertion, as when a user continues to type the word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_LINE_ENDS = re.compile("\r\n?|\n")
_MOST_PAIRS = 250_000


class Splice(NamedTuple):
    """Replace `delete` code points at `position` by `insert`.

    `position` counts code points in the old text.
    """

    position: int
    delete: int
    insert: str


def splices(old: str, new: str) -> tuple[Splice, ...]:
    """Return the splices from `old` to `new`: in order, not overlapping, positions in `old`."""
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
    """Return `text` after `changes`, which are splices as `splices` returns them."""
    out: list[str] = []
    done = 0
    for position, delete, insert in changes:
        out += (text[done:position], insert)
        done = position + delete
    out.append(text[done:])
    return "".join(out)


def _single(at: int, old: str, new: str) -> Splice | None:
    """Return the single insertion or deletion from `old` to `new`, or None."""
    short, long = sorted((old, new), key=len)
    head = _common(short, long)
    if not long.endswith(short[head:]):
        return None
    middle = long[head : head + len(long) - len(short)]
    return Splice(at + head, 0, middle) if long is new else Splice(at + head, len(middle), "")


def _common(a: str, b: str) -> int:
    """Return the length of the common prefix."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _changed(old: Sequence[str], new: Sequence[str], at: int) -> list[tuple[int, str, str]]:
    """Return the differing runs of tokens: position in the old text, old text, new text."""
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


def with_line_ends(text: str, like: str) -> str:
    """Give the lines of `text` the line ends that they have in `like`, an older version.

    A new line ends in CR LF if all lines of `like` do, else in a line feed.
    """
    ends, lines = _LINE_ENDS.findall(like), text.split("\n")
    chosen = ["\r\n" if set(ends) == {"\r\n"} else "\n"] * (len(lines) - 1)
    for was, now, count in _paired(_LINE_ENDS.split(like), lines):
        for step in range(min(count, len(ends) - was, len(chosen) - now)):
            chosen[now + step] = ends[was + step]
    for at in range(len(chosen) - 2, -1, -1):
        if chosen[at] == "\r" and lines[at + 1] == "" and chosen[at + 1].startswith("\n"):
            chosen[at] = "\n"  # A reader would take "\r" before "\n" as one line end.
    return "".join(part for pair in zip(lines, [*chosen, ""], strict=True) for part in pair)


def _paired(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return runs of lines that are equal or edited in place: old start, new start, length."""
    shorter, head, tail = min(len(old), len(new)), 0, 0
    while head < shorter and old[head] == new[head]:
        head += 1
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    found = [(0, 0, head), (len(old) - tail, len(new) - tail, tail)]
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(left) == len(right):
        return [*found, (head, head, len(left))]
    if len(left) * len(right) > _MOST_PAIRS:
        return found
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag in ("equal", "replace"):
            found.append((head + a, head + c, min(b - a, d - c)))
    return found
