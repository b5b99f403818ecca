"""Stories of a peer and a minimal server replica, with races."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable

import pytest

from jupyter_runtimed.crdt import Change as Edit
from jupyter_runtimed.crdt import Document
from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.content import Cell, JsonText, Run, StreamOutput
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.errors import BadFrame, Disconnected, DocumentError, TooLarge
from jupyter_runtimed.ids import CellId, Epoch, RunId
from jupyter_runtimed.peer.events import (
    Acknowledged,
    CallReplied,
    Changed,
    Connected,
    PeerEvent,
    PresenceChanged,
    Rebased,
    RefusedChange,
    RoomEvent,
    Synced,
)
from jupyter_runtimed.peer.peer import Peer
from jupyter_runtimed.protocol import frames
from jupyter_runtimed.protocol.frames import (
    Ack,
    Call,
    Change,
    Event,
    Frame,
    Hello,
    Presence,
    Refuse,
    Reply,
    Welcome,
    decode,
    encode,
)

from .hub import ONE, TWO, Link, Server


def write(peer: Peer, text: str, at: int = 0, cell_id: CellId = ONE) -> None:
    assert peer.notebook is not None
    peer.notebook.splice(cell_id, at, 0, text)
    peer.edited()


def text_of(peer: Peer, cell_id: CellId = ONE) -> str:
    assert peer.notebook is not None
    return peer.notebook.source(cell_id)


def of_kind(events: Iterable[PeerEvent], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_first_connection_brings_both_documents(server: Server) -> None:
    peer = Peer("tests")
    link = server.connect(peer)
    assert [type(event) for event in link.happened] == [Connected, Synced, Synced]
    assert peer.live
    assert peer.role == "runner"
    assert text_of(peer) == "print(1)"
    assert peer.runtime is not None
    assert peer.runtime.kernel.state == "none"
    assert peer.pending_edits == 0


def test_an_edit_is_sent_at_once_and_acknowledged(server: Server) -> None:
    peer = Peer("tests")
    link = server.connect(peer)
    write(peer, "# ")
    assert peer.pending_edits == 1
    events = link.flow()
    assert server.text() == "# print(1)"
    assert of_kind(events, Acknowledged)[-1].unacked == 0
    assert peer.pending_edits == 0
    assert peer.shared == server.notebook.heads


def test_two_users_type_in_one_cell_and_both_get_all_text(server: Server) -> None:
    ana, bob = Peer("ana"), Peer("bob")
    server.connect(ana)
    server.connect(bob)
    for i in range(5):
        write(ana, str(i), 0)
        write(bob, "b", len(text_of(bob)))
    events = server.flow()
    assert text_of(ana) == text_of(bob) == server.text() == "43210print(1)bbbbb"
    assert of_kind(events, Changed)[0].touched.cells == {ONE}
    assert ana.pending_edits == bob.pending_edits == 0
    assert ana.shared == bob.shared == server.notebook.heads


def test_text_positions_count_code_points_beyond_the_basic_plane(server: Server) -> None:
    ana, bob = Peer("ana"), Peer("bob")
    server.connect(ana)
    server.connect(bob)
    write(ana, "👩‍👩‍👧é𝒳", 0)
    server.flow()
    write(bob, "|", 5)
    server.flow()
    assert text_of(ana) == text_of(bob) == "👩‍👩‍👧|é𝒳print(1)"


def test_every_replica_writes_with_its_own_actor(server: Server) -> None:
    ana, bob = Peer("ana"), Peer("bob")
    actors = []
    for _ in range(3):
        links = [server.connect(ana), server.connect(bob)]
        for peer in (ana, bob):
            assert peer.notebook is not None
            actors.append(peer.notebook.document.actor)
        for link in links:
            link.cut()
    assert len(set(actors)) == len(actors)
    assert all(len(actor) == 20 for actor in actors)


class TestReconnecting:
    def test_offline_edits_of_both_sides_are_merged(self, server: Server) -> None:
        ana, bob = Peer("ana"), Peer("bob")
        first = server.connect(ana)
        server.connect(bob)
        first.cut()
        write(ana, "a")
        write(ana, "a")
        write(bob, "b", 8)
        server.flow()
        assert ana.pending_edits == 2
        again = server.connect(ana)
        assert isinstance(again.happened[1], Synced)
        assert not again.happened[1].replaced
        server.flow()
        assert text_of(ana) == text_of(bob) == server.text() == "aaprint(1)b"
        assert ana.pending_edits == 0
        assert not of_kind(again.happened, RefusedChange), "the earlier prefix came with its ticket"

    def test_a_lost_ack_causes_no_change_to_be_sent_twice(self, server: Server) -> None:
        peer = Peer("tests")
        link = server.connect(peer)
        write(peer, "a")
        write(peer, "b")
        link.flow(deaf=True)
        link.cut()
        assert peer.pending_edits == 2
        again = server.connect(peer)
        assert server.text() == text_of(peer) == "baprint(1)"
        assert peer.pending_edits == 0
        (sent,) = [frame for frame in again.sent if isinstance(frame, Change)]
        assert len(Edit.decode_all(sent.data)) == 1, "the newest, so that it is acknowledged"
        assert peer.shared == server.notebook.heads

    def test_changes_that_never_arrived_are_sent_in_the_order_they_were_made(
        self, server: Server
    ) -> None:
        peer = Peer("tests")
        link = server.connect(peer)
        for letter in "abc":
            write(peer, letter)
        peer.drain()
        link.cut()
        server.connect(peer)
        assert server.text() == "cbaprint(1)"
        assert peer.pending_edits == 0

    def test_frames_that_come_twice_change_nothing(self, server: Server) -> None:
        ana, bob = Peer("ana"), Peer("bob")
        link = server.connect(ana)
        server.connect(bob)
        write(bob, "b")
        server.links[1].flow()
        twice = list(link.to_peer)
        link.to_peer += twice
        link.flow()
        for _ in range(2):
            link.to_peer += twice
            link.to_peer.append(server.sync("notebook", (Epoch("n1"), ana.shared)))
            assert not of_kind(link.flow(), Changed)
        write(ana, "a")
        link.flow()
        assert text_of(ana) == server.text() == "abprint(1)"
        assert ana.shared == server.notebook.heads

    def test_changes_that_the_server_lost_before_storing_are_sent_again(
        self, server: Server
    ) -> None:
        peer = Peer("tests")
        link = server.connect(peer)
        before = server.document("notebook").save()
        write(peer, "a")
        link.flow()
        link.cut()
        write(peer, "b")
        server.notebook = Notebook(Document.load(before, actor=b"server-2"))
        again = server.connect(peer)
        assert again.happened[1] == Synced("notebook", again.happened[1].touched, replaced=True)
        assert server.text() == text_of(peer) == "baprint(1)"
        assert peer.pending_edits == 0
        assert not of_kind(again.happened, Rebased)

    def test_an_edit_on_top_of_another_users_lost_edit_is_rebased(self, server: Server) -> None:
        ana, bob = Peer("ana"), Peer("bob")
        links = [server.connect(ana), server.connect(bob)]
        before = server.document("notebook").save()
        write(bob, "lost ")
        server.flow()
        write(ana, "mine", 5)
        ana.drain()
        for link in links:
            link.cut()
        server.notebook = Notebook(Document.load(before, actor=b"server-2"))
        again = server.connect(ana)
        assert of_kind(again.happened, Rebased)
        assert server.text() == text_of(ana) == "mineprint(1)"
        server.connect(bob)
        server.flow()
        assert sorted(text_of(ana)) == sorted("lost mineprint(1)")
        assert text_of(ana) == text_of(bob) == server.text()

    @pytest.mark.parametrize("back", [("ana", "bob"), ("bob", "ana")])
    def test_lost_edits_that_build_on_each_other_all_come_back_once(
        self, server: Server, back: tuple[str, ...]
    ) -> None:
        peers = {"ana": Peer("ana"), "bob": Peer("bob")}
        links = [server.connect(peer) for peer in peers.values()]
        before = server.document("notebook").save()
        for author, word in (("ana", " AAA"), ("bob", " BBB"), ("ana", " CCC"), ("bob", " DDD")):
            write(peers[author], word, len(text_of(peers[author])))
            for link in links:  # The acknowledgement is lost, as if nothing was stored.
                link.to_server += map(decode, link.peer.drain())
            for link in links:
                while link.to_server:
                    link.take(link.to_server.pop(0))
            for link in links:
                link.to_peer = [frame for frame in link.to_peer if isinstance(frame, Change)]
                link.flow()
        assert server.text() == "print(1) AAA BBB CCC DDD"
        for link in links:
            link.cut()
        server.notebook = Notebook(Document.load(before, actor=b"server-2"))
        for name in back:
            server.connect(peers[name])
            server.flow()
        assert text_of(peers["ana"]) == text_of(peers["bob"]) == server.text()
        assert sorted(server.text().split()) == ["AAA", "BBB", "CCC", "DDD", "print(1)"]
        assert peers["ana"].pending_edits == peers["bob"].pending_edits == 0

    @pytest.mark.parametrize("back", [("ana", "bob"), ("bob", "ana")])
    def test_words_in_a_cell_whose_creation_was_lost_are_kept(
        self, server: Server, back: tuple[str, ...]
    ) -> None:
        peers = {"ana": Peer("ana"), "bob": Peer("bob")}
        links = [server.connect(peer) for peer in peers.values()]
        before = server.document("notebook").save()
        new = CellId("new")
        assert peers["ana"].notebook is not None
        peers["ana"].notebook.add_cell(Cell(new, "code", "a = 1"), after=ONE)
        peers["ana"].edited()
        links[0].to_server += map(decode, peers["ana"].drain())
        links[0].take(links[0].to_server.pop(0))
        links[0].to_peer.clear()
        server.flow()
        write(peers["bob"], " # bob", 5, new)
        peers["bob"].drain()
        for link in links:
            link.cut()
        server.notebook = Notebook(Document.load(before, actor=b"server-2"))
        for name in back:
            server.connect(peers[name])
            server.flow()
        assert server.text(new) == "a = 1 # bob"
        assert text_of(peers["ana"], new) == text_of(peers["bob"], new) == "a = 1 # bob"
        assert server.notebook.order == (ONE, new, TWO)

    def test_calls_wait_for_a_connection_and_name_the_newest_heads(self, server: Server) -> None:
        peer = Peer("tests")
        early = peer.call("interrupt")
        link = server.connect(peer)
        assert of_kind(link.happened, CallReplied) == [
            CallReplied(early, {"name": "interrupt"}, None)
        ]
        link.cut()
        run = peer.call("run", {"cells": [ONE]})
        write(peer, "x")
        again = server.connect(peer)
        assert of_kind(again.happened, CallReplied) == [CallReplied(run, {"name": "run"}, None)]
        kinds = [type(frame) for frame in again.sent]
        assert kinds.index(Change) < kinds.index(Call)

    def test_a_call_without_an_answer_fails_when_the_connection_does(self, server: Server) -> None:
        peer = Peer("tests")
        link = server.connect(peer)
        call = peer.call("run_all")
        link.flow(deaf=True)
        (lost,) = link.cut()
        assert isinstance(lost, CallReplied)
        assert (lost.id, (lost.error or {})["code"]) == (call, Disconnected.code)
        assert not of_kind(server.connect(peer).happened, CallReplied)


class TestRefusals:
    def test_a_viewers_refused_edit_is_reported_and_the_notebook_follows_the_server(
        self, server: Server
    ) -> None:
        peer = Peer("tests")
        link = server.connect(peer, role="viewer")
        write(peer, "forbidden")
        write(peer, "more")
        events = link.flow()
        assert {event.code for event in of_kind(events, RefusedChange)} == {"read-only"}
        (rebased,) = of_kind(events, Rebased)
        assert rebased.dropped.texts[ONE].after == "moreforbiddenprint(1)"
        assert not rebased.applied
        assert text_of(peer) == server.text() == "print(1)"
        assert peer.pending_edits == 0
        assert peer.live

    def test_refused_edits_are_rebased_onto_a_fresh_copy(self, server: Server) -> None:
        ana, bob = Peer("ana"), Peer("bob")
        link = server.connect(ana)
        server.connect(bob)
        assert ana.notebook is not None
        server.refuse = "not-allowed"
        write(ana, "mine ")
        ana.notebook.add_cell(Cell(CellId("new"), "code", "fresh"), after=TWO)
        ana.notebook.delete_cell(TWO)
        ana.notebook.set_metadata(ONE, "tags", JsonText("[1]"))
        ana.notebook.set_metadata(None, "title", JsonText('"T"'))
        ana.notebook.set_cell_type(ONE, "raw")
        ana.edited()
        ana.outbox, waiting = [], ana.outbox
        link.to_server += map(decode, waiting[:1])
        write(bob, " theirs", 8)
        server.refuse = None
        server.links[1].flow()
        server.refuse = "not-allowed"
        link.take(link.to_server.pop(0))
        server.refuse = None
        events = link.flow()
        (rebased,) = of_kind(events, Rebased)
        assert (rebased.code, bool(rebased.dropped)) == ("not-allowed", False)
        assert ana.pending_edits == 0
        content = server.notebook.content()
        assert [cell.id for cell in content.cells] == [ONE, "new"]
        assert content.cells[0].source == "mine print(1) theirs"
        assert (content.cells[0].cell_type, content.cells[0].metadata) == ("raw", {"tags": "[1]"})
        assert content.metadata == {"title": '"T"'}
        assert ana.notebook.content() == content
        server.flow()
        assert text_of(bob) == server.text()

    def test_edits_that_are_refused_again_are_dropped_and_reported(self, server: Server) -> None:
        peer = Peer("tests")
        link = server.connect(peer)
        server.refuse = "not-allowed"
        write(peer, "no")
        events = link.flow()
        first, second = of_kind(events, Rebased)
        assert first.applied == second.dropped
        assert text_of(peer) == server.text()
        assert peer.pending_edits == 0
        server.refuse = None
        write(peer, "yes")
        link.flow()
        assert server.text() == "yesprint(1)"

    def test_changes_that_arrived_before_are_not_rebased(self, server: Server) -> None:
        ana, bob = Peer("ana"), Peer("bob")
        link = server.connect(ana)
        server.connect(bob)
        write(ana, "hello ")
        link.to_server += map(decode, ana.drain())
        link.take(link.to_server.pop(0))
        link.to_peer.clear()
        server.links[1].flow()
        write(bob, "X", 2)
        server.links[1].flow()
        link.to_peer.clear()
        write(ana, "and ")
        server.refuse = "not-allowed"
        link.take(decode(ana.drain()[0]))
        server.refuse = None
        server.flow()
        assert text_of(ana) == text_of(bob) == server.text() == "and heXllo print(1)"

    def test_edits_made_before_the_fresh_copy_arrives_are_kept(self, server: Server) -> None:
        peer = Peer("tests")
        link = server.connect(peer)
        server.refuse = "malformed"
        write(peer, "a")
        for data in peer.drain():
            link.take(decode(data))
        server.refuse = None
        refusal = encode(link.to_peer.pop(0))
        peer.received(refusal)
        assert not peer.live
        write(peer, "b")
        link.flow()
        assert text_of(peer) == server.text() == "baprint(1)"
        assert peer.pending_edits == 0

    def test_an_unknown_actor_token_only_costs_a_fresh_copy(self, server: Server) -> None:
        peer = Peer("tests")
        server.connect(peer).cut()
        write(peer, "offline ")
        mine = peer._identity
        mine._tickets = dict.fromkeys(mine._tickets, b"forged")
        link = server.connect(peer)
        assert of_kind(link.happened, RefusedChange)[0].code == "foreign-actor"
        assert text_of(peer) == server.text() == "offline print(1)"
        assert peer.pending_edits == 0

    def test_words_are_kept_if_the_permission_was_lost(self, server: Server) -> None:
        peer = Peer("tests")
        server.connect(peer).cut()
        write(peer, "offline ")
        link = server.connect(peer, role="viewer")
        (rebased,) = of_kind(link.happened, Rebased)
        assert rebased.dropped.texts[ONE].after == "offline print(1)"
        assert text_of(peer) == "print(1)"

    def test_a_change_too_large_for_the_server_is_dropped_by_the_peer(self, server: Server) -> None:
        peer = Peer("tests")
        server.limit = 2000
        link = server.connect(peer)
        write(peer, "".join(random.Random(1).choices("abcdefgh0123456789", k=9000)))
        events = link.flow()
        (rebased,) = of_kind(events, Rebased)
        assert rebased.code == "too-large"
        assert len(rebased.dropped.texts[ONE].after) == 9008
        assert text_of(peer) == server.text() == "print(1)"
        with pytest.raises(TooLarge):
            peer.call("answer", {"text": "x" * (1 << 20)})


class TestAnotherHistory:
    def replace(self, server: Server, text: str) -> None:
        server.epochs["notebook"] = Epoch("n2")
        server.notebook = Notebook(seeds.empty_notebook(b"another"))
        server.notebook.add_cells([Cell(ONE, "code", text), Cell(TWO, "markdown", "text")], index=0)
        server.notebook.commit(now_ms=0)

    def test_pending_words_are_rebased_onto_another_history(self, server: Server) -> None:
        peer = Peer("tests")
        server.connect(peer).cut()
        write(peer, "mine ")
        self.replace(server, "print(1) # theirs")
        link = server.connect(peer)
        (rebased,) = of_kind(link.happened, Rebased)
        assert rebased.applied.texts[ONE].after == "mine print(1)"
        assert text_of(peer) == server.text() == "mine print(1) # theirs"
        assert peer.pending_edits == 0
        assert peer.epoch("notebook") == "n2"

    def test_a_rebase_does_not_double_existing_words(self, server: Server) -> None:
        peer = Peer("tests")
        link = server.connect(peer)
        write(peer, "mine ")
        link.flow(deaf=True)
        link.cut()
        self.replace(server, "mine print(1) # theirs")
        server.connect(peer)
        assert text_of(peer) == server.text() == "mine print(1) # theirs"

    @pytest.mark.parametrize(
        ("there", "whole"),
        [
            ("hello print(1)", "hello world print(1)"),
            ("world print(1)", "hello world print(1)"),
            ("other print(1)", "hello world other print(1)"),
            ("print()", "hello world print()"),
        ],
    )
    def test_a_rebase_completes_partly_existing_words(
        self, server: Server, there: str, whole: str
    ) -> None:
        peer = Peer("tests")
        server.connect(peer).cut()
        for character in reversed("hello world "):
            write(peer, character)
        self.replace(server, there)
        server.connect(peer)
        assert text_of(peer) == server.text() == whole

    def test_a_rebase_keeps_words_whole_between_lost_words_of_others(self, server: Server) -> None:
        peer, other = Peer("tests"), Peer("other")
        links = [server.connect(peer), server.connect(other)]
        for number in range(10, 26):
            write(other if number % 3 else peer, f"<{number}>")
            for link in links:
                link.flow(deaf=True)
        for link in links:
            link.cut()
        self.replace(server, "<27>20><5>print(1)")
        server.connect(peer)
        assert all(f"<{number}>" in text_of(peer) for number in range(12, 26, 3))
        assert text_of(peer).endswith("print(1)")
        assert "<10>" not in text_of(peer)
        server.connect(other)
        assert all(f"<{number}>" in text_of(other) for number in (*range(10, 26), 27))

    def test_a_rebase_returns_words_of_a_deleted_cell(self, server: Server) -> None:
        peer = Peer("tests")
        server.connect(peer).cut()
        write(peer, "mine ")
        self.replace(server, "")
        server.notebook.delete_cell(ONE)
        server.notebook.commit(now_ms=0)
        link = server.connect(peer)
        (rebased,) = of_kind(link.happened, Rebased)
        assert rebased.dropped.texts[ONE].after == "mine print(1)"
        assert not rebased.applied

    def test_a_rotated_runtime_document_arrives_without_a_request(self, server: Server) -> None:
        peer = Peer("tests")
        link = server.connect(peer)
        server.runtime = server.runtime.rotated(Epoch("r2"), b"rotated")
        server.runtime.commit(now_ms=0)
        server.epochs["runtime"] = Epoch("r2")
        link.to_peer.append(server.sync("runtime", None))
        (synced,) = link.flow()
        assert isinstance(synced, Synced)
        assert (synced.doc, synced.replaced) == ("runtime", True)
        assert peer.runtime is not None
        assert peer.runtime.epoch == peer.epoch("runtime") == "r2"
        assert peer.live


class TestTheRuntimeDocument:
    def test_runs_and_outputs_are_read_as_they_arrive(self, server: Server) -> None:
        peer = Peer("tests")
        link = server.connect(peer)
        view, run_id = peer.runtime, RunId("run-1")
        assert view is not None
        server.runtime.add_run(Run(run_id, ONE, "queued", "ana", 5))
        server.runtime.enqueue(run_id)
        server.run_said()
        (changed,) = link.flow()
        assert isinstance(changed, Changed)
        assert (changed.touched.cells, changed.touched.queue) == ({ONE}, True)
        assert view.queue == (run_id,)
        assert view.outcome(ONE).outputs == ()
        for i in range(3):
            server.runtime.append_output(run_id, StreamOutput(f"o{i}", "stdout", ("a",)))
            server.run_said()
            link.flow()
            assert view.outputs(run_id) == tuple(server.runtime.outputs(run_id))
        server.runtime.splice_chunks(run_id, "o1", 0, 1, ["b", "c"])
        server.runtime.set_run(run_id, state="ok", execution_count=4)
        server.runtime.dequeue(run_id)
        server.run_said()
        link.flow()
        assert view.outputs(run_id) == tuple(server.runtime.outputs(run_id))
        assert view.run_of(ONE) == server.runtime.run(run_id)
        assert view.outcome(ONE).execution_count == 4
        server.runtime.clear_outputs(run_id)
        server.run_said()
        link.flow()
        assert view.outputs(run_id) == ()
        server.runtime.add_run(Run(RunId("run-2"), ONE, "queued", "ana", 5))
        server.run_said()
        link.flow()
        assert view.run(run_id) is None
        assert list(view.runs()) == ["run-2"]


class TestNonsense:
    def test_a_frame_before_the_welcome_is_an_error(self, server: Server) -> None:
        peer = Peer("tests")
        peer.connected()
        with pytest.raises(BadFrame, match="before the welcome"):
            peer.received(encode(server.sync("notebook", None)))

    @pytest.mark.parametrize("frame", [Hello("s", "agent"), Call(1, "run")])
    def test_frames_of_the_wrong_direction_are_errors(self, server: Server, frame: Frame) -> None:
        peer = Peer("tests")
        server.connect(peer)
        with pytest.raises(BadFrame):
            peer.received(encode(frame))

    def test_after_damaged_changes_the_next_connection_fetches_a_whole_document(
        self, server: Server
    ) -> None:
        peer = Peer("tests")
        link = server.connect(peer)
        write(peer, "kept ")
        peer.drain()
        with pytest.raises(DocumentError):
            peer.received(encode(Change("notebook", b"\x85oJ\x83 nonsense")))
        link.cut()
        again = server.connect(peer)
        assert again.happened[1] == Synced("notebook", again.happened[1].touched, replaced=True)
        assert text_of(peer) == server.text() == "kept print(1)"

    @pytest.mark.parametrize("seed", range(20))
    def test_the_peer_refuses_arbitrary_bytes_and_recovers(self, server: Server, seed: int) -> None:
        dice, peer, other = random.Random(seed), Peer("tests"), Peer("other")
        server.connect(other)
        for _ in range(60):
            link = server.connect(peer)
            write(peer, "p")
            write(other, "o")
            server.links[0].flow()
            link.to_peer += [
                Reply(1, {"runs": []}),
                Event("saved", {"heads": []}),
                Refuse("notebook", peer.shared, "gap", "no"),
            ]
            frame = bytearray(encode(dice.choice(link.to_peer)))
            for _ in range(dice.randint(1, 3)):
                frame[dice.randrange(len(frame))] = dice.randrange(256)
            with contextlib.suppress(BadFrame, DocumentError):
                peer.received(bytes(frame[: dice.choice([len(frame), dice.randrange(len(frame))])]))
            link.to_peer.clear()
            link.cut()
        server.connect(peer)
        server.flow()
        assert text_of(peer) == server.text() == text_of(other)
        assert server.text().count("p") == 61
        assert peer.pending_edits == 0

    def test_a_gap_is_closed_by_asking_again(self, server: Server) -> None:
        peer, other = Peer("tests"), Peer("other")
        link = server.connect(peer)
        server.connect(other)
        write(other, "a")
        write(other, "b")
        server.links[1].flow()
        del link.to_peer[0]
        write(peer, "mine ")
        link.flow()
        server.flow()
        assert text_of(peer) == server.text() == text_of(other)
        assert peer.live

    def test_another_protocol_version_is_an_error(self, server: Server) -> None:
        peer = Peer("tests")
        peer.connected()
        link = Link(server, peer, "s", "runner")
        link.hello(Hello("tests", "agent"))
        welcome = link.to_peer[0]
        assert isinstance(welcome, Welcome)
        newer = frames._plain(welcome)
        newer[1]["protocol"] = 2
        with pytest.raises(BadFrame, match="same version"):
            peer.received(frames.msgpack.packb(newer))


def test_events_and_presence_are_passed_on(server: Server) -> None:
    peer = Peer("tests")
    link = server.connect(peer)
    state = {"user": {"name": "Bob"}, "kind": "browser", "cell": ONE}
    link.to_peer += [Event("rights", {"role": "editor"}), Presence("s9", state)]
    assert link.flow() == [RoomEvent("rights", {"role": "editor"}), PresenceChanged("s9", state)]
    assert (peer.role, peer.presences) == ("editor", {"s9": state})
    assert link.cut() == [PresenceChanged("s9", None)]
    peer.set_presence({"cell": ONE})
    again = server.connect(peer)
    assert Presence("", {"cell": ONE}) in again.sent


def test_an_early_ack_counts_when_its_changes_arrive(server: Server) -> None:
    ana, bob = Peer("ana"), Peer("bob")
    link = server.connect(ana)
    server.connect(bob)
    write(ana, "a")
    link.flow(deaf=True)
    server.links[1].flow()
    write(bob, "b")
    server.links[1].flow()
    passed_on, link.to_peer = link.to_peer, [Ack("notebook", server.notebook.heads)]
    link.flow()
    assert ana.pending_edits == 1
    link.to_peer += passed_on
    link.flow()
    assert ana.pending_edits == 0
    assert ana.shared == server.notebook.heads


@pytest.mark.parametrize("seed", range(40))
def test_any_history_of_cuts_and_refusals_ends_with_the_same_words_everywhere(seed: int) -> None:
    """Words are never lost (none is deleted here) and never doubled, whatever the faults."""
    dice, server = random.Random(seed), Server()
    peers = [Peer(f"p{i}") for i in range(3)]
    links: dict[int, Link] = {}
    words: set[str] = set()
    for step in range(80):
        who = dice.randrange(3)
        peer, link = peers[who], links.get(who)
        match dice.randrange(8):
            case 0 if link is not None:
                link.flow(deaf=dice.random() < 0.5)
                link.cut()
                del links[who]
            case 1 if link is None:
                links[who] = server.connect(peer)
            case 2 if link is not None:
                server.refuse = (
                    "not-allowed" if dice.random() < 0.3 and peer.pending_edits else None
                )
                link.to_server += map(decode, peer.drain())
                if link.to_server:
                    link.take(link.to_server.pop(0))
                server.refuse = None
            case 3 | 4 if link is not None:
                link.flow()
            case _ if peer.notebook is not None:
                word = f"<{step}>"
                words.add(word)
                text = text_of(peer)
                places = [
                    i for i in range(len(text) + 1) if text[:i].count("<") == text[:i].count(">")
                ]
                write(peer, word, dice.choice(places))
            case _:
                pass
    for who, peer in enumerate(peers):
        if who not in links:
            links[who] = server.connect(peer)
    for _ in range(4):
        server.flow()
    texts = {text_of(peer) for peer in peers} | {server.text()}
    assert len(texts) == 1
    (text,) = texts
    assert all(text.count(word) == 1 for word in words), (text, words)
    assert all(peer.pending_edits == 0 and peer.shared == server.notebook.heads for peer in peers)
