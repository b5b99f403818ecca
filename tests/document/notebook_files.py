"""Shared by the tests of files: fixtures, a blob store in memory, notebooks from Hypothesis."""

from __future__ import annotations

import base64
import difflib
import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.content import Content
from jupyter_runtimed.ids import Sha256

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "notebooks"
SHARED = ROOT.parent / "shared" / "notebooks"


def sound_files() -> list[Path]:
    return sorted(FIXTURES.glob("*.ipynb"))


def broken_files() -> list[Path]:
    return sorted((FIXTURES / "broken").glob("*.ipynb"))


def shared_files() -> list[Path]:
    return sorted(SHARED.glob("*.ipynb")) if SHARED.is_dir() else []


class Blobs:
    """A blob store in memory."""

    def __init__(self) -> None:
        self.kept: dict[Sha256, bytes] = {}

    def put(self, data: bytes) -> Sha256:
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        self.kept[sha256] = data
        return sha256

    def get(self, sha256: Sha256) -> bytes:
        return self.kept[sha256]


def ids(prefix: str = "new") -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"{prefix}-{next(numbers)}"


def read(data: bytes, blobs: Blobs, *, prefix: str = "new") -> ipynb.FileContent:
    return ipynb.read(data, new_id=ids(prefix), put_blob=blobs.put)


def write(content: Content, blobs: Blobs, like: bytes | None) -> bytes:
    return ipynb.write(content, get_blob=blobs.get, like=like)


def with_source(content: Content, index: int, source: str) -> Content:
    cells = list(content.cells)
    cells[index] = replace(cells[index], source=source)
    return replace(content, cells=tuple(cells))


def changed_lines(old: bytes, new: bytes) -> tuple[set[int], list[str]]:
    """Return the numbers of old lines that differ or precede new text, and the new lines."""
    before, after = old.decode().split("\n"), new.decode().split("\n")
    lines: set[int] = set()
    added: list[str] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            lines |= set(range(max(0, i1 - (i1 == i2)), i2))
            added += after[j1:j2]
    return lines, added


# ---------------------------------------------------------------- notebooks from Hypothesis

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
any_text = st.text(st.characters(), max_size=12)
sources = st.lists(
    st.sampled_from(
        ["x = 1", "print(x)", "", "# Größe 👩‍👩‍👧", "a\tb", "\u2028", "if x:", "    y()"]
    )
    | words,
    max_size=5,
).flatmap(
    lambda lines: st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"]).map(lambda s: s.join(lines))
)
floats = st.floats() | st.sampled_from([1.0, -0.0, 1e300, 5e-324])
scalars = (
    st.none() | st.booleans() | st.integers() | floats | any_text | st.just(2**70) | st.just(0)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
maps = st.dictionaries(any_text | st.sampled_from(["tags", "name", "trusted"]), values, max_size=3)


def lines_of(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def any_form(texts: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    """Return text as one string, as lines, or cut at random places."""
    return texts.flatmap(lambda text: st.sampled_from([text, lines_of(text), [text[:3], text[3:]]]))


large = st.sampled_from(
    [
        "row\n" * 3000,
        base64.b64encode(bytes(range(256)) * 30).decode(),
        base64.encodebytes(bytes(range(256)) * 30).decode(),
        "é" * 9000,
    ]
)
mime_types = st.sampled_from(
    ["text/plain", "text/html", "image/png", "image/svg+xml", "application/json", "x", "a/b+json"]
)
mime_values = any_form(any_text | words | large) | values
metadata = st.dictionaries(any_text, values, max_size=2)
counts = st.none() | st.integers(0, 10**6)


@st.composite
def outputs(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["stream", "display_data", "execute_result", "error", "other"]))
    output: dict[str, Any] = {"output_type": kind}
    if kind == "stream":
        output |= {"name": draw(st.sampled_from(["stdout", "stderr"]))}
        output |= {"text": draw(any_form(any_text | large))}
    elif kind == "error":
        output |= {"ename": draw(any_text), "evalue": draw(any_text)}
        output |= {"traceback": draw(st.lists(any_text, max_size=3))}
    elif kind != "other":
        output |= {"data": draw(st.dictionaries(mime_types, mime_values, max_size=3))}
        output |= {"metadata": draw(metadata)}
        if kind == "execute_result":
            output["execution_count"] = draw(counts)
    if draw(st.integers(0, 9)) == 0:
        output |= draw(st.dictionaries(st.sampled_from(["extra", "text", "data", "name"]), values))
    return output


@st.composite
def cells(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["code", "code", "markdown", "raw", "canvas"]))
    cell: dict[str, Any] = {"cell_type": kind, "source": draw(any_form(sources | any_text))}
    cell["metadata"] = draw(maps)
    if kind == "code":
        cell["execution_count"] = draw(counts)
        cell["outputs"] = draw(st.lists(outputs(), max_size=3))
    elif draw(st.booleans()):
        cell["attachments"] = draw(
            st.dictionaries(
                any_text, st.dictionaries(mime_types, mime_values, max_size=2), max_size=2
            )
        )
    if draw(st.integers(0, 5)) == 0:
        cell |= draw(st.dictionaries(st.sampled_from(["extra", "attachments", "wide"]), values))
    return cell


@st.composite
def notebooks(draw: st.DrawFn, *, minors: tuple[int, ...] = (0, 4, 5, 5, 5, 9)) -> dict[str, Any]:
    """Return an nbformat 4 notebook with arbitrary JSON in every place."""
    minor = draw(st.sampled_from(minors))
    made = draw(st.lists(cells(), max_size=5))
    names = draw(st.lists(words.filter(bool), min_size=len(made), max_size=len(made)))
    for cell, name in zip(made, names, strict=True):
        if minor >= 5 or draw(st.integers(0, 5)) == 0:
            cell["id"] = name
    notebook = {"cells": made, "metadata": draw(maps), "nbformat": 4, "nbformat_minor": minor}
    return notebook | draw(st.dictionaries(st.sampled_from(["theme", "x", ""]), values, max_size=2))


styles = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 1, 2, "\t"]),
        "ensure_ascii": st.booleans(),
        "sort_keys": st.booleans(),
    }
)


@st.composite
def files(draw: st.DrawFn, *, minors: tuple[int, ...] = (0, 4, 5, 5, 5, 9)) -> bytes:
    """Return the bytes of a notebook file in one of many JSON styles."""
    text = json.dumps(draw(notebooks(minors=minors)), **draw(styles))
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), indent=1)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return (
        draw(st.sampled_from(["", "\ufeff"])) + text + draw(st.sampled_from(["", "\n"]))
    ).encode()
