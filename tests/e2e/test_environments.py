"""Notebook 7, a disabled server extension, readers, and other collaboration extensions."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from .browser import User
from .lab import SERVER_EXTENSION_DISABLED, TOKEN, Lab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]

# The user of `reader-token` has only the read permission.
READERS = """
from jupyter_server.auth import Authorizer, IdentityProvider, User

class ByToken(IdentityProvider):
    def get_user(self, handler):
        given = self.get_token(handler) or handler.get_cookie("who", "")
        if given == "reader-token":
            handler.set_cookie("who", given)
        name = "reader" if given == "reader-token" else "writer"
        return User(username=name, name=name, display_name=name)

class ReadersRead(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return action == "read" or user.username != "reader"

c.ServerApp.identity_provider_class = ByToken
c.ServerApp.authorizer_class = ReadersRead
"""


async def test_notebook_7_opens_rooms(browser: Browser, lab: Lab, screenshots: Path) -> None:
    ana = await User.with_empty_page(browser, lab, screenshots)
    await ana.page.goto(f"{lab.url}/notebooks/tour.ipynb?token={TOKEN}")
    await ana.page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    await ana.status_is("Saved")
    ben = await User.with_notebook(browser, lab, "tour.ipynb", screenshots)
    await ana.type(2, "\n# from notebook 7")
    await ben.sees(2, "# from notebook 7")
    await ben.type(2, "\n# from lab")
    await expect(ana.cell(2)).to_contain_text("# from lab")
    await ana.screenshot("notebook-7")
    assert ana.errors == [] and ben.errors == []


async def test_notebooks_work_as_in_plain_jupyterlab_without_the_server_extension(
    browser: Browser, tmp_path: Path, screenshots: Path
) -> None:
    lab = Lab(tmp_path, SERVER_EXTENSION_DISABLED)
    write_notebook(lab, "plain.ipynb", "print('plain')")
    lab.start()
    try:
        ana = await User.with_empty_page(browser, lab, screenshots)
        await assert_ordinary_notebook(ana, "its server part is not enabled")
        assert "# edited" in (lab.root / "plain.ipynb").read_text()
        await ana.screenshot("without-server-part")
    finally:
        lab.stop()


async def test_readers_see_edits_and_cannot_edit(
    browser: Browser, tmp_path: Path, screenshots: Path
) -> None:
    lab = Lab(tmp_path)
    write_notebook(lab, "read.ipynb", "one = 1", "two = 2")
    config = tmp_path / "config/jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text(READERS)
    lab.start()
    try:
        ana = await User.with_notebook(browser, lab, "read.ipynb", screenshots)
        reader = await User.with_empty_page(browser, lab, screenshots)
        await reader.page.goto(f"{lab.url}/lab/tree/read.ipynb?reset&token=reader-token")
        await reader.page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        await reader.status_is("Read-only")
        await ana.type(0, "\n# from ana")
        await reader.sees(0, "# from ana")
        await reader.type(0, "nonsense")
        await reader.press("Escape", "d", "d")
        await ana.type(1, "\n# and more")
        await reader.sees(1, "# and more")
        assert (
            await reader.sources()
            == await ana.sources()
            == ["one = 1\n# from ana", "two = 2\n# and more"]
        )
        await reader.screenshot("reader")
        await expect(reader.page.locator(".jp-Cell")).to_have_count(2)
        assert "nonsense" not in await reader.editor_text(0)
    finally:
        lab.stop()


@dataclass(frozen=True)
class Rival:
    """Another collaboration extension: its package, and the names of its two parts."""

    package: str
    server_part: str
    browser_parts: tuple[str, ...]


_DOCPROVIDER = ("@jupyter/docprovider-extension", "@jupyter/collaboration-extension")
RIVALS = (
    Rival("jupyter-collaboration", "jupyter_server_ydoc", _DOCPROVIDER),
    Rival(
        "jupyter-server-documents",
        "jupyter_server_documents",
        (*_DOCPROVIDER, "@jupyter-ai-contrib/server-documents"),
    ),
)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.package)
async def test_the_extension_is_off_beside_another_collaboration_extension(
    browser: Browser, tmp_path: Path, screenshots: Path, rival: Rival
) -> None:
    python = await asyncio.to_thread(new_environment, tmp_path / "venv", rival.package)
    off = f"--ServerApp.jpserver_extensions={{'{rival.server_part}': False}}"
    async with page_beside_rival(
        browser, Lab(tmp_path / "both", python=python), screenshots
    ) as ana:
        await assert_ordinary_notebook(ana, f"jupyter-runtimed is off beside {rival.package}:")
        await ana.screenshot(f"beside-{rival.package}")
    async with page_beside_rival(
        browser, Lab(tmp_path / "half", off, python=python), screenshots
    ) as ana:
        await ana.page.goto(f"{ana.lab.url}/lab?reset&token={TOKEN}")
        await assert_notice(ana, "the browser part of")
        await assert_notice(ana, rival.package)
    lab = Lab(tmp_path / "none", off, python=python)
    lab.disable_extensions(*rival.browser_parts)
    async with page_beside_rival(browser, lab, screenshots) as ana:
        await ana.open("plain.ipynb")
        await ana.type(0, "\n# edited")
        await ana.status_is("Saved")
        await ana.kernel_ready()
        await ana.run(0)
        await ana.sees_output(0, "plain")
        assert not [error for error in ana.errors if "page error" in error]


@asynccontextmanager
async def page_beside_rival(browser: Browser, lab: Lab, screenshots: Path) -> AsyncIterator[User]:
    write_notebook(lab, "plain.ipynb", "print('plain')")
    lab.start()
    ana = await User.with_empty_page(browser, lab, screenshots)
    try:
        yield ana
    finally:
        await ana.close()
        # A server with jupyter-collaboration does not always end on SIGTERM.
        lab.kill()


async def assert_ordinary_notebook(user: User, message: str) -> None:
    """Assert that a notice is shown, and that the notebook is edited, saved and run as usual."""
    await user.page.goto(f"{user.lab.url}/lab/tree/plain.ipynb?reset&token={TOKEN}")
    await user.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    await assert_notice(user, message)
    await user.type(0, "\n# edited")
    await user.press("Control+s")
    await user.page.wait_for_function(
        "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
    )
    await user.kernel_ready()
    await user.run(0)
    await user.sees_output(0, "plain")
    assert not [text for text in await user.dialog_texts() if "hanged" in text]


async def assert_notice(user: User, message: str) -> None:
    toast = user.page.locator(".Toastify__toast", has_text="jupyter-runtimed")
    await expect(toast).to_have_count(1, timeout=60_000)
    await expect(toast).to_contain_text(message)


def new_environment(place: Path, *packages: str) -> Path:
    """Make a virtual environment with this package and `packages`; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = place / "bin/python"
    wheels = os.environ.get("RUNTIMED_WHEELS", str(ROOT / "build/wheels"))
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--find-links", wheels,
         str(ROOT), "ipykernel", *packages],
        check=True,
    )  # fmt: skip
    return python
