"""Events to users, and claims of another user's name, on the simulated network."""

from __future__ import annotations

from jupyter_runtimed.ids import CellId
from jupyter_runtimed.peer.events import Acknowledged, Changed, RefusedChange, RoomEvent
from jupyter_runtimed.room import events as ev
from jupyter_runtimed.room.file.autosave import SavePhase

from ..support.network import MAY_EDIT, Network, SimPeer

SHOWN = {"output_type": "display_data", "data": {"text/plain": "x"}, "metadata": {}}


def notices(peer: SimPeer) -> list[str]:
    return [happened.name for happened in peer.happened if isinstance(happened, RoomEvent)]


def test_typing_during_a_save_reports_the_file_as_behind_again() -> None:
    net = Network("")
    ana = net.join("ana")
    ana.type("c0", "first")
    saving = net.server.open_room().filing.saving
    net.run_until(lambda: saving.phase is SavePhase.WRITING)
    net.server.receive(ana.session, change_of(ana, " second"), ana.rights)
    net.run_until(lambda: notices(ana)[-1:] == ["unsaved"] and "saved" in notices(ana))
    net.run_until_quiet()
    net.run_for(100)
    assert notices(ana) == ["unsaved", "saved", "unsaved", "saved"]
    net.assert_converged()


def change_of(peer: SimPeer, text: str) -> bytes:
    """Return the change frame of a new edit without a connection."""
    peer.notebook.splice(CellId("c0"), len(peer.source("c0")), 0, text)
    peer.typed.append(text)
    peer.peer.edited()
    (data,) = peer.peer.drain()
    return data


def test_the_reason_of_a_missing_kernel_is_shown_after_reconnecting() -> None:
    net = Network("print 1")
    ana = net.join("ana")
    assert ana.peer.runtime is not None
    for event in (
        ev.KernelStatusChanged("none", reason="it was culled"),
        ev.KernelStatusChanged("none"),
    ):
        net.server.post(event)
        net.run_for(50)
        assert ana.peer.runtime.kernel.reason == "it was culled"
    net.server.post(ev.KernelStatusChanged("idle", id="k"))
    net.run_for(50)
    assert ana.peer.runtime.kernel.reason == ""


def test_trusting_a_notebook_marks_each_cell_as_trusted() -> None:
    net = Network("show fine", "")
    ana, ben = net.join("ana"), net.join("ben")
    ana.run("c0")
    net.run_until_quiet()
    ana.call("import_outputs", cell="c0", outputs=[SHOWN], trusted=False)
    net.run_until_quiet()
    net.server.open_room().runtime.set_trusted(CellId("c0"), False)
    net.run_for(50)
    ben.happened.clear()
    ana.call("trust")
    net.run_until_quiet()
    seen = [h.touched.cells for h in ben.happened if isinstance(h, Changed)]
    assert CellId("c0") in frozenset().union(*seen)


def test_a_clear_for_an_old_run_does_not_affect_the_next_run() -> None:
    """An executor clears a cell and runs it; the clear may arrive after the run."""
    net = Network("print 1")
    ana, ben = net.join("ana"), net.join("ben")
    ana.run("c0")
    net.run_until_quiet()
    assert ana.peer.runtime is not None
    shown = ana.peer.runtime.run_of(CellId("c0"))
    assert shown is not None
    ben.type("c0", "2")
    ben.run("c0")
    net.run_until_quiet()
    assert ben.outputs("c0") == "12\n"
    seen = {"c0": shown.id}
    ana.call("clear", cells=["c0"], seen=seen)
    ana.call("import_outputs", cell="c0", outputs=[SHOWN], seen=seen)
    net.run_until_quiet()
    assert ben.outputs("c0") == "12\n"
    # Outputs that a client imported since belong to no run, so the last request counts.
    ana.call("import_outputs", cell="c0", outputs=[])
    ana.call("import_outputs", cell="c0", outputs=[SHOWN])
    ana.call("clear", cells=["c0"], seen=seen)
    net.run_until_quiet()
    assert ben.outputs("c0") == ""
    refused = ana.call("clear", cells=["c0"], seen=["c0"])
    net.run_until_quiet()
    reply = ana.reply_to(refused)
    assert reply is not None and reply.error is not None and "seen" in reply.error["message"]


def test_a_client_gets_no_ack_for_changes_of_others() -> None:
    net = Network("")
    ana, ben = net.join("ana"), net.join("ben")
    for number in range(5):
        ana.type("c0", str(number))
        net.run_for(50)
    net.run_until_quiet()
    assert any(isinstance(happened, Acknowledged) for happened in ana.happened)
    assert not any(isinstance(happened, Acknowledged) for happened in ben.happened)


def test_an_actor_prefix_without_a_valid_token_is_refused() -> None:
    net = Network("x = 1")
    ana, eve = net.join("ana"), net.join("eve", MAY_EDIT)
    assert ana.peer.welcome is not None
    stolen = ana.peer.welcome.actor
    net.cut("eve")
    eve.peer._identity.given(stolen, b"made up".ljust(16))
    eve.notebook.document.actor = eve.peer._identity.fresh_actor()
    eve.type("c0", "\nnot by ana")
    net.heal("eve")
    net.run_until_quiet()
    refused = [happened.code for happened in eve.happened if isinstance(happened, RefusedChange)]
    assert refused == ["foreign-actor"]
    room = net.server.open_room()
    written = room.notebook.document.changes_after(())
    assert not any(change.actor.startswith(stolen) for change in written)


def test_a_client_that_joins_later_gets_the_presence_of_others() -> None:
    net = Network("x = 1")
    ana = net.join("ana")
    ana.peer.set_presence({"cell": "c0"})
    ana.edited()
    net.run_for(50)
    ben = net.join("ben")
    net.run_for(50)
    assert list(ben.peer.presences) == [ana.session]
    assert ben.peer.presences[ana.session]["cell"] == "c0"
    net.leave("ana")
    net.run_for(50)
    assert not ben.peer.presences


def test_after_a_crash_queued_runs_are_cancelled_and_running_ones_kept() -> None:
    net = Network("wait 9000", "print 2")
    ana = net.join("ana")
    ana.call("run_all")
    net.run_for(500)
    net.crash_server()
    net.start_server()
    runtime = net.server.open_room().runtime
    found = [runtime.run_of(CellId(cell)) for cell in ("c0", "c1")]
    assert [run.state for run in found if run is not None] == ["running", "cancelled"]


def test_a_failed_save_reports_its_reason_to_the_caller() -> None:
    net = Network("")
    ana, ben = net.join("ana"), net.join("ben")
    ana.type("c0", "words")
    call = ana.call("save")
    saving = net.server.open_room().filing.saving
    net.run_until(lambda: saving.phase is SavePhase.WRITING)
    net.server.post(ev.FileSaveFailed(saving.attempt, "no space left"))
    net.run_until(lambda: "save_failed" in notices(ben))
    net.run_for(50)
    reply = ana.reply_to(call)
    assert reply is not None and reply.error is not None
    assert (reply.error["code"], reply.error["message"]) == ("save-failed", "no space left")
