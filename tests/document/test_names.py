"""Names with a meaning in JavaScript, in files, documents, outputs and changes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.content import Cell, DisplayOutput, JsonText
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.document.repair import repaired
from jupyter_runtimed.document.schema_check import problems
from jupyter_runtimed.errors import DocumentError
from jupyter_runtimed.ids import CellId
from tests.document.notebook_files import Blobs, read, write
from tests.document.test_authority import ALLOWED, obj, room, verdict

FORBIDDEN = "__proto__"
PLAIN = ("constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "__defineGetter__")
NAMES = (FORBIDDEN, *PLAIN)


def file(name: str) -> bytes:
    """Return a notebook that uses this name in every possible place."""
    outputs = [
        {
            "output_type": "display_data",
            "data": {name: "x", "text/plain": "y"},
            "metadata": {name: 1},
            name: 2,
        }
    ]
    cells = [
        {"cell_type": "code", "execution_count": 1, "id": name, "metadata": {name: {name: 1}},
         "outputs": outputs, "source": "1", name: 3},
        {"attachments": {name: {"text/plain": "z"}}, "cell_type": "markdown", "id": "b",
         "metadata": {}, "source": "2"},
    ]  # fmt: skip
    top = {"cells": cells, "metadata": {name: 4}, "nbformat": 4, "nbformat_minor": 5, name: 5}
    return (json.dumps(top, indent=1) + "\n").encode()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_keeps_the_name_wherever_it_is(name: str) -> None:
    blobs, data = Blobs(), file(name)
    found = read(data, blobs)
    assert write(found.content, blobs, data) == data
    one, two = found.content.cells
    with_ids = data.replace(b'"id": "__proto__"', f'"id": "{one.id}"'.encode())
    edited = replace(found.content, cells=(one, replace(two, source="2!")))
    assert write(edited, blobs, data) == with_ids.replace(b'"source": "2"', b'"source": "2!"')
    edited = replace(found.content, cells=(replace(one, source="1!"), two))
    assert write(edited, blobs, data) == with_ids.replace(b'"source": "1"', b'"source": "1!"')


def test_a_cell_with_a_forbidden_id_gets_another_id_with_a_warning() -> None:
    found = read(file(FORBIDDEN), Blobs())
    assert [cell.id == FORBIDDEN for cell in found.content.cells] == [False, False]
    assert found.made_ids == {found.content.cells[0].id}
    assert "which no browser can show" in found.repairs[0]


def test_no_map_of_a_document_has_the_forbidden_name() -> None:
    content = read(file(FORBIDDEN), Blobs()).content
    assert FORBIDDEN not in {*content.metadata, *content.extra}
    for cell in content.cells:
        assert FORBIDDEN not in {*cell.metadata, *cell.attachments, *cell.extra}
    (outcome,) = content.outcomes.values()
    (display,) = outcome.outputs
    assert isinstance(display, DisplayOutput)
    assert FORBIDDEN not in {*display.data, *display.extra}


@pytest.mark.parametrize("name", PLAIN)
def test_other_names_of_javascript_are_kept(name: str) -> None:
    content = read(file(name), Blobs()).content
    notebook = room()
    notebook.add_cells(content.cells, index=0)
    notebook.set_metadata(None, name, JsonText("1"))
    notebook.commit(now_ms=0)
    assert notebook.cell(CellId(name)) == content.cells[0]
    assert problems(notebook.document) == ()
    assert verdict(lambda nb: nb.add_cell(Cell(CellId(name), "code", ""), after=None)) == "ok"
    assert verdict(lambda nb: nb.set_metadata(None, name, JsonText("1"))) == "ok"


def test_a_change_with_the_forbidden_name_is_refused() -> None:
    assert verdict(ALLOWED["cell metadata"]) == "ok"
    whole = {"cell_type": "code", "position": "Z", "metadata": {}, "attachments": {}, "extra": {}}
    for edit in (
        lambda nb: nb.document.put(obj(nb.document, "metadata"), FORBIDDEN, "1"),
        lambda nb: nb.document.put(obj(nb.document, "cells", "c0", "metadata"), FORBIDDEN, "1"),
        lambda nb: nb.document.put(obj(nb.document, "cells", "c0", "attachments"), FORBIDDEN, "1"),
        lambda nb: nb.document.put(obj(nb.document, "cells"), FORBIDDEN, whole),
    ):
        assert verdict(edit) == "not-allowed"


def test_writing_the_forbidden_name_raises() -> None:
    notebook, cell = room(), CellId("c0")
    for write_it in (
        lambda: notebook.add_cell(Cell(CellId(FORBIDDEN), "code", ""), after=None),
        lambda: notebook.add_cell(
            Cell(CellId("n"), "code", "", {FORBIDDEN: JsonText("1")}), after=None
        ),
        lambda: notebook.set_metadata(cell, FORBIDDEN, JsonText("1")),
        lambda: notebook.set_metadata(None, FORBIDDEN, JsonText("1")),
        lambda: notebook.set_attachment(cell, FORBIDDEN, JsonText("{}")),
    ):
        with pytest.raises(DocumentError, match="choose another"):
            write_it()


def test_a_stored_cell_with_the_forbidden_id_gets_an_allowed_id() -> None:
    notebook = room()
    cells = obj(notebook.document, "cells")
    notebook.document.put(
        cells, FORBIDDEN, {"cell_type": "code", "position": "z", "metadata": {}, "extra": {}}
    )
    notebook.document.put(obj(notebook.document, "metadata"), FORBIDDEN, "1")
    notebook.commit(now_ms=0)
    assert any(FORBIDDEN in line for line in problems(notebook.document))
    assert FORBIDDEN not in Notebook(notebook.document).metadata()
    again = repaired(notebook.document, None)
    again.commit(now_ms=0)
    assert again.order == ("c0", "c1", "renamed-0")
    ipynb.write(again.content(), get_blob=lambda _: b"", like=None)
