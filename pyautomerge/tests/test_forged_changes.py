"""Forged changes with valid checksums are refused.

Each of them would damage a document permanently: the document could not be saved and loaded again,
the process would end, or no further edit would be possible.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from actors import ANA, BEN, EVE, id_of
from malformed import body_of, chunk, leb128

from pyautomerge import ROOT, AutomergeError, Change, DecodeError, Document, SyncState


def typed(doc: Document) -> bytes:
    """Return a change of Ben that inserts one character at the start of the text."""
    ben = doc.fork(actor=BEN)
    ben.splice_text(id_of(ben, "text"), 0, 0, "x")
    ben.commit()
    change = ben.last_local_change()
    assert change is not None
    return change.bytes


class Parts:
    """The fields of a change's body."""

    def __init__(self, data: bytes) -> None:
        self.kind, body = body_of(data)
        deps = 1 + 32 * body[0]
        actor = deps + 1 + body[deps]
        self.before_seq, rest = body[:actor], body[actor:]
        self.seq, self.start, rest = rest[0], self._number(rest[1:]), rest[1:]
        rest = rest[len(leb128(self.start)) :]
        self.time_and_message, rest = rest[:2], rest[2:]
        assert self.time_and_message == b"\0\0"
        count, at = rest[0], 1
        self.actors = []
        for _ in range(count):
            self.actors.append(rest[at + 1 : at + 1 + rest[at]])
            at += 1 + rest[at]
        self.columns = rest[at:]

    @staticmethod
    def _number(data: bytes) -> int:
        number = shift = 0
        for byte in data:
            number |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        return number

    def whole(self) -> bytes:
        actors = b"".join(bytes([len(actor)]) + actor for actor in self.actors)
        head = self.before_seq + bytes([self.seq]) + leb128(self.start) + self.time_and_message
        return chunk(self.kind, head + bytes([len(self.actors)]) + actors + self.columns)


def test_a_change_is_rebuilt_from_its_parts(doc: Document) -> None:
    data = typed(doc)
    assert Parts(data).whole() == data


@pytest.mark.parametrize("quick", [True, False], ids=["alone", "behind another"])
@pytest.mark.parametrize("by_sync", [True, False], ids=["by sync", "as bytes"])
def test_a_change_that_could_not_be_saved_is_refused(
    doc: Document, quick: bool, by_sync: bool
) -> None:
    eve = doc.fork(actor=EVE)
    eve.put(ROOT, "eve", "was here")
    doc.merge(eve)
    parts = Parts(typed(doc))
    parts.actors.append(EVE)
    forged = parts.whole()
    assert Change.decode(forged).ops[0].value == "x"
    heads, tree = doc.heads(), doc.to_py()

    def apply() -> object:
        if by_sync:
            return doc.receive_sync_message(SyncState(), sync_message(forged))
        return doc.apply_changes([forged] if quick else [*doc.changes_after([]), forged])

    with pytest.raises(DecodeError, match="core would write it"):
        apply()
    assert (doc.heads(), doc.to_py(), doc.actor) == (heads, tree, ANA)
    honest = typed(doc)
    doc.apply_changes([honest])
    assert doc.text(id_of(doc, "text")) == "xhello"
    assert Document.load(doc.save()).heads() == doc.heads()


def sync_message(change: bytes) -> bytes:
    nothing = b"\0"
    changes = b"\1" + leb128(len(change)) + change
    return b"\x42" + nothing + nothing + nothing + changes


