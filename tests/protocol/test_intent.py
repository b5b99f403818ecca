"""What was meant by edits: taken from two states, and put on a third."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.content import Cell, JsonText
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.protocol.intent import Intent, merge_text

words = st.text(alphabet="ab \n👍é", max_size=12)


@given(words, words)
def test_a_text_that_one_side_left_alone_is_the_other_sides(base: str, new: str) -> None:
    assert merge_text(base, new, base) == new
    assert merge_text(base, base, new) == new
    assert merge_text(base, new, new) == new


@given(words, words, words)
def test_nothing_that_either_side_typed_at_an_end_is_lost(base: str, head: str, tail: str) -> None:
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
def test_both_sides_edits_are_kept(base: str, mine: str, theirs: str, merged: str) -> None:
    assert merge_text(base, mine, theirs) == merged


def scrambled(notebook: Notebook, dice: random.Random) -> Notebook:
    """A copy of it, edited in every way that there is."""
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
def test_on_the_state_it_came_from_an_intent_gives_the_state_it_led_to(seed: int) -> None:
    base = start()
    wanted = scrambled(base, random.Random(seed))
    intent = Intent.between(base, wanted)
    copy = Notebook(base.document.fork(actor=b"copy"))
    applied, dropped = intent.put_on(copy)
    assert copy.content() == wanted.content()
    assert (applied, bool(dropped)) == (intent, False)
    assert bool(intent) == (wanted.content() != base.content())
    again, _ = intent.put_on(copy)
    copy.commit(now_ms=0)
    assert again == intent
    assert copy.content().cells == wanted.content().cells, "putting it on twice changes nothing"


@pytest.mark.parametrize("seed", range(30))
def test_on_somebody_elses_state_both_are_kept_where_they_do_not_touch(seed: int) -> None:
    base, dice = start(), random.Random(seed)
    theirs, mine = scrambled(base, dice), scrambled(base, dice)
    intent = Intent.between(base, mine)
    _, dropped = intent.put_on(theirs)
    theirs.commit(now_ms=0)
    for cell in intent.added:
        assert theirs.cell(cell.id) == cell
    assert not set(intent.deleted) & set(theirs.order)
    for cell_id, text in intent.texts.items():
        if text.after.startswith("typed"):
            assert cell_id in dropped.texts or "typed" in theirs.source(cell_id)
