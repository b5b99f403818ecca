"""Outcomes compared as files have them: without the ids that only a document needs."""

from __future__ import annotations

import hashlib

from . import mime
from .content import (
    Blob,
    Display,
    ErrorOutput,
    Json,
    JsonMap,
    MimeValue,
    Outcome,
    Output,
    Stream,
    UnknownOutput,
)
from .jsontext import same_text
from .mime import GetBlob


def output_type(output: Output) -> str:
    """nbformat's name for the kind of an output."""
    match output:
        case Stream():
            return "stream"
        case ErrorOutput():
            return "error"
        case Display() | UnknownOutput():
            return output.type


def stream_text(stream: Stream, get_blob: GetBlob) -> str:
    """The whole text of a stream."""
    return "".join(mime.shown(chunk, get_blob=get_blob)[0] for chunk in stream.chunks)


def same_output(a: Output, b: Output, get_blob: GetBlob | None) -> bool:
    """Equal in a file: ids and display ids aside, and however a stream is cut into chunks."""
    if not _same_map(a.extra, b.extra):
        return False
    match a, b:
        case Stream(), Stream():
            return a.name == b.name and _same_text(a, b, get_blob)
        case Display(), Display():
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


def same_outcome(a: Outcome, b: Outcome, get_blob: GetBlob | None) -> bool:
    """Equal in a file."""
    return (
        a.execution_count == b.execution_count
        and len(a.outputs) == len(b.outputs)
        and all(same_output(x, y, get_blob) for x, y in zip(a.outputs, b.outputs, strict=True))
    )


def _same_text(a: Stream, b: Stream, get_blob: GetBlob | None) -> bool:
    """Whether two streams say the same, however they are cut.

    Without the blobs, a stream that is one blob is known by its hash; others count as the same if
    they are of one size, for output must never be replaced only because it is cut differently.
    """
    if a.chunks == b.chunks:
        return True
    if _size_bytes(a) != _size_bytes(b):
        return False
    if get_blob is not None:
        return stream_text(a, get_blob) == stream_text(b, get_blob)
    one, other = _whole(a), _whole(b)
    return one is None or other is None or one == other


def _size_bytes(stream: Stream) -> int:
    return sum(
        chunk.size if isinstance(chunk, Blob) else len(chunk.encode()) for chunk in stream.chunks
    )


def _whole(stream: Stream) -> str | None:
    """The SHA-256 of the whole text, where it can be known without reading blobs."""
    texts = [chunk for chunk in stream.chunks if isinstance(chunk, str)]
    if len(texts) == len(stream.chunks):
        return hashlib.sha256("".join(texts).encode()).hexdigest()
    if len(stream.chunks) == 1 and isinstance(chunk := stream.chunks[0], Blob):
        return chunk.sha256
    return None
