"""Versions, transactions and saved bytes of a document."""

from __future__ import annotations

import pytest
from actors import ANA, BEN, EVE, id_of

from pyautomerge import (
    ROOT,
    Change,
    DecodeError,
    Document,
    DuplicateActorError,
    InvalidHeadsError,
    Text,
)

UNKNOWN_HASH = "ab" * 32


def test_edits_are_pending_until_they_are_committed() -> None:
    doc = Document()
    doc.put(ROOT, "key", [1, 2])
    assert doc.pending_ops == 3
    assert doc.get(id_of(doc, "key"), 1) == 2
    committed = doc.commit(message="why", time=42)
    assert doc.pending_ops == 0
    assert doc.heads() == [committed]
    change = doc.last_local_change()
    assert change is not None
    assert (change.hash, change.message, change.time, change.seq) == (committed, "why", 42, 1)


def test_the_change_count_includes_changes_of_others() -> None:
    ana, ben = Document(actor=ANA), Document(actor=BEN)
    assert ana.change_count == 0
    for peer in (ana, ben):
        peer.put(ROOT, "key", 1)
        peer.commit()
    ana.merge(ben)
    assert (ana.change_count, ben.change_count) == (2, 1)


def test_a_commit_without_edits_makes_no_change(doc: Document) -> None:
    heads = doc.heads()
    assert doc.commit() is None
    doc.splice_text(id_of(doc, "text"), 0, 0, "")
    assert doc.commit() is None
    assert doc.heads() == heads


def test_a_rollback_drops_pending_edits(doc: Document) -> None:
    before = doc.to_py()
    doc.put(ROOT, "key", "value")
    doc.splice_text(id_of(doc, "text"), 0, 5, "bye")
    assert doc.rollback() > 0
    assert doc.to_py() == before
    assert doc.rollback() == 0


def test_reading_heads_commits_and_reading_values_does_not(doc: Document) -> None:
    doc.put(ROOT, "key", 1)
    doc.to_py(), doc.get(ROOT, "key"), doc.path(id_of(doc, "text"))
    assert doc.pending_ops == 1
    doc.heads()
    assert doc.pending_ops == 0


def test_every_read_can_read_an_earlier_version(doc: Document) -> None:
    then = doc.heads()
    text, items = id_of(doc, "text"), id_of(doc, "list")
    doc.splice_text(text, 0, 1, "J")
    doc.delete(items, 0)
    doc.put(ROOT, "new", 1)
    assert doc.text(text, heads=then) == "hello"
    assert doc.length(items, heads=then) == 3
    assert doc.get(items, 0, heads=then) == "a"
    assert "new" not in doc.keys(ROOT, heads=then)
    assert [value for _, value in doc.items(items, heads=then)] == ["a", "b", "c"]
    assert doc.to_py(heads=then)["list"] == ["a", "b", "c"]
    assert doc.to_py(heads=[]) == {}
    with pytest.raises(KeyError):
        doc.get(ROOT, "new", heads=then)


@pytest.mark.parametrize("heads", [[UNKNOWN_HASH], ["short"], ["zz" * 32], [""]])
def test_unknown_heads_raise_invalid_heads_error(doc: Document, heads: list[str]) -> None:
    for call in (
        lambda: doc.to_py(heads=heads),
        lambda: doc.get(ROOT, "text", heads=heads),
        lambda: doc.save_after(heads),
        lambda: doc.changes_after(heads),
        lambda: doc.fork_at(heads),
        lambda: doc.diff(heads, []),
        lambda: doc.diff([], heads),
    ):
        with pytest.raises(InvalidHeadsError):
            call()


def test_a_document_returns_its_changes_by_hash(doc: Document) -> None:
    (head,) = doc.heads()
    assert doc.has(head) and not doc.has(UNKNOWN_HASH)
    change = doc.change(head)
    assert change is not None and change.hash == head
    assert doc.change(UNKNOWN_HASH) is None
    assert doc.missing_deps([head, UNKNOWN_HASH]) == [UNKNOWN_HASH]


def test_a_saved_document_loads_again(doc: Document) -> None:
    again = Document.load(doc.save(), actor=BEN)
    assert (again.to_py(), again.heads(), again.actor) == (doc.to_py(), doc.heads(), BEN)
    assert Document.load(b"").to_py() == {}


def test_incremental_saves_add_up_to_the_document(doc: Document) -> None:
    stored = doc.save()
    assert doc.save_incremental() == b""
    for n in range(3):
        doc.put(ROOT, "n", n)
        stored += doc.save_incremental()
    assert doc.save_incremental() == b""
    assert Document.load(stored).heads() == doc.heads()
    again = Document.load(stored)
    assert again.save_incremental() == b""


