"""Write JSON text in the style of an existing JSON text.

A value is written over a template: parts that equal the template's value keep the template's
characters; new parts follow the template's indentation, separators and escapes. This module does
not know notebooks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import TypeAlias

from .. import json_text
from ..json_text import Number, Span, same

_UNICODE = json.JSONEncoder(ensure_ascii=False)
_LAST_ASCII = 0x7F
_STRIDE = 1 << 20
_BLOCK = 1 << 17
"""Length of text that is encoded in one step, in characters; a step blocks other threads."""
_PLAIN_NUMBERS = frozenset({int, float})

Piece: TypeAlias = tuple[int | None, str]
"""A child to write: its index in the template (None for a new child), and its text."""
BodyOf: TypeAlias = Callable[[int, Span], str]
"""Callback that returns the text of a template's member, including the key."""


@dataclass(frozen=True, slots=True)
class Style:
    """Style of new text. `newline` is empty for JSON on one line."""

    newline: str = "\n"
    indent: str = " "
    colon: str = ": "
    gap: str = " "
    ascii: bool = False

    def line(self, depth: int) -> str:
        """Return the white space before a child at this depth."""
        return self.newline + self.indent * depth if self.newline else ""

    def between(self, depth: int) -> str:
        """Return the separator of two children at this depth."""
        return "," + (self.line(depth) or self.gap)

    @property
    def string(self) -> Callable[[str], str]:
        """Encoder of JSON strings, written in C because a file may hold 100,000 lines."""
        return encode_basestring_ascii if self.ascii else encode_basestring


@dataclass(frozen=True, slots=True)
class Lines:
    """Long text that is written as a list of lines without building the list."""

    text: str


DEFAULT = Style()
"""The style of `nbformat.writes`."""


def detect(text: str, opened: int, members: Sequence[Span]) -> Style:
    """Detect the style of a text with its outermost object at `opened`."""
    if not members:
        return Style(ascii=_escapes(text))
    first = members[0]
    before = text[opened + 1 : first.start]
    newline = "\r\n" if "\r\n" in before else "\n" if "\n" in before else ""
    gap = " "
    if len(members) > 1:
        gap = text[members[0].end : members[1].start].partition(",")[2]
    return Style(
        newline=newline,
        indent=before.rpartition("\n")[2] if newline else "",
        colon=text[first.key_end : first.value],
        gap="" if newline else gap,
        ascii=_escapes(text),
    )


def _escapes(text: str) -> bool:
    """Whether the text writes characters beyond ASCII as escapes."""
    if not text.isascii():
        return False
    for start in range(0, len(text), _STRIDE):
        # Search in strides, because one search of the whole text would block other threads.
        at = text.find("\\u", start, start + _STRIDE + 1)
        while at >= 0:
            first = at
            while text[first - 1] == "\\":
                first -= 1
            if (at - first) % 2 == 0 and int(text[at + 2 : at + 6], 16) > _LAST_ASCII:
                return True
            at = text.find("\\u", at + 2, start + _STRIDE + 1)
    return False


def dump(value: object, style: Style, depth: int) -> str:
    """Return new text of a value at `depth`, with sorted keys as nbformat writes them.

    A value that is nested deeper than Python's stack is written on one line.
    """
    try:
        return "".join(_dump(value, style, depth))
    except RecursionError:
        return json_text.compact(value)


def _dump(value: object, style: Style, depth: int) -> list[str]:
    """Return the text in parts, so that nested text is copied only once."""
    match value:
        case str():
            return [style.string(value)]
        case dict():
            inner = [
                [style.string(key), style.colon, *_dump(value[key], style, depth + 1)]
                for key in sorted(value)
            ]
            return _wrapped("{", inner, "}", style, depth)
        case list():
            kinds = set(map(type, value))
            if kinds <= {str}:
                texts = list(map(style.string, value))
            elif kinds <= _PLAIN_NUMBERS:
                texts = _UNICODE.encode(value)[1:-1].split(", ")
            else:
                inner = [_dump(item, style, depth + 1) for item in value]
                return _wrapped("[", inner, "]", style, depth)
            joined = style.between(depth + 1).join(texts)
            return _wrapped("[", [[joined]] if texts else [], "]", style, depth)
        case Lines(text):
            blocks = [[block] for block in _blocks(text, style.string, style.between(depth + 1))]
            return _wrapped("[", blocks, "]", style, depth)
        case Number(literal):
            return [literal]
        case _:
            return [_UNICODE.encode(value)]


def _blocks(text: str, encode: Callable[[str], str], between: str) -> Iterator[str]:
    """Yield the lines as JSON in blocks, because a string object per line takes more memory."""
    at = 0
    while at < len(text):
        end = text.find("\n", at + _BLOCK) + 1 or len(text)
        yield between.join(map(encode, text[at:end].splitlines(keepends=True)))
        at = end


def _wrapped(
    left: str, inner: Sequence[Sequence[str]], right: str, style: Style, depth: int
) -> list[str]:
    if not inner:
        return [left + right]
    out = [left, style.line(depth + 1)]
    for number, parts in enumerate(inner):
        if number:
            out.append(style.between(depth + 1))
        out += parts
    return [*out, style.line(depth), right]


