"""The diff of two notebooks, and merging both sides in the document."""

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
    CellOutputs,
    Content,
    Json,
    JsonText,
    StreamOutput,
)
from jupyter_runtimed.document.diff.notebook_diff import (
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
    diff,
    patched,
)
from jupyter_runtimed.document.diff.text_diff import spliced, splices
from jupyter_runtimed.ids import CellId
from tests.document.notebook_files import Blobs, cells, ids, maps, notebooks, read, sound_files

thorough = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def cell(name: str, source: str = "", kind: str = "code") -> Cell:
    return Cell(CellId(name), kind, source)


def content(*made: Cell, minor: int = 5, **outcomes: CellOutputs) -> Content:
    shown = {CellId(name): outcome for name, outcome in outcomes.items()}
    return Content(minor, {}, {}, made, shown)


A, B, C, D = (
    cell("a", "import pandas as pd"),
    cell("b", "table = pd.read_csv('x.csv')"),
    cell("c", "table.plot()"),
    cell("d", "# The end", "markdown"),
)


def test_equal_notebooks_have_an_empty_diff() -> None:
    assert diff(content(A, B, C), content(A, B, C)) == ()


def test_a_new_cell_stands_below_the_one_above_it() -> None:
    new = cell("new", "1 + 1")
    assert diff(content(A, B), content(A, new, B)) == (AddCell(A.id, new),)
    assert diff(content(A, B), content(new, A, B)) == (AddCell(None, new),)


def test_two_new_cells_in_a_row_keep_their_order() -> None:
    first, second = cell("n1", "1"), cell("n2", "2")
    assert diff(content(A), content(A, first, second)) == (
        AddCell(A.id, first),
        AddCell(first.id, second),
    )


def test_a_deleted_cell_is_one_edit() -> None:
    assert diff(content(A, B, C), content(A, C)) == (DeleteCell(B.id),)


def test_only_the_moved_cell_is_a_move() -> None:
    assert diff(content(A, B, C, D), content(B, C, D, A)) == (MoveCell(A.id, D.id),)
    assert diff(content(A, B, C, D), content(D, A, B, C)) == (MoveCell(D.id, None),)


def test_an_edit_contains_only_the_changed_words() -> None:
    new = replace(B, source="table = pd.read_csv('y.csv', sep=';')")
    (edit,) = diff(content(A, B), content(A, new))
    assert isinstance(edit, EditSource)
    assert edit.splices == ((21, 1, "y"), (26, 0, "', sep=';"))


def test_changes_of_type_metadata_attachments_and_unknown_keys_are_edits() -> None:
    old = replace(D, metadata={"tags": JsonText('["x"]'), "gone": JsonText("1")})
    new = replace(
        D,
        cell_type="raw",
        metadata={"tags": JsonText('["y"]')},
        attachments={"a.png": JsonText("{}")},
        extra={"k": JsonText("2")},
    )
    assert diff(content(old), content(new)) == (
        SetType(D.id, "raw"),
        SetMetadata(D.id, "gone", None),
        SetMetadata(D.id, "tags", JsonText('["y"]')),
        SetAttachment(D.id, "a.png", JsonText("{}")),
        SetExtra(D.id, "k", JsonText("2")),
    )


def test_changes_of_notebook_metadata_are_edits() -> None:
    old = replace(content(A), metadata={"a": JsonText("1")}, extra={"x": JsonText("1")})
    new = replace(content(A, minor=6), metadata={"b": JsonText("1")})
    assert diff(old, new) == (
        SetMinor(6),
        SetMetadata(None, "a", None),
        SetMetadata(None, "b", JsonText("1")),
        SetExtra(None, "x", None),
    )


def test_a_changed_order_of_keys_has_an_empty_diff() -> None:
    old = replace(A, metadata={"m": JsonText('{"a":1,"b":2}')})
    new = replace(A, metadata={"m": JsonText('{"b":2,"a":1}')})
    assert diff(content(old), content(new)) == ()


def printed(*chunks: str | Blob, name: str = "1") -> CellOutputs:
    return CellOutputs((StreamOutput(name, "stdout", chunks),), 1)


