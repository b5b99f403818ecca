"""Real Chromium, real JupyterLab, real kernels."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from .lab import Lab

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "Chromium is missing: run scripts/chromium, or name it in CHROMIUM"
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield launched
        await launched.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    shutil.copy(EXAMPLES / "tour.ipynb", lab.root / "tour.ipynb")
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture
def shots() -> Path:
    return SHOTS
