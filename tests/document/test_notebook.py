"""Concurrent edits, pair by pair, and the result on every peer."""

from __future__ import annotations

import itertools

import pytest

from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.content import Cell, JsonText
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.errors import DocumentError, NotFound
from jupyter_runtimed.ids import CellId

A, B, C = CellId("a"), CellId("b"), CellId("c")


def three() -> tuple[Notebook, Notebook]:
    """Two replicas of a notebook with the cells a, b and c."""
    one = Notebook(seeds.empty_notebook(b"1" * 16))
    one.add_cells([Cell(A, "code", "aaa"), Cell(B, "code", "bbb"), Cell(C, "code", "ccc")], index=0)
    one.commit(now_ms=0)
    return one, Notebook(one.document.fork(actor=b"2" * 16))


def meet(one: Notebook, two: Notebook) -> Notebook:
    """Exchange all changes and assert that both replicas are equal."""
    one.commit(now_ms=0)
    two.commit(now_ms=0)
    here, there = one.heads, two.heads
    for_two, for_one = (
        one.document.changes_after(there_known(one, there)),
        two.document.changes_after(there_known(two, here)),
    )
    one.apply(for_one)
    two.apply(for_two)
    assert one.content() == two.content()
    assert Notebook(one.document.fork()).content() == one.content(), "what is kept in mind is true"
    return one


def there_known(notebook: Notebook, heads: tuple[str, ...]) -> list[str]:
    return [head for head in heads if notebook.document.has(head)]


def sources(notebook: Notebook) -> list[tuple[str, str]]:
    return [(cell.id, cell.source) for cell in notebook.content().cells]


def test_a_moved_and_edited_cell_is_moved_with_the_edit() -> None:
    one, two = three()
    one.move_cell(A, after=C)
    two.splice(A, 3, 0, "!")
    assert sources(meet(one, two)) == [("b", "bbb"), ("c", "ccc"), ("a", "aaa!")]


def test_a_cell_moved_twice_is_at_one_of_the_places() -> None:
    one, two = three()
    one.move_cell(A, after=B)
    two.move_cell(A, after=C)
    order = meet(one, two).order
    assert sorted(order) == [A, B, C]


def test_a_deleted_and_edited_cell_is_deleted_completely() -> None:
    one, two = three()
    one.delete_cell(A)
    two.splice(A, 0, 0, "late")
    assert sources(meet(one, two)) == [("b", "bbb"), ("c", "ccc")]


def test_a_cell_deleted_twice_is_deleted() -> None:
    one, two = three()
    one.delete_cell(B)
    two.delete_cell(B)
    assert meet(one, two).order == (A, C)


def test_a_split_keeps_concurrently_typed_text() -> None:
    one, two = three()
    one.splice(B, 1, 2)
    one.add_cell(Cell(CellId("b2"), "code", "bb"), after=B)
    two.splice(B, 3, 0, "typed")
    text = "".join(source for _, source in sources(meet(one, two)))
    assert "typed" in text and text.count("b") == 3


def test_merging_cells_keeps_text_typed_in_the_upper_cell() -> None:
    one, two = three()
    one.splice(A, 3, 0, "\nbbb")
    one.delete_cell(B)
    two.splice(A, 0, 0, "typed ")
    assert sources(meet(one, two)) == [("a", "typed aaa\nbbb"), ("c", "ccc")]


def test_two_cells_added_at_one_place_are_both_there_in_one_order() -> None:
    one, two = three()
    one.add_cell(Cell(CellId("x"), "code", "x"), after=A)
    two.add_cell(Cell(CellId("y"), "code", "y"), after=A)
    assert set(meet(one, two).order[1:3]) == {"x", "y"}


def test_concurrent_text_in_one_cell_is_kept_from_both() -> None:
    one, two = three()
    one.splice(A, 0, 0, "<one>")
    two.splice(A, 3, 0, "<two>")
    assert meet(one, two).source(A) == "<one>aaa<two>"


def test_metadata_is_merged_by_key() -> None:
    one, two = three()
    one.set_metadata(A, "tags", JsonText('["x"]'))
    two.set_metadata(A, "collapsed", JsonText("true"))
    assert dict(meet(one, two).cell(A).metadata) == {"tags": '["x"]', "collapsed": "true"}


def test_a_keystroke_leaves_the_other_cells_as_they_are() -> None:
    one, _ = three()
    before = {cell.id: cell for cell in one.content().cells}
    one.splice(A, 0, 0, "x")
    after = {cell.id: cell for cell in one.content().cells}
    assert after[B] is before[B] and after[C] is before[C] and after[A] is not before[A]


def test_patches_name_the_changed_cell() -> None:
    one, two = three()
    two.splice(B, 0, 0, "x")
    two.commit(now_ms=0)
    touched = one.apply(two.document.changes_after(one.heads))
    assert touched.cells == {B} and not touched.structure and not touched.notebook


def test_invalid_edits_of_a_notebook_are_refused_with_a_reason() -> None:
    one, _ = three()
    with pytest.raises(NotFound, match="gone"):
        one.splice(CellId("gone"), 0, 0, "x")
    with pytest.raises(DocumentError, match="already"):
        one.add_cell(Cell(A, "code", ""), after=None)
    with pytest.raises(DocumentError, match="trust"):
        one.set_metadata(A, "trusted", JsonText("true"))


def test_cells_keep_their_order_through_any_sequence_of_moves() -> None:
    one, _ = three()
    for first, second in itertools.product((A, B, C), repeat=2):
        if first != second:
            one.move_cell(first, after=second)
            order = one.order
            assert order.index(first) == order.index(second) + 1
            assert Notebook(one.document.fork()).order == order
