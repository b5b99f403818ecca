"""Python reads documents, changes and conversations that Python and JavaScript wrote.

`js/vectors.test.mjs` has the same tests in JavaScript.
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
def test_a_document_of_each_language_has_the_expected_content(vector: dict[str, Any]) -> None:
    doc = Document.load(decode(vector["document"]))
    assert tree(doc) == vector["tree"]
    assert doc.heads() == vector["heads"]


@pytest.mark.parametrize("vector", DOCUMENTS)
@pytest.mark.parametrize("backwards", [False, True])
def test_the_changes_of_a_document_can_be_applied_in_any_order(
    vector: dict[str, Any], backwards: bool
) -> None:
    changes = [decode(text) for text in vector["changes"]]
    doc = Document()
    for change in reversed(changes) if backwards else changes:
        doc.apply_changes([change])
    assert tree(doc) == vector["tree"]
    assert doc.heads() == vector["heads"]


@pytest.mark.parametrize("vector", DOCUMENTS)
def test_decoded_changes_keep_their_bytes(vector: dict[str, Any]) -> None:
    for text in vector["changes"]:
        change = Change.decode(decode(text))
        assert change.bytes == decode(text)
        assert len(change.ops) == change.op_count


@pytest.mark.parametrize("author", AUTHORS)
@pytest.mark.parametrize("role", ["a", "b"])
def test_a_recorded_sync_conversation_is_repeated_exactly(author: str, role: str) -> None:
    talk = VECTORS[author]["conversation"]
    doc, state = Document.load(decode(talk[role])), SyncState()
    for speaker, text in talk["messages"]:
        SyncMessage.decode(decode(text))
        if speaker == role:
            assert doc.generate_sync_message(state) == decode(text)
        else:
            doc.receive_sync_message(state, decode(text))
    assert doc.heads() == talk["heads"]


def test_the_stored_vectors_equal_the_current_output() -> None:
    assert vectors() == {**VECTORS["python"], "conversation": with_tuples(VECTORS["python"])}


def with_tuples(side: dict[str, Any]) -> dict[str, Any]:
    talk: dict[str, Any] = side["conversation"]
    return {**talk, "messages": [tuple(message) for message in talk["messages"]]}


@pytest.mark.parametrize("name", STORIES)
def test_both_languages_write_equal_documents(name: str) -> None:
    ours, theirs = (
        next(v for v in VECTORS[author]["documents"] if v["name"] == name) for author in AUTHORS
    )
    assert ours["tree"] == theirs["tree"]