def test_a_waiting_forged_change_does_not_affect_its_dependency(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    for word in "ab":
        ben.splice_text(text, 0, 0, word)
        ben.commit()
    first, second = ben.changes_after(doc.heads())
    parts = Parts(second.bytes)
    parts.actors.append(BEN + b"!")
    doc.apply_changes([parts.whole()])
    assert doc.missing_deps() == [first.hash]
    doc.apply_changes([first])
    assert doc.text(text) == "ahello"
    assert doc.missing_deps() == []
    doc.apply_changes([second])
    assert doc.text(text) == "bahello"


def test_an_object_inside_itself_is_refused(doc: Document) -> None:
    parts = Parts(typed(doc))
    parts.start = 1
    with pytest.raises(DecodeError, match="a chunk claims"):
        Change.decode(parts.whole())


@pytest.mark.parametrize("start", [2**32 - 1, 2**32, 2**63 - 1])
def test_a_change_that_uses_up_the_operation_numbers_is_refused(doc: Document, start: int) -> None:
    parts = Parts(typed(doc))
    parts.start = start
    with pytest.raises(DecodeError):
        doc.apply_changes([parts.whole()])
    doc.put(ROOT, "still", "writable")
    assert doc.commit() is not None


def test_a_few_bytes_cannot_claim_a_billion_rows(doc: Document) -> None:
    many = leb128(2**28)
    column = many[:-1] + bytes([many[-1] & 0x3F]) + b"\x01"
    body = bytes([0]) + bytes([16]) + BEN + bytes([1, 1, 0, 0, 0])
    with pytest.raises(DecodeError, match="a chunk claims"):
        Change.decode(chunk(1, body + b"\x01" + b"\x42" + bytes([len(column)]) + column))


@pytest.mark.parametrize("company", [[], ["another"]], ids=["alone", "behind another"])
def test_a_change_that_reuses_operation_numbers_is_refused(
    doc: Document, company: list[str]
) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    for word in "ab":
        ben.splice_text(text, 0, 0, word)
        ben.commit()
    first, second = ben.changes_after(doc.heads())
    parts = Parts(second.bytes)
    parts.start -= 1
    doc.apply_changes([first])
    heads, tree = doc.heads(), doc.to_py()
    forged = Change.decode(parts.whole()) if second.start_op > 1 else second
    before = doc.changes_after([]) if company else []
    with pytest.raises(DecodeError, match=r"claims|reuses"):
        doc.apply_changes([*before, forged])
    assert (doc.heads(), doc.to_py(), doc.actor) == (heads, tree, ANA)


def test_a_waiting_change_that_reuses_operation_numbers_is_dropped(doc: Document) -> None:
    ben, text = doc.fork(actor=BEN), id_of(doc, "text")
    ben.put(ROOT, "a", 1)
    ben.commit()
    ben.put(ROOT, "b", 2)
    ben.commit()
    first, second = ben.changes_after(doc.heads())
    parts = Parts(second.bytes)
    parts.start -= 1
    doc.apply_changes([parts.whole()])
    doc.apply_changes([first])
    assert doc.get(ROOT, "a") == 1
    assert Document.load(doc.save()).heads() == doc.heads() == [first.hash]
    doc.apply_changes([second])
    assert doc.get(ROOT, "b") == 2
    assert doc.text(text) == "hello"


@pytest.mark.parametrize("seq", [1, 2, 4])
@pytest.mark.parametrize("build_upon", ["nothing", "the last", "the one before", "both"])
def test_a_change_that_is_not_the_next_change_of_its_actor_changes_nothing(
    doc: Document, seq: int, build_upon: str
) -> None:
    ben = doc.fork(actor=BEN)
    text, hashes, made = id_of(ben, "text"), [], []
    for key in "abc":
        ben.splice_text(text, 0, 0, key)
        hashes.append(bytes.fromhex(str(ben.commit())))
        change = ben.last_local_change()
        assert change is not None
        made.append(change.bytes)
    doc.apply_changes(made[:2])
    first, second, _ = hashes
    deps = {"nothing": [], "the last": [second], "the one before": [first]}.get(
        build_upon, sorted([first, second])
    )
    parts = Parts(made[2])
    actor = parts.before_seq[1 + 32 :]
    parts.seq = seq
    parts.before_seq = bytes([len(deps)]) + b"".join(deps) + actor
    heads, tree = doc.heads(), doc.to_py()
    with suppress(AutomergeError):
        assert doc.apply_changes([parts.whole()]) == []
    assert (doc.heads(), doc.to_py()) == (heads, tree)
    doc.apply_changes([made[2]])
    assert doc.to_py() == ben.to_py()
    assert Document.load(doc.save()).heads() == doc.heads()
