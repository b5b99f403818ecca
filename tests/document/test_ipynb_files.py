"""Real and generated notebook files, through values and back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jupyter_runtimed.document.content import JsonMap
from jupyter_runtimed.document.ipynb import parse
from jupyter_runtimed.document.json_text import same_text
from jupyter_runtimed.errors import NotebookError
from tests.document.notebook_files import (
    Blobs,
    broken_files,
    changed_lines,
    read,
    shared_files,
    sound_files,
    with_source,
    write,
)

INVALID = {
    "made--not_json.ipynb",
    "nbformat--test3_no_worksheets.ipynb",
    "nbformat--test3_worksheet_with_no_cells.ipynb",
}
SOUND = [*sound_files(), *(path for path in shared_files() if path.name not in INVALID)]
BROKEN = [*broken_files(), *(path for path in shared_files() if path.name in INVALID)]


def same_map(a: JsonMap, b: JsonMap) -> bool:
    return a.keys() == b.keys() and all(same_text(a[key], b[key]) for key in a)


def version_of(data: bytes) -> int:
    return int(json.loads(data.decode("utf-8-sig"), parse_int=lambda n: int(n[:9]))["nbformat"])


def files_with_cells() -> list[Path]:
    return [
        path
        for path in SOUND
        if path.stat().st_size
        and version_of(path.read_bytes()) == 4
        and read(path.read_bytes(), Blobs()).content.cells
    ]


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.name)
def test_a_file_that_did_not_change_is_written_byte_for_byte(path: Path) -> None:
    data, blobs = path.read_bytes(), Blobs()
    found = read(data, blobs)
    assert write(found.content, blobs, data) == data


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.name)
def test_a_file_written_without_a_template_has_the_same_content(path: Path) -> None:
    data, blobs = path.read_bytes(), Blobs()
    content = read(data, blobs).content
    fresh = write(content, blobs, None)
    again = read(fresh, blobs).content
    assert same_map(again.metadata, content.metadata)
    assert same_map(again.extra, content.extra)
    assert again.nbformat_minor == content.nbformat_minor
    assert [cell.source for cell in again.cells] == [cell.source for cell in content.cells]
    assert write(content, blobs, fresh) == fresh


@pytest.mark.parametrize("path", files_with_cells(), ids=lambda path: path.name)
def test_editing_one_cell_changes_the_lines_of_that_cell_alone(path: Path) -> None:
    data, blobs = path.read_bytes(), Blobs()
    found = read(data, blobs)
    content = found.content
    parsed = parse.parse(parse.text_of(data))
    for index, place in enumerate(parsed.cells()):
        edited = with_source(content, index, content.cells[index].source + "\nx = 'é'\n")
        written = write(edited, blobs, data)
        lines, _ = changed_lines(data, written)
        first = parsed.text.count("\n", 0, place.start)
        last = parsed.text.count("\n", 0, place.end)
        if not found.repairs:
            assert lines <= set(range(first, last + 1))
        assert [c.source for c in read(written, blobs).content.cells] == [
            c.source for c in edited.cells
        ]


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.name)
def test_a_broken_file_is_refused_with_advice(path: Path) -> None:
    with pytest.raises(NotebookError) as caught:
        read(path.read_bytes(), Blobs())
    message = str(caught.value)
    assert re.search("editor|checkpoint|save|update|convert|text file", message), message
    assert len(message) < 400


def test_merge_conflict_marks_are_named() -> None:
    (path,) = (path for path in broken_files() if path.name == "conflict.ipynb")
    with pytest.raises(NotebookError, match="merge conflict"):
        read(path.read_bytes(), Blobs())


def test_endless_nesting_is_refused() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(NotebookError, match="nested too deeply"):
        read(b'{"nbformat": 4, "metadata": {"a": ' + deep + b'}, "cells": []}', Blobs())
