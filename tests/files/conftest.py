"""A real server, and a folder with notebooks that other programs change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.client.live_server import LiveServer

from .open_notebook import OpenNotebook


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("files")
    server = LiveServer(folder)
    settings = {"autosave_delay": 0.3, "autosave_max_delay": 1.0}
    config = folder / "config" / "jupyter_server_config.json"
    config.write_text(json.dumps({"RuntimedExtension": settings}))
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def open_notebook(
    running_server: LiveServer, request: pytest.FixtureRequest
) -> AsyncIterator[OpenNotebook]:
    """A separate folder with one notebook that a client has open."""
    folder = running_server.root / request.node.name
    folder.mkdir()
    open_notebook = await OpenNotebook.lay(running_server, folder)
    yield open_notebook
    await open_notebook.leave()
