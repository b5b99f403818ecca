"""Fixtures for tests with a real Chromium, a real JupyterLab and real kernels."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from .lab import Lab, write_notebook
from .two_users import TwoUsers

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
EXAMPLES = Path(__file__).parents[2] / "examples"

# On a busy machine one reload of JupyterLab takes as long as the default timeout of 5 seconds.
expect.set_options(timeout=20_000)


@asynccontextmanager
async def launched_chromium() -> AsyncIterator[Browser]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "Chromium is missing: run scripts/chromium, or name it in CHROMIUM"
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield launched
        await launched.close()


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with launched_chromium() as launched:
        yield launched


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shared_browser() -> AsyncIterator[Browser]:
    async with launched_chromium() as launched:
        yield launched


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    shutil.copy(EXAMPLES / "tour.ipynb", lab.root / "tour.ipynb")
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    write_notebook(lab, "shared.ipynb", "first = 1")
    lab.start()
    yield lab
    lab.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shared_users(
    shared_browser: Browser, shared_lab: Lab, screenshots: Path
) -> AsyncIterator[TwoUsers]:
    pair = await TwoUsers.with_notebook(shared_browser, shared_lab, "shared.ipynb", screenshots)
    yield pair
    await pair.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    return SCREENSHOTS


@pytest_asyncio.fixture(loop_scope="session")
async def two_users(shared_users: TwoUsers) -> AsyncIterator[TwoUsers]:
    """Two users of one notebook, whose browsers must have converged without errors at the end."""
    yield shared_users
    await shared_users.converge()
    await shared_users.assert_no_errors()
