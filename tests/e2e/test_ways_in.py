"""Other ways in: Notebook 7, a server without its part, somebody who may only read, a rival."""

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

from .browser import Person
from .lab import NO_SERVER_PART, TOKEN, Lab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]

# Whoever comes as "reader" may read and nothing else; the name is in the address.
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


async def test_notebook_7_opens_rooms(browser: Browser, lab: Lab, shots: Path) -> None:
    ana = await Person.settle(browser, lab, shots)
    await ana.page.goto(f"{lab.url}/notebooks/tour.ipynb?token={TOKEN}")
    await ana.page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    await ana.status_is("Saved")
    ben = await Person.arrive(browser, lab, "tour.ipynb", shots)
    await ana.type(2, "\n# from notebook 7")
    await ben.sees(2, "# from notebook 7")
    await ben.type(2, "\n# from lab")
    await expect(ana.cell(2)).to_contain_text("# from lab")
    await ana.shot("notebook-7")
    assert ana.complaints == [] and ben.complaints == []


async def test_without_the_server_part_notebooks_are_ordinary(
    browser: Browser, tmp_path: Path, shots: Path
) -> None:
    lab = Lab(tmp_path, NO_SERVER_PART)
    write_notebook(lab, "plain.ipynb", "print('plain')")
    lab.start()
    try:
        ana = await Person.settle(browser, lab, shots)
        await ordinary(ana, "its server part is not enabled")
        assert "# edited" in (lab.root / "plain.ipynb").read_text()
        await ana.shot("without-server-part")
    finally:
        lab.stop()


async def test_readers_see_and_cannot_write(browser: Browser, tmp_path: Path, shots: Path) -> None:
    lab = Lab(tmp_path)
    write_notebook(lab, "read.ipynb", "one = 1", "two = 2")
    config = tmp_path / "config/jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text(READERS)
    lab.start()
    try:
        ana = await Person.arrive(browser, lab, "read.ipynb", shots)
        reader = await Person.settle(browser, lab, shots)
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
        await reader.shot("reader")
        await expect(reader.page.locator(".jp-Cell")).to_have_count(2)
        assert "nonsense" not in await reader.editor(0)
    finally:
        lab.stop()


@dataclass(frozen=True)
class Rival:
    """Another extension that wants to own notebooks: its package, and what to disable of it."""

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
async def test_beside_a_rival(browser: Browser, tmp_path: Path, shots: Path, rival: Rival) -> None:
    python = await asyncio.to_thread(other_environment, tmp_path / "venv", rival.package)
    off = f"--ServerApp.jpserver_extensions={{'{rival.server_part}': False}}"
    async with beside(browser, Lab(tmp_path / "both", python=python), shots) as ana:
        await ordinary(ana, f"jupyter-runtimed is off beside {rival.package}:")
        await ana.shot(f"beside-{rival.package}")
    async with beside(browser, Lab(tmp_path / "half", off, python=python), shots) as ana:
        await ana.page.goto(f"{ana.lab.url}/lab?reset&token={TOKEN}")
        await told(ana, "the browser part of")
        await told(ana, rival.package)
    lab = Lab(tmp_path / "none", off, python=python)
    lab.without_browser_part(*rival.browser_parts)
    async with beside(browser, lab, shots) as ana:
        await ana.open("plain.ipynb")
        await ana.type(0, "\n# edited")
        await ana.status_is("Saved")
        await ana.kernel_ready()
        await ana.run(0)
        await ana.sees_output(0, "plain")
        assert not [said for said in ana.complaints if "page error" in said]


@asynccontextmanager
async def beside(browser: Browser, lab: Lab, shots: Path) -> AsyncIterator[Person]:
    write_notebook(lab, "plain.ipynb", "print('plain')")
    lab.start()
    ana = await Person.settle(browser, lab, shots)
    try:
        yield ana
    finally:
        await ana.leave()
        # jupyter-collaboration's server does not always end when it is asked to.
        lab.kill()


async def ordinary(person: Person, message: str) -> None:
    """One message, and the notebook is edited, saved and run as ever."""
    await person.page.goto(f"{person.lab.url}/lab/tree/plain.ipynb?reset&token={TOKEN}")
    await person.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    await told(person, message)
    await person.type(0, "\n# edited")
    await person.press("Control+s")
    await person.page.wait_for_function(
        "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
    )
    await person.kernel_ready()
    await person.run(0)
    await person.sees_output(0, "plain")
    assert not [said for said in await person.dialogs_seen() if "hanged" in said]


async def told(person: Person, message: str) -> None:
    toast = person.page.locator(".Toastify__toast", has_text="jupyter-runtimed")
    await expect(toast).to_have_count(1, timeout=60_000)
    await expect(toast).to_contain_text(message)


def other_environment(place: Path, *packages: str) -> Path:
    """A virtual environment of its own with this package and these; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = place / "bin/python"
    wheels = os.environ.get("RUNTIMED_WHEELS", str(ROOT / "build/wheels"))
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--find-links", wheels,
         str(ROOT), "ipykernel", *packages],
        check=True,
    )  # fmt: skip
    return python
