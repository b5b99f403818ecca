"""Positions order cells: there is always one between two others, and it stays short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_runtimed.document import fractional_index, seeds
from jupyter_runtimed.document.content import Cell
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.ids import CellId

some = st.text(alphabet=fractional_index.DIGITS, min_size=1, max_size=8).filter(
    fractional_index.is_position
)


@given(some, some)
def test_there_is_always_a_position_between_two(a: str, b: str) -> None:
    low, high = sorted((a, b))
    if low != high:
        middle = fractional_index.between(low, high)
        assert low < middle < high
        assert fractional_index.is_position(middle)


@given(some)
def test_there_is_always_a_position_before_all_and_after_all(place: str) -> None:
    before, after = fractional_index.between("", place), fractional_index.between(place, None)
    assert before < place < after
    assert fractional_index.is_position(before) and fractional_index.is_position(after)


@given(some, st.one_of(st.none(), some), st.integers(0, 200))
def test_spread_positions_are_in_order_and_between(a: str, b: str | None, count: int) -> None:
    low, high = (a, None) if b is None else sorted((a, b))
    if low == high:
        return
    places = fractional_index.spread(low, high, count)
    assert len(places) == count
    assert places == sorted(set(places))
    assert all(low < place and (high is None or place < high) for place in places)
    assert all(fractional_index.is_position(place) for place in places)


def test_ten_thousand_cells_at_one_place_need_a_few_characters() -> None:
    places = fractional_index.spread("V", "W", 10_000)
    assert max(map(len, places)) <= 5


def test_appending_one_after_another_stays_short() -> None:
    place = fractional_index.between("", None)
    for _ in range(10_000):
        following = fractional_index.between(place, None)
        assert place < following
        place = following
    assert len(place) <= 4


@pytest.mark.parametrize("where", ["top", "below the first", "above the last"])
def test_inserting_one_by_one_at_one_place_does_not_grow_without_bound(where: str) -> None:
    notebook = Notebook(seeds.empty_notebook(bytes(range(16))))
    notebook.add_cells(
        [Cell(CellId("first"), "code", ""), Cell(CellId("last"), "code", "")], index=0
    )
    for i in range(1500):
        index = {"top": 0, "below the first": 1}.get(where, len(notebook.order) - 1)
        notebook.add_cells([Cell(CellId(f"n{i}"), "code", "")], index=index)
    notebook.commit(now_ms=0)
    order = notebook.order
    fresh = Notebook(notebook.document.fork())
    assert fresh.order == order, "the order that was kept in mind is the document's"
    assert max(len(notebook.position(cell)) for cell in order) <= fractional_index.LONGEST
