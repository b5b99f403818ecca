"""The queue of a room, controlled by calls of clients."""

from __future__ import annotations

import json

import pytest

from jupyter_runtimed.document.content import Run
from jupyter_runtimed.execution.cell_timing import timing
from jupyter_runtimed.execution.messages import KernelMessage
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.room import effects as fx
from jupyter_runtimed.room import events as ev

from ..support.network import Network, SimPeer

STATES = {"queued", "running", "ok", "error", "cancelled", "lost"}


def run_of(peer: SimPeer, cell: str) -> Run:
    assert peer.peer.runtime is not None
    run = peer.peer.runtime.run_of(CellId(cell))
    assert run is not None, f"{cell} has not been run"
    return run


def states(peer: SimPeer) -> list[str]:
    """Return the run states of all cells in order; `-` for a cell without a run."""
    found = [peer.run_state(cell) or "-" for cell in peer.notebook.order]
    assert set(found) <= STATES | {"-"}
    return found


def result_of(peer: SimPeer, call: int) -> dict[str, object]:
    reply = peer.reply_to(call)
    assert reply is not None and reply.error is None, reply
    return dict(reply.result or {})


def runs_of(peer: SimPeer, call: int) -> list[str]:
    runs = result_of(peer, call)["runs"]
    assert isinstance(runs, list)
    return runs


SLOW = "print begun\nwait 1000\nprint done"


def test_run_all_runs_the_code_cells_in_order() -> None:
    net = Network("print 1", "print 2", "print 3")
    ana, ben = net.join("ana"), net.join("ben")
    call = ana.call("run_all")
    net.run_until_quiet()
    assert len(runs_of(ana, call)) == 3
    assert states(ana) == states(ben) == ["ok", "ok", "ok"]
    counts = [run_of(ben, cell).execution_count for cell in ("c0", "c1", "c2")]
    assert counts == [1, 2, 3]


@pytest.mark.parametrize(("cells", "expected"), [((0, 1), "ok ok - -"), ((2, 3), "- - ok ok")])
def test_run_above_and_run_below_run_the_given_cells(cells: tuple[int, ...], expected: str) -> None:
    net = Network(*["print x"] * 4)
    ana = net.join("ana")
    ana.run(*(f"c{cell}" for cell in cells))
    net.run_until_quiet()
    assert states(ana) == expected.split()


def test_a_run_records_its_user_and_times() -> None:
    net = Network(SLOW, "print 2")
    ana, ben = net.join("ana"), net.join("ben")
    ana.run("c0")
    net.run_for(300)
    asked_at = net.clock.now
    ben.run("c1")
    net.run_until_quiet()
    first, second = run_of(ben, "c0"), run_of(ana, "c1")
    assert (first.by, second.by) == ("ana", "ben")
    assert asked_at <= second.queued_at <= (second.started_at or 0) <= (second.finished_at or 0)
    assert (second.started_at or 0) >= (first.finished_at or 0) > asked_at


def test_run_times_are_written_into_the_metadata_on_request() -> None:
    net = Network(SLOW)
    ana, ben = net.join("ana"), net.join("ben")
    ana.call("run", cells=["c0"], record_timing=True)
    net.run_until_quiet()
    times = json.loads(ben.notebook.cell(CellId("c0")).metadata["execution"])
    assert times == timing(run_of(ben, "c0"))
    assert times["iopub.execute_input"] < times["shell.execute_reply"]
    assert b"shell.execute_reply" in net.disk.file


def test_a_run_without_timing_removes_old_run_times() -> None:
    net = Network(SLOW)
    ana = net.join("ana")
    ana.call("run", cells=["c0"], record_timing=True)
    net.run_until_quiet()
    ana.call("run", cells=["c0"])
    net.run_until_quiet()
    assert "execution" not in ana.notebook.cell(CellId("c0")).metadata


def test_a_queued_cell_that_is_run_again_runs_once_and_last() -> None:
    net = Network(SLOW, "print b", "print c")
    ana, ben = net.join("ana"), net.join("ben")
    ana.run("c0", "c1", "c2")
    net.run_for(300)
    ana.type("c1", "\nprint more")
    net.run_for(100)
    again = ben.run("c1")
    net.run_for(100)
    assert states(ana) == ["running", "queued", "queued"]
    net.run_until_quiet()
    assert states(ana) == ["ok", "ok", "ok"]
    assert [run_of(ana, "c1").id] == runs_of(ben, again)
    assert ana.outputs("c1") == "b\nmore\n"
    assert (run_of(ana, "c2").execution_count, run_of(ana, "c1").execution_count) == (2, 3)


def test_a_running_cell_that_is_run_again_shows_only_the_second_run() -> None:
    net = Network(SLOW)
    ana = net.join("ana")
    ana.run("c0")
    net.run_for(300)
    ana.run("c0")
    net.run_for(200)
    assert (ana.run_state("c0"), ana.outputs("c0")) == ("queued", "")
    net.run_until_quiet()
    assert (ana.run_state("c0"), ana.outputs("c0")) == ("ok", "begun\ndone\n")
    assert run_of(ana, "c0").execution_count == 2


