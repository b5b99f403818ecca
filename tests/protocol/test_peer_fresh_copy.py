"""Requests of a peer for a fresh copy, and the edits that it keeps."""

from __future__ import annotations

import random

from jupyter_runtimed.peer.events import Rebased
from jupyter_runtimed.peer.local_edits import LocalEdits, Text
from jupyter_runtimed.peer.peer import Peer
from jupyter_runtimed.protocol.frames import Hello, Refuse, decode, encode

from .hub import ONE, TWO, Server


def write(peer: Peer, text: str, at: int = 0, delete: int = 0) -> None:
    assert peer.notebook is not None
    peer.notebook.splice(ONE, at, delete, text)
    peer.edited()


def text_of(peer: Peer) -> str:
    assert peer.notebook is not None
    return peer.notebook.source(ONE)


def test_many_refusals_in_a_row_request_one_fresh_copy() -> None:
    server, peer = Server(), Peer("ana")
    link = server.connect(peer)
    refusals: list[bytes] = []
    for word in ("a ", "b ", "c "):
        write(peer, word)
        assert peer.notebook is not None
        refusals.append(encode(Refuse("notebook", peer.notebook.heads, "busy", "try again")))
        peer.drain()
    for refusal in refusals:
        peer.received(refusal)
    asked = [decode(data) for data in peer.outbox]
    assert [type(frame) for frame in asked] == [Hello]
    link.flow()
    assert text_of(peer) == server.text() == "c b a print(1)"


def test_text_typed_before_a_too_large_paste_is_kept() -> None:
    server, peer = Server(), Peer("ana")
    server.limit = 2000
    server.connect(peer).cut()
    write(peer, "small ")
    write(peer, "".join(random.Random(1).choices("abcdefgh0123456789", k=9000)))
    link = server.connect(peer)
    link.flow()
    (rebased,) = [h for h in link.happened if isinstance(h, Rebased)]
    assert rebased.code == "too-large"
    assert text_of(peer) == server.text() == "small print(1)"


def test_deleted_words_are_also_deleted_on_the_fresh_copy() -> None:
    server, ana, ben = Server(), Peer("ana"), Peer("ben")
    link = server.connect(ana)
    server.connect(ben)
    server.refuse = "busy"
    write(ana, "", at=0, delete=5)
    link.to_server += map(decode, ana.drain())
    link.take(link.to_server.pop(0))
    server.refuse = None
    write(ben, "# kept", at=8)
    server.flow()
    assert text_of(ana) == text_of(ben) == server.text() == "(1)# kept"


def test_empty_local_edits_after_others_remove_nothing() -> None:
    some = LocalEdits(order=(ONE, TWO), texts={ONE: Text("a", "b")})
    none = LocalEdits(order=(ONE, TWO))
    assert some.then(none) == none.then(some) == some
    more = LocalEdits(order=(ONE, TWO), texts={ONE: Text("b", "c")}, types={TWO: "raw"})
    assert some.then(more).texts[ONE] == Text("a", "c")
    assert some.then(more).types == {TWO: "raw"}


def test_a_type_change_of_a_missing_cell_is_reported_as_lost() -> None:
    notebook = Server().notebook
    notebook.delete_cell(TWO)
    meant = LocalEdits(order=(ONE, TWO), types={ONE: "raw", TWO: "code"})
    written, lost = meant.apply_to(notebook)
    assert (written.types, lost.types) == ({ONE: "raw"}, {TWO: "code"})
