"""A notebook without cells, as JupyterLab creates it, gets one when a browser opens it."""

from __future__ import annotations

from ..support.network import MAY_READ, Network

EMPTY = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def cells(net: Network, name: str) -> list[tuple[str, str]]:
    content = net.peers[name].notebook.content()
    return [(cell.cell_type, cell.source) for cell in content.cells]


def test_two_users_who_open_an_empty_notebook_at_once_get_one_cell() -> None:
    net = Network(file=EMPTY)
    net.join("ana", wait=False)
    net.join("ben", wait=False)
    net.run_until_quiet()
    assert cells(net, "ana") == cells(net, "ben") == [("code", "")]
    room = net.server.open_room()
    assert all(room.runtime.trusted(cell) for cell in room.notebook.order)
    net.peers["ben"].type(net.peers["ben"].notebook.order[0], "x = 1")
    net.run_until_quiet()
    net.assert_converged()


def test_opening_an_empty_notebook_does_not_write_its_file() -> None:
    net = Network(file=EMPTY)
    net.join("ana")
    net.run_until_quiet()
    net.run_for(60_000)
    net.leave("ana")
    net.crash_server()
    net.start_server()
    net.join("ana")
    net.run_for(60_000)
    assert cells(net, "ana") == [("code", "")]
    assert net.disk.file == EMPTY


def test_an_agent_adds_no_first_cell() -> None:
    net = Network(file=EMPTY)
    net.join("bot", kind="agent")
    assert cells(net, "bot") == []
    net.join("ana")
    net.run_until_quiet()
    assert cells(net, "bot") == [("code", "")]


def test_a_viewer_adds_no_first_cell() -> None:
    net = Network(file=EMPTY)
    net.join("eve", MAY_READ)
    assert cells(net, "eve") == []
