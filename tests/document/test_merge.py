"""What was done to a file, told as edits; and both sides' work in the document."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.content import (
    NOTHING,
    Blob,
    Cell,
    Content,
    Json,
    JsonText,
    Outcome,
    Stream,
)
from jupyter_runtimed.document.merge import (
    AddCell,
    DeleteCell,
    EditSource,
    MoveCell,
    SetAttachment,
    SetExtra,
    SetMetadata,
    SetMinor,
    SetOutcome,
    SetType,
    applied,
    edits,
)
from jupyter_runtimed.document.textdiff import spliced, splices
from jupyter_runtimed.ids import CellId
from tests.document.notebook_files import Blobs, cells, ids, maps, notebooks, read, sound_files

thorough = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def cell(name: str, source: str = "", kind: str = "code") -> Cell:
    return Cell(CellId(name), kind, source)


def content(*made: Cell, minor: int = 5, **outcomes: Outcome) -> Content:
    shown = {CellId(name): outcome for name, outcome in outcomes.items()}
    return Content(minor, {}, {}, made, shown)


A, B, C, D = (
    cell("a", "import pandas as pd"),
    cell("b", "table = pd.read_csv('x.csv')"),
    cell("c", "table.plot()"),
    cell("d", "# The end", "markdown"),
)


def test_nothing_done_is_no_edit() -> None:
    assert edits(content(A, B, C), content(A, B, C)) == ()


def test_a_new_cell_stands_below_the_one_above_it() -> None:
    new = cell("new", "1 + 1")
    assert edits(content(A, B), content(A, new, B)) == (AddCell(A.id, new),)
    assert edits(content(A, B), content(new, A, B)) == (AddCell(None, new),)


def test_two_new_cells_in_a_row_keep_their_order() -> None:
    first, second = cell("n1", "1"), cell("n2", "2")
    assert edits(content(A), content(A, first, second)) == (
        AddCell(A.id, first),
        AddCell(first.id, second),
    )


def test_a_deleted_cell() -> None:
    assert edits(content(A, B, C), content(A, C)) == (DeleteCell(B.id),)


def test_only_the_cell_that_was_carried_is_moved() -> None:
    assert edits(content(A, B, C, D), content(B, C, D, A)) == (MoveCell(A.id, D.id),)
    assert edits(content(A, B, C, D), content(D, A, B, C)) == (MoveCell(D.id, None),)


def test_an_edit_is_the_words_that_changed() -> None:
    new = replace(B, source="table = pd.read_csv('y.csv', sep=';')")
    (edit,) = edits(content(A, B), content(A, new))
    assert isinstance(edit, EditSource)
    assert edit.splices == ((21, 1, "y"), (26, 0, "', sep=';"))


def test_type_metadata_attachments_and_unknown_keys() -> None:
    old = replace(D, metadata={"tags": JsonText('["x"]'), "gone": JsonText("1")})
    new = replace(
        D,
        cell_type="raw",
        metadata={"tags": JsonText('["y"]')},
        attachments={"a.png": JsonText("{}")},
        extra={"k": JsonText("2")},
    )
    assert edits(content(old), content(new)) == (
        SetType(D.id, "raw"),
        SetMetadata(D.id, "gone", None),
        SetMetadata(D.id, "tags", JsonText('["y"]')),
        SetAttachment(D.id, "a.png", JsonText("{}")),
        SetExtra(D.id, "k", JsonText("2")),
    )


def test_the_notebooks_own_keys() -> None:
    old = replace(content(A), metadata={"a": JsonText("1")}, extra={"x": JsonText("1")})
    new = replace(content(A, minor=6), metadata={"b": JsonText("1")})
    assert edits(old, new) == (
        SetMinor(6),
        SetMetadata(None, "a", None),
        SetMetadata(None, "b", JsonText("1")),
        SetExtra(None, "x", None),
    )


def test_the_order_of_keys_is_no_edit() -> None:
    old = replace(A, metadata={"m": JsonText('{"a":1,"b":2}')})
    new = replace(A, metadata={"m": JsonText('{"b":2,"a":1}')})
    assert edits(content(old), content(new)) == ()


def printed(*chunks: str | Blob, name: str = "1") -> Outcome:
    return Outcome((Stream(name, "stdout", chunks),), 1)


def test_new_output_is_told_and_output_ids_do_not_count() -> None:
    assert edits(content(A, a=printed("x", name="1")), content(A, a=printed("x", name="2"))) == ()
    new = printed("y")
    assert edits(content(A, a=printed("x")), content(A, a=new)) == (SetOutcome(A.id, new),)
    assert edits(content(A, a=printed("x")), content(A)) == (SetOutcome(A.id, NOTHING),)


def test_a_stream_cut_differently_is_the_same_output() -> None:
    blobs = Blobs()
    blob = Blob(blobs.put(b"two"), 3, "utf-8")
    whole, cut = content(A, a=printed("one two")), content(A, a=printed("one ", "two"))
    spilled = content(A, a=printed("one ", blob))
    assert edits(whole, cut) == ()
    assert edits(whole, spilled, get_blob=blobs.get) == ()
    assert edits(whole, spilled) == ()


def test_a_stream_that_says_something_else_is_told_with_and_without_blobs() -> None:
    blobs = Blobs()
    one, other = (Blob(blobs.put(text), 3, "utf-8") for text in (b"one", b"two"))
    for new in (printed(other), printed("two"), printed("t", "wo"), printed("longer")):
        assert edits(content(A, a=printed(one)), content(A, a=new)) == (SetOutcome(A.id, new),)
    cut = content(A, a=printed("o", Blob(blobs.put(b"ne"), 2, "utf-8")))
    assert edits(cut, content(A, a=printed(other)), get_blob=blobs.get) != ()
    assert edits(cut, content(A, a=printed(one)), get_blob=blobs.get) == ()


def test_the_next_base_has_the_ids_that_the_cells_have_here() -> None:
    first = renamed(A, B, replace(C, source="table.plot(x='a')"), D)
    found = applied(OLD, edits(OLD, first))
    assert [one.id for one in found.cells] == [A.id, B.id, C.id, D.id]
    assert [one.source for one in found.cells] == [one.source for one in first.cells]


# ---------------------------------------------------------------- cells without ids


def renamed(*made: Cell, minor: int = 4) -> Content:
    """The same cells as another reading of a file without ids has them."""
    return content(*(replace(one, id=CellId(f"x-{one.id}")) for one in made), minor=minor)


OLD = content(A, B, C, D, minor=4)


def test_a_file_without_ids_that_did_not_change() -> None:
    assert edits(OLD, renamed(A, B, C, D)) == ()


def test_without_ids_an_edited_cell_is_known_by_what_it_says() -> None:
    edited = replace(B, source="table = pd.read_csv('y.csv')")
    (edit,) = edits(OLD, renamed(cell("new", "%matplotlib inline"), A, edited, C, D))[1:]
    assert isinstance(edit, EditSource)
    assert edit.id == B.id


def test_without_ids_a_rewritten_cell_is_known_by_its_place() -> None:
    (edit,) = edits(OLD, renamed(A, replace(B, source="spam & eggs"), C, D))
    assert isinstance(edit, EditSource)
    assert edit.id == B.id


def test_without_ids_a_carried_cell_is_moved() -> None:
    assert edits(OLD, renamed(B, C, D, A)) == (MoveCell(A.id, D.id),)


def test_without_ids_a_carried_and_edited_cell_is_both() -> None:
    edited = replace(A, source="import pandas as pd, numpy")
    move, edit = edits(OLD, renamed(B, C, D, edited))
    assert move == MoveCell(A.id, D.id)
    assert edit == EditSource(A.id, ((19, 0, ", numpy"),))


def test_without_ids_a_new_cell_is_new_and_a_deleted_one_deleted() -> None:
    (edit,) = edits(OLD, renamed(A, B, cell("n", "print('hello')"), C, D))
    assert isinstance(edit, AddCell)
    assert edit.after == B.id
    assert edits(OLD, renamed(A, C, D)) == (DeleteCell(B.id),)


def test_without_ids_a_retyped_cell_is_the_same_cell() -> None:
    assert edits(OLD, renamed(A, B, replace(C, cell_type="raw"), D)) == (SetType(C.id, "raw"),)


def test_ids_made_anew_by_another_tool_are_seen_through() -> None:
    assert edits(OLD, renamed(A, B, C, D, minor=5)) == (SetMinor(5),)


def test_with_ids_another_cell_in_the_same_place_is_another_cell() -> None:
    new = cell("z", "completely different")
    assert edits(content(A, B, C), content(A, new, C)) == (DeleteCell(B.id), AddCell(A.id, new))


@pytest.mark.parametrize("count", [1000])
def test_many_equal_cells_are_matched_in_order(count: int) -> None:
    old = content(*(cell(f"o{i}", "pass") for i in range(count)), minor=4)
    new = content(*(cell(f"n{i}", "pass") for i in range(count + 1)), minor=4)
    (edit,) = edits(old, new)
    assert isinstance(edit, AddCell)


# ---------------------------------------------------------------- any two notebooks


def made(notebook: dict[str, Any]) -> Content:
    return ipynb.from_model(notebook, new_id=ids(), put_blob=Blobs().put).content


@st.composite
def two_states(draw: st.DrawFn) -> tuple[Content, Content]:
    """A notebook, and what somebody made of it."""
    notebook = draw(notebooks(minors=(5,)))
    kept = [dict(one) for one in notebook["cells"] if draw(st.integers(0, 4))]
    for one in kept:
        if draw(st.booleans()):
            one |= {key: value for key, value in draw(cells()).items() if key != "id"}
    new = [one | {"id": f"fresh-{i}"} for i, one in enumerate(draw(st.lists(cells(), max_size=2)))]
    after = draw(st.permutations(kept + new))
    return made(notebook), made(notebook | {"cells": after, "metadata": draw(maps)})


def unnumbered(state: Content) -> Content:
    """Without output ids, and with one order of keys, so that equal is equal."""
    return replace(state, outcomes={})


@thorough
@given(two_states())
def test_the_edits_turn_the_one_into_the_other(states: tuple[Content, Content]) -> None:
    base, theirs = states
    found = applied(base, edits(base, theirs))
    assert edits(found, theirs) == ()
    assert [one.cell_type for one in found.cells] == [one.cell_type for one in theirs.cells]
    assert [one.source for one in found.cells] == [one.source for one in theirs.cells]
    kept = {one.id for one in base.cells} & {one.id for one in theirs.cells}
    assert [one.id for one in found.cells if one.id in kept] == [
        one.id for one in theirs.cells if one.id in kept
    ]
    for mine, other in zip(found.cells, theirs.cells, strict=True):
        assert mine.metadata.keys() == other.metadata.keys()
        if other.cell_type != "code":
            continue
        shown = found.outcomes.get(mine.id, NOTHING), theirs.outcomes.get(other.id, NOTHING)
        assert len(shown[0].outputs) == len(shown[1].outputs)
        assert shown[0].execution_count == shown[1].execution_count


@thorough
@given(notebooks())
def test_the_same_notebook_read_twice_is_no_edit(notebook: dict[str, Any]) -> None:
    assert edits(made(notebook), made(notebook)) == ()


@pytest.mark.parametrize("path", sound_files(), ids=lambda path: path.name)
def test_the_same_file_read_twice_is_no_edit(path: Any) -> None:
    data = path.read_bytes()
    first, second = read(data, Blobs(), prefix="x").content, read(data, Blobs(), prefix="y").content
    assert edits(first, second) == ()


texts = st.lists(st.sampled_from(["one ", "two ", "three\n", "\n", "👩‍👩‍👧", "x"])).map("".join)


@thorough
@given(texts, texts)
def test_splices_turn_the_one_text_into_the_other(old: str, new: str) -> None:
    found = splices(old, new)
    assert spliced(old, found) == new
    ends = [position + delete for position, delete, _ in found]
    assert all(end <= later.position for end, later in zip(ends, found[1:], strict=False))


def test_typing_on_is_an_insertion() -> None:
    assert splices("a\nprin\nb", "a\nprint(1)\nb") == ((6, 0, "t(1)"),)


def test_a_replaced_word_is_replaced_whole() -> None:
    assert splices("x = blue + 1", "x = black + 1") == ((4, 4, "black"),)


def test_a_cell_that_became_text_keeps_what_it_showed() -> None:
    text = replace(A, cell_type="markdown")
    assert edits(content(A, a=printed("x")), content(text)) == (SetType(A.id, "markdown"),)
    assert edits(content(text, a=printed("x")), content(A)) == (
        SetType(A.id, "code"),
        SetOutcome(A.id, NOTHING),
    )


def test_metadata_that_is_no_json_is_compared_as_text() -> None:
    bad = replace(A, metadata={"m": JsonText("{")})
    assert edits(content(bad), content(bad)) == ()
    good = replace(A, metadata={"m": JsonText("{}")})
    assert edits(content(bad), content(good)) == (SetMetadata(A.id, "m", JsonText("{}")),)


def test_json_values_are_compared_by_what_they_say() -> None:
    one = replace(A, metadata={"m": Json(JsonText("1")).text})
    other = replace(A, metadata={"m": JsonText("1.0")})
    assert edits(content(one), content(other)) == (SetMetadata(A.id, "m", JsonText("1.0")),)
