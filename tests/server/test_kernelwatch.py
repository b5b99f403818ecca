"""Jupyter Server receives all kernel states, but only a summary of a flood of output."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import zmq
from jupyter_client.session import Session
from zmq.eventloop.zmqstream import ZMQStream

from jupyter_runtimed.server.kernels.activity_monitor import AT_ONCE, lighten

from .clients import Place

FLOOD = 10 * AT_ONCE


class Watched:
    """A publishing socket, and everything that its monitor has recorded."""

    def __init__(self, context: zmq.Context[Any]) -> None:
        self.session = Session(key=b"key")
        self.kernel = SimpleNamespace(_activity_stream=None)
        self.recorded: list[str] = []
        self.over = asyncio.Event()
        self._out, heard = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        self._out.sndhwm = heard.rcvhwm = 0
        self._out.bind("inproc://iopub")
        heard.connect("inproc://iopub")
        self.stream = ZMQStream(heard)
        self.kernel._activity_stream = self.stream
        self.stream.on_recv(self._record)

    def _record(self, parts: list[bytes]) -> None:
        _, rest = self.session.feed_identities(parts)
        message = self.session.deserialize(rest)
        state = message["content"].get("execution_state", "")
        self.recorded.append(state or message["msg_type"])
        if state == "idle":
            self.over.set()

    def say(self, kind: str, **content: str) -> None:
        self.session.send(self._out, kind, content, ident=b"topic")

    def say_nothing_known(self) -> None:
        self._out.send_multipart([b"no delimiter"])

    def close(self) -> None:
        self.stream.close(linger=0)
        self._out.close(linger=0)


@pytest.fixture
async def watched() -> Any:
    with zmq.Context() as context:
        watched = Watched(context)
        yield watched
        watched.close()


async def test_every_state_is_recorded_in_order(watched: Watched) -> None:
    lighten(watched.kernel)
    watched.say("status", execution_state="busy")
    for _ in range(FLOOD):
        watched.say("stream", text="x")
    watched.say("status", execution_state="idle")
    await asyncio.wait_for(watched.over.wait(), 30)
    states = [entry for entry in watched.recorded if entry != "stream"]
    assert states == ["busy", "idle"]
    assert 0 < len(watched.recorded) < FLOOD / 10


async def test_output_after_a_pause_is_recorded_as_activity(watched: Watched) -> None:
    lighten(watched.kernel)
    for _ in range(3):
        watched.say("status", execution_state="idle")
        await asyncio.wait_for(watched.over.wait(), 30)
        watched.over.clear()
    assert watched.recorded == ["idle"] * 3


async def test_a_stopped_activity_monitor_is_not_used(watched: Watched) -> None:
    lighten(watched.kernel)
    watched.say("status", execution_state="idle")
    await asyncio.wait_for(watched.over.wait(), 30)
    watched.stream.close(linger=0)
    failed: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failed.append(context))
    ended = asyncio.Event()
    loop.call_later(0.1, ended.set)
    await ended.wait()
    assert failed == []


async def test_a_kernel_without_an_activity_monitor_has_no_effect(watched: Watched) -> None:
    lighten(SimpleNamespace())
    lighten(SimpleNamespace(_activity_stream=None))
    watched.stream.stop_on_recv()
    lighten(watched.kernel)
    assert not watched.stream.receiving()


@pytest.mark.kernel
async def test_the_server_reports_busy_kernels_and_their_last_activity(place: Place) -> None:
    place.write("a.ipynb", "for i in range(3000): print(i, flush=True)")
    nb = await place.open("a.ipynb")
    session = await place.start_session("a.ipynb")
    await nb.wait_for(lambda: nb.kernel.state == "idle", 60)
    path = f"api/kernels/{session['kernel']['id']}"
    before = after = (await place.ask("GET", path)).json
    assert (await nb.run("c0", 60)).text.endswith("2999\n")
    while after is before or after["execution_state"] != "idle":
        after = (await place.ask("GET", path)).json
    assert after["last_activity"] > before["last_activity"]
