"""Text edits, with positions in each text unit."""

from __future__ import annotations

import pytest
from actors import id_of
from hypothesis import given
from hypothesis import strategies as st

from pyautomerge import ROOT, Document, Text

words = st.text("ab😀é\u0301 \n", max_size=30)


def test_a_splice_deletes_and_inserts_at_a_position(doc: Document) -> None:
    text = id_of(doc, "text")
    doc.splice_text(text, 1, 3, "ipp")
    doc.splice_text(text, 5, 0, "!")
    assert doc.text(text) == "hippo!"


@pytest.mark.parametrize(
    ("unit", "position"),
    [("unicode", 2), ("utf16", 3), ("utf8", 5)],
    ids=["unicode", "utf16", "utf8"],
)
def test_positions_count_in_the_unit_of_the_document(unit: str, position: int) -> None:
    doc = Document(text_unit=unit)
    text = doc.put(ROOT, "text", Text("a😀b"))
    assert text is not None
    doc.splice_text(text, position, 1, "c")
    assert doc.text(text) == "a😀c"
    assert doc.text_unit == unit


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="text_unit"):
        Document(text_unit="grapheme")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("position", "delete"), [(6, 0), (5, 1), (0, 6), (-1, 0), (0, -1), (2**62, 2**62)]
)
def test_a_splice_outside_the_text_raises_and_changes_nothing(
    doc: Document, position: int, delete: int
) -> None:
    with pytest.raises(IndexError):
        doc.splice_text(id_of(doc, "text"), position, delete, "x")
    assert doc.pending_ops == 0
    assert doc.text(id_of(doc, "text")) == "hello"


@given(words, words)
def test_update_text_gives_the_requested_text(before: str, after: str) -> None:
    doc = Document()
    text = doc.put(ROOT, "text", Text(before))
    assert text is not None
    doc.update_text(text, after)
    assert doc.text(text) == after


def test_update_text_keeps_concurrent_edits() -> None:
    doc = Document()
    text = doc.put(ROOT, "text", Text("one two three"))
    assert text is not None
    doc.commit()
    other = doc.fork()
    doc.update_text(text, "one 2 three")
    other.splice_text(text, 13, 0, " four")
    doc.merge(other)
    assert doc.text(text) == "one 2 three four"


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5), words), max_size=12))
def test_splices_equal_slices_of_a_str(splices: list[tuple[int, int, str]]) -> None:
    doc, model = Document(), ""
    text = doc.put(ROOT, "text", Text())
    assert text is not None
    for position, length, insert in splices:
        at = min(position, len(model))
        delete = min(length, len(model) - at)
        doc.splice_text(text, at, delete, insert)
        model = model[:at] + insert + model[at + delete :]
        assert doc.text(text) == model
