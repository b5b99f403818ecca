"""Carriage returns of a cell stay while another program changes the file."""

from __future__ import annotations

import json

import pytest

from ..support.network import Network


def changed_outside(data: bytes, before: str, after: str) -> bytes:
    """Return the file after a program rewrote all line ends as line feeds."""
    found = json.loads(data)
    for cell in found["cells"]:
        text = "\n".join("".join(cell["source"]).replace("\r\n", "\n").split("\r"))
        cell["source"] = text.replace(before, after)
    return json.dumps(found, indent=1).encode() + b"\n"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("text", "merged"),
    [("a\r\nb\r\nc", "a\r\nb1\r\nc!"), ("a\rb\nc", "a\rb1\nc!"), ("50%\rb\r\nc", "50%\rb1\r\nc!")],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_change_outside_leaves_carriage_returns_where_they_are(
    text: str, merged: str, restarted: bool, seed: int
) -> None:
    net = Network("", seed=seed)
    ana = net.join("ana")
    ana.type("c0", text)
    net.run_until_quiet()
    if restarted:
        net.crash_server()
        net.start_server()
    net.server.write_outside(changed_outside(net.disk.file, "b", "b1"))
    ana.type("c0", "!")
    net.run_until(lambda: "b1" in ana.source("c0"))
    net.run_until_quiet()
    assert ana.source("c0") == merged
    (cell,) = json.loads(net.disk.file)["cells"]
    assert "".join(cell["source"]) == merged


def test_a_program_that_only_changes_line_ends_changes_nothing() -> None:
    net = Network("")
    ana = net.join("ana")
    ana.type("c0", "a\r\nb")
    net.run_until_quiet()
    heads = ana.notebook.heads
    net.server.write_outside(changed_outside(net.disk.file, "b", "b"))
    net.run_for(10_000)
    assert ana.notebook.heads == heads
