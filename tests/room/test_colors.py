"""Users without a colour get the first colour that no connected user has."""

from __future__ import annotations

from jupyter_runtimed.room.colors import PALETTE

from ..support.network import Network


def color_of(net: Network, name: str) -> str:
    welcome = net.peers[name].peer.welcome
    assert welcome is not None
    return str(welcome.user["color"])


def test_each_user_has_another_colour_and_free_colours_are_reused() -> None:
    net = Network("x = 1")
    names = [f"user{i}" for i in range(len(PALETTE))]
    for name in names:
        net.join(name)
    assert [color_of(net, name) for name in names] == list(PALETTE)
    net.leave("user2")
    net.run_for(100)
    net.join("late")
    assert color_of(net, "late") == PALETTE[2]
    net.join("one too many")
    assert color_of(net, "one too many") == PALETTE[0]


def test_others_see_the_colour_that_a_user_was_assigned() -> None:
    net = Network("x = 1")
    ana, ben = net.join("ana"), net.join("ben")
    ben.peer.set_presence({"cell": "c0"})
    ben.edited()
    net.run_for(100)
    (seen,) = ana.peer.presences.values()
    assert seen["user"]["color"] == color_of(net, "ben") != color_of(net, "ana")
