"""Values of MIME bundles, from kernels and files, and back."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given

from jupyter_runtimed.document import json_text, mime
from jupyter_runtimed.document.content import Blob, Json, JsonText
from tests.document.notebook_files import Blobs, mime_types, mime_values

PNG = base64.b64encode(b"\x89PNG" * 3000).decode()


def value_of(kind: str, raw: object, blobs: Blobs | None = None) -> object:
    return mime.value_of(kind, raw, put_blob=(blobs or Blobs()).put)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("text/plain", "a", "a"),
        ("text/plain", ["a\n", "b"], "a\nb"),
        ("text/plain", [], ""),
        ("text/plain", 5, Json(JsonText("5"))),
        ("text/plain", ["a", 1], Json(JsonText('["a",1]'))),
        ("text/plain", "\ud800", "\ufffd"),
        ("application/json", ["a", "b"], Json(JsonText('["a","b"]'))),
        ("application/json", "text", "text"),
        ("application/vnd.x+json", {"a": "\ud800"}, Json(JsonText('{"a":"\\ud800"}'))),
        ("application/json", float("nan"), Json(JsonText("NaN"))),
        ("image/png", "AAAA", "AAAA"),
    ],
)
def test_small_values_stay_inline(kind: str, raw: object, value: object) -> None:
    assert value_of(kind, raw) == value


@pytest.mark.parametrize(
    ("kind", "raw", "encoding", "kept"),
    [
        ("image/png", PNG, "base64", base64.b64decode(PNG)),
        ("image/png", PNG + "\n", "base64", base64.b64decode(PNG)),
        ("application/pdf", [PNG[:400], PNG[400:]], "base64", base64.b64decode(PNG)),
        ("image/png", PNG + "=", "utf-8", PNG.encode() + b"="),
        ("image/svg+xml", PNG, "utf-8", PNG.encode()),
        ("text/plain", PNG, "utf-8", PNG.encode()),
        ("text/html", "é" * 8192, "utf-8", "é".encode() * 8192),
        ("application/json", ["x" * 9000], "json", b'["' + b"x" * 9000 + b'"]'),
    ],
)
def test_large_values_go_to_the_blob_store(
    kind: str, raw: object, encoding: str, kept: bytes
) -> None:
    blobs = Blobs()
    value = value_of(kind, raw, blobs)
    assert isinstance(value, Blob)
    assert (value.encoding, value.size) == (encoding, len(kept))
    assert blobs.kept == {value.sha256: kept}


def test_the_inline_limit_counts_characters() -> None:
    assert isinstance(value_of("text/plain", "é" * 8191), str)
    assert isinstance(value_of("text/plain", "é" * 8192), Blob)
    limit = mime.Limits(inline_chars=3)
    assert mime.value_of("text/plain", "ab", put_blob=Blobs().put, limit=limit) == "ab"
    assert isinstance(mime.value_of("text/plain", "abc", put_blob=Blobs().put, limit=limit), Blob)


@given(mime_types, mime_values)
def test_a_mime_value_is_read_back_unchanged(kind: str, raw: object) -> None:
    blobs = Blobs()
    value = mime.value_of(kind, raw, put_blob=blobs.put)
    back = mime.json_of(value, get_blob=blobs.get)
    text = mime.joined(raw) if isinstance(raw, str) or not mime.is_json(kind) else None
    if text is None:
        assert json_text.same_text(json_text.compact(back), json_text.compact(raw))
    elif isinstance(value, Blob) and value.encoding == "base64":
        assert back == text.replace("\n", "")
    else:
        assert back == json_text.replace_lone_surrogates(text)
