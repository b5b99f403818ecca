"""The sync protocol, stored sync states, and read-only sides."""

from __future__ import annotations

from actors import BEN, EVE, id_of
from mirror import Mirror

from pyautomerge import ROOT, Document, SyncMessage, SyncState


def talk(a: Document, sa: SyncState, b: Document, sb: SyncState) -> int:
    """Exchange messages until both sides have none; return the number of messages."""
    count = 0
    while True:
        out = a.generate_sync_message(sa)
        if out is not None:
            b.receive_sync_message(sb, out)
        back = b.generate_sync_message(sb)
        if back is not None:
            a.receive_sync_message(sa, back)
        if out is None and back is None:
            return count
        count += (out is not None) + (back is not None)


def test_two_documents_converge_by_sync(doc: Document) -> None:
    other = doc.fork(actor=BEN)
    doc.put(ROOT, "from", "doc")
    other.put(ROOT, "at", "other")
    talk(doc, SyncState(), other, SyncState())
    assert doc.heads() == other.heads()
    assert doc.to_py()["at"] == "other"


def test_received_changes_are_returned_as_patches(doc: Document) -> None:
    other = doc.fork(actor=BEN)
    mirror = Mirror(other)
    doc.splice_text(id_of(doc, "text"), 5, 0, ", world")
    doc.put(ROOT, "list", [])
    here, there = SyncState(), SyncState()
    while (message := doc.generate_sync_message(here)) is not None:
        mirror.follow(other.receive_sync_message(there, message))
        if (answer := other.generate_sync_message(there)) is not None:
            doc.receive_sync_message(here, answer)
    assert other.heads() == doc.heads()
    mirror.assert_shows(doc)


def test_a_sync_state_can_be_stored_and_used_again(doc: Document) -> None:
    other = doc.fork(actor=BEN)
    here, there = SyncState(), SyncState()
    talk(doc, here, other, there)
    assert here.shared_heads == doc.heads() == here.their_heads
    again = SyncState.decode(here.encode())
    assert again.shared_heads == here.shared_heads
    assert again.their_heads is None and not again.in_flight
    doc.put(ROOT, "later", 1)
    talk(doc, again, other, SyncState.decode(there.encode()))
    assert doc.heads() == other.heads()


def test_a_message_is_in_flight_until_it_is_answered(doc: Document) -> None:
    state = SyncState()
    assert not state.in_flight
    assert doc.generate_sync_message(state) is not None
    assert state.in_flight
    assert doc.generate_sync_message(state) is None


def test_a_message_can_be_decoded_before_it_is_received(doc: Document) -> None:
    other = Document(actor=EVE)
    here, there = SyncState(), SyncState()
    first = other.generate_sync_message(there)
    assert first is not None
    doc.receive_sync_message(here, first)
    message = doc.generate_sync_message(here)
    assert message is not None
    seen = SyncMessage.decode(message)
    assert seen.heads == doc.heads()
    assert seen.need == []
    assert [change.hash for change in seen.changes] == doc.heads()
    assert SyncMessage.decode(first).changes == []


def test_a_read_only_state_sends_changes_and_applies_none(doc: Document) -> None:
    other = doc.fork(actor=BEN)
    other.put(ROOT, "wanted", False)
    doc.put(ROOT, "given", True)
    before = doc.heads()
    here, there = SyncState(read_only=True), SyncState()
    talk(doc, here, other, there)
    assert doc.heads() == before
    assert other.get(ROOT, "given") is True
    assert here.read_only and there.peer_read_only
    here.set_read_only(False)
    talk(doc, here, other, there)
    assert not here.read_only
    assert doc.heads() == other.heads()
