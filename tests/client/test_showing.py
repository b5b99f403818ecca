"""Presence of an agent follows its edits."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_runtimed.client.notebook import _end_of_change
from jupyter_runtimed.client.presence import PresenceSender
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.ids import CellId

from ..support.network import Network, SimPeer

C0 = CellId("c0")


def agent(net: Network) -> tuple[SimPeer, PresenceSender]:
    agent = net.join("agent", kind="agent")
    return agent, PresenceSender(agent.peer, agent.edited)


def seen(net: Network, by: SimPeer) -> dict[str, Any]:
    net.run_for(100)
    (state,) = by.peer.presences.values()
    return dict(state)


def place(notebook: Notebook, state: dict[str, Any]) -> int:
    ((anchor, head),) = state["cursors"]
    assert anchor == head
    return notebook.document.cursor_position(notebook._source(C0), head)


async def test_each_edit_sets_the_caret_and_the_caret_moves_with_the_text() -> None:
    net = Network("print 1")
    ana = net.join("ana")
    peer, showing = agent(net)
    peer.type("c0", " # by a program")
    showing.edited(C0, len(peer.source("c0")))
    state = seen(net, ana)
    assert (state["kind"], state["cell"], state["doing"]) == ("agent", "c0", "editing")
    assert place(ana.notebook, state) == len(ana.source("c0"))
    showing.stop()
    _, other = agent(net)
    other.edited(C0, 5)
    net.run_for(100)
    states = [dict(s) for s in ana.peer.presences.values() if s.get("cursors")]
    assert 5 in [place(ana.notebook, s) for s in states]
    ana.type("c0", "# ", at=0)
    assert 7 in [place(ana.notebook, s) for s in states]
    other.stop()


async def test_many_edits_send_few_presence_frames_and_the_last_position() -> None:
    net = Network("print 1")
    peer, showing = agent(net)
    shown: list[Any] = []
    peer.peer.set_presence = shown.append  # type: ignore[method-assign, assignment]
    for position in range(8):
        showing.edited(C0, position)
    assert len(shown) == 1
    showing._send_next()
    assert len(shown) == 2
    assert shown[-1]["cursors"][0][0] == peer.notebook.cursor(C0, 7)
    await asyncio.sleep(0)
    showing.stop()


def test_the_end_of_a_change_is_the_start_of_the_common_suffix() -> None:
    assert _end_of_change("x = 1 + 2", "x = 10 + 2") == 6
    assert _end_of_change("", "abc") == 3
    assert _end_of_change("abc", "abc") == 0
    assert _end_of_change("abc", "") == 0
