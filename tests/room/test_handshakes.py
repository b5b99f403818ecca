"""Handshakes with another protocol, and calls that outlive their connections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_runtimed.protocol import frames
from jupyter_runtimed.room import effects as fx
from jupyter_runtimed.room import events as ev
from jupyter_runtimed.room.settings import Settings

from ..support.network import MAY_ALL, Network
from ..support.server import SimServer

ANOTHER_USER = ev.User("e", "e")


class SlowToStart(SimServer):
    """A kernel whose first message comes late."""

    started = 0

    def _kernel_do(self, effect: fx.Effect) -> None:
        if isinstance(effect, fx.StartKernel):
            self.started += 1
            self.clock.after(200, lambda: super(SlowToStart, self)._kernel_do(effect))
        else:
            super()._kernel_do(effect)


def test_two_clients_that_run_at_once_share_one_kernel() -> None:
    net = Network("print 1", "print 2", server=SlowToStart)
    ana, ben = net.join("ana"), net.join("ben")
    ana.run("c0")
    ben.run("c1")
    net.run_until_quiet()
    assert isinstance(net.server, SlowToStart)
    assert net.server.started == 1
    assert (ben.outputs("c0"), ana.outputs("c1")) == ("1\n", "2\n")


def test_a_kernel_status_without_an_id_keeps_the_kernel_id() -> None:
    net = Network("print 1")
    ana = net.join("ana")
    ana.run("c0")
    net.run_until_quiet()
    net.server.post(ev.KernelStatusChanged("idle"))
    call = ana.call("interrupt")
    net.run_until_quiet()
    reply = ana.reply_to(call)
    assert reply is not None and reply.error is None


def test_a_client_with_another_protocol_is_closed_with_the_reason() -> None:
    net = Network("x = 1")
    ana = net.join("ana")
    room = net.server.open_room()
    hello = frames.Hello("old", "browser", {}, (), protocol=frames.PROTOCOL + 1)
    effects = room.handle(ev.Received(ana.session, hello, MAY_ALL), net.clock.now)
    (gone,) = [effect for effect in effects if isinstance(effect, fx.Disconnect)]
    assert (gone.session, gone.code) == (ana.session, 4409)
    assert "reload" in gone.reason


def test_a_room_without_clients_stays_open_until_its_calls_are_answered() -> None:
    net = Network("print 1", settings=Settings(idle_ms=100))
    net.join("ana")
    net.leave("ana")
    net.server.post(
        ev.CallReceived(7, "run", {"cells": ["c0"]}, ("0" * 64,), ANOTHER_USER, MAY_ALL)
    )
    net.run_for(20_000)
    error = net.server.answers[7].error
    assert error is not None and error.code == "heads-missing"
    assert net.server.room is None


@pytest.mark.parametrize("seed", range(5))
def test_a_room_without_clients_stays_open_until_a_rest_call_is_answered(seed: int) -> None:
    net = Network("first", seed=seed, settings=Settings(idle_ms=1))
    net.join("ana")
    content = net.server.open_room().filing.content_for_client()
    net.leave("ana")
    (cell,) = content.cells
    net.server.post(ev.ContentsPut(1, replace(content, cells=(replace(cell, source="second"),))))
    net.run_for(20_000)
    assert net.server.answers[1].error is None
    assert net.server.room is None
    assert b"second" in net.disk.file
