"""Documents, changes and conversations that each language wrote are read by the other.

`js/vectors.test.mjs` is the other half.
"""

from __future__ import annotations

from typing import Any

import pytest
from vectors_format import AUTHORS, decode, read, tree
from write_vectors import STORIES, vectors

from pyautomerge import Change, Document, SyncMessage, SyncState

VECTORS = {author: read(author) for author in AUTHORS}
DOCUMENTS = [
    pytest.param(vector, id=f"{author}: {vector['name']}")
    for author in AUTHORS
    for vector in VECTORS[author]["documents"]
]


@pytest.mark.parametrize("vector", DOCUMENTS)
def test_a_document_reads_the_same_here(vector: dict[str, Any]) -> None:
    doc = Document.load(decode(vector["document"]))
    assert tree(doc) == vector["tree"]
    assert doc.heads() == vector["heads"]


@pytest.mark.parametrize("vector", DOCUMENTS)
@pytest.mark.parametrize("backwards", [False, True])
def test_its_changes_make_the_same_document_in_any_order(
    vector: dict[str, Any], backwards: bool
) -> None:
    changes = [decode(text) for text in vector["changes"]]
    doc = Document()
    for change in reversed(changes) if backwards else changes:
        doc.apply_changes([change])
    assert tree(doc) == vector["tree"]
    assert doc.heads() == vector["heads"]


@pytest.mark.parametrize("vector", DOCUMENTS)
def test_its_changes_are_decoded_to_the_bytes_they_came_in(vector: dict[str, Any]) -> None:
    for text in vector["changes"]:
        change = Change.decode(decode(text))
        assert change.bytes == decode(text)
        assert len(change.ops) == change.op_count


@pytest.mark.parametrize("author", AUTHORS)
@pytest.mark.parametrize("role", ["a", "b"])
def test_a_conversation_can_be_held_again(author: str, role: str) -> None:
    talk = VECTORS[author]["conversation"]
    doc, state = Document.load(decode(talk[role])), SyncState()
    for speaker, text in talk["messages"]:
        SyncMessage.decode(decode(text))
        if speaker == role:
            assert doc.generate_sync_message(state) == decode(text)
        else:
            doc.receive_sync_message(state, decode(text))
    assert doc.heads() == talk["heads"]


def test_the_vectors_are_what_the_stories_make_today() -> None:
    assert vectors() == {**VECTORS["python"], "conversation": with_tuples(VECTORS["python"])}


def with_tuples(side: dict[str, Any]) -> dict[str, Any]:
    talk: dict[str, Any] = side["conversation"]
    return {**talk, "messages": [tuple(message) for message in talk["messages"]]}


@pytest.mark.parametrize("name", STORIES)
def test_both_languages_tell_a_story_to_the_same_end(name: str) -> None:
    ours, theirs = (
        next(v for v in VECTORS[author]["documents"] if v["name"] == name) for author in AUTHORS
    )
    assert ours["tree"] == theirs["tree"]
