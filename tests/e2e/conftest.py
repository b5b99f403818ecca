"""Real Chromium, real JupyterLab, real kernels."""

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
from .pair import Pair

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
EXAMPLES = Path(__file__).parents[2] / "examples"

# Playwright waits 5 s for an expectation, which a busy machine needs for one reload of JupyterLab.
expect.set_options(timeout=20_000)


@asynccontextmanager
async def chromium_started() -> AsyncIterator[Browser]:
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
    async with chromium_started() as launched:
        yield launched


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def one_browser() -> AsyncIterator[Browser]:
    async with chromium_started() as launched:
        yield launched


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    shutil.copy(EXAMPLES / "tour.ipynb", lab.root / "tour.ipynb")
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture(scope="session")
def one_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    write_notebook(lab, "shared.ipynb", "first = 1")
    lab.start()
    yield lab
    lab.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shared_pair(one_browser: Browser, one_lab: Lab, shots: Path) -> AsyncIterator[Pair]:
    pair = await Pair.arrive(one_browser, one_lab, "shared.ipynb", shots)
    yield pair
    await pair.leave()


@pytest.fixture(scope="session")
def shots() -> Path:
    return SHOTS


@pytest_asyncio.fixture(loop_scope="session")
async def both(shared_pair: Pair) -> AsyncIterator[Pair]:
    """Two people at one notebook, who are held against each other again at the end."""
    yield shared_pair
    await shared_pair.agree()
    await shared_pair.content()
