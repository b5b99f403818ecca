"""JSON text, read without losing what it says and where it says it.

Python's own decoder does the parsing. What is added: numbers that Python's types cannot hold keep
their digits, the places of an object's members and of a list's items can be asked for, and text
that UTF-8 cannot hold (a lone half of a surrogate pair) is dealt with.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import NamedTuple

from .content import JsonText

_LONGEST_INT = 4000
_SPACE = re.compile(r"[ \t\n\r]*")
_LONE = re.compile("[\ud800-\udfff]")
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Number:
    """A number that neither `int` nor `float` can hold, as it is written."""

    literal: str


def _exact_float(literal: str) -> float | Number:
    value = float(literal)
    return value if math.isfinite(value) else Number(literal)


def _exact_int(literal: str) -> int | Number:
    return int(literal) if len(literal) < _LONGEST_INT else Number(literal)


QUICK = json.JSONDecoder()
"""Numbers out of range become infinite, or raise ValueError."""
EXACT = json.JSONDecoder(parse_float=_exact_float, parse_int=_exact_int)
"""Numbers out of range become `Number`; about half as fast as `QUICK`."""


def parse(text: str) -> object:
    """The value of JSON text, with `Number` for what is out of range."""
    return EXACT.decode(text)


def plain(text: str) -> object:
    """The value of JSON text in Python's own types alone; what is out of range becomes infinite."""
    try:
        return QUICK.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(text, parse_int=_int_or_float)


def _int_or_float(literal: str) -> int | float:
    return int(literal) if len(literal) < _LONGEST_INT else float(literal)


def compact(value: object) -> JsonText:
    """As `content.to_json`, and also for `Number`; lone surrogates are written as escapes."""
    try:
        text = _COMPACT.encode(value)
    except TypeError:
        text = _compact_exact(value)
    return JsonText(escape_lone(text))


def _compact_exact(value: object) -> str:
    match value:
        case Number(literal):
            return literal
        case dict():
            inner = (f"{_COMPACT.encode(str(k))}:{_compact_exact(v)}" for k, v in value.items())
            return "{" + ",".join(inner) + "}"
        case list():
            return "[" + ",".join(map(_compact_exact, value)) + "]"
        case _:
            return _COMPACT.encode(value)


def _is_clean(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, so that UTF-8 can hold it."""
    return text if _is_clean(text) else _LONE.sub("\ufffd", text)


def escape_lone(text: str) -> str:
    """JSON text with every lone surrogate as a `\\uXXXX` escape."""
    return text if _is_clean(text) else _LONE.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


def same(a: object, b: object) -> bool:
    """Equal as JSON: 1, 1.0 and true differ, NaN equals itself, key order does not count.

    Values nested deeper than Python's stack are never the same.
    """
    try:
        return _same(a, b)
    except RecursionError:
        return False


def _same(a: object, b: object) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        return len(a) == len(b) and all(k in b and _same(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return a.hex() == b.hex()
    return a == b


def same_text(a: str, b: str) -> bool:
    """Whether two JSON texts say the same. What is no JSON is compared as text."""
    if a == b:
        return True
    try:
        return same(parse(a), parse(b))
    except (ValueError, RecursionError):
        return False


class Place(NamedTuple):
    """Where one member of an object or item of a list stands in the text.

    `start` is the first character of it (of the key, in an object), `value` that of its value,
    `end` is after it. `key` and `key_end` are empty and equal to `start` in a list.
    """

    key: str
    start: int
    key_end: int
    value: int
    end: int
    parsed: object


def skip(text: str, at: int) -> int:
    """The place of the next character that is not JSON white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at


def members(
    text: str, at: int, *, decoder: json.JSONDecoder = QUICK, leave: frozenset[str] = frozenset()
) -> tuple[list[Place], int]:
    """The members of the object that begins at `at`, duplicates included, and the place of its `}`.

    Lists under the keys in `leave` are parsed as lists of `Place`. Raises json.JSONDecodeError.
    """
    found: list[Place] = []
    at = skip(text, at + 1)
    if text[at : at + 1] == "}":
        return found, at
    while True:
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("Expecting property name in double quotes", text, at)
        key, key_end = decoder.raw_decode(text, at)
        colon = skip(text, key_end)
        if text[colon : colon + 1] != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", text, colon)
        value = skip(text, colon + 1)
        if key in leave and text[value : value + 1] == "[":
            places, close = items(text, value, decoder=decoder)
            parsed, end = places, close + 1
        else:
            parsed, end = decoder.raw_decode(text, value)
        found.append(Place(key, at, key_end, value, end, parsed))
        at = skip(text, end)
        if text[at : at + 1] == "}":
            return found, at
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = skip(text, at + 1)


def items(text: str, at: int, *, decoder: json.JSONDecoder = QUICK) -> tuple[list[Place], int]:
    """The items of the list that begins at `at`, and the place of its `]`."""
    found: list[Place] = []
    at = skip(text, at + 1)
    if text[at : at + 1] == "]":
        return found, at
    while True:
        parsed, end = decoder.raw_decode(text, at)
        found.append(Place("", at, at, at, end, parsed))
        at = skip(text, end)
        if text[at : at + 1] == "]":
            return found, at
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = skip(text, at + 1)
