"""What others do to the file, and what goes into it, on the simulated network."""

from __future__ import annotations

import json

import pytest

from jupyter_runtimed.document.content import Cell
from jupyter_runtimed.ids import CellId

from ..support.network import Network

SEEDS = range(3)


def cells_of(data: bytes) -> list[str]:
    return [cell["id"] for cell in json.loads(data)["cells"]]


def reordered(data: bytes, *order: str) -> bytes:
    """The file with its cells in this order, as another program would write it."""
    found = json.loads(data)
    cells = {cell["id"]: cell for cell in found["cells"]}
    found["cells"] = [cells[cell_id] for cell_id in order]
    return json.dumps(found, indent=1).encode() + b"\n"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("order", ["c1 c2 c0 c3", "c1 c2 c3 c0", "c3 c0 c1 c2", "c0 c2 c1 c3"])
def test_a_cell_that_a_program_moves_stands_where_it_put_it(seed: int, order: str) -> None:
    net = Network("a", "b", "c", "d", seed=seed)
    ana = net.join("ana")
    net.server.write_outside(reordered(net.disk.file, *order.split()))
    ana.type("c0", " typed")
    net.run_until(lambda: list(ana.notebook.order) == order.split())
    net.run_until_quiet()
    net.assert_converged()
    assert ana.source("c0") == "a typed"
    assert cells_of(net.disk.file) == order.split()


def test_an_empty_cell_above_others_goes_into_the_file() -> None:
    net = Network("x = 1")
    ana = net.join("ana")
    ana.edit(lambda nb: nb.add_cell(Cell(CellId("new"), "code", ""), after=None))
    net.run_for(8_000)
    assert cells_of(net.disk.file) == ["new", "c0"]
