"""Arbitrary JSON in any style survives the way through values and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_runtimed.document import ipynb, json_text
from jupyter_runtimed.document.diff.notebook_diff import diff
from jupyter_runtimed.document.ipynb import parse
from jupyter_runtimed.errors import NotebookError
from tests.document.notebook_files import (
    Blobs,
    any_text,
    files,
    notebooks,
    read,
    sound_files,
    values,
    with_source,
    write,
)

thorough = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def is_beyond_json(content: object) -> bool:
    """Return whether the value has a number that JSON lacks; such a number is written as text."""
    return any(word in repr(content) for word in ("Infinity", "NaN"))


@thorough
@given(files())
def test_a_file_that_did_not_change_is_written_byte_for_byte(data: bytes) -> None:
    blobs = Blobs()
    content = read(data, blobs).content
    assert write(content, blobs, data) == data


@thorough
@given(files())
def test_all_text_can_be_held_by_utf8(data: bytes) -> None:
    unread: list[object] = [read(data, Blobs()).content]
    while unread:
        match unread.pop():
            case str() as text:
                text.encode()
            case dict() as entries:
                unread += [*entries.keys(), *entries.values()]
            case tuple() as many:
                unread += many
            case None | int():
                pass
            case other:
                unread += [getattr(other, name) for name in type(other).__slots__]


@thorough
@given(files(), st.data())
def test_an_edit_of_a_cell_keeps_all_other_text_of_the_file(
    data: bytes, draw: st.DataObject
) -> None:
    blobs = Blobs()
    found = read(data, blobs)
    content = found.content
    if not content.cells or found.repairs or is_beyond_json(content):
        return
    index = draw.draw(st.integers(0, len(content.cells) - 1))
    edited = with_source(content, index, content.cells[index].source + "\nmore")
    written = write(edited, blobs, data)
    place = parse.parse(parse.text_of(data)).cells()[index]
    text, new = data.decode(), written.decode()
    assert new.startswith(text[: place.start])
    assert new.endswith(text[place.end :])
    again = read(written, blobs).content
    assert diff(edited, again) == ()


@thorough
@given(files(minors=(5, 6)), files(minors=(5, 6)))
def test_any_content_can_be_written_over_any_file(mine: bytes, theirs: bytes) -> None:
    blobs = Blobs()
    content = read(mine, blobs).content
    if is_beyond_json(content):
        return
    written = write(content, blobs, theirs)
    again = read(written, blobs)
    assert again.repairs == () or written == theirs
    assert diff(content, again.content) == ()
    assert write(content, blobs, written) == written


@thorough
@given(notebooks(minors=(5, 6)))
def test_a_new_file_has_the_given_content(notebook: dict[str, Any]) -> None:
    blobs = Blobs()
    content = ipynb.from_model(
        notebook, new_id=iter(map(str, range(999))).__next__, put_blob=blobs.put
    ).content
    if is_beyond_json(content):
        return
    fresh = write(content, blobs, None)
    assert diff(content, read(fresh, blobs).content) == ()
    assert fresh.endswith(b"\n")


@thorough
@given(notebooks(minors=(5, 6)))
def test_a_model_comes_back_as_the_same_content(notebook: dict[str, Any]) -> None:
    blobs = Blobs()
    new_id = iter(map(str, range(999))).__next__
    content = ipynb.from_model(notebook, new_id=new_id, put_blob=blobs.put).content
    model = ipynb.to_model(content, get_blob=blobs.get)
    again = ipynb.from_model(model, new_id=new_id, put_blob=blobs.put).content
    assert diff(content, again) == ()


broken_notebooks = (
    notebooks()
    .flatmap(
        lambda notebook: st.tuples(
            st.just(notebook),
            st.lists(
                st.sampled_from(["cells", "metadata", "nbformat", "nbformat_minor"]), max_size=1
            ),
            values,
        )
    )
    .map(lambda made: made[0] | dict.fromkeys(made[1], made[2]))
)


@thorough
@given(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_bytes_raise_only_notebook_error(data: bytes) -> None:
    readable_or_refused(data)


@pytest.mark.filterwarnings("ignore::UserWarning:nbformat", "ignore::FutureWarning:nbformat")
@thorough
@given(broken_notebooks, st.integers(1, 4))
def test_an_arbitrary_notebook_raises_only_notebook_error(
    notebook: dict[str, Any], version: int
) -> None:
    if type(notebook["nbformat"]) is int:
        notebook["nbformat"] = version
    readable_or_refused(json.dumps(notebook).encode())


@thorough
@given(st.sampled_from(sound_files()), st.data())
def test_a_damaged_file_is_read_or_refused(path: Any, draw: st.DataObject) -> None:
    data = path.read_bytes()
    start = draw.draw(st.integers(0, max(0, len(data) - 1)))
    length = draw.draw(st.integers(0, 8))
    junk = draw.draw(
        st.sampled_from([b"", b"[", b"null", b'"', b"}", b"1", b"\xff", b"\\ud800", b"{}"])
    )
    readable_or_refused(data[:start] + junk + data[start + length :])


def readable_or_refused(data: bytes) -> None:
    blobs = Blobs()
    try:
        content = read(data, blobs).content
    except NotebookError:
        return
    assert write(content, blobs, data) == data
    write(content, blobs, None)
    ipynb.to_model(content, get_blob=blobs.get)


@given(values)
def test_json_text_has_the_value_of_its_source(value: object) -> None:
    value = json.loads(json.dumps(value))
    text = json_text.compact(value)
    text.encode()
    assert json_text.same(json_text.parse(text), value)


@given(any_text)
def test_cleaned_text_can_be_encoded_as_utf8(text: str) -> None:
    assert len(json_text.replace_lone_surrogates(text).encode().decode()) == len(text)
