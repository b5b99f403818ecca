"""The values of a MIME bundle: between nbformat's JSON form and what the documents hold.

A value is text, a JSON value, or a blob. Text from the inline limit on goes to the blob store
through a callback; what is stored where is not known here.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TypeAlias, cast

from ..ids import Sha256
from . import jsontext
from .content import Blob, Json, JsonText, MimeValue

PutBlob: TypeAlias = Callable[[bytes], Sha256]
"""Keeps bytes; returns their SHA-256 once they are kept."""
GetBlob: TypeAlias = Callable[[Sha256], bytes]
"""The bytes of a hash."""

_BINARY_KINDS = frozenset({"image", "audio", "video", "font"})
_BINARY_TYPES = frozenset({"application/pdf", "application/octet-stream", "application/zip"})
_DECODED_CHARS = 1 << 20
_SPLIT_TYPES = frozenset({"application/javascript", "image/svg+xml"})


@dataclass(frozen=True, slots=True)
class Limits:
    """`inline_chars`: text and JSON text from this length on become blobs."""

    inline_chars: int = 8192


DEFAULT_LIMITS = Limits()


def is_json(mime: str) -> bool:
    """Whether nbformat takes the values of this type as JSON (a list is then a list, not lines)."""
    return mime == "application/json" or (
        mime.startswith("application/") and mime.endswith("+json")
    )


def is_split(mime: str) -> bool:
    """Whether nbformat writes text of this type as a list of lines."""
    return mime.startswith("text/") or mime in _SPLIT_TYPES


def is_binary(mime: str) -> bool:
    """Whether text of this type is base64 of bytes."""
    return mime in _BINARY_TYPES or (
        mime.partition("/")[0] in _BINARY_KINDS and not mime.endswith(("+xml", "+json"))
    )


def joined(raw: object) -> str | None:
    """Text in either of nbformat's forms (a string, a list of lines) as a string; else None."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, list) and all(isinstance(line, str) for line in raw):
        return "".join(raw)
    return None


def value_of(
    mime: str, raw: object, *, put_blob: PutBlob, limit: Limits = DEFAULT_LIMITS
) -> MimeValue:
    """A value as it stands in a notebook file or a kernel message.

    Lone surrogates in text become U+FFFD. Errors: only those of `put_blob`.
    """
    text = joined(raw) if isinstance(raw, str) or not is_json(mime) else None
    if text is None:
        return json_value(jsontext.compact(raw), put_blob=put_blob, limit=limit)
    if len(text) < limit.inline_chars:
        return jsontext.clean(text)
    decoded = _decoded(text) if is_binary(mime) else None
    if decoded is not None:
        return Blob(put_blob(decoded), len(decoded), "base64")
    return _blob(jsontext.clean(text), put_blob)


def text_value(text: str, *, put_blob: PutBlob, limit: Limits = DEFAULT_LIMITS) -> str | Blob:
    """Text of no MIME type, as that of a stream."""
    clean = jsontext.clean(text)
    return clean if len(clean) < limit.inline_chars else _blob(clean, put_blob)


def json_value(text: JsonText, *, put_blob: PutBlob, limit: Limits = DEFAULT_LIMITS) -> Json | Blob:
    """A JSON value, by its text."""
    if len(text) < limit.inline_chars:
        return Json(text)
    data = text.encode()
    return Blob(put_blob(data), len(data), "json")


def traceback_of(
    lines: Sequence[str], *, put_blob: PutBlob, limit: Limits = DEFAULT_LIMITS
) -> tuple[str | Blob, ...]:
    """The lines of a traceback; of one that is too long only the last stay, as half the limit."""
    clean = [jsontext.clean(line) for line in lines]
    # A line costs something, however short it is.
    sizes = [8 + len(line) for line in clean]
    if sum(sizes) < limit.inline_chars:
        return tuple(clean)
    room, at = limit.inline_chars // 2, len(clean)
    while at and sizes[at - 1] <= room:
        at -= 1
        room -= sizes[at]
    data = jsontext.compact(clean[:at]).encode()
    return (Blob(put_blob(data), len(data), "json"), *clean[at:])


def lines_of(traceback: Iterable[str | Blob], *, get_blob: GetBlob) -> list[str]:
    """The lines again. Errors: those of `get_blob`."""
    lines: list[str] = []
    for part in traceback:
        if isinstance(part, Blob):
            lines += cast("list[str]", jsontext.plain(shown(part, get_blob=get_blob)[0]))
        else:
            lines.append(part)
    return lines


def json_of(value: MimeValue, *, get_blob: GetBlob) -> object:
    """A value in nbformat's JSON form, text as one string. Errors: those of `get_blob`."""
    text, is_text = shown(value, get_blob=get_blob)
    return text if is_text else jsontext.plain(text)


def shown(value: MimeValue, *, get_blob: GetBlob) -> tuple[str, bool]:
    """The text of a value, and whether it is text itself (otherwise it is JSON text)."""
    if isinstance(value, str):
        return value, True
    if isinstance(value, Json):
        return value.text, False
    data = get_blob(value.sha256)
    if value.encoding == "base64":
        return binascii.b2a_base64(data, newline=False).decode("ascii"), True
    return data.decode(), value.encoding == "utf-8"


def bundle_of(raw: Mapping[str, object]) -> dict[str, object]:
    """A MIME bundle in JSON form with its lists of lines joined."""
    return {
        mime: value if is_json(mime) or (text := joined(value)) is None else text
        for mime, value in raw.items()
    }


def _blob(text: str, put_blob: PutBlob) -> Blob:
    data = text.encode()
    return Blob(put_blob(data), len(data), "utf-8")


def _decoded(text: str) -> bytes | None:
    """The bytes of base64 text, if encoding them again gives the text, line ends aside."""
    one_line = text.replace("\n", "").replace("\r", "")
    data = BytesIO()
    for at in range(0, len(one_line), _DECODED_CHARS):
        # Piece by piece: a copy of all of it to compare with would be as large as the text.
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
