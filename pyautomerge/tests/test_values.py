"""Values are read with the type and content with which they were written."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from actors import id_of
from hypothesis import given
from hypothesis import strategies as st

from pyautomerge import (
    ROOT,
    AutomergeError,
    Counter,
    Document,
    InvalidObjectError,
    Obj,
    Text,
    Uint,
)

MOMENT = datetime(2024, 2, 29, 12, 30, 15, 123000, tzinfo=timezone.utc)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    words,
    st.binary(max_size=20),
    st.builds(Counter, st.integers(-(2**63), 2**63 - 1)),
    st.builds(Uint, st.integers(0, 2**64 - 1)),
    st.datetimes(timezones=st.just(timezone.utc)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_any_value_is_read_as_it_was_written(value: Any) -> None:
    doc = Document()
    doc.put(ROOT, "key", value)
    for read in (doc, Document.load(doc.save())):
        back = read.to_py()
        assert back == {"key": value}
        assert type(back["key"]) is type(value)


@given(words)
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    for unit, length in (
        ("unicode", len(text)),
        ("utf16", len(text.encode("utf-16-le")) // 2),
        ("utf8", len(text.encode())),
    ):
        doc = Document(text_unit=unit)
        obj = doc.put(ROOT, "text", Text(text))
        assert obj is not None
        assert doc.text(obj) == text
        assert doc.length(obj) == length


def test_a_str_is_a_scalar_and_only_text_is_a_text_object() -> None:
    doc = Document()
    assert doc.put(ROOT, "scalar", "words") is None
    text = doc.put(ROOT, "text", Text("words"))
    assert doc.get(ROOT, "scalar") == "words"
    found = doc.get(ROOT, "text")
    assert isinstance(found, Obj) and (found.id, found.kind) == (text, "text")


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_an_int_out_of_range_raises(number: int) -> None:
    with pytest.raises(OverflowError):
        Document().put(ROOT, "n", number)


@pytest.mark.parametrize("value", [object(), {1: 2}, (1, 2), {1}, 1j])
def test_an_unsupported_value_raises_and_writes_nothing(value: Any) -> None:
    doc = Document()
    with pytest.raises(TypeError):
        doc.put(ROOT, "key", {"good": 1, "bad": value})
    assert doc.pending_ops == 0


def test_a_lone_surrogate_raises() -> None:
    with pytest.raises(UnicodeError):
        Document().put(ROOT, "key", "\ud800")


def test_a_value_inside_itself_raises() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="nested deeper"):
        Document().put(ROOT, "knot", cycle)


def test_a_document_too_deep_for_python_raises() -> None:
    doc = Document()
    obj = ROOT
    for _ in range(2000):
        obj = doc.put(obj, "deeper", {}) or ""
    with pytest.raises(AutomergeError, match="nested deeper"):
        doc.to_py()
    assert doc.path(obj) == ("deeper",) * 2000


def test_a_datetime_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Document().put(ROOT, "at", datetime(2024, 1, 1))


def test_a_datetime_of_another_time_zone_is_read_as_the_same_moment() -> None:
    doc = Document()
    doc.put(ROOT, "at", MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert doc.get(ROOT, "at") == MOMENT


def test_booleans_ints_and_floats_stay_distinct() -> None:
    doc = Document()
    doc.put(ROOT, "list", [True, 1, 1.0])
    assert [type(item) for item in doc.to_py()["list"]] == [bool, int, float]


def test_values_compare_and_hash_by_content() -> None:
    assert Counter(3) == Counter(3) != Counter(4)
    assert len({Uint(1), Uint(1), Text("a"), Text("a"), Counter(1)}) == 3
    assert Uint(1) != Counter(1)
    assert (Text().value, Counter().value) == ("", 0)


def test_a_missing_key_or_index_raises_as_python_does(doc: Document) -> None:
    with pytest.raises(KeyError):
        doc.get(ROOT, "nothing")
    with pytest.raises(KeyError):
        doc.delete(ROOT, "nothing")
    with pytest.raises(KeyError):
        doc.increment(ROOT, "nothing", 1)
    for index in (3, -1, 2**62):
        with pytest.raises(IndexError):
            doc.get(id_of(doc, "list"), index)
        with pytest.raises(IndexError):
            doc.put(id_of(doc, "list"), index, 1)
        with pytest.raises(IndexError):
            doc.delete(id_of(doc, "list"), index)
    with pytest.raises(IndexError):
        doc.insert(id_of(doc, "list"), 4, ["x"])
    assert doc.pending_ops == 0


def test_a_call_on_the_wrong_kind_of_object_raises_invalid_object_error(doc: Document) -> None:
    text, items = id_of(doc, "text"), id_of(doc, "list")
    for call in (
        lambda: doc.get(ROOT, 0),
        lambda: doc.get(items, "key"),
        lambda: doc.put(text, "key", 1),
        lambda: doc.insert(ROOT, 0, [1]),
        lambda: doc.text(items),
        lambda: doc.splice_text(items, 0, 0, "x"),
        lambda: doc.update_text(ROOT, "x"),
        lambda: doc.keys(items),
        lambda: doc.items(text),
        lambda: doc.cursor(ROOT, 0),
    ):
        with pytest.raises(InvalidObjectError):
            call()


@pytest.mark.parametrize(
    "obj",
    ["", "root", "1", "1@", "@0a", "1@zz", "x@0a0a", "-1@0a0a", f"{2**32}@0a0a", "9@0a0a", "1@ff"],
)
def test_an_unknown_object_id_raises_invalid_object_error(doc: Document, obj: str) -> None:
    for call in (doc.to_py, doc.keys, doc.length, doc.kind, doc.path, doc.parent):
        with pytest.raises(InvalidObjectError):
            call(obj)


def test_only_a_counter_can_be_incremented(doc: Document) -> None:
    inner = id_of(doc, "map", "inner")
    doc.increment(inner, "count", 4)
    doc.increment(inner, "count", -2)
    assert doc.get(inner, "count") == Counter(5)
    with pytest.raises(AutomergeError):
        doc.increment(inner, "n", 1)


def test_nested_values_are_written_in_the_order_given() -> None:
    value = {f"k{n}": {"z": [1, {"y": 2}], "a": Text("t")} for n in range(20)}
    hashes = set()
    for _ in range(3):
        doc = Document(actor=b"one")
        doc.put(ROOT, "tree", value)
        hashes.add(doc.commit())
    assert len(hashes) == 1


def test_an_actor_is_1_to_64_bytes() -> None:
    for actor in (b"", b"x" * 65):
        with pytest.raises(ValueError, match="1 to 64 bytes"):
            Document(actor=actor)
    assert Document(actor=b"x" * 64).actor == b"x" * 64
    assert len(Document().actor) == 16
