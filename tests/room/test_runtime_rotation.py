"""A runtime document whose history outgrows its content is rotated without any loss."""

from __future__ import annotations

from jupyter_runtimed.document.runtime_rotation import HISTORY_FLOOR_BYTES
from jupyter_runtimed.room.settings import Settings

from ..support.network import Network

BARS = "\n".join(f"bar {number} {'=' * 500}\nwait 1" for number in range(300))


def test_clients_that_watch_a_progress_bar_continue_in_the_rotated_document() -> None:
    net = Network(f"{BARS}\nprint over", "print after")
    ana, ben = net.join("ana"), net.join("ben")
    first = ana.peer.epoch("runtime")
    for _ in range(3):
        ana.run("c0")
        net.run_until_quiet()
    room = net.server.open_room()
    assert room.runtime.epoch == ana.peer.epoch("runtime") == ben.peer.epoch("runtime") != first
    ana.run("c1")
    net.run_until_quiet()
    assert ben.outputs("c0") == ana.outputs("c0") == f"299 {'=' * 500}over\n"
    assert ben.outputs("c1") == "after\n"
    net.crash_server()
    net.start_server()
    net.run_until_quiet()
    assert net.join("cyd").outputs("c1") == "after\n"


def test_the_history_of_earlier_openings_counts_for_rotation() -> None:
    net = Network(BARS, settings=Settings(idle_ms=100))
    for _ in range(6):
        net.join("ana").run("c0")
        net.run_until_quiet()
        net.leave("ana")
        net.run_for(5_000)
        assert net.server.room is None
    stored = sum(map(len, net.disk.documents["runtime"][1]))
    assert stored < 2 * HISTORY_FLOOR_BYTES