@dataclass(frozen=True, slots=True)
class Template:
    """A value and the position of its text.

    New values may contain objects of `value` itself; these keep their text.
    """

    text: str
    start: int
    end: int
    value: object

    def literal(self) -> str:
        return self.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Container:
    """An object or list of the template: the positions of its brackets and of its children."""

    text: str
    opened: int
    close: int
    places: Sequence[Span]

    def around(self, pieces: Sequence[Piece], style: Style, depth: int) -> str:
        """Return the text with `pieces` as the children and the template's white space."""
        return "".join(self.parts(pieces, style, depth))

    def parts(self, pieces: Sequence[Piece], style: Style, depth: int) -> list[str]:
        """Return the result of `around` in parts."""
        text, places = self.text, self.places
        left, right = text[self.opened], text[self.close]
        if not pieces:
            return [left, right]
        opening = text[self.opened + 1 : places[0].start] if places else style.line(depth + 1)
        closing = text[places[-1].end : self.close] if places else style.line(depth)
        between = self._between(opening, style, depth)
        out = [left]
        before: int | None = None
        for number, (index, body) in enumerate(pieces):
            if number == 0:
                out.append(opening)
            elif index is not None and before is not None and index == before + 1:
                out.append(text[places[before].end : places[index].start])
            else:
                out.append(between)
            out.append(body)
            before = index
        out += [closing, right]
        return out

    def _between(self, opening: str, style: Style, depth: int) -> str:
        if len(self.places) > 1:
            return self.text[self.places[0].end : self.places[1].start]
        return "," + opening if "\n" in opening else style.between(depth + 1)


def render(template: Template, new: object, style: Style, depth: int) -> str:
    """Return `new` as text; parts that equal the template's value keep the template's text."""
    try:
        return _render(template, new, style, depth)
    except RecursionError:
        return dump(new, style, depth)


def _render(template: Template, new: object, style: Style, depth: int) -> str:
    old = template.value
    if same(old, new):
        return template.literal()
    if isinstance(old, dict) and isinstance(new, dict) and new:
        return _object(template, old, new, style, depth)
    if isinstance(old, list) and isinstance(new, list) and new:
        return _list(template, old, new, style, depth)
    return dump(new, style, depth)


def _object(
    template: Template,
    old: Mapping[str, object],
    new: Mapping[str, object],
    style: Style,
    depth: int,
) -> str:
    text = template.text
    places, close = json_text.members(text, template.start, decoder=json_text.EXACT)
    last = {place.key: index for index, place in enumerate(places)}

    def body(index: int, place: Span) -> str:
        if place.key not in old or last[place.key] != index:
            return text[place.start : place.end]
        child = Template(text, place.value, place.end, old[place.key])
        return text[place.start : place.value] + _render(child, new[place.key], style, depth + 1)

    pieces = object_pieces(places, new, body, style, depth)
    return Container(text, template.start, close, places).around(pieces, style, depth)


def object_pieces(
    places: Sequence[Span],
    new: Mapping[str, object],
    body: BodyOf,
    style: Style,
    depth: int,
) -> list[Piece]:
    """Return the members of `new` as pieces: the template's members in their order.

    New members are sorted in if the template's keys are sorted, else they come last.
    """
    kept = [(place.key, index) for index, place in enumerate(places) if place.key in new]
    known = {key for key, _ in kept}
    order: list[tuple[str, int | None]] = list(kept)
    added: list[tuple[str, int | None]] = [(key, None) for key in sorted(new) if key not in known]
    keys = [place.key for place in places]
    order = sorted(order + added, key=lambda one: one[0]) if keys == sorted(keys) else order + added
    return [
        (index, body(index, places[index]))
        if index is not None
        else (None, style.string(key) + style.colon + dump(new[key], style, depth + 1))
        for key, index in order
    ]


def _list(
    template: Template, old: Sequence[object], new: Sequence[object], style: Style, depth: int
) -> str:
    text = template.text
    places, close = json_text.items(text, template.start, decoder=json_text.EXACT)
    pieces: list[Piece] = []
    for value, index, equal in _aligned(old, new):
        if index is None:
            pieces.append((None, dump(value, style, depth + 1)))
            continue
        child = Template(text, places[index].value, places[index].end, old[index])
        pieces.append(
            (index, child.literal() if equal else _render(child, value, style, depth + 1))
        )
    return Container(text, template.start, close, places).around(pieces, style, depth)


def _aligned(old: Sequence[object], new: Sequence[object]) -> list[tuple[object, int | None, bool]]:
    """Return each new item with the index of its old item (or None) and whether both are equal."""
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and same(old[head], new[head]):
        head += 1
    tail = 0
    while tail < shorter - head and same(old[-1 - tail], new[-1 - tail]):
        tail += 1
    middle = range(head, len(old) - tail)
    texts = {item: index for index in middle if isinstance(item := old[index], str)}
    objects = {id(old[index]): index for index in middle if not isinstance(old[index], str)}
    level = len(old) == len(new)
    found: list[tuple[object, int | None, bool]] = []
    for at, item in enumerate(new):
        if at < head:
            found.append((item, at, True))
        elif at >= len(new) - tail:
            found.append((item, at - len(new) + len(old), True))
        elif isinstance(item, str):
            index = texts.get(item)
            found.append((item, index, index is not None))
        elif (index := objects.get(id(item))) is not None:
            found.append((item, index, True))
        else:
            found.append((item, at if level else None, False))
    return found
