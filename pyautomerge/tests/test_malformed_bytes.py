"""Malformed bytes raise typed errors and change no document."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from actors import ANA, BEN, EVE, id_of
from malformed import MAGIC, cases, chunk, seal

from pyautomerge import (
    ROOT,
    AutomergeError,
    Change,
    Counter,
    DecodeError,
    Document,
    SyncMessage,
    SyncState,
    Text,
)

SEED = int(os.environ.get("PYAUTOMERGE_FUZZ_SEED", "20240229"))
COUNT = int(os.environ.get("PYAUTOMERGE_FUZZ_COUNT", "400"))


def rich_document() -> Document:
    """Return a document with all kinds of values, deletions and concurrent changes."""
    doc = Document(actor=ANA)
    text = doc.put(ROOT, "text", Text("naïve 😀 e\u0301 text"))
    items = doc.put(ROOT, "list", ["a", 1, -2.5, None, True, b"\x00\xff", Counter(3), {"k": [[]]}])
    doc.commit(message="first", time=1_700_000_000)
    other = doc.fork(actor=BEN)
    other.splice_text(text, 3, 4, "ever")
    other.delete(items, 0)
    other.put(ROOT, "key", "ben")
    other.commit()
    doc.increment(items, 6, 5)
    doc.put(ROOT, "key", "ana")
    doc.splice_text(text, 0, 1, "")
    doc.commit()
    doc.merge(other)
    doc.put(ROOT, "long", "x" * 600)
    doc.commit(message="after the merge")
    return doc


DOC = rich_document()
CHANGES = [change.bytes for change in DOC.changes_after([])]
DOCUMENTS = [DOC.save(), Document(actor=ANA).save()]


def sync_messages() -> list[bytes]:
    messages = []
    here, there = DOC.fork(actor=EVE), Document(actor=EVE)
    a, b = SyncState(), SyncState()
    while True:
        out, back = here.generate_sync_message(a), there.generate_sync_message(b)
        messages += [message for message in (out, back) if message]
        if out is None and back is None:
            return messages
        if out:
            there.receive_sync_message(b, out)
        if back:
            here.receive_sync_message(a, back)


MESSAGES = sync_messages()


def sync_state() -> bytes:
    a, b = SyncState(), SyncState()
    here, there = DOC.fork(actor=EVE), DOC.fork(actor=BEN)
    for _ in range(4):
        if (message := here.generate_sync_message(a)) is not None:
            there.receive_sync_message(b, message)
        if (message := there.generate_sync_message(b)) is not None:
            here.receive_sync_message(a, message)
    return a.encode()


STATE = sync_state()


def read_ops(data: bytes) -> None:
    for change in Change.decode_all(data):
        for op in change.ops:
            assert (op.value, op.pred, op.kind) is not None
            assert repr(op)


def read_message(data: bytes) -> None:
    message = SyncMessage.decode(data)
    assert (message.heads, message.need) is not None
    for change in message.changes:
        assert len(change.ops) == change.op_count


def load_and_read(data: bytes) -> None:
    Document.load(data).to_py()


ENTRIES: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "Document.load": (load_and_read, DOCUMENTS + CHANGES[:1]),
    "load_incremental into an empty document": (
        lambda data: Document().load_incremental(data),
        DOCUMENTS + CHANGES,
    ),
    "Change.decode": (Change.decode, CHANGES),
    "Change.decode_all and ops": (read_ops, CHANGES + DOCUMENTS),
    "SyncMessage.decode": (read_message, MESSAGES),
    "SyncState.decode": (SyncState.decode, [STATE]),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_malformed_bytes_raise_typed_errors_only(entry: str) -> None:
    call, samples = ENTRIES[entry]
    refused = 0
    for data in cases(samples, SEED, COUNT):
        try:
            call(data)
        except AutomergeError:
            refused += 1
    assert refused > COUNT // 4


def apply_whole(doc: Document, data: bytes) -> None:
    doc.apply_changes([data])


def receive(doc: Document, data: bytes) -> None:
    doc.receive_sync_message(SyncState(), data)


INTO_A_DOCUMENT: dict[str, tuple[Callable[[Document, bytes], object], list[bytes]]] = {
    "apply_changes": (apply_whole, CHANGES),
    "load_incremental": (lambda doc, data: doc.load_incremental(data), CHANGES + DOCUMENTS),
    "receive_sync_message": (receive, MESSAGES),
}


@pytest.mark.parametrize("entry", INTO_A_DOCUMENT)
@pytest.mark.parametrize("upto", [0, 1, 3], ids=["empty", "young", "nearly whole"])
def test_a_document_survives_malformed_bytes_unchanged(entry: str, upto: int) -> None:
    call, samples = INTO_A_DOCUMENT[entry]
    base = Document(actor=EVE)
    base.apply_changes(CHANGES[:upto])
    refused = 0
    for data in cases(samples, SEED + upto, COUNT // 2):
        doc = base.fork(actor=EVE)
        heads, tree = doc.heads(), doc.to_py()
        try:
            call(doc, data)
        except AutomergeError:
            refused += 1
            assert doc.heads() == heads
            assert doc.to_py() == tree
        doc.put(ROOT, "still", "writable")
        doc.commit()
        assert doc.get(ROOT, "still") == "writable"
    assert refused > 0


def test_a_malformed_cursor_raises_an_automerge_error() -> None:
    doc = rich_document()
    text = id_of(doc, "text")
    for cursor in [
        "",
        "-",
        "@",
        "é",
        "1@",
        "x@0a",
        "s@",
        "99999999999999@0a0a",
        "-1",
        "1@zz",
        "ee",
    ]:
        with pytest.raises(AutomergeError):
            doc.cursor_position(text, cursor)


def test_a_change_whose_checksum_is_wrong_is_refused() -> None:
    broken = bytearray(CHANGES[0])
    broken[5] ^= 1
    with pytest.raises(DecodeError):
        Change.decode(bytes(broken))
    assert seal(bytes(broken)) == CHANGES[0]


def test_a_good_chunk_before_a_bad_one_is_not_applied() -> None:
    doc = Document()
    with pytest.raises(DecodeError):
        doc.load_incremental(CHANGES[0] + CHANGES[1][:-1])
    with pytest.raises(DecodeError):
        doc.apply_changes([CHANGES[0], b"rubbish"])
    assert doc.heads() == []


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 255])
def test_a_chunk_without_content_is_refused(kind: int) -> None:
    for data in [chunk(kind, b""), MAGIC, MAGIC + b"\0" * 5 + b"\xff" * 12]:
        with pytest.raises(AutomergeError):
            Document.load(data)
        with pytest.raises(DecodeError):
            Change.decode_all(data)
