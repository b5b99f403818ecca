"""A cell that is deleted while it runs, and brought back by an undo, continues with its run."""

from __future__ import annotations

import pytest

from jupyter_runtimed.document.content import Cell
from jupyter_runtimed.ids import CellId

from ..support.network import Network, SimPeer

SEEDS = range(5)
CELL = CellId("c0")
SLOW = "print one\nwait 300\nprint two\nwait 300\nprint three"
WHOLE = "one\ntwo\nthree\n"


def delete(peer: SimPeer) -> None:
    peer.edit(lambda nb: nb.delete_cell(CELL))


def undo(peer: SimPeer) -> None:
    peer.edit(lambda nb: nb.add_cells([Cell(CELL, "code", SLOW)], index=0))


def begun(net: Network, peer: SimPeer) -> None:
    peer.run("c0")
    net.run_until(lambda: peer.outputs("c0") == "one\n")


@pytest.mark.parametrize("deleted_ms", [10, 350, 2_000])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_cell_restored_by_undo_has_all_output_and_its_count(seed: int, deleted_ms: int) -> None:
    net = Network(SLOW, "", seed=seed)
    ana, ben = net.join("ana"), net.join("ben")
    begun(net, ana)
    delete(ana)
    net.run_until(lambda: CELL not in ben.notebook)
    net.run_for(deleted_ms)
    undo(ana)
    net.run_until_quiet()
    net.assert_converged()
    for peer in (ana, ben, net.join("cem")):
        net.run_until_quiet()
        assert (peer.outputs("c0"), peer.run_state("c0")) == (WHOLE, "ok")
        run = peer.peer.runtime.run_of(CELL)  # type: ignore[union-attr]
        assert run is not None and run.execution_count == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_saved_while_a_running_cell_is_deleted_lacks_the_cell(seed: int) -> None:
    net = Network(SLOW, "", seed=seed)
    ana = net.join("ana")
    begun(net, ana)
    delete(ana)
    net.run_until(lambda: b"wait 300" not in net.server.disk.file)
    net.run_for(5_000)
    assert b"three" not in net.server.disk.file
    undo(ana)
    net.run_until_quiet()
    assert b"three" in net.server.disk.file
    assert ana.outputs("c0") == WHOLE


def test_a_run_is_interrupted_by_a_crash_while_its_cell_is_deleted() -> None:
    net = Network(SLOW, "", seed=1)
    ana = net.join("ana")
    begun(net, ana)
    delete(ana)
    net.run_for(100)
    net.crash_server()
    net.run_for(100)
    net.start_server()
    undo(ana)
    net.run_until_quiet()
    net.assert_converged()
    assert ana.run_state("c0") in (None, "lost")


def test_importing_a_run_does_not_overwrite_its_later_output() -> None:
    net = Network(SLOW, "", seed=1)
    ana = net.join("ana")
    begun(net, ana)
    run = ana.peer.runtime.run_of(CELL)  # type: ignore[union-attr]
    assert run is not None
    delete(ana)
    net.run_until_quiet()
    undo(ana)
    kept = [{"output_type": "stream", "name": "stdout", "text": "one\n"}]
    ana.call("import_outputs", cell="c0", outputs=kept, execution_count=1, unless_run=run.id)
    net.run_until_quiet()
    assert ana.outputs("c0") == WHOLE


def test_a_cell_that_moves_while_it_runs_continues() -> None:
    net = Network(SLOW, "", seed=1)
    ana, ben = net.join("ana"), net.join("ben")
    begun(net, ana)
    ben.edit(lambda nb: nb.move_cell(CELL, after=CellId("c1")))
    net.run_until_quiet()
    net.assert_converged()
    assert (ana.outputs("c0"), ben.run_state("c0")) == (WHOLE, "ok")
