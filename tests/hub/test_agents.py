"""A program and a single-user server of a real JupyterHub."""

from __future__ import annotations

import asyncio

import pytest

import jupyter_runtimed

from ..support.jupyterhub import JupyterHub
from .notebooks import sources_of, write_notebook

pytestmark = [pytest.mark.hub, pytest.mark.timeout(240)]


async def test_an_agent_edits_with_a_token_of_the_hub_and_a_browser_address(
    hub: JupyterHub,
) -> None:
    """The user's name equals the name of a page, and the address comes from the browser."""
    write_notebook(hub, "lab", "a.ipynb", "x = 1")
    url = await asyncio.to_thread(hub.start_server, "lab")
    page = f"{url}/lab/tree/a.ipynb"
    async with jupyter_runtimed.connect(page, "a.ipynb", hub.token("lab")) as nb:
        await nb.append("c0", " + 1")
        await nb.wait_saved(60)
    assert sources_of(hub, "lab", "a.ipynb") == ["x = 1 + 1"]


async def test_an_agent_outlives_its_server_and_the_hubs_proxy(hub: JupyterHub) -> None:
    write_notebook(hub, "ana maria", "a.ipynb", "x = 1")
    url = await asyncio.to_thread(hub.start_server, "ana maria")
    async with jupyter_runtimed.connect(url, "a.ipynb", hub.token("ana maria")) as nb:
        await asyncio.to_thread(hub.stop_proxy)
        await asyncio.to_thread(hub.start_proxy)
        await nb.wait_for(lambda: "not found" in nb.waiting_for, 60)
        await nb.append("c0", " + 2")
        await asyncio.to_thread(hub.tell_routes)
        await nb.wait_acknowledged(60)
        await asyncio.to_thread(hub.stop_server, "ana maria")
        await nb.wait_for(lambda: "check that the server is running" in nb.waiting_for, 60)
        await nb.append("c0", " + 3")
        await asyncio.to_thread(hub.start_server, "ana maria")
        await nb.wait_saved(60)
    assert sources_of(hub, "ana maria", "a.ipynb") == ["x = 1 + 2 + 3"]
