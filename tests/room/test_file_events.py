"""Events about a file that cannot be written, is deleted, and returns."""

from __future__ import annotations

import pytest

from jupyter_runtimed.client.file_state import FileState
from jupyter_runtimed.peer.events import RoomEvent
from jupyter_runtimed.room import events as ev
from jupyter_runtimed.room.file.autosave import LONGEST_RETRY_MS, Autosave, SavePhase

from ..support.faults import FaultySimServer
from ..support.network import Network, SimPeer

ABOUT_THE_FILE = ("deleted", "save_failed", "writable")
MINUTES = 60_000


@pytest.fixture
def net() -> Network:
    return Network("x = 1", server=FaultySimServer)


def faulty(net: Network) -> FaultySimServer:
    assert isinstance(net.server, FaultySimServer)
    return net.server


def file_event_names(peer: SimPeer) -> list[str]:
    events = [h for h in peer.happened if isinstance(h, RoomEvent)]
    return [event.name for event in events if event.name in ABOUT_THE_FILE]


def problem(peer: SimPeer) -> str | None:
    """Return the client's known problem with the file."""
    state = FileState()
    state.take(peer.happened)
    return state.problem


def test_a_failing_save_is_reported_once_and_retried_less_and_less_often(
    net: Network,
) -> None:
    ana = net.join("ana")
    server = faulty(net)
    server.file_trouble = "the disk is full"
    saving = server.open_room().filing.saving
    for _ in range(20):
        ana.type("c0", "x")
        net.run_for(MINUTES)
    assert file_event_names(ana) == ["save_failed"]
    assert problem(ana) == "the disk is full"
    assert saving.attempt <= 30
    server.file_trouble = "the disk is on fire"
    net.run_for(2 * LONGEST_RETRY_MS)
    assert file_event_names(ana) == ["save_failed"] * 2
    server.file_trouble = None
    net.run_until(lambda: problem(ana) is None)
    net.run_until_quiet()
    net.assert_converged()


def test_typing_does_not_make_a_failing_save_come_sooner() -> None:
    saving = Autosave(1000, 5000)
    saving.edited(0)
    saving.failed(saving.start(), 5_000)
    due = saving.wake_at()
    saving.edited(5_001)
    assert saving.wake_at() == due


def test_a_requested_save_is_tried_at_once_while_saves_fail(net: Network) -> None:
    ana = net.join("ana")
    server = faulty(net)
    server.file_trouble = "the disk is full"
    ana.type("c0", "x")
    net.run_for(5 * MINUTES)
    saving = server.open_room().filing.saving
    before = saving.attempt
    call = ana.call("save")
    net.run_for(100)
    assert saving.attempt == before + 1
    reply = ana.reply_to(call)
    assert reply is not None and reply.error is not None
    assert reply.error["message"] == "the disk is full"


def test_a_peer_that_joins_late_learns_the_problem_with_the_file(net: Network) -> None:
    ana = net.join("ana")
    net.server.post(ev.FileDeleted("a.ipynb is gone"))
    net.run_for(100)
    ben = net.join("ben")
    assert file_event_names(ana) == file_event_names(ben) == ["deleted"]
    assert problem(ben) == "a.ipynb is gone"
    ben.call("save")
    net.run_until_quiet()
    assert problem(ana) is problem(ben) is None
    assert file_event_names(net.join("cem")) == []


def test_a_peer_that_reconnects_learns_the_remaining_problem(net: Network) -> None:
    ana = net.join("ana")
    net.server.post(ev.FileWritability("it is read-only"))
    net.run_for(100)
    assert problem(ana) == "it is read-only"
    net.cut("ana")
    net.server.post(ev.FileWritability(""))
    net.heal("ana")
    net.run_until(lambda: problem(ana) is None)
    net.run_until_quiet()


def test_a_file_that_can_be_written_again_is_written_at_once(net: Network) -> None:
    ana = net.join("ana")
    server = faulty(net)
    server.post(ev.FileWritability("it is read-only"))
    server.file_trouble = "it is read-only"
    ana.type("c0", "x")
    net.run_for(5 * MINUTES)
    saving = server.open_room().filing.saving
    assert saving.phase is SavePhase.FAILED
    server.file_trouble = None
    server.post(ev.FileWritability(""))
    net.run_for(100)
    assert saving.phase is SavePhase.CLEAN
    assert file_event_names(ana) == ["writable", "save_failed", "writable"]
    assert problem(ana) is None


@pytest.mark.parametrize("how", ["moved", "written outside"])
def test_a_file_that_is_found_again_is_not_deleted_any_more(net: Network, how: str) -> None:
    ana = net.join("ana")
    net.server.post(ev.FileDeleted("a.ipynb is gone"))
    ana.type("c0", "x")
    net.run_for(100)
    assert problem(ana) is not None
    if how == "moved":
        net.server.post(ev.FileMoved("b.ipynb"))
    else:
        net.server.write_outside(net.disk.file)
    net.run_until(lambda: problem(ana) is None)
    net.run_until_quiet()
    net.assert_converged()