def test_new_outputs_are_edits_and_output_ids_are_ignored() -> None:
    assert diff(content(A, a=printed("x", name="1")), content(A, a=printed("x", name="2"))) == ()
    new = printed("y")
    assert diff(content(A, a=printed("x")), content(A, a=new)) == (SetOutcome(A.id, new),)
    assert diff(content(A, a=printed("x")), content(A)) == (SetOutcome(A.id, NOTHING),)


def test_a_stream_cut_differently_is_the_same_output() -> None:
    blobs = Blobs()
    blob = Blob(blobs.put(b"two"), 3, "utf-8")
    whole, cut = content(A, a=printed("one two")), content(A, a=printed("one ", "two"))
    spilled = content(A, a=printed("one ", blob))
    assert diff(whole, cut) == ()
    assert diff(whole, spilled, get_blob=blobs.get) == ()
    assert diff(whole, spilled) == ()


def test_a_different_stream_is_an_edit_with_and_without_blobs() -> None:
    blobs = Blobs()
    one, other = (Blob(blobs.put(text), 3, "utf-8") for text in (b"one", b"two"))
    for new in (printed(other), printed("two"), printed("t", "wo"), printed("longer")):
        assert diff(content(A, a=printed(one)), content(A, a=new)) == (SetOutcome(A.id, new),)
    cut = content(A, a=printed("o", Blob(blobs.put(b"ne"), 2, "utf-8")))
    assert diff(cut, content(A, a=printed(other)), get_blob=blobs.get) != ()
    assert diff(cut, content(A, a=printed(one)), get_blob=blobs.get) == ()


def test_the_next_merge_base_has_the_cell_ids_of_the_document() -> None:
    first = renamed(A, B, replace(C, source="table.plot(x='a')"), D)
    found = patched(OLD, diff(OLD, first))
    assert [one.id for one in found.cells] == [A.id, B.id, C.id, D.id]
    assert [one.source for one in found.cells] == [one.source for one in first.cells]


# ---------------------------------------------------------------- cells without ids


def renamed(*made: Cell, minor: int = 4) -> Content:
    """Return the same cells with the ids of another reading of a file without ids."""
    return content(*(replace(one, id=CellId(f"x-{one.id}")) for one in made), minor=minor)


OLD = content(A, B, C, D, minor=4)


def test_an_unchanged_file_without_ids_has_an_empty_diff() -> None:
    assert diff(OLD, renamed(A, B, C, D)) == ()


def test_without_ids_an_edited_cell_is_matched_by_its_text() -> None:
    edited = replace(B, source="table = pd.read_csv('y.csv')")
    (edit,) = diff(OLD, renamed(cell("new", "%matplotlib inline"), A, edited, C, D))[1:]
    assert isinstance(edit, EditSource)
    assert edit.id == B.id


def test_without_ids_a_rewritten_cell_is_matched_by_its_position() -> None:
    (edit,) = diff(OLD, renamed(A, replace(B, source="spam & eggs"), C, D))
    assert isinstance(edit, EditSource)
    assert edit.id == B.id


def test_without_ids_a_moved_cell_is_a_move() -> None:
    assert diff(OLD, renamed(B, C, D, A)) == (MoveCell(A.id, D.id),)


def test_without_ids_a_moved_and_edited_cell_is_a_move_and_an_edit() -> None:
    edited = replace(A, source="import pandas as pd, numpy")
    move, edit = diff(OLD, renamed(B, C, D, edited))
    assert move == MoveCell(A.id, D.id)
    assert edit == EditSource(A.id, ((19, 0, ", numpy"),))


def test_without_ids_a_new_cell_is_new_and_a_deleted_one_deleted() -> None:
    (edit,) = diff(OLD, renamed(A, B, cell("n", "print('hello')"), C, D))
    assert isinstance(edit, AddCell)
    assert edit.after == B.id
    assert diff(OLD, renamed(A, C, D)) == (DeleteCell(B.id),)


def test_without_ids_a_retyped_cell_is_the_same_cell() -> None:
    assert diff(OLD, renamed(A, B, replace(C, cell_type="raw"), D)) == (SetType(C.id, "raw"),)


def test_cells_with_new_ids_from_another_tool_are_matched() -> None:
    assert diff(OLD, renamed(A, B, C, D, minor=5)) == (SetMinor(5),)


