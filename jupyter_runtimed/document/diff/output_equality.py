"""Equality of outputs as a notebook file stores them: ids are ignored."""

from __future__ import annotations

import hashlib

from .. import mime
from ..content import (
    Blob,
    CellOutputs,
    DisplayOutput,
    ErrorOutput,
    Json,
    JsonMap,
    MimeValue,
    Output,
    StreamOutput,
    UnknownOutput,
)
from ..json_text import same_text
from ..mime import GetBlob


def output_type(output: Output) -> str:
    """Return nbformat's `output_type` of an output."""
    match output:
        case StreamOutput():
            return "stream"
        case ErrorOutput():
            return "error"
        case DisplayOutput() | UnknownOutput():
            return output.type


def stream_text(stream: StreamOutput, get_blob: GetBlob) -> str:
    """Return the whole text of a stream. Errors: those of `get_blob`."""
    return "".join(mime.shown(chunk, get_blob=get_blob)[0] for chunk in stream.chunks)


def same_output(a: Output, b: Output, get_blob: GetBlob | None) -> bool:
    """Whether a file stores both outputs alike.

    Ids, display ids and the chunks of a stream do not count. For `get_blob` None see `_same_text`.
    """
    if not _same_map(a.extra, b.extra):
        return False
    match a, b:
        case StreamOutput(), StreamOutput():
            return a.name == b.name and _same_text(a, b, get_blob)
        case DisplayOutput(), DisplayOutput():
            return (
                a.type == b.type
                and a.execution_count == b.execution_count
                and same_text(a.metadata, b.metadata)
                and a.data.keys() == b.data.keys()
                and all(_same_value(value, b.data[key]) for key, value in a.data.items())
            )
        case ErrorOutput(), ErrorOutput():
            return a.ename == b.ename and a.evalue == b.evalue and a.traceback == b.traceback
        case UnknownOutput(), UnknownOutput():
            return a.type == b.type
        case _:
            return False


def _same_map(a: JsonMap, b: JsonMap) -> bool:
    return a == b or (
        a.keys() == b.keys() and all(same_text(text, b[key]) for key, text in a.items())
    )


def _same_value(a: MimeValue, b: MimeValue) -> bool:
    if isinstance(a, Json) and isinstance(b, Json):
        return same_text(a.text, b.text)
    return a == b


def same_outcome(a: CellOutputs, b: CellOutputs, get_blob: GetBlob | None) -> bool:
    """Whether a file stores the same outputs and execution count for both."""
    return (
        a.execution_count == b.execution_count
        and len(a.outputs) == len(b.outputs)
        and all(same_output(x, y, get_blob) for x, y in zip(a.outputs, b.outputs, strict=True))
    )


def _same_text(a: StreamOutput, b: StreamOutput, get_blob: GetBlob | None) -> bool:
    """Whether two streams hold the same text, in whatever chunks.

    Without `get_blob`, a stream of one blob is compared by its hash. Streams with further blobs
    count as equal if their sizes are equal, because a different division into chunks alone must
    never replace outputs.
    """
    if a.chunks == b.chunks:
        return True
    if _size_bytes(a) != _size_bytes(b):
        return False
    if get_blob is not None:
        return stream_text(a, get_blob) == stream_text(b, get_blob)
    one, other = _whole(a), _whole(b)
    return one is None or other is None or one == other


def _size_bytes(stream: StreamOutput) -> int:
    return sum(
        chunk.size if isinstance(chunk, Blob) else len(chunk.encode()) for chunk in stream.chunks
    )


def _whole(stream: StreamOutput) -> str | None:
    """Return the SHA-256 of the whole text, or None if that requires reading blobs."""
    texts = [chunk for chunk in stream.chunks if isinstance(chunk, str)]
    if len(texts) == len(stream.chunks):
        return hashlib.sha256("".join(texts).encode()).hexdigest()
    if len(stream.chunks) == 1 and isinstance(chunk := stream.chunks[0], Blob):
        return chunk.sha256
    return None
