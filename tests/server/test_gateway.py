"""A kernel at a gateway outlives the server: its runs continue or are lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchfiles import awatch

import jupyter_runtimed
from jupyter_runtimed.execution.external_runs import UNHEARD

from ..client.live_server import LiveServer
from ..host.conftest import notebook

pytestmark = pytest.mark.kernel


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[LiveServer]:
    (tmp_path / "gateway").mkdir()
    gateway = LiveServer(tmp_path / "gateway")
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture
def server(tmp_path: Path, gateway: LiveServer) -> Iterator[LiveServer]:
    (tmp_path / "ours").mkdir()
    server = LiveServer(tmp_path / "ours")
    settings = {"GatewayClient": {"url": gateway.url, "auth_token": gateway.token}}
    (tmp_path / "ours/config/jupyter_server_config.json").write_text(json.dumps(settings))
    server.start()
    yield server
    server.stop()


def waits(folder: Path) -> str:
    """Code that prints, waits for a file, prints again, and creates a file at its end."""
    return (
        f"import pathlib, time\nfolder = pathlib.Path({str(folder)!r})\n"
        "print('so far', flush=True)\n"
        "while not (folder / 'go').exists(): time.sleep(0.02)\n"
        "for i in range(3): print('after', i, flush=True)\n"
        "(folder / 'over').touch()"
    )


async def let_it_end(folder: Path) -> None:
    (folder / "go").touch()
    if not (folder / "over").exists():
        async for _ in awatch(folder, step=10, rust_timeout=100, yield_on_timeout=True):
            if (folder / "over").exists():
                return


@pytest.mark.parametrize("ends", ["while no server is there", "when the next one is there"])
async def test_a_run_at_a_gateway_is_shown_to_its_end(
    server: LiveServer, tmp_path: Path, ends: str
) -> None:
    folder = tmp_path / "signs"
    folder.mkdir()
    (server.root / "a.ipynb").write_bytes(notebook(waits(folder), "folder.name"))
    async with jupyter_runtimed.connect(server.url, "a.ipynb", server.token) as nb:
        asked = asyncio.create_task(nb.run("c0", 100))
        await nb.wait_for(lambda: bool(nb.outputs("c0")), 60)
        kernel = nb.kernel.id
        await nb.save()  # The output is durable then.
        server.kill()
        if ends.startswith("while"):
            await let_it_end(folder)
        server.start()
        await let_it_end(folder)
        result = await asked
        assert (result.state, result.text) == ("ok", "so far\nafter 0\nafter 1\nafter 2\n")
        assert (await nb.run("c1", 60)).text == "'signs'\n", "it is the same kernel"
        assert nb.kernel.id == kernel
        await nb.shutdown()


async def test_a_run_is_lost_when_its_kernel_ends_with_the_gateway(
    server: LiveServer, gateway: LiveServer, tmp_path: Path
) -> None:
    (server.root / "a.ipynb").write_bytes(notebook(waits(tmp_path), "6 * 7"))
    async with jupyter_runtimed.connect(server.url, "a.ipynb", server.token) as nb:
        asked = asyncio.create_task(nb.run("c0", 100))
        await nb.wait_for(lambda: bool(nb.outputs("c0")), 60)
        server.kill()
        gateway.stop()
        gateway.start()
        server.start()
        result = await asked
        assert (result.state, result.reason) == ("lost", UNHEARD)
        assert (await nb.run("c1", 60)).text == "42\n"
        await nb.shutdown()
