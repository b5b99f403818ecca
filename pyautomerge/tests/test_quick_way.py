"""The quick way in for single text edits ends where the core's own way ends.

A change that comes alone may take the quick way; the same change behind an older one, in one
call, never does. Both must make the same document, byte for byte, and their patches the same
text.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from mirror import Mirror
from people import ANA, BEN, EVE, id_of

from pyautomerge import ROOT, Change, Document, SyncState, Text

edit = st.tuples(
    st.sampled_from(["ana", "ben"]),
    st.integers(0, 40),
    st.integers(0, 6),
    st.text("ab😀é\u0301\n", max_size=6),
    st.sampled_from(["splice", "update", "twice", "put", "sync", "none"]),
)


def perform(doc: Document, text: str, at: int, delete: int, insert: str, how: str) -> None:
    length = doc.length(text)
    # Not every position is the start of a character; the core moves to the next one.
    at = min(at, length)
    delete = min(delete, length - at)
    if how == "update":
        doc.update_text(text, doc.text(text)[::-1] + insert)
    elif how == "put":
        doc.put(ROOT, "key", insert)
    elif how != "none":
        doc.splice_text(text, at, delete, insert)
        if how == "twice":
            doc.splice_text(text, doc.length(text), 0, insert)
            doc.splice_text(text, 0, min(1, doc.length(text)))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["unicode", "utf16", "utf8"]), st.lists(edit, max_size=14))
def test_both_ways_make_the_same_document(
    unit: str, edits: list[tuple[str, int, int, str, str]]
) -> None:
    ana = Document(actor=ANA, text_unit=unit)
    text = ana.put(ROOT, "text", Text("a😀b"))
    assert text is not None
    ana.commit()
    people = {"ana": ana, "ben": ana.fork(actor=BEN)}
    quick, slow = ana.fork(actor=EVE), ana.fork(actor=EVE)
    old = ana.changes_after([])
    mirrors = Mirror(quick), Mirror(slow)
    for who, at, delete, insert, how in edits:
        author = people[who]
        if how == "sync":
            people["ana"].merge(people["ben"])
            people["ben"].merge(people["ana"])
            continue
        before = author.heads()
        perform(author, text, at, delete, insert, how)
        for change in author.changes_after(before):
            mirrors[0].follow(quick.apply_changes([change.bytes]))
            mirrors[1].follow(slow.apply_changes([*old, change]))
        assert quick.save() == slow.save()
        assert quick.text(text) == slow.text(text)
        for mirror in mirrors:
            mirror.assert_shows(quick)
    quick.put(ROOT, "eve", 1)
    slow.put(ROOT, "eve", 1)
    assert quick.heads() == slow.heads()
    assert quick.actor == EVE


def linear(doc: Document, other: Document) -> Change:
    change = doc.last_local_change()
    assert change is not None
    other.apply_changes([change])
    return change


def test_two_people_who_type_in_turn_stay_together(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    for n in range(10):
        writer, reader = (doc, ben) if n % 3 else (ben, doc)
        writer.splice_text(text, n % 4, 1, f"{n}é")
        writer.commit(message="" if n == 4 else "typing" if n % 2 else None, time=n)
        linear(writer, reader)
        assert doc.heads() == ben.heads()
        assert doc.text(text) == ben.text(text)
    assert Document.load(ben.save()).save() == ben.save()


def test_the_reader_stays_its_own_author(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    doc.splice_text(text, 0, 0, "x")
    doc.commit()
    linear(doc, ben)
    assert ben.actor == BEN
    assert ben.last_local_change() is None
    ben.splice_text(text, 0, 0, "y")
    ben.commit()
    assert linear(ben, doc).actor == BEN


def test_pending_edits_are_kept(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    ben.put(ROOT, "pending", True)
    doc.splice_text(text, 0, 0, "x")
    doc.commit()
    linear(doc, ben)
    assert ben.get(ROOT, "pending") is True
    assert ben.text(text) == "xhello"


def test_an_edit_beside_a_deleted_element_finds_its_place(doc: Document) -> None:
    ben, eve, text = doc.fork(actor=BEN), doc.fork(actor=EVE), id_of(doc, "text")
    ben.splice_text(text, 2, 0, "BEN")
    ben.commit()
    doc.splice_text(text, 0, 5)
    doc.commit()
    for reader in (doc, eve):
        reader.merge(ben)
    eve.merge(doc)
    assert doc.text(text) == eve.text(text) == "BEN"
    doc.splice_text(text, 3, 0, "!")
    doc.splice_text(text, 0, 0, ">")
    doc.commit()
    linear(doc, eve)
    assert eve.text(text) == ">BEN!"


def test_a_large_paste_and_its_deletion_go_through(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    mirror = Mirror(ben)
    for delete, insert in ((0, "x" * 900), (900, "y"), (1, "z" * 5000), (5000, "")):
        doc.splice_text(text, 2, delete, insert)
        doc.commit()
        change = doc.last_local_change()
        assert change is not None
        mirror.follow(ben.apply_changes([change]))
        mirror.assert_shows(doc)
    assert ben.save() == doc.save()


def test_sync_after_quick_changes_agrees(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    for _ in range(3):
        doc.splice_text(text, 0, 0, "a")
        doc.commit()
        linear(doc, ben)
    here, there = SyncState(), SyncState()
    first = doc.generate_sync_message(here)
    assert first is not None
    assert ben.receive_sync_message(there, first) == []
    assert ben.heads() == doc.heads()
