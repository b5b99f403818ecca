"""Read JSON text without loss, and with the positions of its parts.

Python's decoder parses the text. This module adds three things: numbers out of the range of
Python's types keep their digits, `members` and `items` return positions in the text, and `clean`
and `escape_lone` handle lone surrogates, which UTF-8 cannot encode.
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
    """The literal of a number out of the range of `int` and `float`."""

    literal: str


def _exact_float(literal: str) -> float | Number:
    value = float(literal)
    return value if math.isfinite(value) else Number(literal)


def _exact_int(literal: str) -> int | Number:
    return int(literal) if len(literal) < _LONGEST_INT else Number(literal)


QUICK = json.JSONDecoder()
"""Decoder that turns floats out of range into infinity and raises ValueError for such integers."""
EXACT = json.JSONDecoder(parse_float=_exact_float, parse_int=_exact_int)
"""Decoder that turns numbers out of range into `Number`; about half as fast as `QUICK`."""

_WRITABLE = json.JSONDecoder(parse_float=_exact_float, parse_int=_exact_int, parse_constant=str)


def parse(text: str) -> object:
    """Return the value of JSON text, with `Number` for numbers out of range."""
    return EXACT.decode(text)


def writable(text: str) -> object:
    """Return the value as `parse` does, but with NaN and Infinity as text.

    New values use this function, because NaN and Infinity are not valid JSON.
    """
    return _WRITABLE.decode(text)


def finite(value: object) -> object:
    """Return the value with NaN and infinite numbers as text, because JSON has none.

    Returns the value itself if it holds no such number or is nested deeper than Python's stack.
    """
    try:
        return value if _is_finite(value) else _finite(value)
    except RecursionError:
        return value


def _is_finite(value: object) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case dict():
            return all(map(_is_finite, value.values()))
        case list():
            return all(map(_is_finite, value))
        case _:
            return True


def _finite(value: object) -> object:
    match value:
        case float() if not math.isfinite(value):
            return _COMPACT.encode(value)
        case dict():
            return {key: _finite(each) for key, each in value.items()}
        case list():
            return [_finite(each) for each in value]
        case _:
            return value


def plain(text: str) -> object:
    """Return the value of JSON text in Python's types; numbers out of range become infinite."""
    try:
        return QUICK.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(text, parse_int=_int_or_float)


def _int_or_float(literal: str) -> int | float:
    return int(literal) if len(literal) < _LONGEST_INT else float(literal)


def compact(value: object) -> JsonText:
    """Return compact JSON text as `content.to_json`, with `Number` and escaped lone surrogates."""
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


def replace_lone_surrogates(text: str) -> str:
    """Replace every lone surrogate by U+FFFD, so that UTF-8 can encode the text."""
    return text if _is_clean(text) else _LONE.sub("\ufffd", text)


def escape_lone(text: str) -> str:
    """Replace every lone surrogate of JSON text by a `\\uXXXX` escape."""
    return text if _is_clean(text) else _LONE.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


def same(a: object, b: object) -> bool:
    """Whether two values are equal as JSON.

    1, 1.0 and true differ; NaN equals NaN; the order of keys does not count. Values that are nested
    deeper than Python's stack are never equal.
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
    """Whether two JSON texts have equal values; invalid JSON is compared as text."""
    if a == b:
        return True
    try:
        return same(parse(a), parse(b))
    except (ValueError, RecursionError):
        return False


class Span(NamedTuple):
    """Position of a member of an object or of an item of a list in the text.

    `start` is the first character of the key (of the value in a list), `key_end` the position after
    the key, `value` the first character of the value, `end` the position after the value. In a
    list, `key` is empty and `key_end` equals `start`.
    """

    key: str
    start: int
    key_end: int
    value: int
    end: int
    parsed: object


def skip(text: str, at: int) -> int:
    """Return the position of the next character that is not JSON white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at


def members(
    text: str, at: int, *, decoder: json.JSONDecoder = QUICK, leave: frozenset[str] = frozenset()
) -> tuple[list[Span], int]:
    """Return the members of the object at `at`, with duplicates, and the position of its `}`.

    Lists at the keys in `leave` are parsed as lists of `Place`. Raises `json.JSONDecodeError`.
    """
    found: list[Span] = []
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
        found.append(Span(key, at, key_end, value, end, parsed))
        at = skip(text, end)
        if text[at : at + 1] == "}":
            return found, at
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = skip(text, at + 1)


def items(text: str, at: int, *, decoder: json.JSONDecoder = QUICK) -> tuple[list[Span], int]:
    """Return the items of the list at `at`, and the position of its `]`.

    Raises `json.JSONDecodeError`.
    """
    found: list[Span] = []
    at = skip(text, at + 1)
    if text[at : at + 1] == "]":
        return found, at
    while True:
        parsed, end = decoder.raw_decode(text, at)
        found.append(Span("", at, at, at, end, parsed))
        at = skip(text, end)
        if text[at : at + 1] == "]":
            return found, at
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = skip(text, at + 1)
