"""The Hub's idle culler and a server without browsers in which a cell runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import jupyter_runtimed

from ..support.jupyterhub import HUB, NOT_THERE, JupyterHub
from .test_agents import write_notebook

pytestmark = [pytest.mark.hub, pytest.mark.timeout(300)]

CULLING = """
c.Spawner.environment.update(JUPYTERHUB_ACTIVITY_INTERVAL="1")
c.JupyterHub.services.append(dict(
    name="culler", command=[{culler!r}, "--timeout=15", "--cull-every=2"]))
c.JupyterHub.load_roles.append(dict(name="culler", services=["culler"], scopes=[
    "list:users", "read:users:activity", "read:servers", "delete:servers"]))
"""


@pytest.fixture
def culling(tmp_path: Path) -> Iterator[JupyterHub]:
    culler = HUB / "bin/jupyterhub-idle-culler"
    if not culler.exists():
        pytest.skip(NOT_THERE)
    hub = JupyterHub(tmp_path / "hub", config=CULLING.format(culler=str(culler)))
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()


async def culled(hub: JupyterHub, user: str) -> None:
    """Wait until the culler has stopped the server of this user."""
    # The Hub sends no event, so the test must ask.
    while await asyncio.to_thread(hub._servers, user):  # noqa: ASYNC110
        await asyncio.sleep(0.2)


async def test_a_server_is_culled_when_its_cells_are_done_and_not_before(
    culling: JupyterHub,
) -> None:
    hub = culling
    silent = "print(1, flush=True)\nimport threading; threading.Event().wait()"
    write_notebook(hub, "ana", "a.ipynb", silent)
    write_notebook(hub, "ben", "b.ipynb", "x")
    url = await asyncio.to_thread(hub.start_server, "ana")
    async with jupyter_runtimed.connect(url, "a.ipynb", hub.token("ana")) as nb:
        running = asyncio.ensure_future(nb.run("c0"))
        await nb.wait_for(lambda: bool(nb.outputs("c0")), 120)
        running.cancel()
    url = await asyncio.to_thread(hub.start_server, "ben")
    idle = await jupyter_runtimed.connect(url, "b.ipynb", hub.token("ben"))
    # ben's server was used last, and one client stays connected to it.
    await culled(hub, "ben")
    assert await asyncio.to_thread(hub._servers, "ana"), "the server was culled while its cell runs"
    url = hub.server_url("ana")
    async with jupyter_runtimed.connect(url, "a.ipynb", hub.token("ana")) as nb:
        assert nb.last_run("c0").state == "running"
        await nb.interrupt()
        await nb.wait_for(lambda: nb.last_run("c0").state == "error", 60)
    await culled(hub, "ana")
    await idle.close()
