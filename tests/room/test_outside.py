"""Outside changes of the file, and the content of saves, on the simulated network."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from jupyter_runtimed.document.content import Cell, to_json
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.room import events as ev

from ..support.network import Network

SEEDS = range(3)


def cells_of(data: bytes) -> list[str]:
    return [cell["id"] for cell in json.loads(data)["cells"]]


def reordered(data: bytes, *order: str) -> bytes:
    """Return the file with its cells in this order, as another program would write it."""
    found = json.loads(data)
    cells = {cell["id"]: cell for cell in found["cells"]}
    found["cells"] = [cells[cell_id] for cell_id in order]
    return json.dumps(found, indent=1).encode() + b"\n"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("order", ["c1 c2 c0 c3", "c1 c2 c3 c0", "c3 c0 c1 c2", "c0 c2 c1 c3"])
def test_a_cell_that_a_program_moves_stays_at_its_new_place(seed: int, order: str) -> None:
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


@pytest.mark.parametrize("sources", [("x = 1",), ()])
@pytest.mark.parametrize("cell_type", ["code", "markdown"])
def test_a_first_cell_that_a_user_made_is_saved_after_a_crash(
    sources: tuple[str, ...], cell_type: str
) -> None:
    """Opening adds only an empty code cell, and only to a notebook without cells."""
    net = Network(*sources)
    ana = net.join("ana", kind="agent")
    cell = Cell(CellId("new"), cell_type, "")
    ana.edit(lambda nb: nb.add_cell(cell, after=None))
    net.run_until(lambda: ana.peer.pending_edits == 0)
    net.crash_server()
    net.start_server()
    net.run_for(8_000)
    saved = bool(sources) or cell_type == "markdown"
    assert ("new" in cells_of(net.disk.file)) is saved


def test_a_program_that_read_an_older_file_deletes_nothing() -> None:
    net = Network("first", "second")
    ana = net.join("ana")
    read = net.server.open_room().filing.content_for_client()
    ana.type("c0", " typed since")
    net.run_for(8_000)
    cells = tuple(
        replace(cell, source="second, by a program") if cell.id == "c1" else cell
        for cell in read.cells
    )
    net.server.post(ev.ContentsPut(1, replace(read, cells=cells)))
    net.run_until(lambda: 1 in net.server.answers)
    assert net.server.answers[1].error is None
    net.run_until_quiet()
    net.assert_converged()
    assert (ana.source("c0"), ana.source("c1")) == ("first typed since", "second, by a program")


def test_keys_of_a_cell_from_another_program_stay_in_the_file() -> None:
    net = Network("first")
    ana = net.join("ana")
    found = json.loads(net.disk.file)
    found["cells"][0]["theirs"] = "kept"
    net.server.write_outside(json.dumps(found, indent=1).encode())
    net.run_for(1_000)
    ana.type("c0", " typed")
    net.run_until_quiet()
    (cell,) = json.loads(net.disk.file)["cells"]
    assert (cell["theirs"], cell["source"]) == ("kept", ["first typed"])


def test_unsaved_edits_are_saved_together_with_an_outside_change() -> None:
    net = Network("first", "second")
    ana = net.join("ana")
    ana.type("c0", " typed")
    net.run_until(lambda: ana.peer.pending_edits == 0)
    net.crash_server()
    net.leave("ana")
    net.disk.file = net.disk.file.replace(b"second", b"second, edited")
    net.start_server()
    net.join("ben")
    net.run_for(8_000)
    net.assert_converged()
    assert b"first typed" in net.disk.file and b"second, edited" in net.disk.file


def test_a_notebook_title_is_a_significant_edit() -> None:
    net = Network("")
    ana = net.join("ana")
    ana.edit(lambda nb: nb.set_metadata(None, "title", to_json("A study")))
    net.run_for(8_000)
    assert json.loads(net.disk.file)["metadata"]["title"] == "A study"


def test_writing_an_older_file_again_goes_back_to_it() -> None:
    net = Network("one", "two")
    ana = net.join("ana")
    older = net.disk.file
    for cell in ("c0", "c1"):
        ana.type(cell, " and more of it")
        net.run_for(8_000)
    ana.type("c0", "!")
    net.run_for(8_000)
    net.server.write_outside(older)
    net.run_for(8_000)
    net.assert_converged()
    assert (ana.source("c0"), ana.source("c1")) == ("one", "two")


@pytest.mark.parametrize("order", ["new c0 c1 c2", "c0 new c1 c2", "c1 c0 c2 new", "c2 c0 c1 new"])
def test_a_program_that_started_from_an_older_file_deletes_nothing(order: str) -> None:
    net = Network("one", "two", "three")
    ana = net.join("ana")
    older = json.loads(net.disk.file)
    ana.type("c0", ", and a good deal more that was typed since the program read it")
    net.run_for(8_000)
    older["cells"].append({**older["cells"][0], "id": "new", "source": ["by a program"]})
    net.server.write_outside(reordered(json.dumps(older).encode(), *order.split()))
    net.run_for(8_000)
    net.assert_converged()
    net.assert_nothing_lost()
    assert cells_of(net.disk.file) == order.split()
    assert ana.source("new") == "by a program"
