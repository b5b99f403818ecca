"""Paths of objects, and cursors that keep a position."""

from __future__ import annotations

import pytest
from actors import ANA, id_of

from pyautomerge import ROOT, Document, InvalidCursorError, Text


def test_a_path_leads_from_the_root(doc: Document) -> None:
    doc.insert(id_of(doc, "list"), 1, [{"deep": Text("x")}])
    deep = id_of(doc, "list", 1, "deep")
    assert doc.path(deep) == ("list", 1, "deep")
    assert doc.path(ROOT) == ()
    assert doc.parent(deep) == (id_of(doc, "list", 1), "deep")
    assert doc.parent(ROOT) is None


def test_a_deleted_object_has_a_parent_but_no_path(doc: Document) -> None:
    inner, outer = id_of(doc, "map", "inner"), id_of(doc, "map")
    doc.delete(ROOT, "map")
    doc.commit()
    assert doc.path(inner) is None
    assert doc.parent(inner) == (outer, "inner")
    assert doc.parent(outer) == (ROOT, "map")
    assert doc.kind(inner) == "map"


def test_a_cursor_moves_with_its_element(doc: Document) -> None:
    text = id_of(doc, "text")
    cursor = doc.cursor(text, 2)
    doc.splice_text(text, 0, 0, "oh ")
    assert doc.cursor_position(text, cursor) == 5
    doc.splice_text(text, 5, 1)
    assert doc.cursor_position(text, cursor) == 5


def test_a_cursor_moves_before_or_after_deleted_text(doc: Document) -> None:
    text = id_of(doc, "text")
    before, after = (doc.cursor(text, 2, move=side) for side in ("before", "after"))
    doc.splice_text(text, 1, 3)
    assert (doc.cursor_position(text, before), doc.cursor_position(text, after)) == (0, 1)


def test_start_and_end_cursors_stay_at_start_and_end(doc: Document) -> None:
    text = id_of(doc, "text")
    start, end = doc.cursor(text, "start"), doc.cursor(text, "end")
    assert doc.cursor(text, 5) == end
    doc.splice_text(text, 0, 0, ">")
    doc.splice_text(text, 6, 0, "<")
    assert (doc.cursor_position(text, start), doc.cursor_position(text, end)) == (0, 7)


def test_cursors_have_the_same_form_as_in_javascript() -> None:
    doc = Document(actor=ANA)
    text = doc.put(ROOT, "text", Text("hi"))
    assert text is not None
    assert doc.cursor(text, 0) == f"2@{ANA.hex()}"
    assert doc.cursor(text, 0, move="before") == f"-2@{ANA.hex()}"
    assert (doc.cursor(text, "start"), doc.cursor(text, "end")) == ("s", "e")


def test_a_cursor_of_an_earlier_version_has_a_position_in_each_version(doc: Document) -> None:
    text, then = id_of(doc, "text"), doc.heads()
    doc.splice_text(text, 0, 2)
    cursor = doc.cursor(text, 1, heads=then)
    assert doc.cursor_position(text, cursor, heads=then) == 1
    assert doc.cursor_position(text, cursor) == 0


def test_invalid_cursor_positions_raise(doc: Document) -> None:
    for position in (6, -1):
        with pytest.raises(IndexError):
            doc.cursor(id_of(doc, "text"), position)
    with pytest.raises(ValueError, match="'start' or 'end'"):
        doc.cursor(id_of(doc, "text"), "middle")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'before' or 'after'"):
        doc.cursor(id_of(doc, "text"), 1, move="up")  # type: ignore[arg-type]


def test_a_cursor_of_another_object_or_document_raises(doc: Document) -> None:
    cursor = doc.cursor(id_of(doc, "list"), 1)
    other = Document()
    text = other.put(ROOT, "text", Text("else"))
    assert text is not None
    for where, obj, strange in [
        (doc, id_of(doc, "text"), cursor),
        (other, text, cursor),
        (doc, id_of(doc, "list"), f"1@{ANA.hex()}"),
        (doc, id_of(doc, "list"), f"999@{ANA.hex()}"),
    ]:
        with pytest.raises(InvalidCursorError):
            where.cursor_position(obj, strange)
