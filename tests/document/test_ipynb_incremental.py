"""Incremental writing gives the same file as writing it once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.content import Cell, CellOutputs, Content, StreamOutput
from jupyter_runtimed.document.ipynb import incremental_writer
from jupyter_runtimed.document.mime import Limits
from jupyter_runtimed.ids import CellId
from tests.document.notebook_files import Blobs, files, read, shared_files, sound_files, write


def edited(content: Content, kind: str, index: int, number: int) -> Content:
    """Return the content after an edit of a cell."""
    cells = list(content.cells)
    outcomes = dict(content.outcomes)
    cell = cells[index] if cells else Cell(CellId("none"), "raw", "")
    match kind:
        case "add":
            cells.insert(index, Cell(CellId(f"added {number}"), "code", "x = 1\nß = '\ud7ff'\n"))
        case "delete" if len(cells) > 1:
            outcomes.pop(cells.pop(index).id, None)
        case "move":
            cells.append(cells.pop(index))
        case "run" if cell.cell_type == "code":
            outcomes[cell.id] = CellOutputs(
                (StreamOutput("s", "stdout", (f"{number}\n", "more\n")),), number
            )
        case "rename":
            cells[index] = replace(cell, id=CellId(f"renamed {number}"))
            if cell.id in outcomes:
                outcomes[cells[index].id] = outcomes.pop(cell.id)
        case "name":
            return replace(content, metadata={**content.metadata, "name": f'"{number}"'})
        case _:
            cells[index] = replace(cell, source=cell.source + f"\n# {number}")
    return replace(content, cells=tuple(cells), outcomes=outcomes)


kinds = st.sampled_from(["type", "type", "add", "delete", "move", "run", "rename", "name"])


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(files(minors=(4, 5, 5, 5, 6)), st.lists(st.tuples(kinds, st.integers(0, 9)), max_size=6))
def test_incremental_writing_equals_writing_over_the_file(
    data: bytes, steps: list[tuple[str, int]]
) -> None:
    blobs = Blobs()
    content = read(data, blobs).content
    again = ipynb.IncrementalWriter(get_blob=blobs.get, limits=Limits())
    for number, (kind, at) in enumerate(steps):
        if not content.cells:
            return
        content = edited(content, kind, at % len(content.cells), number)
        written = again.write(content, data)
        assert written == write(content, blobs, data)
        assert again.write(content, written) == written
        data = written


@pytest.mark.parametrize("path", [*sound_files(), *shared_files()], ids=lambda path: path.name)
def test_incremental_writing_works_on_real_files(path: Any) -> None:
    data, blobs = path.read_bytes(), Blobs()
    try:
        content = read(data, blobs).content
    except incremental_writer.NotebookError:
        return
    again = ipynb.IncrementalWriter(get_blob=blobs.get, limits=Limits())
    assert again.write(content, data) == data
    for number, kind in enumerate(["type", "add", "run", "move", "type", "delete"] * 2):
        if content.cells:
            content = edited(content, kind, number % len(content.cells), number)
            written = again.write(content, data)
            assert written == write(content, blobs, data)
            data = written


def test_after_the_first_save_only_the_changed_cell_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blobs = Blobs()
    cells = [Cell(CellId(f"c{i}"), "code", f"x = {i}") for i in range(5)]
    content = Content(5, {}, {}, tuple(cells))
    again = ipynb.IncrementalWriter(get_blob=blobs.get, limits=Limits())
    data = again.write(content, None)
    parsed: list[str] = []
    parse = incremental_writer.json_text.parse
    monkeypatch.setattr(
        incremental_writer.json_text, "parse", lambda t: (parsed.append(t), parse(t))[1]
    )
    monkeypatch.setattr(incremental_writer, "write", None)
    content = edited(content, "type", 3, 1)
    data = again.write(content, data)
    assert parsed and all("x = 3" in text for text in parsed)
    assert read(data, blobs).content.cells == content.cells


def test_a_file_that_another_program_wrote_is_parsed_again() -> None:
    blobs = Blobs()
    content = Content(5, {}, {}, (Cell(CellId("a"), "code", "x"),))
    again = ipynb.IncrementalWriter(get_blob=blobs.get, limits=Limits())
    data = again.write(content, None)
    theirs = data.replace(b" ", b"  ").replace(b'"x"', b'"y"')
    content = edited(content, "type", 0, 1)
    assert again.write(content, theirs) == write(content, blobs, theirs)