def test_with_ids_another_cell_in_the_same_place_is_another_cell() -> None:
    new = cell("z", "completely different")
    assert diff(content(A, B, C), content(A, new, C)) == (DeleteCell(B.id), AddCell(A.id, new))


@pytest.mark.parametrize("count", [1000])
def test_many_equal_cells_are_matched_in_order(count: int) -> None:
    old = content(*(cell(f"o{i}", "pass") for i in range(count)), minor=4)
    new = content(*(cell(f"n{i}", "pass") for i in range(count + 1)), minor=4)
    (edit,) = diff(old, new)
    assert isinstance(edit, AddCell)


# ---------------------------------------------------------------- any two notebooks


def made(notebook: dict[str, Any]) -> Content:
    return ipynb.from_model(notebook, new_id=ids(), put_blob=Blobs().put).content


@st.composite
def two_states(draw: st.DrawFn) -> tuple[Content, Content]:
    """Return a notebook and an edited version of it."""
    notebook = draw(notebooks(minors=(5,)))
    kept = [dict(one) for one in notebook["cells"] if draw(st.integers(0, 4))]
    for one in kept:
        if draw(st.booleans()):
            one |= {key: value for key, value in draw(cells()).items() if key != "id"}
    new = [one | {"id": f"fresh-{i}"} for i, one in enumerate(draw(st.lists(cells(), max_size=2)))]
    after = draw(st.permutations(kept + new))
    return made(notebook), made(notebook | {"cells": after, "metadata": draw(maps)})


def unnumbered(state: Content) -> Content:
    """Normalise output ids and the order of keys, so that equal content compares equal."""
    return replace(state, outcomes={})


@thorough
@given(two_states())
def test_the_diff_turns_the_first_notebook_into_the_second(states: tuple[Content, Content]) -> None:
    base, theirs = states
    found = patched(base, diff(base, theirs))
    assert diff(found, theirs) == ()
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
def test_the_same_notebook_read_twice_has_an_empty_diff(notebook: dict[str, Any]) -> None:
    assert diff(made(notebook), made(notebook)) == ()


@pytest.mark.parametrize("path", sound_files(), ids=lambda path: path.name)
def test_the_same_file_read_twice_has_an_empty_diff(path: Any) -> None:
    data = path.read_bytes()
    first, second = read(data, Blobs(), prefix="x").content, read(data, Blobs(), prefix="y").content
    assert diff(first, second) == ()


texts = st.lists(st.sampled_from(["one ", "two ", "three\n", "\n", "👩‍👩‍👧", "x"])).map("".join)


@thorough
@given(texts, texts)
def test_splices_turn_the_first_text_into_the_second(old: str, new: str) -> None:
    found = splices(old, new)
    assert spliced(old, found) == new
    ends = [position + delete for position, delete, _ in found]
    assert all(end <= later.position for end, later in zip(ends, found[1:], strict=False))


def test_typing_at_the_end_is_an_insertion() -> None:
    assert splices("a\nprin\nb", "a\nprint(1)\nb") == ((6, 0, "t(1)"),)


def test_a_replaced_word_is_replaced_whole() -> None:
    assert splices("x = blue + 1", "x = black + 1") == ((4, 4, "black"),)


def test_a_cell_that_became_markdown_keeps_its_outputs() -> None:
    text = replace(A, cell_type="markdown")
    assert diff(content(A, a=printed("x")), content(text)) == (SetType(A.id, "markdown"),)
    assert diff(content(text, a=printed("x")), content(A)) == (
        SetType(A.id, "code"),
        SetOutcome(A.id, NOTHING),
    )


def test_metadata_that_is_not_json_is_compared_as_text() -> None:
    bad = replace(A, metadata={"m": JsonText("{")})
    assert diff(content(bad), content(bad)) == ()
    good = replace(A, metadata={"m": JsonText("{}")})
    assert diff(content(bad), content(good)) == (SetMetadata(A.id, "m", JsonText("{}")),)


def test_json_values_are_compared_by_value() -> None:
    one = replace(A, metadata={"m": Json(JsonText("1")).text})
    other = replace(A, metadata={"m": JsonText("1.0")})
    assert diff(content(one), content(other)) == (SetMetadata(A.id, "m", JsonText("1.0")),)
