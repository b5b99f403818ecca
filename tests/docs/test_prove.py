"""The table of `make prove` says what its scenarios counted."""

from pathlib import Path

import pytest

from bench.prove.table import END, START, table, write_into
from bench.prove.tally import Tally, count, words


def test_a_missing_word_is_lost_and_a_word_that_is_there_twice_is_duplicated() -> None:
    assert count(words("w", 3), "w000x w000x w002x") == Tally(of=3, lost=1, duplicated=1)


def test_a_missing_word_is_refused_if_its_author_was_asked() -> None:
    assert count(words("w", 2), "w000x", asked=True) == Tally(of=2, refused=1)


def test_tallies_add_up_and_keep_each_note_once() -> None:
    one = Tally(of=2, lost=1).noting("asked")
    assert one + one == Tally(of=4, lost=2, notes=("asked",))


def test_the_table_has_a_cell_for_each_system_and_the_notes_below() -> None:
    rows = {
        "words": {"A 1": Tally(of=5), "B 2": Tally(of=5, lost=2, refused=1).noting("asked")},
        "files": {"A 1": "did not finish: an error"},
    }
    assert table(rows, date="2026-01-02", took="3.0 minutes").splitlines() == [
        "| of what | A 1 | B 2 |",
        "|---|---|---|",
        "| words | 0 of 5 | **2 lost**, 1 refused of 5 |",
        "| files | did not finish: an error | not run |",
        "",
        "- B 2, words: asked",
        "",
        "Measured on 2026-01-02, in 3.0 minutes, with `make prove`.",
    ]


def test_the_table_replaces_the_one_that_a_page_has(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    write_into(page, "new")
    assert page.read_text() == f"before\n{START}\n\nnew\n\n{END}\nafter\n"


def test_a_page_without_a_place_for_the_table_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(ValueError, match="no place for the table"):
        write_into(page, "new")
