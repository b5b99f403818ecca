"""The fields of a message, whatever they hold: checked, and never an exception."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..document.jsontext import clean

_DEEPEST: Final = 200
_INT64: Final = 1 << 63
_LONGEST_INT_BITS: Final = 8192


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a message that is not as the protocol says; the same one is the same value."""

    type: str
    what: str


class Fields:
    """The fields of one message's content, with a note on each that is not as it should be."""

    def __init__(self, kind: str, content: Mapping[str, object]) -> None:
        self._type = kind
        self._content = content
        self.problems: list[Problem] = []

    def note(self, what: str) -> None:
        self.problems.append(Problem(self._type, what))

    def text(self, key: str) -> str:
        value = self._content.get(key, "")
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            self.note(f"{key} is a list of lines")
            return clean("".join(value))
        if not isinstance(value, str):
            self.note(f"{key} is not text")
            return "" if value is None else clean(_repr(value))
        return clean(value)

    def flag(self, key: str) -> bool:
        value = self._content.get(key, False)
        if not isinstance(value, bool):
            self.note(f"{key} is not true or false")
        return value is True or (isinstance(value, int) and value != 0)

    def lines(self, key: str) -> tuple[str, ...]:
        value = self._content.get(key, [])
        if isinstance(value, (list, tuple)):
            if not all(isinstance(line, str) for line in value):
                self.note(f"{key} holds what is not text")
            return tuple(clean(line if isinstance(line, str) else _repr(line)) for line in value)
        self.note(f"{key} is not a list")
        return (clean(value),) if isinstance(value, str) else ()

    def count(self, key: str) -> int | None:
        value = self._content.get(key)
        if value is None:
            return None
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _INT64:
            self.note(f"{key} is not a count")
            return None
        return value

    def bundle(self, key: str) -> Mapping[str, object]:
        """A map whose values are JSON without NaN and Infinity, which browsers cannot read."""
        value = self._content.get(key, {})
        if not isinstance(value, Mapping):
            self.note(f"{key} is not an object")
            return {}
        return {clean(str(name)): self._json(key, inner) for name, inner in value.items()}

    def display_id(self) -> str | None:
        transient = self._content.get("transient", {})
        if not isinstance(transient, Mapping):
            self.note("transient is not an object")
            return None
        value = transient.get("display_id")
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.note("display_id is not text")
            return None
        return clean(value)

    def payload(self) -> list[Mapping[str, object]]:
        value = self._content.get("payload") or []
        if not isinstance(value, list):
            self.note("payload is not a list")
            return []
        return [map_of(part) for part in value]

    def _json(self, key: str, value: object) -> object:
        if isinstance(value, str):
            return value
        try:
            json.dumps(value, allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            self.note(f"{key} holds what is not JSON")
            return plain_of(value)
        return value


def map_of(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def text_of(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""


def _repr(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return f"({type(value).__name__})"


def plain_of(value: object, depth: int = _DEEPEST) -> object:
    """The nearest JSON value: null for numbers that JSON has not, and for what is too deep."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if value.bit_length() < _LONGEST_INT_BITS else None
        case float():
            return value if math.isfinite(value) else None
        case Mapping() if depth:
            return {str(key): plain_of(inner, depth - 1) for key, inner in value.items()}
        case list() | tuple() if depth:
            return [plain_of(inner, depth - 1) for inner in value]
        case _:
            return None
