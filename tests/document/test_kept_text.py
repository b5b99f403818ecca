"""An edit keeps carriage returns, and numbers that JSON lacks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from jupyter_runtimed.document import ipynb, json_text
from jupyter_runtimed.document.content import JsonText
from jupyter_runtimed.document.diff.text_diff import with_line_ends
from tests.document.notebook_files import Blobs, read, with_source, write


def file(source: str, metadata: str = "{}") -> bytes:
    text = json.dumps(source)
    return (
        f'{{"cells": [{{"cell_type": "code", "execution_count": null, "id": "a", '
        f'"metadata": {metadata}, "outputs": [], "source": {text}}}], '
        f'"metadata": {metadata}, "nbformat": 4, "nbformat_minor": 5}}\n'
    ).encode()


def strict(data: bytes) -> Any:
    """Parse strict JSON, without `NaN` and `Infinity`."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(data, parse_constant=refuse)


@pytest.mark.parametrize(
    ("before", "edited", "after"),
    [
        ("a\rb\rc", "a\nb!\nc", "a\rb!\rc"),
        ("a\r\nb\nc\rd", "a\nb\nc\nd!", "a\r\nb\nc\rd!"),
        ("a\r\nb\r\nc", "a\nnew\nb\nc", "a\r\nnew\r\nb\r\nc"),
        ("a\rb\nc\r\nd", "a\nx\ny\nb\nc\nd", "a\rx\ny\nb\nc\r\nd"),
        ("a\rb\rc\rd", "a\nd", "a\rd"),
        ("a\rb", "ab", "ab"),
        ("50%\r100%\n", "50%\n100%\nx", "50%\r100%\nx"),
    ],
)
def test_an_edit_leaves_carriage_returns_where_they_are(
    before: str, edited: str, after: str
) -> None:
    assert with_line_ends(edited, before) == after
    blobs, data = Blobs(), file(before)
    content = read(data, blobs).content
    assert write(with_source(content, 0, edited), blobs, data) == file(after)


def test_line_ends_of_a_long_text_are_restored_quickly() -> None:
    before = "".join(f"{n}\r" for n in range(20_000))
    edited = before.replace("\r", "\n").replace("77\n", "78\nnew\n")
    assert with_line_ends(edited, before).startswith("0\r1\r")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_json_does_not_have_stays_in_a_file_until_it_is_edited(number: str) -> None:
    data = file("x", f'{{"k": {number}, "l": {{"m": [{number}]}}}}')
    blobs = Blobs()
    content = read(data, blobs).content
    assert write(content, blobs, data) == data
    edited = write(with_source(content, 0, "y"), blobs, data)
    assert edited == data.replace(b'"source": "x"', b'"source": "y"')


@pytest.mark.parametrize("text", ["NaN", '{"a":[1,Infinity,-Infinity]}', "[NaN]"])
def test_a_number_that_a_peer_writes_and_json_does_not_have_is_kept_as_text(text: str) -> None:
    blobs, data = Blobs(), file("x")
    content = read(data, blobs).content
    (cell,) = content.cells
    entries = {"new": JsonText(text)}
    changed = replace(content, metadata=entries, cells=(replace(cell, metadata=entries),))
    for like in (data, None):
        written = strict(write(changed, blobs, like))
        expected = json.loads(text, parse_constant=str)
        assert written["metadata"]["new"] == written["cells"][0]["metadata"]["new"] == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_content_that_a_client_puts_becomes_valid_json(value: float) -> None:
    model = json.loads(file("x"))
    model["metadata"]["k"] = model["cells"][0]["metadata"]["k"] = [value, {"a": value}]
    blobs = Blobs()
    found = ipynb.from_model(model, new_id=lambda: "n", put_blob=blobs.put)
    strict(write(found.content, blobs, file("x")))
    strict(write(found.content, blobs, None))


def test_only_numbers_that_json_does_not_have_become_text() -> None:
    sound = {"a": [1, 2.5, None, True, "NaN"], "b": {}}
    assert json_text.finite(sound) is sound
    odd = {"a": [float("nan"), {"b": float("-inf")}], "c": 1}
    assert json_text.finite(odd) == {"a": ["NaN", {"b": "-Infinity"}], "c": 1}


def test_a_line_feed_behind_a_lone_carriage_return_stays_a_line_of_its_own() -> None:
    kept = with_line_ends("\n\nmore", "\r")
    assert re.split("\r\n|\r|\n", kept) == ["", "", "more"]
