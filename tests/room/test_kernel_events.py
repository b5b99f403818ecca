"""Kernel actions of a user are reported to the other users, on the simulated network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jupyter_runtimed.peer.events import RoomEvent
from jupyter_runtimed.room import events as ev

from ..support.network import Network, SimPeer


def news(peer: SimPeer) -> list[Mapping[str, Any]]:
    room_events = (happened for happened in peer.happened if isinstance(happened, RoomEvent))
    return [happened.body for happened in room_events if happened.name == "kernel"]


def ask(net: Network, peer: SimPeer, action: str) -> None:
    call = peer.call(action)
    net.run_until(lambda: peer.reply_to(call) is not None)
    net.run_for(50)


@pytest.mark.parametrize("action", ["restart", "interrupt", "shutdown"])
def test_a_kernel_call_is_reported_to_the_other_users_only(action: str) -> None:
    net = Network("print 1")
    ana, ben = net.join("ana"), net.join("ben")
    ana.run("c0")
    net.run_until_quiet()
    ask(net, ana, action)
    assert news(ben) == [{"action": action, "by": "ana"}]
    assert news(ana) == []


def test_a_refused_kernel_call_is_not_reported() -> None:
    net = Network("print 1")
    ana, ben = net.join("ana"), net.join("ben")
    ask(net, ana, "restart")  # No kernel runs.
    assert news(ben) == []


def test_a_kernel_action_by_jupyters_api_is_reported_to_the_other_users_only() -> None:
    net = Network("print 1")
    ana, ben = net.join("ana"), net.join("ben")
    net.server.post(ev.KernelActionRequested("restart", ev.User("ben", "Ben")))
    net.run_for(50)
    assert news(ana) == [{"action": "restart", "by": "Ben"}]
    assert news(ben) == []
