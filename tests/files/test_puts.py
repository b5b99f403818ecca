"""Clients of the contents API read a notebook and later put an edited version."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from jupyter_runtimed.document.content import Content
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.room import events as ev
from tests.support.network import Network

from .test_old_states import edit_second, opened, sources, type_and_save, write


def read(net: Network) -> Content:
    return net.server.open_room().filing.content_for_client()


def put(net: Network, content: Content, cell: str, source: str) -> None:
    cells = tuple(
        replace(one, source=source) if one.id == CellId(cell) else one for one in content.cells
    )
    net.server.post(ev.ContentsPut(1, replace(content, cells=cells)))
    net.run_for(2_000)
    net.run_until_quiet()


def test_a_slow_client_that_puts_is_merged_while_many_others_read() -> None:
    net, ana = opened("one", "two = 2")
    mine = read(net)
    for word in range(10):
        type_and_save(net, ana, f" {word}")
        read(net)
    put(net, mine, "c1", "two = 22")
    assert sources(net) == ["one 0 1 2 3 4 5 6 7 8 9", "two = 22"]
    net.assert_converged()


def test_content_read_from_the_file_can_be_put() -> None:
    net, ana = opened("one", "two = 2")
    mine = net.server.open_room().content()
    type_and_save(net, ana, " typed")
    type_and_save(net, ana, " on")
    put(net, mine, "c1", "two = 22")
    assert sources(net) == ["one typed on", "two = 22"]


def test_a_put_and_a_file_write_from_different_versions_are_merged() -> None:
    net, ana = opened("one", "two = 2", "three = 3")
    theirs, file = read(net), net.disk.file

    def third_is(source: str) -> Any:
        return lambda whole: whole["cells"][2].update(source=[source])

    for number in range(5):
        put(net, theirs, "c1", f"two = put({number}, {'x' * number})")
        type_and_save(net, ana, f" {number}")
        write(net, file, third_is(f"three = written({number}, {'y' * number})"))
        net.assert_converged()
    assert sources(net) == [
        "one 0 1 2 3 4", "two = put(4, xxxx)", "three = written(4, yyyy)"
    ]  # fmt: skip


def test_outputs_added_after_a_client_read_the_notebook_stay() -> None:
    net, ana = opened("print one", "two = 2")
    mine = read(net)
    ana.run("c0")
    net.run_until_quiet()
    put(net, mine, "c1", "two = 22")
    assert sources(net) == ["print one", "two = 22"]
    assert ana.outputs("c0") == "one\n"
    assert json.loads(net.disk.file)["cells"][0]["outputs"]
    write(net, net.disk.file, edit_second)
    assert ana.outputs("c0") == "one\n"
