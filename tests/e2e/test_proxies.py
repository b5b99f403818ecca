"""A page behind a proxy that blocks WebSockets or answers instead of the server."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from ..support.proxy import KERNELS_ONLY, Proxy
from .browser import User
from .lab import Lab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest_asyncio.fixture
async def proxy(lab: Lab) -> AsyncIterator[Proxy]:
    proxy = Proxy(lab.port)
    await proxy.start()
    yield proxy
    await proxy.stop()


def lab_behind(proxy: Proxy, lab: Lab) -> Lab:
    """Return the same server with the address of the proxy."""
    other = copy.copy(lab)
    other.url = proxy.url
    return other


async def test_a_notebook_works_behind_a_proxy_that_passes_only_jupyters_websockets(
    browser: Browser, lab: Lab, proxy: Proxy, screenshots: Path
) -> None:
    proxy.websockets = KERNELS_ONLY
    write_notebook(lab, "apart.ipynb", "x = 6", "print(x * 7)")
    ben = await User.with_notebook(browser, lab, "apart.ipynb", screenshots)
    ana = await User.with_notebook(browser, lab_behind(proxy, lab), "apart.ipynb", screenshots)
    await ana.status_is("slow connection")
    title = await ana.status.get_attribute("title")
    assert title is not None and "must let WebSockets through at /api/runtimed/rooms/" in title
    await ana.type(0, " # ana")
    await ben.sees(0, "# ana")
    await ben.type(1, " # ben")
    await ana.sees(1, "# ben")
    await ana.run(0)
    await ana.run(1)
    await ben.sees_output(1, "42")
    await ana.sees_output(1, "42")
    await ana.status_is("Saved · slow connection")
    await ana.screenshot("slow-connection")

    # A restarted proxy has no route to the server; later a Hub reports that the server is stopped.
    proxy.answer = (404, "text/html", "<html>no route")
    proxy.cut()
    await ana.status_is("Reconnecting")
    await ana.type(0, " away")
    proxy.answer = (424, "application/json", '{"message": "JupyterHub server no longer running"}')
    await ana.status_is("Server stopped", timeout_ms=60_000)
    notice = ana.page.locator(".jp-RuntimedWaitingForServer")
    await expect(notice).to_contain_text("kept in this browser")
    await ana.screenshot("server-stopped")
    proxy.answer = None
    proxy.websockets = None
    await ana.status_is("Saved", timeout_ms=60_000)
    await ben.sees(0, "# ana away")
    await expect(notice).to_be_hidden()
    assert await ana.dialog_texts() == []
