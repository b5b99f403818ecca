"""Limits on the work and the memory that a few bytes can demand of one call.

The limits hold for all chunks, columns and compressed parts of the call together.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import pytest
from actors import ANA, id_of
from malformed import MAGIC, chunk, leb128

from pyautomerge import ROOT, Change, DecodeError, Document, SyncMessage, SyncState, Text

MI = 1 << 20
KEY, INSERT, ACTION, VALUE_KIND, PREDS = 0x15, 0x34, 0x42, 0x56, 0x70


def run(count: int, value: bytes) -> bytes:
    """Return a run of `count` equal values; the count is signed."""
    number = leb128(count)
    return (number[:-1] + bytes([number[-1] | 0x80, 0]) if number[-1] & 0x40 else number) + value


def change_body(rows: int, *, actor: bytes = ANA, key: bytes = b"a") -> bytes:
    """Return a short change that writes null `rows` times at one key of the root."""
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
    """Return a compressed change with a wrong checksum, which no call should reach."""
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
exceeds_limits = pytest.raises(DecodeError, match="exceeds the size limits")


@every_call
def test_rows_are_counted_over_all_chunks_of_a_call(take: Take) -> None:
    parts = changes(160, MI)
    assert sum(map(len, parts)) < 20_000
    with exceeds_limits:
        take(parts)


@every_call
def test_inflated_bytes_are_counted_over_all_chunks_of_a_call(take: Take) -> None:
    parts = [compressed_change(12)] * 30
    with exceeds_limits:
        take(parts)


@every_call
def test_content_that_inflates_beyond_the_limit_is_refused_and_not_cut(take: Take) -> None:
    with exceeds_limits:
        take([compressed_change(300)])


@every_call
def test_inflated_columns_count_towards_the_limit(take: Take) -> None:
    with exceeds_limits:
        take([document_with_deflated_columns(30, 12)])


@every_call
def test_a_long_key_may_not_be_copied_a_million_times(take: Take) -> None:
    with exceeds_limits:
        take([chunk(1, change_body(MI, key=b"k" * 50_000))])


@every_call
def test_an_overlong_actor_is_refused(take: Take) -> None:
    with exceeds_limits:
        take([chunk(1, change_body(MI, actor=b"a" * 65))])


def test_a_single_change_has_the_budget_of_a_call() -> None:
    for data in (chunk(1, change_body(16 * MI)), compressed_change(300)):
        with exceeds_limits:
            Change.decode(data)


@every_call
@pytest.mark.parametrize(
    "data",
    [chunk(1, b""), chunk(1, change_body(1)[:-1]), chunk(1, b"\0\x10" + ANA), chunk(0, b"\1")],
)
def test_a_chunk_that_is_cut_off_is_refused(take: Take, data: bytes) -> None:
    with exceeds_limits:
        take([data])


def test_a_column_that_ends_in_the_middle_of_a_value_is_refused() -> None:
    whole = change_body(100)
    assert Change.decode(chunk(1, whole)).op_count == 100
    broken = whole[:-1] + b"\x80"
    with exceeds_limits:
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
def test_max_ops_applies_to_the_whole_call(whole: bool) -> None:
    doc = typed(600, 399)
    data = doc.save() if whole else doc.save_after([])
    assert sum(change.op_count for change in Change.decode_all(data, max_ops=1000)) == 1000
    with exceeds_limits:
        Change.decode_all(data, max_ops=999)


def test_deletions_in_a_document_count_as_operations() -> None:
    doc = typed(600)
    doc.splice_text(id_of(doc, "text"), 0, 600, "")
    data = doc.save()
    assert sum(change.op_count for change in Change.decode_all(data, max_ops=1201)) == 1201
    with exceeds_limits:
        Change.decode_all(data, max_ops=1200)


def test_the_default_limit_is_two_million_operations() -> None:
    body = change_body(2_000_000)
    assert Change.decode_all(chunk(1, body))[0].op_count == 2_000_000
    with exceeds_limits:
        Change.decode_all(chunk(1, change_body(2_000_001)))


def test_empty_input_needs_no_budget() -> None:
    assert Change.decode_all(b"", max_ops=0) == []


@pytest.mark.parametrize("wrong", [-1, 2**64])
def test_max_ops_outside_its_range_raises(wrong: int) -> None:
    with pytest.raises(OverflowError):
        Change.decode_all(b"", max_ops=wrong)


def test_a_valid_large_document_loads_although_it_compresses_well() -> None:
    doc = typed(2_500_000)
    data = doc.save()
    assert len(data) < 20_000
    assert Document.load(data).heads() == doc.heads()
    with exceeds_limits:
        Change.decode_all(data)
    assert Change.decode_all(data, max_ops=2_500_001)[1].op_count == 2_500_000


def test_many_changes_of_ordinary_size_are_accepted_by_every_call() -> None:
    doc = typed(*[1_000] * 300)
    parts = [change.bytes for change in doc.changes_after([])]
    for take in TAKES.values():
        take(parts)
    assert len(Change.decode_all(b"".join(parts))) == 301
