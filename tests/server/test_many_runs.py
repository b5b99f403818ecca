"""After days of runs on one kernel, the stored data is as large as the visible content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import jupyter_runtimed

from ..client.live_server import LiveServer
from ..host.conftest import notebook

pytestmark = [pytest.mark.kernel, pytest.mark.long]

RUNS = 10_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path)
    server.start()
    yield server
    server.stop()


def memory(server: LiveServer) -> int:
    """Return the memory of the server's process in bytes."""
    assert server._process is not None
    return int(psutil.Process(server._process.pid).memory_info().rss)


async def received(server: LiveServer) -> int:
    """Return the number of bytes that a new client receives."""
    async with jupyter_runtimed.connect(server.url, "a.ipynb", server.token) as late:
        assert late.cells[0].outputs[0]["text"] == "one\n"
        return late.received_bytes


async def test_ten_thousand_runs_of_a_real_kernel_leave_a_small_document(
    server: LiveServer,
) -> None:
    (server.root / "a.ipynb").write_bytes(notebook("print('one')\nNone"))
    async with jupyter_runtimed.connect(server.url, "a.ipynb", server.token) as nb:
        assert (await nb.run("c0", 60)).ok
        before = memory(server)
        for _ in range(RUNS):
            assert (await nb.run("c0", 60)).ok
        assert nb.execution_count("c0") == RUNS + 1
        assert await received(server) < 64_000
        assert memory(server) - before < 64_000_000
