"""A few bytes may not stand for more work or memory than one call has to give, however the claim
is spread over chunks, columns and compression."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import pytest
from malformed import MAGIC, chunk, leb128
from people import ANA, id_of

from pyautomerge import ROOT, Change, DecodeError, Document, SyncMessage, SyncState, Text

MI = 1 << 20
KEY, INSERT, ACTION, VALUE_KIND, PREDS = 0x15, 0x34, 0x42, 0x56, 0x70


def run(count: int, value: bytes) -> bytes:
    """`count` times the same value; the count is signed."""
    number = leb128(count)
    return (number[:-1] + bytes([number[-1] | 0x80, 0]) if number[-1] & 0x40 else number) + value


def change_body(rows: int, *, actor: bytes = ANA, key: bytes = b"a") -> bytes:
    """So many times null at one key of the root, in a few bytes."""
    columns = {
        KEY: run(rows, leb128(len(key)) + key),
        INSERT: leb128(rows),
        ACTION: run(rows, b"\1"),
        VALUE_KIND: run(rows, b"\0"),
        PREDS: run(rows, b"\0"),
    }
    head = b"\0" + leb128(len(actor)) + actor + b"\1\1\0\0\0" + leb128(len(columns))
    table = b"".join(leb128(spec) + leb128(len(data)) for spec, data in columns.items())
    return head + table + b"".join(columns.values())


def changes(count: int, rows: int) -> list[bytes]:
    return [chunk(1, change_body(rows, actor=bytes([i + 1]) * 16)) for i in range(count)]


def deflated(head: bytes, mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = b"".join(packer.compress(bytes(MI)) for _ in range(mebibytes))
    return packer.compress(head) + zeros + packer.flush()


def compressed_change(mebibytes: int) -> bytes:
    """Its checksum is wrong, which nobody should get to see."""
    body = deflated(change_body(1), mebibytes)
    return MAGIC + bytes(4) + b"\2" + leb128(len(body)) + body


def document_with_deflated_columns(columns: int, mebibytes: int) -> bytes:
    data = deflated(b"", mebibytes)
    table = leb128(columns) + b"".join(
        leb128((number << 4) | 0xF) + leb128(len(data)) for number in range(columns)
    )
    return chunk(0, b"\0\0\0" + table + data * columns + b"\0")


def message(parts: list[bytes]) -> bytes:
    data = leb128(len(parts)) + b"".join(leb128(len(part)) + part for part in parts)
    return b"\x42\0\0\0" + data


Take = Callable[[list[bytes]], object]
TAKES: dict[str, Take] = {
    "decode_all": lambda parts: Change.decode_all(b"".join(parts)),
    "load": lambda parts: Document.load(b"".join(parts)),
    "load_incremental": lambda parts: Document().load_incremental(b"".join(parts)),
    "apply_changes, apart": lambda parts: Document().apply_changes(parts),
    "apply_changes, joined": lambda parts: Document().apply_changes([b"".join(parts)]),
    "SyncMessage": lambda parts: SyncMessage.decode(message(parts)),
    "receive_sync_message": lambda parts: Document().receive_sync_message(
        SyncState(), message(parts)
    ),
}
every_call = pytest.mark.parametrize("take", TAKES.values(), ids=list(TAKES))
refused = pytest.raises(DecodeError, match="exceeds the size limits")


@every_call
def test_rows_are_counted_over_all_chunks_of_a_call(take: Take) -> None:
    parts = changes(160, MI)
    assert sum(map(len, parts)) < 20_000
    with refused:
        take(parts)


@every_call
def test_inflated_bytes_are_counted_over_all_chunks_of_a_call(take: Take) -> None:
    parts = [compressed_change(12)] * 30
    with refused:
        take(parts)


@every_call
def test_what_inflates_beyond_the_cap_is_refused_and_not_cut(take: Take) -> None:
    with refused:
        take([compressed_change(300)])


@every_call
def test_inflated_columns_count_as_well(take: Take) -> None:
    with refused:
        take([document_with_deflated_columns(30, 12)])


@every_call
def test_a_long_key_may_not_be_copied_a_million_times(take: Take) -> None:
    with refused:
        take([chunk(1, change_body(MI, key=b"k" * 50_000))])


@every_call
def test_an_actor_is_no_longer_than_actors_are(take: Take) -> None:
    with refused:
        take([chunk(1, change_body(MI, actor=b"a" * 65))])


def test_a_single_change_has_the_budget_of_a_call() -> None:
    for data in (chunk(1, change_body(16 * MI)), compressed_change(300)):
        with refused:
            Change.decode(data)


@every_call
@pytest.mark.parametrize(
    "data",
    [chunk(1, b""), chunk(1, change_body(1)[:-1]), chunk(1, b"\0\x10" + ANA), chunk(0, b"\1")],
)
def test_what_is_cut_off_is_not_believed(take: Take, data: bytes) -> None:
    with refused:
        take([data])


def test_a_column_that_ends_in_the_middle_is_not_believed() -> None:
    whole = change_body(100)
    assert Change.decode(chunk(1, whole)).op_count == 100
    broken = whole[:-1] + b"\x80"
    with refused:
        Change.decode(chunk(1, broken))


def typed(*lengths: int) -> Document:
    doc = Document()
    text = doc.put(ROOT, "text", Text())
    doc.commit()
    for length in lengths:
        doc.splice_text(text, 0, 0, "x" * length)
        doc.commit()
    return doc


@pytest.mark.parametrize("whole", [True, False], ids=["document", "changes"])
def test_max_ops_is_for_the_whole_call(whole: bool) -> None:
    doc = typed(600, 399)
    data = doc.save() if whole else doc.save_after([])
    assert sum(change.op_count for change in Change.decode_all(data, max_ops=1000)) == 1000
    with refused:
        Change.decode_all(data, max_ops=999)


def test_deletions_in_a_document_are_operations_too() -> None:
    doc = typed(600)
    doc.splice_text(id_of(doc, "text"), 0, 600, "")
    data = doc.save()
    assert sum(change.op_count for change in Change.decode_all(data, max_ops=1201)) == 1201
    with refused:
        Change.decode_all(data, max_ops=1200)


def test_two_million_operations_are_the_default() -> None:
    body = change_body(2_000_000)
    assert Change.decode_all(chunk(1, body))[0].op_count == 2_000_000
    with refused:
        Change.decode_all(chunk(1, change_body(2_000_001)))


def test_nothing_at_all_needs_no_budget() -> None:
    assert Change.decode_all(b"", max_ops=0) == []


@pytest.mark.parametrize("wrong", [-1, 2**64])
def test_max_ops_is_a_count(wrong: int) -> None:
    with pytest.raises(OverflowError):
        Change.decode_all(b"", max_ops=wrong)


def test_an_honest_large_document_loads_however_well_it_compresses() -> None:
    doc = typed(2_500_000)
    data = doc.save()
    assert len(data) < 20_000
    assert Document.load(data).heads() == doc.heads()
    with refused:
        Change.decode_all(data)
    assert Change.decode_all(data, max_ops=2_500_001)[1].op_count == 2_500_000


def test_many_changes_that_are_paid_for_in_bytes_come_in_by_every_way() -> None:
    doc = typed(*[1_000] * 300)
    parts = [change.bytes for change in doc.changes_after([])]
    for take in TAKES.values():
        take(parts)
    assert len(Change.decode_all(b"".join(parts))) == 301
