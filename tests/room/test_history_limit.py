"""An open room archives its history when the history has outgrown the content."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_runtimed.document.content import to_json
from jupyter_runtimed.document.permissions import LONGEST_ENTRY
from jupyter_runtimed.room.settings import Settings

from ..support.faults import FaultySimServer
from ..support.network import Network

LIMIT = 20_000


def network(seed: int = 0, **settings: Any) -> Network:
    return Network("one\n", "two\n", seed=seed, settings=Settings(history_bytes=LIMIT, **settings))


def replace_metadata(net: Network, name: str, times: int, size: int = 5_000) -> None:
    """Write a large entry again and again: much history, little content."""
    for index in range(times):
        text = to_json(f"{net.clock.now} {index} " + "x" * size)
        net.peers[name].edit(lambda nb, text=text: nb.set_metadata(None, "large", text))  # type: ignore[misc]
        net.run_for(5)


def test_sessions_reconnect_to_a_document_without_the_history() -> None:
    net = network()
    net.join("ana")
    net.join("ben")
    epoch = net.disk.documents["notebook"][0]
    replace_metadata(net, "ana", 6)
    net.run_until(lambda: net.disk.documents["notebook"][0] != epoch)
    net.run_until_quiet()
    room = net.server.open_room()
    assert room.notebook.change_count <= 3
    assert len(room.sessions) == 2
    net.assert_converged()


def test_text_typed_during_rotations_is_neither_lost_nor_doubled() -> None:
    for seed in range(20):
        net = network(seed)
        net.join("ana")
        net.join("ben")
        epoch = net.disk.documents["notebook"][0]
        for index in range(40):
            replace_metadata(net, "ana", 1)
            net.peers["ben"].type("c1", f"word{index}. ")
            net.run_for(150)
        net.run_until_quiet()
        assert net.disk.documents["notebook"][0] != epoch, seed
        net.assert_converged()
        source = net.peers["ben"].source("c1")
        assert [source.count(f"word{index}. ") for index in range(40)] == [1] * 40, seed


def test_history_of_many_times_the_limit_does_not_wait_for_a_pause() -> None:
    net = network(quiet_ms=60_000, longest_ms=60_000)
    net.join("ana")
    epoch = net.disk.documents["notebook"][0]
    replace_metadata(net, "ana", 60)
    net.run_until_quiet()
    assert net.disk.documents["notebook"][0] != epoch
    net.assert_converged()


def test_a_running_cell_is_not_interrupted() -> None:
    net = network()
    ana = net.join("ana")
    ana.run("c0")
    net.run_until(lambda: ana.run_state("c0") is not None)
    epoch = net.disk.documents["notebook"][0]
    while net.server.open_room().running.active:
        replace_metadata(net, "ana", 1)
        assert net.disk.documents["notebook"][0] == epoch
    net.run_until_quiet()


def test_content_that_is_large_itself_is_not_history() -> None:
    net = network()
    net.join("ana")
    epoch = net.disk.documents["notebook"][0]
    replace_metadata(net, "ana", 2, size=LIMIT)
    net.run_for(10_000)
    assert net.disk.documents["notebook"][0] == epoch


def test_sessions_are_accepted_again_after_a_failed_save() -> None:
    net = Network(
        "one\n",
        settings=Settings(history_bytes=LIMIT, quiet_ms=60_000, longest_ms=60_000),
        server=FaultySimServer,
    )
    assert isinstance(net.server, FaultySimServer)
    ana = net.join("ana")
    epoch = net.disk.documents["notebook"][0]
    net.server.file_trouble = "the disk is full"
    replace_metadata(net, "ana", 60)
    net.run_until(lambda: ana.peer.live and ana.peer.pending_edits == 0)
    assert net.disk.documents["notebook"][0] == epoch
    ana.type("c0", "still here")
    net.run_until(lambda: ana.peer.live and ana.peer.pending_edits == 0)
    assert "still here" in net.server.open_room().content().cells[0].source


@pytest.mark.parametrize("where", ["metadata", "attachments"])
def test_an_entry_that_is_too_large_is_refused(where: str) -> None:
    net = network()
    ana = net.join("ana")
    text = to_json("x" * LONGEST_ENTRY)
    if where == "metadata":
        ana.edit(lambda nb: nb.set_metadata("c0", "large", text))
    else:
        ana.edit(lambda nb: nb.set_attachment("c0", "large.png", text))
    net.run_until_quiet()
    (dropped,) = ana.dropped
    assert dropped.code == "too-large"
    assert "large" not in net.server.open_room().content().cells[0].metadata
