"""Convert the values of MIME bundles between nbformat's JSON form and content values.

A value is text, a JSON value, or a blob. A callback (`PutBlob`) stores text of at least the inline
limit in the blob store; this module does not know the blob store itself.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TypeAlias, cast

from ..ids import Sha256
from . import json_text
from .content import Blob, Json, JsonText, MimeValue

PutBlob: TypeAlias = Callable[[bytes], Sha256]
"""Callback that stores bytes and then returns their SHA-256."""
GetBlob: TypeAlias = Callable[[Sha256], bytes]
"""Callback that returns the stored bytes of a SHA-256."""

_BINARY_KINDS = frozenset({"image", "audio", "video", "font"})
_BINARY_TYPES = frozenset({"application/pdf", "application/octet-stream", "application/zip"})
_DECODED_CHARS = 1 << 20
_SPLIT_TYPES = frozenset({"application/javascript", "image/svg+xml"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of inline values: text and JSON text of at least `inline_chars` become blobs."""

    inline_chars: int = 8192


DEFAULT_LIMITS = Limits()


def is_json(mime: str) -> bool:
    """Whether values of this MIME type are JSON, so that a list is not a list of lines."""
    return mime == "application/json" or (
        mime.startswith("application/") and mime.endswith("+json")
    )


def is_split(mime: str) -> bool:
    """Whether nbformat writes text of this MIME type as a list of lines."""
    return mime.startswith("text/") or mime in _SPLIT_TYPES


def is_binary(mime: str) -> bool:
    """Whether text of this MIME type is base64 of binary data."""
    return mime in _BINARY_TYPES or (
        mime.partition("/")[0] in _BINARY_KINDS and not mime.endswith(("+xml", "+json"))
    )


def joined(raw: object) -> str | None:
    """Return text in either of nbformat's forms (string, list of lines) as a string, else None."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, list) and all(isinstance(line, str) for line in raw):
        return "".join(raw)
    return None


def value_of(
    mime: str, raw: object, *, put_blob: PutBlob, limit: Limits = DEFAULT_LIMITS
) -> MimeValue:
    """Convert a value of a notebook file or a kernel message.

    Lone surrogates in text become U+FFFD. Errors: those of `put_blob`.
    """
    text = joined(raw) if isinstance(raw, str) or not is_json(mime) else None
    if text is None:
        return json_value(json_text.compact(raw), put_blob=put_blob, limit=limit)
    if len(text) < limit.inline_chars:
        return json_text.replace_lone_surrogates(text)
    decoded = _decoded(text) if is_binary(mime) else None
    if decoded is not None:
        return Blob(put_blob(decoded), len(decoded), "base64")
    return _blob(json_text.replace_lone_surrogates(text), put_blob)


def text_value(text: str, *, put_blob: PutBlob, limit: Limits = DEFAULT_LIMITS) -> str | Blob:
    """Convert text without a MIME type, such as the text of a stream."""
    clean = json_text.replace_lone_surrogates(text)
    return clean if len(clean) < limit.inline_chars else _blob(clean, put_blob)


def json_value(text: JsonText, *, put_blob: PutBlob, limit: Limits = DEFAULT_LIMITS) -> Json | Blob:
    """Convert the text of a JSON value."""
    if len(text) < limit.inline_chars:
        return Json(text)
    data = text.encode()
    return Blob(put_blob(data), len(data), "json")


def traceback_of(
    lines: Sequence[str], *, put_blob: PutBlob, limit: Limits = DEFAULT_LIMITS
) -> tuple[str | Blob, ...]:
    """Convert the lines of a traceback.

    Of a traceback over the inline limit, only the last lines up to half the limit stay inline; the
    lines before them go to one blob.
    """
    clean = [json_text.replace_lone_surrogates(line) for line in lines]
    # 8 characters per line account for the cost of a list element.
    sizes = [8 + len(line) for line in clean]
    if sum(sizes) < limit.inline_chars:
        return tuple(clean)
    room, at = limit.inline_chars // 2, len(clean)
    while at and sizes[at - 1] <= room:
        at -= 1
        room -= sizes[at]
    data = json_text.compact(clean[:at]).encode()
    return (Blob(put_blob(data), len(data), "json"), *clean[at:])


def lines_of(traceback: Iterable[str | Blob], *, get_blob: GetBlob) -> list[str]:
    """Return the lines that `traceback_of` converted. Errors: those of `get_blob`."""
    lines: list[str] = []
    for part in traceback:
        if isinstance(part, Blob):
            lines += cast("list[str]", json_text.plain(shown(part, get_blob=get_blob)[0]))
        else:
            lines.append(part)
    return lines


def json_of(value: MimeValue, *, get_blob: GetBlob) -> object:
    """Return a value in nbformat's JSON form, text as one string. Errors: those of `get_blob`."""
    text, is_text = shown(value, get_blob=get_blob)
    return text if is_text else json_text.plain(text)


def shown(value: MimeValue, *, get_blob: GetBlob) -> tuple[str, bool]:
    """Return the text of a value, and whether the value is text (True) or JSON (False).

    Errors: those of `get_blob`.
    """
    if isinstance(value, str):
        return value, True
    if isinstance(value, Json):
        return value.text, False
    data = get_blob(value.sha256)
    if value.encoding == "base64":
        return binascii.b2a_base64(data, newline=False).decode("ascii"), True
    return data.decode(), value.encoding == "utf-8"


def bundle_of(raw: Mapping[str, object]) -> dict[str, object]:
    """Return a MIME bundle in JSON form with its lists of lines joined."""
    return {
        mime: value if is_json(mime) or (text := joined(value)) is None else text
        for mime, value in raw.items()
    }


def _blob(text: str, put_blob: PutBlob) -> Blob:
    data = text.encode()
    return Blob(put_blob(data), len(data), "utf-8")


def _decoded(text: str) -> bytes | None:
    """Decode base64 text; None unless encoding the bytes gives the text again without line ends."""
    one_line = text.replace("\n", "").replace("\r", "")
    data = BytesIO()
    for at in range(0, len(one_line), _DECODED_CHARS):
        # Compare piece by piece, because a copy of the whole text would double the memory.
        piece = one_line[at : at + _DECODED_CHARS]
        try:
            decoded = binascii.a2b_base64(piece)
        except ValueError:
            return None
        again = binascii.b2a_base64(decoded, newline=False).decode("ascii")
        ended = piece.endswith("=") and at + len(piece) < len(one_line)
        if again != piece or ended:
            return None
        data.write(decoded)
    return data.getvalue()
