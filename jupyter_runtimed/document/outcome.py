"""Outcomes compared as files have them: without the ids that only a document needs."""

from __future__ import annotations

from . import mime
from .content import Display, ErrorOutput, Outcome, Output, Stream, UnknownOutput
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
    match a, b:
        case Stream(), Stream():
            return a.name == b.name and a.extra == b.extra and _same_text(a, b, get_blob)
        case Display(), Display():
            return (
                a.type == b.type
                and a.data == b.data
                and a.metadata == b.metadata
                and a.execution_count == b.execution_count
                and a.extra == b.extra
            )
        case ErrorOutput(), ErrorOutput():
            return (
                a.ename == b.ename
                and a.evalue == b.evalue
                and a.traceback == b.traceback
                and a.extra == b.extra
            )
        case UnknownOutput(), UnknownOutput():
            return a.type == b.type and a.extra == b.extra
        case _:
            return False


def same_outcome(a: Outcome, b: Outcome, get_blob: GetBlob | None) -> bool:
    """Equal in a file."""
    return (
        a.execution_count == b.execution_count
        and len(a.outputs) == len(b.outputs)
        and all(same_output(x, y, get_blob) for x, y in zip(a.outputs, b.outputs, strict=True))
    )


def _same_text(a: Stream, b: Stream, get_blob: GetBlob | None) -> bool:
    if a.chunks == b.chunks:
        return True
    texts = [chunk for chunk in (*a.chunks, *b.chunks) if isinstance(chunk, str)]
    if len(texts) == len(a.chunks) + len(b.chunks):
        return "".join(texts[: len(a.chunks)]) == "".join(texts[len(a.chunks) :])
    return get_blob is not None and stream_text(a, get_blob) == stream_text(b, get_blob)
