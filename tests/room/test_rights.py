"""Permissions that change during a connection, and the permissions of each call."""

from __future__ import annotations

import pytest

from jupyter_runtimed.document.permissions import Permissions
from jupyter_runtimed.room import events as ev

from ..support.network import MAY_ALL, MAY_EDIT, MAY_READ, Network, SimPeer

MAY_ONLY_RUN = Permissions(write=True, execute=True, kernels=False, sessions=False)


def error_of(net: Network, peer: SimPeer, name: str, **args: object) -> str | None:
    call = peer.call(name, **args)
    net.run_until(lambda: peer.reply_to(call) is not None)
    reply = peer.reply_to(call)
    assert reply is not None
    return None if reply.error is None else reply.error["code"]


def test_a_changed_role_is_reported_without_a_frame_of_the_client() -> None:
    net = Network("x")
    ana = net.join("ana")
    for rights, role in ((MAY_READ, "viewer"), (MAY_EDIT, "editor"), (MAY_ALL, "runner")):
        net.server.post(ev.RightsChanged(ana.session, rights))
        net.run_until(lambda role=role: ana.peer.role == role)  # type: ignore[misc]


def test_permissions_for_a_closed_session_are_ignored() -> None:
    net = Network("x")
    ana = net.join("ana")
    session = ana.session
    net.leave("ana")
    net.run_for(100)
    net.server.post(ev.RightsChanged(session, MAY_READ))
    assert net.join("ben").peer.role == "runner"


@pytest.mark.parametrize("name", ["interrupt", "restart", "shutdown"])
def test_permission_to_run_code_does_not_include_stopping_the_kernel(name: str) -> None:
    net = Network("print 1")
    ana = net.join("ana")
    ana.run("c0")
    net.run_until_quiet()
    ben = net.join("ben", MAY_ONLY_RUN)
    assert error_of(net, ben, name) == "forbidden"
    assert error_of(net, ben, "run", cells=["c0"]) is None
    net.run_until_quiet()
    assert ben.run_state("c0") == "ok"
    assert error_of(net, ana, name) is None


def test_permission_to_run_code_does_not_include_starting_a_kernel() -> None:
    net = Network("print 1")
    ben = net.join("ben", MAY_ONLY_RUN)
    assert error_of(net, ben, "run", cells=["c0"]) == "forbidden"
    assert net.server.kernel is None
    ana = net.join("ana")
    ana.run("c0")
    assert error_of(net, ben, "run_all") is None
    net.run_until_quiet()
    assert ben.run_state("c0") == "ok"


def test_permissions_over_the_kernel_alone_allow_nothing() -> None:
    net = Network("print 1")
    ana = net.join("ana")
    ana.run("c0")
    net.run_until_quiet()
    ben = net.join("ben", Permissions(write=True, execute=False))
    for name in ("interrupt", "restart", "shutdown"):
        assert error_of(net, ben, name) == "forbidden"
