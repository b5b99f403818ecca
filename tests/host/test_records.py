"""Log records are read back unchanged, and damage stays local."""

from hypothesis import given
from hypothesis import strategies as st

from jupyter_runtimed.host.storage.log_records import (
    CHAIN,
    Decoder,
    Encoder,
    Incremental,
    Metadata,
    RoomState,
    Snapshot,
)

DOCS = st.sampled_from(["notebook", "runtime"])
EPOCHS = st.sampled_from(["one", "two", "ε" * 30])
DATA = st.binary(max_size=200) | st.binary(min_size=1000, max_size=3000)
RECORDS = st.lists(
    st.builds(Snapshot, DOCS, EPOCHS, DATA)
    | st.builds(Incremental, DOCS, EPOCHS, DATA)
    | st.builds(lambda path: Metadata({"path": path}), st.text()),
    max_size=60,
)


def read(data):
    decoder = Decoder()
    return list(decoder.decode(data)), decoder


@given(RECORDS)
def test_written_records_are_read_back(records):
    found, decoder = read(Encoder().encode(records))
    assert found == records
    assert not decoder.gaps and not decoder.unreadable


@given(RECORDS, RECORDS)
def test_a_log_can_be_continued_after_reading(first, then):
    data = Encoder().encode(first)
    data += read(data)[1].encoder().encode(then)
    assert read(data)[0] == first + then


@given(RECORDS)
def test_a_room_state_is_written_as_records_that_add_up_to_it(records):
    state, again = RoomState(), RoomState()
    for record in records:
        state.take(record)
    for record in read(Encoder().encode(state.records()))[0]:
        again.take(record)
    assert (again.facts, again.documents) == (state.facts, state.documents)


@given(RECORDS, st.data())
def test_a_truncated_log_gives_the_records_before_the_cut(records, draw):
    data = Encoder().encode(records)
    cut = draw.draw(st.integers(0, len(data)))
    found, decoder = read(data[:cut])
    assert found == records[: len(found)]
    assert all(gap.open_end for gap in decoder.gaps)


@given(RECORDS, st.data())
def test_a_damaged_byte_loses_its_record_and_the_deltas_on_it(records, draw):
    data = bytearray(Encoder().encode(records))
    if not data:
        return
    data[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(1, 255))
    found, decoder = read(bytes(data))
    rest = iter(records)
    assert all(record in rest for record in found), "only records that were written, in order"
    assert len(found) >= len(records) - 2 * CHAIN
    assert decoder.gaps


def test_a_change_that_follows_another_takes_a_third_of_its_bytes():
    from jupyter_runtimed import crdt
    from jupyter_runtimed.document import seeds

    document = seeds.empty_notebook(b"\1" * 16)
    document.put(crdt.ROOT, "text", crdt.Text(""))
    text = document.get(crdt.ROOT, "text").id
    changes = []
    for index in range(320):
        document.splice_text(text, index, 0, "x")
        document.commit(time=1_700_000_000)
        changes.append(Incremental("notebook", "e" * 32, document.last_local_change().bytes))
    size = len(Encoder().encode(changes)) / 320
    assert size < 50 < sum(len(change.data) for change in changes) / 320 / 2
