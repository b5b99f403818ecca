"""The client without asyncio, against a server on another loop in another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from jupyter_runtimed.client import blocking
from jupyter_runtimed.errors import Forbidden, UnsavedEdits
from jupyter_runtimed.ids import RunId
from jupyter_runtimed.protocol.frames import Call

from ..protocol.hub import ONE, TWO
from .hub_server import TOKEN, HubServer, RoomSocket


@pytest.fixture
def threaded() -> Iterator[HubServer]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> HubServer:
        return HubServer()

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    yield server
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_script_edits_runs_and_leaves(threaded: HubServer) -> None:
    def on_call(socket: RoomSocket, call: Call) -> None:
        if call.name == "run":
            run_id = threaded.queue_run(call.args["cells"][0])
            socket.answer(call, {"runs": [run_id]})
            threaded.finish(RunId(run_id))
        else:
            socket.answer(call, {})

    threaded.on_call = on_call
    with blocking.connect(threaded.url, "a.ipynb", TOKEN) as nb:
        cell = nb.add_cell("6 * 7", after=ONE)
        nb.append(cell, "  # answer")
        assert nb.cells == [ONE, cell, TWO]
        assert nb.source(cell) == "6 * 7  # answer"
        assert nb.run(cell).ok
        assert nb.outputs(cell) == []
        nb.save()
        nb.wait_acknowledged(5)
        assert nb.pending_edits == 0
    assert threaded.hub.notebook.source(cell) == "6 * 7  # answer"
    nb.close()


def test_blocking_client_errors_are_raised_and_leave_no_thread(threaded: HubServer) -> None:
    before = set(threading.enumerate())
    with pytest.raises(Forbidden):
        blocking.connect(threaded.url, "a.ipynb", "wrong")
    nb = blocking.connect(threaded.url, "a.ipynb", TOKEN)
    threaded.mute_acks = True
    nb.append(ONE, "x")
    with pytest.raises(UnsavedEdits):
        nb.close(0.05)
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not [name for name in left if name.startswith("runtimed")]
