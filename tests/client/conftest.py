from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

import jupyter_runtimed
from jupyter_runtimed.client import LiveNotebook

from .hub_server import TOKEN, HubServer


@pytest_asyncio.fixture
async def server() -> AsyncIterator[HubServer]:
    server = HubServer()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def nb(server: HubServer) -> AsyncIterator[LiveNotebook]:
    async with jupyter_runtimed.connect(server.url, "a.ipynb", TOKEN) as notebook:
        yield notebook
