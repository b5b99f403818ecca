"""The fast path for single text edits gives the same result as the core.

A single change may take the fast path; a change behind an older one in the same call never does.
Both must make the same document, byte for byte, and their patches the same text.
"""

from __future__ import annotations

from actors import ANA, BEN, EVE, id_of
from hypothesis import given, settings
from hypothesis import strategies as st
from mirror import Mirror

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
    # If a position is inside a character, the core moves to the next character.
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
def test_the_fast_path_and_the_core_make_the_same_document(
    unit: str, edits: list[tuple[str, int, int, str, str]]
) -> None:
    ana = Document(actor=ANA, text_unit=unit)
    text = ana.put(ROOT, "text", Text("a😀b"))
    assert text is not None
    ana.commit()
    authors = {"ana": ana, "ben": ana.fork(actor=BEN)}
    fast, core = ana.fork(actor=EVE), ana.fork(actor=EVE)
    old = ana.changes_after([])
    mirrors = Mirror(fast), Mirror(core)
    for who, at, delete, insert, how in edits:
        author = authors[who]
        if how == "sync":
            authors["ana"].merge(authors["ben"])
            authors["ben"].merge(authors["ana"])
            continue
        before = author.heads()
        perform(author, text, at, delete, insert, how)
        for change in author.changes_after(before):
            mirrors[0].follow(fast.apply_changes([change.bytes]))
            mirrors[1].follow(core.apply_changes([*old, change]))
        assert fast.save() == core.save()
        assert fast.text(text) == core.text(text)
        for mirror in mirrors:
            mirror.assert_shows(fast)
    fast.put(ROOT, "eve", 1)
    core.put(ROOT, "eve", 1)
    assert fast.heads() == core.heads()
    assert fast.actor == EVE


def apply_last_change(doc: Document, other: Document) -> Change:
    change = doc.last_local_change()
    assert change is not None
    other.apply_changes([change])
    return change


def test_documents_of_two_users_who_type_in_turn_stay_equal(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    for n in range(10):
        writer, reader = (doc, ben) if n % 3 else (ben, doc)
        writer.splice_text(text, n % 4, 1, f"{n}é")
        writer.commit(message="" if n == 4 else "typing" if n % 2 else None, time=n)
        apply_last_change(writer, reader)
        assert doc.heads() == ben.heads()
        assert doc.text(text) == ben.text(text)
    assert Document.load(ben.save()).save() == ben.save()


def test_applying_a_change_keeps_the_actor_of_the_reader(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    doc.splice_text(text, 0, 0, "x")
    doc.commit()
    apply_last_change(doc, ben)
    assert ben.actor == BEN
    assert ben.last_local_change() is None
    ben.splice_text(text, 0, 0, "y")
    ben.commit()
    assert apply_last_change(ben, doc).actor == BEN


def test_applying_a_change_keeps_pending_edits(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    ben.put(ROOT, "pending", True)
    doc.splice_text(text, 0, 0, "x")
    doc.commit()
    apply_last_change(doc, ben)
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
    apply_last_change(doc, eve)
    assert eve.text(text) == ">BEN!"


def test_a_large_paste_and_its_deletion_are_applied(doc: Document) -> None:
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


def test_sync_after_changes_on_the_fast_path_sends_nothing(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    for _ in range(3):
        doc.splice_text(text, 0, 0, "a")
        doc.commit()
        apply_last_change(doc, ben)
    here, there = SyncState(), SyncState()
    first = doc.generate_sync_message(here)
    assert first is not None
    assert ben.receive_sync_message(there, first) == []
    assert ben.heads() == doc.heads()
