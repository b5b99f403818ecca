"""What a peer asks for again, and what of its own work it keeps then."""

from __future__ import annotations

import random

from jupyter_runtimed.protocol.frames import Hello, Refuse, decode, encode
from jupyter_runtimed.protocol.happened import Rebased
from jupyter_runtimed.protocol.intent import Intent, Text
from jupyter_runtimed.protocol.peer import Peer

from .hub import ONE, TWO, Server


def write(peer: Peer, text: str, at: int = 0, delete: int = 0) -> None:
    assert peer.notebook is not None
    peer.notebook.splice(ONE, at, delete, text)
    peer.edited()


def text_of(peer: Peer) -> str:
    assert peer.notebook is not None
    return peer.notebook.source(ONE)


def test_of_many_refusals_in_a_row_one_fresh_copy_is_asked_for() -> None:
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


def test_what_was_typed_before_a_paste_that_is_too_large_is_kept() -> None:
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


def test_words_that_were_deleted_are_gone_on_the_fresh_copy_too() -> None:
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


def test_of_two_intents_in_a_row_an_empty_one_takes_nothing_away() -> None:
    some = Intent(order=(ONE, TWO), texts={ONE: Text("a", "b")})
    none = Intent(order=(ONE, TWO))
    assert some.then(none) == none.then(some) == some
    more = Intent(order=(ONE, TWO), texts={ONE: Text("b", "c")}, types={TWO: "raw"})
    assert some.then(more).texts[ONE] == Text("a", "c")
    assert some.then(more).types == {TWO: "raw"}


def test_a_cells_new_type_that_found_no_cell_is_told_as_lost() -> None:
    notebook = Server().notebook
    notebook.delete_cell(TWO)
    meant = Intent(order=(ONE, TWO), types={ONE: "raw", TWO: "code"})
    written, lost = meant.put_on(notebook)
    assert (written.types, lost.types) == ({ONE: "raw"}, {TWO: "code"})
