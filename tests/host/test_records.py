"""Records come back as they were written, and damage stays where it is."""

from hypothesis import given
from hypothesis import strategies as st

from jupyter_runtimed.host.records import CHAIN, Change, Decoder, Encoder, Facts, State, Whole

DOCS = st.sampled_from(["notebook", "runtime"])
EPOCHS = st.sampled_from(["one", "two", "ε" * 30])
DATA = st.binary(max_size=200) | st.binary(min_size=1000, max_size=3000)
RECORDS = st.lists(
    st.builds(Whole, DOCS, EPOCHS, DATA)
    | st.builds(Change, DOCS, EPOCHS, DATA)
    | st.builds(lambda path: Facts({"path": path}), st.text()),
    max_size=60,
)


def read(data):
    decoder = Decoder()
    return list(decoder.decode(data)), decoder


@given(RECORDS)
def test_what_is_written_is_read(records):
    found, decoder = read(Encoder().encode(records))
    assert found == records
    assert not decoder.gaps and not decoder.unreadable


@given(RECORDS, RECORDS)
def test_a_file_that_was_read_is_gone_on_with(first, then):
    data = Encoder().encode(first)
    data += read(data)[1].encoder().encode(then)
    assert read(data)[0] == first + then


@given(RECORDS)
def test_a_state_is_written_as_what_adds_up_to_it(records):
    state, again = State(), State()
    for record in records:
        state.take(record)
    for record in read(Encoder().encode(state.records()))[0]:
        again.take(record)
    assert (again.facts, again.documents) == (state.facts, state.documents)


@given(RECORDS, st.data())
def test_a_file_that_ends_early_gives_what_was_before(records, draw):
    data = Encoder().encode(records)
    cut = draw.draw(st.integers(0, len(data)))
    found, decoder = read(data[:cut])
    assert found == records[: len(found)]
    assert all(gap.open_end for gap in decoder.gaps)


@given(RECORDS, st.data())
def test_a_damaged_byte_costs_its_record_and_those_written_upon_it(records, draw):
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
        changes.append(Change("notebook", "e" * 32, document.last_local_change().bytes))
    size = len(Encoder().encode(changes)) / 320
    assert size < 50 < sum(len(change.data) for change in changes) / 320 / 2
