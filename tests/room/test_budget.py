"""The rate limit of a connection, and the size limits of a call."""

from __future__ import annotations

import pytest

from jupyter_runtimed.errors import BadFrame
from jupyter_runtimed.protocol import frames
from jupyter_runtimed.room import effects as fx
from jupyter_runtimed.room import events as ev
from jupyter_runtimed.room.calls import MAX_IDS, MAX_OUTPUTS
from jupyter_runtimed.room.rate_limit import BURST_UNITS, CALL, FLOOD, HELLO, RateLimit

from ..support.network import MAY_ALL, Network, SimPeer


def frames_of(effects: list[fx.Effect], session: str) -> list[frames.Frame]:
    sends = [effect for effect in effects if isinstance(effect, fx.Send)]
    return [frames.decode(send.data) for send in sends if session in send.sessions]


def error_of(net: Network, peer: SimPeer, name: str, **args: object) -> str | None:
    call = peer.call(name, **args)
    net.run_until(lambda: peer.reply_to(call) is not None)
    reply = peer.reply_to(call)
    assert reply is not None
    return None if reply.error is None else reply.error["code"]


class TestBudget:
    def test_the_rate_limit_starts_full_and_refills_with_time(self) -> None:
        budget = RateLimit(per_second=10, burst=20)
        assert [budget.spend(10, 1_000) for _ in range(3)] == [True, True, False]
        assert not budget.has(10, 2_500)
        assert budget.has(10, budget.ready_at(10))

    def test_a_clock_set_back_does_not_refill_the_rate_limit(self) -> None:
        budget = RateLimit(per_second=10, burst=20)
        budget.spend(20, 10_000)
        assert not budget.has(1, 5_000)
        assert budget.has(1, 5_100)

    def test_a_flood_is_distinguished_from_a_burst(self) -> None:
        budget = RateLimit(per_second=10, burst=20)
        for _ in range(FLOOD + 1):
            budget.spend(20, 1_000)
        assert not budget.exceeded
        budget.spend(20, 1_000)
        assert budget.exceeded


def test_calls_beyond_the_rate_limit_are_refused_and_work_again_later() -> None:
    net = Network("x")
    ana = net.join("ana")
    room, now = net.server.open_room(), net.clock.now
    call = ev.Received(ana.session, frames.Call(7, "nosuch"), MAY_ALL)
    answers = [frames_of(room.handle(call, now), ana.session) for _ in range(BURST_UNITS // CALL)]
    codes = [a.error["code"] for (a,) in answers if isinstance(a, frames.Reply) and a.error]
    assert codes[0] == "bad-request" and codes[-1] == "too-many"
    (later,) = frames_of(room.handle(call, now + 1_000), ana.session)
    assert isinstance(later, frames.Reply) and later.error
    assert later.error["code"] == "bad-request"


def test_a_connection_that_does_not_stop_calling_is_closed() -> None:
    net = Network("x")
    ana = net.join("ana")
    room = net.server.open_room()
    call = ev.Received(ana.session, frames.Call(7, "nosuch"), MAY_ALL)
    for _ in range((FLOOD + 2) * BURST_UNITS // CALL):
        effects = room.handle(call, net.clock.now)
        if closed := [e for e in effects if isinstance(e, fx.Disconnect)]:
            break
    assert (closed[0].code, "too many frames" in closed[0].reason) == (4429, True)


def test_the_last_of_many_presences_arrives() -> None:
    net = Network("x")
    ana, ben = net.join("ana"), net.join("ben")
    room = net.server.open_room()
    sent = 4_000
    for number in range(sent):
        frame = frames.Presence("", {"cell": "c0", "doing": str(number)})
        net.server.post(ev.Received(ana.session, frame, MAY_ALL))
    shown = [e for e in ben.happened if type(e).__name__ == "PresenceChanged"]
    assert len(shown) < sent
    net.run_for(60_000)
    session = room.sessions.get(ana.session)
    assert session is not None and session.presence is not None
    assert ben.peer.presences[ana.session]["doing"] == str(sent - 1)


def test_a_client_that_repeats_hello_is_closed() -> None:
    net = Network("x")
    ana = net.join("ana")
    room = net.server.open_room()
    hello = ev.Received(ana.session, frames.Hello("x", "agent"), MAY_ALL)
    for _ in range(BURST_UNITS // HELLO + 1):
        effects = room.handle(hello, net.clock.now)
        if closed := [e for e in effects if isinstance(e, fx.Disconnect)]:
            break
    assert closed[0].code == 4429


def test_a_cell_that_is_named_many_times_runs_once() -> None:
    net = Network("print 1")
    ana = net.join("ana")
    call = ana.call("run", cells=["c0"] * 50_000)
    net.run_until_quiet()
    reply = ana.reply_to(call)
    assert reply is not None and len(reply.result["runs"]) == 1
    assert ana.run_state("c0") == "ok"


def test_lists_that_are_too_long_are_refused() -> None:
    net = Network("print 1")
    ana = net.join("ana")
    ids = [f"c{n}" for n in range(MAX_IDS + 1)]
    assert error_of(net, ana, "clear", cells=ids) == "too-large"
    output = {"output_type": "stream", "name": "stdout", "text": "x"}
    outputs = [output] * (MAX_OUTPUTS + 1)
    assert error_of(net, ana, "import_outputs", cell="c0", outputs=outputs) == "too-large"
    few = outputs[:MAX_OUTPUTS]
    assert error_of(net, ana, "import_outputs", cell="c0", outputs=few) is None


@pytest.mark.parametrize(
    "frame",
    [
        frames.Hello("x", "agent", {}, tuple((b"p" * 16, b"p") for _ in range(1_001))),
        frames.Hello("x", "agent", {"notebook": ("e", ("0" * 64,) * 1_001)}),  # type: ignore[dict-item,arg-type]
        frames.Call(1, "save", {}, ("0" * 64,) * 1_001),
        frames.Call(1, "run", {"cells": [""] * 100_001}),
    ],
)
def test_frames_with_long_lists_are_bad(frame: frames.Frame) -> None:
    with pytest.raises(BadFrame):
        frames.decode(frames.encode(frame))
