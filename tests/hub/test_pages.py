"""A page while the Hub stops and starts its server and the proxy loses its routes."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from ..support.jupyterhub import PASSWORD, JupyterHub
from .notebooks import sources_of, write_notebook

pytestmark = [pytest.mark.hub, pytest.mark.browser, pytest.mark.timeout(300)]


@pytest_asyncio.fixture
async def context() -> AsyncIterator[BrowserContext]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "Chromium is missing: run scripts/chromium, or name it in CHROMIUM"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield await browser.new_context(viewport={"width": 1300, "height": 900})
        await browser.close()


async def log_in(page: Page, hub: JupyterHub, user: str) -> None:
    await page.locator("#username_input").fill(user)
    await page.locator("#password_input").fill(PASSWORD)
    await page.locator("#login_submit").click()


async def open_notebook(context: BrowserContext, hub: JupyterHub, user: str, path: str) -> Page:
    page = await context.new_page()
    await page.goto(f"{hub.server_url(user)}/lab/tree/{path}?reset")
    await log_in(page, hub, user)
    await page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=90_000)
    await says(page, "Saved")
    await page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session"
        "?.kernel?.status === 'idle'",
        timeout=90_000,
    )
    return page


async def says(page: Page, text: str) -> None:
    await expect(page.locator(".jp-RuntimedStatus")).to_contain_text(text, timeout=90_000)


async def type_into(page: Page, text: str) -> None:
    assert await page.locator(".jp-Dialog").all_inner_texts() == []
    await page.locator(".jp-NotebookPanel .cm-content").first.click()
    await page.keyboard.press("Control+End")
    await page.keyboard.type(text)


async def answers_of_opening(page: Page, status: int) -> None:
    """Wait until the page has asked for its room and got this answer."""

    def wanted(response: Any) -> bool:
        return response.status == status and "/api/runtimed/" in response.url

    async with page.expect_response(wanted, timeout=90_000):
        pass


async def test_a_page_outlives_its_server_and_the_hubs_proxy(
    hub: JupyterHub, context: BrowserContext
) -> None:
    write_notebook(hub, "eva", "a.ipynb", "x = 1")
    await asyncio.to_thread(hub.start_server, "eva")
    page = await open_notebook(context, hub, "eva", "a.ipynb")

    # The restarted proxy knows no server yet.
    await asyncio.to_thread(hub.stop_proxy)
    await type_into(page, " + 2")
    await asyncio.to_thread(hub.start_proxy)
    await answers_of_opening(page, 404)
    await type_into(page, " + 3")
    await says(page, "not on the server")
    await asyncio.to_thread(hub.tell_routes)
    await says(page, "Saved")
    assert sources_of(hub, "eva", "a.ipynb") == ["x = 1 + 2 + 3"]

    # The Hub stops the server as the idle culler does, and starts it again.
    await asyncio.to_thread(hub.stop_server, "eva")
    await says(page, "Server stopped")
    await type_into(page, " + 4")
    notice = page.locator(".jp-RuntimedWaitingForServer")
    await expect(notice).to_contain_text("Start it again from the Hub")
    await expect(notice).to_contain_text("kept in this browser")
    await expect(page.locator(".jp-Dialog")).to_have_count(0)
    button = notice.get_by_role("link", name="Start Server")
    async with context.expect_page() as opened:
        await button.click()
    spawning = await opened.value
    await spawning.wait_for_url(re.compile("/user/eva/"), timeout=90_000)
    await spawning.close()
    await says(page, "Saved")
    await expect(notice).to_be_hidden()
    assert sources_of(hub, "eva", "a.ipynb") == ["x = 1 + 2 + 3 + 4"]