def test_one_queued_run_is_cancelled_and_the_others_run() -> None:
    net = Network(SLOW, "print b", "print c")
    ana, ben = net.join("ana"), net.join("ben")
    call = ana.run("c0", "c1", "c2")
    net.run_for(300)
    ben.call("cancel", runs=[runs_of(ana, call)[1]])
    net.run_until_quiet()
    assert states(ben) == ["ok", "cancelled", "ok"]
    assert run_of(ben, "c1").reason == "cancelled"
    assert (ben.outputs("c1"), ben.outputs("c2")) == ("", "c\n")


def test_cancelling_a_running_finished_or_unknown_run_changes_nothing() -> None:
    net = Network(SLOW, "print b")
    ana = net.join("ana")
    call = ana.run("c1", "c0")
    net.run_until(lambda: ana.run_state("c1") == "ok")
    cancel = ana.call("cancel", runs=[*runs_of(ana, call), "x"])
    net.run_until_quiet()
    assert result_of(ana, cancel) == {}
    assert states(ana) == ["ok", "ok"]


def test_an_interrupt_cancels_queued_runs() -> None:
    net = Network(SLOW, "print b", "print c")
    ana, ben = net.join("ana"), net.join("ben")
    ana.run("c0", "c1", "c2")
    net.run_for(300)
    ben.call("interrupt")
    net.run_for(100)
    assert states(ana)[1:] == ["cancelled", "cancelled"]
    assert run_of(ana, "c1").reason == "interrupted"
    ana.run("c1")
    net.run_until_quiet()
    assert states(ana)[1:] == ["ok", "cancelled"]


def test_an_error_cancels_the_queue_only_with_stop_on_error() -> None:
    net = Network("print a", "fail no", "print c")
    ana = net.join("ana")
    ana.call("run_all")
    net.run_until_quiet()
    assert states(ana) == ["ok", "error", "cancelled"]
    assert run_of(ana, "c2").reason == "an earlier cell failed"
    ana.call("run_all", stop_on_error=False)
    net.run_until_quiet()
    assert states(ana) == ["ok", "error", "ok"]


def test_the_kernel_never_gets_stop_on_error() -> None:
    """A kernel that stops on an error also drops requests of other rooms."""
    net = Network("fail no")
    asked: list[fx.ExecuteCell] = []
    ana = net.join("ana")
    ana.run("c0")
    net.run_until(lambda: net.server.kernel is not None)
    assert net.server.kernel is not None
    execute = net.server.kernel.execute
    net.server.kernel.execute = lambda effect: (asked.append(effect), execute(effect))[1]  # type: ignore[method-assign]
    net.run_until_quiet()
    assert [effect.stop_on_error for effect in asked] == [False]
    assert ana.run_state("c0") == "error"


def test_restart_and_run_all_runs_all_cells_in_a_new_kernel() -> None:
    net = Network(SLOW, "print b")
    ana, ben = net.join("ana"), net.join("ben")
    ana.call("run_all")
    net.run_for(300)
    restarted = ben.call("restart", clear=True)
    net.run_until(lambda: ben.reply_to(restarted) is not None)
    assert states(ana) == ["lost", "cancelled"]
    assert (ana.outputs("c0"), run_of(ana, "c0").reason) == ("", "restarted")
    again = ben.call("run_all")
    net.run_until_quiet()
    assert states(ana) == ["ok", "ok"]
    assert ana.outputs("c0") == "begun\ndone\n"
    assert [run_of(ana, cell).id for cell in ("c0", "c1")] == runs_of(ben, again)
    assert {run_of(ana, cell).by for cell in ("c0", "c1")} == {"ben"}


def test_a_dead_kernel_cancels_the_queue_and_the_next_run_starts_a_kernel() -> None:
    net = Network("print so far\nwait 50\ndie", "print b", "print c")
    ana = net.join("ana")
    ana.call("run_all")
    net.run_until_quiet()
    assert states(ana) == ["lost", "cancelled", "cancelled"]
    assert ana.outputs("c0") == "so far\n"
    assert {run_of(ana, f"c{i}").reason for i in range(3)} == {"the kernel died"}
    ana.run("c1")
    net.run_until_quiet()
    assert states(ana) == ["lost", "ok", "cancelled"]


def test_a_reload_during_runs_shows_the_same_states() -> None:
    net = Network(SLOW, "print b")
    ana = net.join("ana")
    ana.call("run_all")
    net.run_for(300)
    net.leave("ana")
    ana = net.join("ana again")
    assert states(ana) == ["running", "queued"]
    net.run_until_quiet()
    assert states(ana) == ["ok", "ok"]


def test_cells_without_code_start_no_kernel() -> None:
    net = Network("", " \n ")
    ana = net.join("ana")
    call = ana.call("run_all")
    net.run_until_quiet()
    assert len(runs_of(ana, call)) == 2
    assert states(ana) == ["ok", "ok"]
    assert net.server.kernel is None


def test_a_problem_with_kernel_messages_is_logged_once() -> None:
    net = Network("wait 100")
    ana = net.join("ana")
    ana.run("c0")
    net.run_for(60)
    room = net.server.room
    assert room is not None
    bad = KernelMessage("iopub", "error", run_of(ana, "c0").id, "m", {"traceback": "no list"})
    notes = [
        effect
        for _ in range(3)
        for effect in room.handle(ev.KernelMessages((bad,)), net.clock.now)
        if isinstance(effect, fx.LogWarning)
    ]
    (note,) = notes
    assert "error message: traceback is not a list" in note.text
