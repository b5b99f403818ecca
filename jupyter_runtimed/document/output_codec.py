"""Encode runs and outputs for the runtime document, and decode them.

Both directions use plain nested Python values, not Automerge objects. Decoding checks values only
as far as it needs to build them, because the server is the only writer of runtime documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, cast

from ..ids import CellId, RunId, Sha256
from .content import (
    Blob,
    DisplayOutput,
    Encoding,
    ErrorOutput,
    Json,
    JsonMap,
    JsonText,
    MimeValue,
    Output,
    Prompt,
    Run,
    RunState,
    StreamOutput,
    UnknownOutput,
)

Shape: TypeAlias = dict[str, Any]
"""A map of nested plain values; the engine checks their types on writing."""

EMPTY_METADATA: Final = JsonText("{}")
_DISPLAYS: Final = ("display_data", "execute_result")

# ---------------------------------------------------------------- to the document


def mime_to_doc(value: MimeValue) -> str | Shape:
    match value:
        case str():
            return value
        case Blob():
            return {"blob": value.sha256, "size": value.size, "encoding": value.encoding}
        case Json():
            return {"json": value.text}


def output_to_doc(output: Output) -> Shape:
    """Return the map of an output; optional keys without a value are left out."""
    shape: Shape = {"id": output.id}
    match output:
        case StreamOutput():
            shape |= {"type": "stream", "name": output.name}
            shape["chunks"] = [mime_to_doc(chunk) for chunk in output.chunks]
        case DisplayOutput():
            shape["type"] = output.type
            shape |= display_to_doc(output)
        case ErrorOutput():
            shape |= {"type": "error", "ename": output.ename}
            shape["evalue"] = mime_to_doc(output.evalue)
            shape["traceback"] = [mime_to_doc(part) for part in output.traceback]
        case UnknownOutput():
            shape["type"] = output.type
    if output.extra:
        shape["extra"] = dict(output.extra)
    return shape


def display_to_doc(display: DisplayOutput) -> Shape:
    """Return the part of a display's map without id, type and unknown keys."""
    shape: Shape = {
        "data": {mime: mime_to_doc(value) for mime, value in display.data.items()},
        "metadata": display.metadata,
    }
    if display.display_id is not None:
        shape["display_id"] = display.display_id
    if display.execution_count is not None:
        shape["execution_count"] = display.execution_count
    return shape


def run_to_doc(run: Run) -> Shape:
    """Return the map of a run with an empty list of outputs."""
    shape: Shape = {
        "cell_id": run.cell_id,
        "state": run.state,
        "by": run.by,
        "queued_at": run.queued_at,
        "source_hash": run.source_hash,
        "outputs": [],
    }
    for key in ("started_at", "finished_at", "execution_count", "reason"):
        if (value := getattr(run, key)) is not None:
            shape[key] = value
    if run.prompt is not None:
        shape["prompt"] = prompt_to_doc(run.prompt)
    return shape


def prompt_to_doc(prompt: Prompt) -> Shape:
    return {"id": prompt.id, "text": prompt.text, "password": prompt.password}


# ---------------------------------------------------------------- from the document


def output_from_doc(shape: Mapping[str, object]) -> Output:
    output_id, kind, extra = _str(shape, "id"), _str(shape, "type"), _json_map(shape.get("extra"))
    if kind == "stream":
        chunks = tuple(_text_or_blob(chunk) for chunk in _list(shape, "chunks"))
        return StreamOutput(output_id, _str(shape, "name"), chunks, extra)
    if kind in _DISPLAYS:
        return DisplayOutput(
            id=output_id,
            type=cast(Literal["display_data", "execute_result"], kind),
            data={mime: _mime(value) for mime, value in _map(shape, "data").items()},
            metadata=JsonText(_str(shape, "metadata") or EMPTY_METADATA),
            display_id=_optional_str(shape, "display_id"),
            execution_count=_optional_int(shape, "execution_count"),
            extra=extra,
        )
    if kind == "error":
        traceback = tuple(_text_or_blob(part) for part in _list(shape, "traceback"))
        evalue = _text_or_blob(shape.get("evalue", ""))
        return ErrorOutput(output_id, _str(shape, "ename"), evalue, traceback, extra)
    return UnknownOutput(output_id, kind, extra)


def run_from_doc(run_id: RunId, shape: Mapping[str, object]) -> Run:
    return Run(
        id=run_id,
        cell_id=CellId(_str(shape, "cell_id")),
        state=cast(RunState, _str(shape, "state")),
        by=_str(shape, "by"),
        queued_at=_optional_int(shape, "queued_at") or 0,
        started_at=_optional_int(shape, "started_at"),
        finished_at=_optional_int(shape, "finished_at"),
        execution_count=_optional_int(shape, "execution_count"),
        source_hash=_str(shape, "source_hash"),
        reason=_optional_str(shape, "reason"),
        prompt=_prompt(shape.get("prompt")),
    )


def content_size(output: Output) -> int:
    """Estimate the bytes of an output in the document; a blob counts as its reference."""
    match output:
        case StreamOutput():
            values: list[object] = list(output.chunks)
        case DisplayOutput():
            values = [output.metadata, *output.data, *output.data.values()]
        case ErrorOutput():
            values = [output.ename, output.evalue, *output.traceback]
        case UnknownOutput():
            values = []
    return 64 + sum(_size(value) for value in (*values, *output.extra.values()))


def _size(value: object) -> int:
    match value:
        case str():
            return len(value)
        case Json():
            return len(value.text)
        case _:
            return 96


def _mime(value: object) -> MimeValue:
    if isinstance(value, Mapping) and "json" in value:
        return Json(JsonText(str(value["json"])))
    return _text_or_blob(value)


def _text_or_blob(value: object) -> str | Blob:
    if not isinstance(value, Mapping):
        return str(value)
    encoding = cast(Encoding, _str(value, "encoding"))
    return Blob(Sha256(_str(value, "blob")), _optional_int(value, "size") or 0, encoding)


def _prompt(value: object) -> Prompt | None:
    if not isinstance(value, Mapping):
        return None
    return Prompt(_str(value, "id"), _str(value, "text"), value.get("password") is True)


def _json_map(value: object) -> JsonMap:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): JsonText(str(text)) for key, text in value.items()}


def _map(shape: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = shape.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(shape: Mapping[str, object], key: str) -> list[object]:
    value = shape.get(key)
    return value if isinstance(value, list) else []


def _str(shape: Mapping[str, object], key: str) -> str:
    value = shape.get(key)
    return value if isinstance(value, str) else ""


def _optional_str(shape: Mapping[str, object], key: str) -> str | None:
    value = shape.get(key)
    return value if isinstance(value, str) else None


def _optional_int(shape: Mapping[str, object], key: str) -> int | None:
    value = shape.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
