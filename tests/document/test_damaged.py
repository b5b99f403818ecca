"""A document that breaks the schema is read as far as possible, and its defects are named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jupyter_runtimed.crdt import ROOT, Document, Text, load
from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.content import Cell, Content, JsonText
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.document.repair import repaired
from jupyter_runtimed.document.schema_check import problems
from jupyter_runtimed.ids import CellId
from tests.document.test_authority import obj, room

C0, C1 = CellId("c0"), CellId("c1")

Damage = Callable[[Document], object]


def cell(document: Document) -> str:
    return obj(document, "cells", "c0")


PARTS = ("cell_type", "position", "source", "metadata", "attachments", "extra")
DAMAGE: dict[str, Damage] = {
    **{f"no {key}": (lambda doc, key=key: doc.delete(cell(doc), key)) for key in PARTS},
    **{f"a number as {key}": (lambda doc, key=key: doc.put(cell(doc), key, 7)) for key in PARTS},
    **{f"a list as {key}": (lambda doc, key=key: doc.put(cell(doc), key, ["x"])) for key in PARTS},
    **{f"text as {key}": (lambda doc, key=key: doc.put(cell(doc), key, Text("t")))
       for key in PARTS if key != "source"},
    "a string as source": lambda doc: doc.put(cell(doc), "source", "scalar"),
    "a map as source": lambda doc: doc.put(cell(doc), "source", {"a": "1"}),
    "a position that is none": lambda doc: doc.put(cell(doc), "position", "über"),
    "a position without end": lambda doc: doc.put(cell(doc), "position", "V" * 100_000),
    "no type": lambda doc: doc.put(cell(doc), "cell_type", None),
    "a number in metadata": lambda doc: doc.put(obj(doc, "cells", "c0", "metadata"), "k", 1),
    "a map in metadata": lambda doc: doc.put(obj(doc, "cells", "c0", "metadata"), "k", {}),
    "outputs in a cell": lambda doc: doc.put(cell(doc), "outputs", []),
    "a cell that is a string": lambda doc: doc.put(obj(doc, "cells"), "bad", "x"),
    "a cell that is a list": lambda doc: doc.put(obj(doc, "cells"), "bad", []),
    "an empty cell": lambda doc: doc.put(obj(doc, "cells"), "bad", {}),
    "no metadata": lambda doc: doc.delete(ROOT, "metadata"),
    "metadata that is a list": lambda doc: doc.put(ROOT, "metadata", []),
    "no unknown keys": lambda doc: doc.delete(ROOT, "extra"),
    "a minor number that is text": lambda doc: doc.put(ROOT, "nbformat_minor", "x"),
}  # fmt: skip
NO_CELLS: dict[str, Damage] = {
    "no cells": lambda doc: doc.delete(ROOT, "cells"),
    "cells that are a list": lambda doc: doc.put(ROOT, "cells", []),
    "cells that are text": lambda doc: doc.put(ROOT, "cells", "x"),
}


def damaged(damage: Damage) -> Document:
    notebook = room()
    notebook.set_metadata(None, "title", JsonText('"t"'))
    damage(notebook.document)
    notebook.document.commit()
    return load(notebook.document.save(), actor=b"r" * 16)


def read_everything(notebook: Notebook) -> Content:
    content = notebook.content()
    former = notebook.content_at(notebook.heads)
    assert {c.id for c in former.cells} == {c.id for c in content.cells}
    assert [c.id for c in content.cells] == list(notebook.order)
    assert all(notebook.source(c.id) == c.source for c in content.cells)
    ipynb.write(content, get_blob=lambda _: b"", like=None)
    ipynb.to_model(content, get_blob=lambda _: b"")
    return content


@pytest.mark.parametrize("name", [*DAMAGE, *NO_CELLS])
def test_a_damaged_document_is_read_and_its_damage_is_named(name: str) -> None:
    document = damaged((DAMAGE | NO_CELLS)[name])
    assert problems(document)
    content = read_everything(Notebook(document))
    if name in DAMAGE:
        assert C1 in [c.id for c in content.cells], "the sound part is there"


@pytest.mark.parametrize("name", DAMAGE)
def test_a_repaired_document_can_be_edited_in_each_part(name: str) -> None:
    notebook = repaired(damaged(DAMAGE[name]), None)
    notebook.commit(now_ms=0)
    read_everything(notebook)
    left = [line for line in problems(notebook.document) if not line.endswith("left out")]
    assert left == []
    for each in notebook.order:
        notebook.splice(each, 0, 0, "x")
        notebook.set_metadata(each, "k", JsonText("1"))
        notebook.set_cell_type(each, "markdown")
        notebook.move_cell(each, after=None)
    notebook.add_cell(Cell(CellId("new"), "code", ""), after=C0)
    notebook.commit(now_ms=0)
    assert Notebook(notebook.document).content() == read_everything(notebook)


def test_missing_parts_of_a_damaged_document_come_from_the_file() -> None:
    document = damaged(lambda doc: [doc.delete(cell(doc), key) for key in PARTS])
    file = Content(
        5, {}, {}, (Cell(C1, "code", ""), Cell(C0, "code", "x = 1", {"k": JsonText("1")}))
    )
    notebook = repaired(document, file)
    assert notebook.cell(C0) == file.cells[1]
    assert notebook.order == (C1, C0)


def test_a_sound_document_has_no_problems() -> None:
    assert problems(room().document) == ()
