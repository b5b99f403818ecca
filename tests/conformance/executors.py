"""Four ways to run the same notebook; each returns the final content of its file."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from playwright.async_api import Browser, Page

import jupyter_runtimed

from ..e2e.lab import TOKEN, Lab
from ..e2e.two_users import TwoUsers
from .every_message import AFTER, ANSWERS, CELLS, NEVER, STOP, write

FILE = "every_message.ipynb"
NO_VIEWER = "no_viewer.ipynb"
TIMEOUT_SECONDS = 60

# The command's promise ends at the first exception, even if a cell raises it on purpose.
_RUN_ALL = "() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
_OVER = """index => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets;
  return cells[index].model.outputs.length > 0 &&
    cells.every(cell => !cell.node.querySelector('.jp-InputPrompt').textContent.includes('*'));
}"""
_AFTER_A_RESTART = """async index => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.sessionContext.session.kernel.restart();
  panel.content.deselectAll();
  panel.content.activeCellIndex = index;
  await window.jupyterapp.commands.execute('notebook:run-cell');
  await window.jupyterapp.commands.execute('docmanager:save');
}"""


def lab_in(folder: Path, *options: str) -> Lab:
    folder.mkdir()
    lab = Lab(folder, *options)
    # The page has every cell, including the cell with the prompt.
    lab.set("@jupyterlab/notebook-extension:tracker", windowingMode="none")
    write(lab.root / FILE)
    write(lab.root / NO_VIEWER)
    return lab


async def by_jupyterlab(browser: Browser, lab: Lab) -> Any:
    """Run with JupyterLab's own executor; both parts of the extension are disabled."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{lab.url}/lab/tree/{FILE}?reset&token={TOKEN}")
    await page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=TIMEOUT_SECONDS * 1000)
    assert await page.locator(".jp-RuntimedStatus").count() == 0, "the extension is on"
    await _run_in(page)
    await context.close()
    return nbformat.read(lab.root / FILE, 4)


async def by_room_with_two_browsers(browser: Browser, lab: Lab, screenshots: Path) -> Any:
    two_users = await TwoUsers.with_notebook(browser, lab, FILE, screenshots)
    await _run_in(two_users.ana.page)
    await two_users.converge()
    await two_users.close()
    return nbformat.read(lab.root / FILE, 4)


async def _run_in(page: Page) -> None:
    await page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
        " === 'idle'",
        timeout=TIMEOUT_SECONDS * 1000,
    )
    await page.evaluate(_RUN_ALL)
    # JupyterLab keeps an answered field for a moment, so the kind identifies each field.
    for kind, answer in zip((":not([type=password])", "[type=password]"), ANSWERS, strict=True):
        field = page.locator(f".jp-Stdin-input{kind}")
        await field.wait_for(timeout=TIMEOUT_SECONDS * 1000)
        await field.fill(answer)
        await field.press("Enter")
    await page.wait_for_function(_OVER, arg=list(CELLS).index(STOP), timeout=TIMEOUT_SECONDS * 1000)
    await page.evaluate(_AFTER_A_RESTART, list(CELLS).index(AFTER))


async def by_room_without_browsers(lab: Lab) -> Any:
    """One script requests the runs and leaves, another answers; no client is connected between."""
    async with jupyter_runtimed.connect(lab.url, NO_VIEWER, TOKEN) as nb:
        requested = asyncio.create_task(nb.run_all())
        await nb.wait_for(lambda: nb.last_run(NEVER) is not None, TIMEOUT_SECONDS)
        requested.cancel()
    async with jupyter_runtimed.connect(lab.url, NO_VIEWER, TOKEN) as nb:
        for cell, answer in zip(("input", "password"), ANSWERS, strict=True):
            await nb.wait_for(lambda cell=cell: cell in nb.prompts(), TIMEOUT_SECONDS)
            await nb.answer_input(cell, answer)
        await nb.wait_for(lambda: _state(nb, NEVER) == "cancelled", TIMEOUT_SECONDS)
        await nb.restart()
        await nb.run(AFTER, TIMEOUT_SECONDS)
        await nb.save()
    return nbformat.read(lab.root / NO_VIEWER, 4)


def _state(nb: jupyter_runtimed.LiveNotebook, cell: str) -> str:
    run = nb.last_run(cell)
    return "" if run is None else run.state


async def by_nbclient(folder: Path) -> Any:
    write(folder / FILE)
    notebook = nbformat.read(folder / FILE, 4)
    client = NotebookClient(notebook, resources={"metadata": {"path": str(folder)}})
    last = list(CELLS).index(AFTER)
    async with client.async_setup_kernel():
        with suppress(CellExecutionError):
            for index, cell in enumerate(notebook.cells[:last]):
                await client.async_execute_cell(cell, index)
        await client.km.restart_kernel(now=True)
        await client.kc.wait_for_ready(timeout=TIMEOUT_SECONDS)
        await client.async_execute_cell(notebook.cells[last], last)
    nbformat.write(notebook, folder / FILE)
    return nbformat.read(folder / FILE, 4)