def test_changes_after_a_version_bring_another_document_up_to_date(doc: Document) -> None:
    other, then = doc.fork(), doc.heads()
    doc.put(ROOT, "n", 1)
    doc.commit()
    doc.put(ROOT, "n", 2)
    assert len(doc.changes_after(then)) == 2
    other.load_incremental(doc.save_after(then))
    assert other.heads() == doc.heads()
    assert doc.save_after(doc.heads()) == b""


def test_changes_wait_for_their_dependencies(doc: Document) -> None:
    then = doc.heads()
    for n in range(3):
        doc.put(ROOT, "n", n)
        doc.commit()
    first, second, third = doc.changes_after(then)
    other = Document()
    assert other.apply_changes([third, second]) == []
    assert other.missing_deps() == [first.hash]
    assert other.heads() == []
    other.load_incremental(doc.save_after([]))
    assert other.heads() == doc.heads()
    assert other.missing_deps() == []


def test_waiting_changes_are_applied_together_with_their_dependency(doc: Document) -> None:
    other, text, then = doc.fork(), id_of(doc, "text"), doc.heads()
    for word in ("a", "b", "c"):
        doc.splice_text(text, 0, 0, word)
        doc.commit()
    first, second, third = doc.changes_after(then)
    other.apply_changes([third])
    other.apply_changes([second])
    patches = other.apply_changes([first])
    assert other.text(text) == "cbahello"
    assert "".join(patch.text or "" for patch in patches) == "cba"
    assert other.missing_deps() == []


def test_applying_changes_again_changes_nothing(doc: Document) -> None:
    changes = doc.changes_after([])
    assert doc.apply_changes(changes) == []
    assert doc.apply_changes(change.bytes for change in changes) == []


def test_forks_are_independent_and_merge(doc: Document) -> None:
    fork = doc.fork()
    assert fork.actor != doc.actor
    fork.put(ROOT, "from", "fork")
    doc.put(ROOT, "and", "doc")
    patches = doc.merge(fork)
    assert [(patch.action, patch.prop, patch.value) for patch in patches] == [
        ("put", "from", "fork")
    ]
    assert doc.merge(fork) == []
    assert doc.merge(doc) == []
    fork.merge(doc)
    assert fork.heads() == doc.heads()


def test_a_fork_of_an_earlier_version_has_that_version(doc: Document) -> None:
    then = doc.heads()
    doc.put(ROOT, "later", 1)
    past = doc.fork_at(then, actor=EVE)
    assert past.heads() == then
    assert past.actor == EVE
    past.put(ROOT, "aside", 2)
    doc.merge(past)
    assert doc.get(ROOT, "aside") == 2


def test_concurrent_values_are_all_returned_with_the_winner_last(doc: Document) -> None:
    ben, eve = doc.fork(actor=BEN), doc.fork(actor=EVE)
    ben.put(ROOT, "key", "ben")
    eve.put(ROOT, "key", Text("eve"))
    doc.merge(eve)
    doc.merge(ben)
    (first, first_id), (last, last_id) = doc.get_all(ROOT, "key")
    assert doc.get(ROOT, "key") == last
    assert (first, first_id.split("@")[1]) == ("ben", BEN.hex())
    assert last_id.split("@")[1] == EVE.hex()


def test_a_merge_with_a_duplicate_actor_raises() -> None:
    one, two = Document(actor=ANA), Document(actor=ANA)
    one.put(ROOT, "key", 1)
    two.put(ROOT, "key", 2)
    with pytest.raises(DuplicateActorError):
        one.merge(two)
    assert one.to_py() == {"key": 1}


def test_a_text_change_of_a_duplicate_actor_raises(doc: Document) -> None:
    twin, text = doc.fork(), id_of(doc, "text")
    twin.actor = ANA
    doc.splice_text(text, 0, 0, "x")
    doc.commit()
    twin.splice_text(text, 0, 0, "y")
    change = twin.changes_after(twin.heads()[:0])[-1]
    with pytest.raises(DuplicateActorError):
        doc.apply_changes([change])
    assert doc.text(text) == "xhello"


def test_setting_the_actor_commits_pending_edits(doc: Document) -> None:
    doc.put(ROOT, "by", "ana")
    doc.actor = BEN
    doc.put(ROOT, "by", "ben")
    doc.commit()
    authors = [change.actor for change in doc.changes_after([])]
    assert authors == [ANA, ANA, BEN]


def test_a_change_followed_by_other_bytes_is_refused(doc: Document) -> None:
    doc.put(ROOT, "n", 1)
    one, two = (change.bytes for change in doc.changes_after([]))
    for data in (one + two, one + b"x", b"", doc.save()):
        with pytest.raises(DecodeError):
            Change.decode(data)
    assert [change.bytes for change in Change.decode_all(one + two)] == [one, two]
    assert len(Change.decode_all(doc.save() + one)) == 3
