"""Fractional indices: strings that order cells and leave room between any two positions.

A position is a non-empty string over `DIGITS` that does not end in the lowest digit. Positions
compare by code unit, so Python and JavaScript agree. `""` means "before all" and None "after all".
Positions grow with repeated insertions at one place; if one is longer than `LONGEST`, the caller
spreads the cells around it.
"""

from __future__ import annotations

import re

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LONGEST = 24
"""Longest position that a caller writes without a `spread` of the cells around it."""

LONGEST_ACCEPTED = 256
"""Longest valid position: the server refuses longer ones, and reads them as `""`."""

_BASE = len(DIGITS)
_POSITION = re.compile("[0-9A-Za-z]*[1-9A-Za-z]")
_VALUE = {digit: value for value, digit in enumerate(DIGITS)}
_END_WIDTH = 3


def is_position(text: str) -> bool:
    return _POSITION.fullmatch(text) is not None


def readable(value: object) -> str:
    """Return a position of a document, or `""` (before all) for an invalid value.

    An invalid value would order cells differently in Python and in JavaScript, or would take too
    long to handle.
    """
    if isinstance(value, str) and len(value) <= LONGEST_ACCEPTED and is_position(value):
        return value
    return ""


def between(low: str, high: str | None) -> str:
    """Return a position strictly between two.

    The result is the middle; after the last position it is only a small step, to keep positions
    short. Raises `ValueError` unless `low` is less than `high`.
    """
    if high is None:
        return _step_up(low) if low else DIGITS[_BASE // 2]
    return _middle(low, high)


def spread(low: str, high: str | None, count: int) -> list[str]:
    """Return `count` evenly spaced positions strictly between two, as short as possible."""
    if count == 0:
        return []
    if count == 1:
        return [between(low, high)]
    width = 1
    while (gap := _number(high, width) - _number(low, width)) <= count + 1:
        width += 1
    start = _number(low, width)
    made = [_digits(start + gap * (i + 1) // (count + 1), width) for i in range(count)]
    # A position that ends in the lowest digit would leave no room below it.
    return [p if p[-1] != DIGITS[0] else p + DIGITS[_BASE // 2] for p in made]


def _middle(low: str, high: str) -> str:
    prefix = ""
    bounded = True
    for place in range(len(low) + len(high) + 2):
        lo = _VALUE[low[place]] if place < len(low) else 0
        hi = (_VALUE[high[place]] if place < len(high) else 0) if bounded else _BASE
        if hi - lo > 1:
            return prefix + DIGITS[(lo + hi) // 2]
        prefix += DIGITS[lo]
        bounded = bounded and hi == lo
    raise ValueError(f"no position between {low!r} and {high!r}")


def _step_up(low: str) -> str:
    width = _END_WIDTH
    while (number := _number(low, width) + 1) >= _BASE**width:
        width += 1
    return _digits(number, width).rstrip(DIGITS[0])


def _number(position: str | None, width: int) -> int:
    if position is None:
        return int(_BASE**width)
    number = 0
    for place in range(width):
        number = number * _BASE + (_VALUE[position[place]] if place < len(position) else 0)
    return number


def _digits(number: int, width: int) -> str:
    out = []
    for _ in range(width):
        number, digit = divmod(number, _BASE)
        out.append(DIGITS[digit])
    return "".join(reversed(out))
