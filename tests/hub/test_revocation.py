"""Open connections to a single-user server whose user loses the Hub's token."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import nbformat
import pytest

import jupyter_runtimed
from jupyter_runtimed.errors import LoggedOut

from ..support.jupyterhub import HUB, NOT_THERE, JupyterHub

pytestmark = [pytest.mark.hub, pytest.mark.timeout(240)]


@pytest.fixture
def watchful_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterHub]:
    """A Hub whose servers check identities every second instead of every two minutes."""
    if not (HUB / "bin/jupyterhub").exists():
        pytest.skip(NOT_THERE)
    home = tmp_path_factory.mktemp("hub")
    hub = JupyterHub(home, args=("--RuntimedExtension.identity_check_interval=1",))
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()


async def test_a_revoked_token_ends_the_connections_that_it_opened(
    watchful_hub: JupyterHub,
) -> None:
    hub = watchful_hub
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", id="c0")])
    nbformat.write(notebook, hub.folder("ana") / "a.ipynb")
    url = await asyncio.to_thread(hub.start_server, "ana")
    token = await asyncio.to_thread(hub.token, "ana")
    nb = await jupyter_runtimed.connect(url, "a.ipynb", token)
    await nb.append("c0", "y")
    await nb.wait_acknowledged(30)
    await asyncio.to_thread(hub.revoke_tokens, "ana")
    with pytest.raises(LoggedOut, match="log in again"):
        await nb.wait_for(lambda: False, 60)
    await nb.close()
