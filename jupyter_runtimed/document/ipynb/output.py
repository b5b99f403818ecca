"""Read the outputs of a notebook file as content values.

A known key with a value of the wrong type is kept among the unknown keys (`extra`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import NotebookError
from ...ids import NewId, Sha256
from .. import json_text, mime
from ..content import (
    Blob,
    DisplayOutput,
    ErrorOutput,
    Json,
    JsonMap,
    JsonText,
    MimeValue,
    Output,
    StreamOutput,
    UnknownOutput,
)
from ..json_text import replace_lone_surrogates
from ..mime import Limits, PutBlob
from ..schema import FORBIDDEN_KEY

_LARGEST = 2**53


def is_count(value: object) -> bool:
    """Whether a value can be an execution count."""
    return value is None or (type(value) is int and -_LARGEST < value < _LARGEST)


@dataclass(slots=True)
class ValueReader:
    """Reader of JSON values and outputs.

    `infinite` becomes true if a value holds Infinity, possibly because a number exceeds the range
    of floats.
    """

    new_id: NewId
    put_blob: PutBlob
    limits: Limits
    infinite: bool = False

    def output(self, raw: object, number: int) -> Output:
        kind = raw.get("output_type") if isinstance(raw, dict) else None
        if not isinstance(raw, dict) or not isinstance(kind, str):
            raise NotebookError(
                f"an output of cell {number} has no `output_type`; repair the file in a text editor"
            )
        rest: dict[str, object] = {k: v for k, v in raw.items() if k != "output_type"}
        rest.pop(FORBIDDEN_KEY, None)
        match kind:
            case "stream":
                return self._stream(rest)
            case "display_data" | "execute_result":
                return self._display(kind, rest)
            case "error":
                return self._error(rest)
            case _:
                return UnknownOutput(self.new_id(), replace_lone_surrogates(kind), self.map(rest))

    def _stream(self, rest: dict[str, object]) -> StreamOutput:
        name, text = _text(rest, "name"), ""
        if (whole := mime.joined(rest.get("text", ""))) is not None:
            rest.pop("text", None)
            text = whole
        value = mime.text_value(text, put_blob=self._put, limit=self.limits)
        chunks = (value,) if text else ()
        return StreamOutput(self.new_id(), name, chunks, self.map(rest))

    def _display(self, kind: str, rest: dict[str, object]) -> DisplayOutput:
        data, metadata = _object(rest, "data"), _object(rest, "metadata")
        count = None
        if kind == "execute_result" and is_count(rest.get("execution_count")):
            count = rest.pop("execution_count", None)
        return DisplayOutput(
            id=self.new_id(),
            type="execute_result" if kind == "execute_result" else "display_data",
            data={
                replace_lone_surrogates(key): self.value(key, value)
                for key, value in data.items()
                if key != FORBIDDEN_KEY
            },
            metadata=self.json(metadata),
            execution_count=count if isinstance(count, int) else None,
            extra=self.map(rest),
        )

    def _error(self, rest: dict[str, object]) -> ErrorOutput:
        traceback = rest.get("traceback", [])
        lines: tuple[str | Blob, ...] = ()
        if isinstance(traceback, list) and all(isinstance(line, str) for line in traceback):
            rest.pop("traceback", None)
            lines = mime.traceback_of(traceback, put_blob=self._put, limit=self.limits)
        ename, evalue = _text(rest, "ename"), _text(rest, "evalue")
        value = mime.text_value(evalue, put_blob=self._put, limit=self.limits)
        return ErrorOutput(self.new_id(), ename, value, lines, self.map(rest))

    def value(self, key: str, raw: object) -> MimeValue:
        value = mime.value_of(key, raw, put_blob=self._put, limit=self.limits)
        if isinstance(value, Json) and "Infinity" in value.text:
            self.infinite = True
        return value

    def _put(self, data: bytes) -> Sha256:
        self.infinite = self.infinite or b"Infinity" in data
        return self.put_blob(data)

    def map(self, raw: Mapping[str, object]) -> JsonMap:
        return {
            replace_lone_surrogates(k): self.json(v) for k, v in raw.items() if k != FORBIDDEN_KEY
        }

    def json(self, value: object) -> JsonText:
        text = json_text.compact(value)
        if "Infinity" in text:
            self.infinite = True
        return text


def _text(rest: dict[str, object], key: str) -> str:
    """Take the text at `key` out of `rest`; a value of another type stays in `rest`."""
    value = rest.get(key, "")
    if not isinstance(value, str):
        return ""
    rest.pop(key, None)
    return replace_lone_surrogates(value)


def _object(rest: dict[str, object], key: str) -> dict[str, object]:
    value = rest.get(key, {})
    if not isinstance(value, dict):
        return {}
    rest.pop(key, None)
    return value
