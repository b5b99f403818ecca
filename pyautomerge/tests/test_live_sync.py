"""Python and Node sync with each other over a pipe; each side starts once, and each side edits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from actors import id_of
from vectors_format import decode, encode, read, tree

from pyautomerge import Document, SyncState

JS = Path(__file__).parent / "js"
NODE = shutil.which("node")
AVAILABLE = NODE is not None and (JS / "node_modules").is_dir()
REQUIRED = bool(os.environ.get("PYAUTOMERGE_REQUIRE_NODE"))

pytestmark = pytest.mark.skipif(
    not AVAILABLE and not REQUIRED, reason="needs Node, and `npm ci` in tests/js"
)


class Peer:
    """The process `js/peer.mjs`, which answers each line with one line."""

    def __init__(self, document: str) -> None:
        assert NODE is not None, "Node is missing"
        self._process = subprocess.Popen(
            [NODE, "peer.mjs", document, "0c" * 16],
            cwd=JS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def say(self, line: str) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(line + "\n")
        stdin.flush()
        answer = stdout.readline()
        assert answer, "the Node process has ended"
        return answer.rstrip("\n")

    def close(self) -> None:
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0


def document(name: str) -> str:
    vectors = read("javascript")["documents"]
    return next(str(vector["document"]) for vector in vectors if vector["name"] == name)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer(document("three ways"))
    yield peer
    peer.close()


def talk(doc: Document, state: SyncState, peer: Peer, answer: str) -> None:
    """Exchange sync messages until both sides have none."""
    while True:
        if answer:
            doc.receive_sync_message(state, decode(answer))
        message = doc.generate_sync_message(state)
        if message is None and not answer:
            return
        answer = peer.say(encode(message) if message else "")


def assert_converged(doc: Document, peer: Peer) -> None:
    theirs: dict[str, Any] = json.loads(peer.say("end"))
    assert doc.heads() == theirs["heads"]
    assert tree(doc) == theirs["tree"]


def test_an_empty_python_document_receives_the_document_of_node(peer: Peer) -> None:
    doc, state = Document(), SyncState()
    talk(doc, state, peer, "")
    assert_converged(doc, peer)
    assert "🦊" in doc.text(id_of(doc, "text"))


def test_edits_of_both_sides_are_merged_if_node_speaks_first(peer: Peer) -> None:
    doc, state = Document.load(decode(document("three ways")), text_unit="utf16"), SyncState()
    doc.splice_text(id_of(doc, "text"), 0, 0, "python 🐍 ")
    doc.commit()
    talk(doc, state, peer, peer.say("edit node 🟩 "))
    assert_converged(doc, peer)
    text = doc.text(id_of(doc, "text"))
    assert "python 🐍 " in text and "node 🟩 " in text


def test_both_sides_edit_and_sync_in_turns(peer: Peer) -> None:
    doc, state = Document(text_unit="utf16"), SyncState()
    talk(doc, state, peer, "")
    text = id_of(doc, "text")
    for turn in range(5):
        talk(doc, state, peer, peer.say(f"edit js{turn} "))
        doc.splice_text(text, doc.length(text), 0, f" py{turn} é")
        doc.commit()
        talk(doc, state, peer, "")
        assert_converged(doc, peer)
    assert doc.text(text).startswith("js4 js3 js2 js1 js0 ")
    assert doc.text(text).endswith(" py0 é py1 é py2 é py3 é py4 é")


def test_a_read_only_side_sends_changes_and_applies_none(peer: Peer) -> None:
    doc = Document.load(decode(document("three ways")))
    before = doc.heads()
    talk(doc, SyncState(read_only=True), peer, peer.say("edit not for you "))
    assert doc.heads() == before
