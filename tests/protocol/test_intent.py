"""Local edits: the diff of two versions, applied to a third."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.content import Cell, JsonText
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.peer.local_edits import LocalEdits, merge_text

words = st.text(alphabet="ab \n👍é", max_size=12)


@given(words, words)
def test_a_text_edited_by_one_side_only_takes_this_edit(base: str, new: str) -> None:
    assert merge_text(base, new, base) == new
    assert merge_text(base, base, new) == new
    assert merge_text(base, new, new) == new


@given(words, words, words)
def test_text_typed_at_an_end_by_either_side_is_kept(base: str, head: str, tail: str) -> None:
    merged = merge_text(base, head + base, base + tail)
    if base:
        assert len(merged) <= len(head) + len(base) + len(tail)
    assert all(merged.count(char) >= (base + tail).count(char) for char in set(base + tail))
    assert all(merged.count(char) >= (head + base).count(char) for char in set(head + base))


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "merged"),
    [
        ("one two", "one 1 two", "one two 2", "one 1 two 2"),
        ("one two", "two", "one two!", "two!"),
        ("", "hello world", "hello", "hello world"),
        ("a\nb\nc\n", "a\nB\nc\n", "a\nb\nc\nd\n", "a\nB\nc\nd\n"),
        ("x = 1", "x = 12", "y = 1", "y = 12"),
    ],
)
def test_edits_of_both_sides_are_kept(base: str, mine: str, theirs: str, merged: str) -> None:
    assert merge_text(base, mine, theirs) == merged


def scrambled(notebook: Notebook, dice: random.Random) -> Notebook:
    """Return a copy with random edits of every kind."""
    copy = Notebook(notebook.document.fork(actor=b"editor"))
    for number in range(dice.randrange(1, 8)):
        order = copy.order
        some = dice.choice([*order, None])
        match dice.randrange(7):
            case 0:
                name = CellId(f"n{number}-{dice.randrange(1 << 30)}")
                copy.add_cell(Cell(name, "code", "new"), after=some)
            case 1 if some is not None and len(order) > 1:
                copy.delete_cell(some)
            case 2 if some is not None:
                copy.move_cell(some, after=dice.choice([*(c for c in order if c != some), None]))
            case 3 if some is not None:
                copy.splice(some, 0, 1, "typed")
            case 4 if some is not None:
                copy.set_cell_type(some, "markdown")
            case 5:
                copy.set_metadata(some, dice.choice("ab"), dice.choice([JsonText("1"), None]))
            case _ if some is not None:
                copy.set_attachment(some, dice.choice("ab"), dice.choice([JsonText("{}"), None]))
            case _:
                pass
    copy.commit(now_ms=0)
    return copy


def start() -> Notebook:
    notebook = Notebook(seeds.empty_notebook(b"start"))
    cells = [Cell(CellId(f"c{i}"), "code", f"text {i}", {"a": JsonText("0")}) for i in range(6)]
    notebook.add_cells(cells, index=0)
    notebook.commit(now_ms=0)
    return notebook


@pytest.mark.parametrize("seed", range(60))
def test_local_edits_on_their_base_give_their_result(seed: int) -> None:
    base = start()
    wanted = scrambled(base, random.Random(seed))
    intent = LocalEdits.between(base, wanted)
    copy = Notebook(base.document.fork(actor=b"copy"))
    applied, dropped = intent.apply_to(copy)
    assert copy.content() == wanted.content()
    assert (applied, bool(dropped)) == (intent, False)
    assert bool(intent) == (wanted.content() != base.content())
    again, _ = intent.apply_to(copy)
    copy.commit(now_ms=0)
    assert again == intent
    assert copy.content().cells == wanted.content().cells, "putting it on twice changes nothing"


@pytest.mark.parametrize("seed", range(30))
def test_local_edits_on_another_version_keep_both_where_they_do_not_overlap(seed: int) -> None:
    base, dice = start(), random.Random(seed)
    theirs, mine = scrambled(base, dice), scrambled(base, dice)
    intent = LocalEdits.between(base, mine)
    _, dropped = intent.apply_to(theirs)
    theirs.commit(now_ms=0)
    for cell in intent.added:
        assert theirs.cell(cell.id) == cell
    assert not set(intent.deleted) & set(theirs.order)
    for cell_id, text in intent.texts.items():
        if text.after.startswith("typed"):
            assert cell_id in dropped.texts or "typed" in theirs.source(cell_id)
