"""Read the fields of a kernel message with checks that never raise."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..document.json_text import replace_lone_surrogates

_DEEPEST: Final = 200
_INT64: Final = 1 << 63
_LONGEST_INT_BITS: Final = 8192


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A violation of the messaging protocol in a message; equal violations are equal values."""

    type: str
    what: str


class MessageFields:
    """The fields of one message's content; records a `Problem` for each invalid field."""

    def __init__(self, kind: str, content: Mapping[str, object]) -> None:
        self._type = kind
        self._content = content
        self.problems: list[FieldProblem] = []

    def note(self, what: str) -> None:
        self.problems.append(FieldProblem(self._type, what))

    def text(self, key: str) -> str:
        value = self._content.get(key, "")
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            self.note(f"{key} is a list of lines")
            return replace_lone_surrogates("".join(value))
        if not isinstance(value, str):
            self.note(f"{key} is not text")
            return "" if value is None else replace_lone_surrogates(_repr(value))
        return replace_lone_surrogates(value)

    def flag(self, key: str) -> bool:
        value = self._content.get(key, False)
        if not isinstance(value, bool):
            self.note(f"{key} is not true or false")
        return value is True or (isinstance(value, int) and value != 0)

    def lines(self, key: str) -> tuple[str, ...]:
        value = self._content.get(key, [])
        if isinstance(value, (list, tuple)):
            if not all(isinstance(line, str) for line in value):
                self.note(f"{key} holds a value that is not text")
            return tuple(
                replace_lone_surrogates(line if isinstance(line, str) else _repr(line))
                for line in value
            )
        self.note(f"{key} is not a list")
        return (replace_lone_surrogates(value),) if isinstance(value, str) else ()

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
        """Return a map of JSON values without NaN and Infinity, which browsers cannot parse."""
        value = self._content.get(key, {})
        if not isinstance(value, Mapping):
            self.note(f"{key} is not an object")
            return {}
        return {
            replace_lone_surrogates(str(name)): self._json(key, inner)
            for name, inner in value.items()
        }

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
        return replace_lone_surrogates(value)

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
            self.note(f"{key} holds a value that is not JSON")
            return plain_of(value)
        return value


def map_of(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def text_of(value: object) -> str:
    return replace_lone_surrogates(value) if isinstance(value, str) else ""


def _repr(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return f"({type(value).__name__})"


def plain_of(value: object, depth: int = _DEEPEST) -> object:
    """Return the nearest JSON value: null for invalid numbers and for too deep nesting."""
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
