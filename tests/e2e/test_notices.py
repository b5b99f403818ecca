"""Notices about a file that another program changed, and about edits that the server refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from .browser import TIMEOUT_MS, User
from .lab import Lab, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

# An edit that is too large for the server.
OVERSIZED_EDIT = """() => {
  const { cells } = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
  cells[1].setMetadata('large', 'x'.repeat(17 * 1024 * 1024));
}"""

# The number of refused edits in the storage of this browser.
REFUSED_EDITS_STORED = """async () => {
  const [{ name }] = await indexedDB.databases();
  const request = indexedDB.open(name);
  const db = await new Promise(done => { request.onsuccess = () => done(request.result); });
  const count = db.transaction('aside').objectStore('aside').count();
  const kept = await new Promise(done => { count.onsuccess = () => done(count.result); });
  db.close();
  return kept;
}"""

SHOW_REFUSED_ENABLED = "window.jupyterapp.commands.isEnabled('jupyter-runtimed:show-refused')"


@pytest_asyncio.fixture(loop_scope="session")
async def ana(
    shared_browser: Browser, shared_lab: Lab, tmp_path: Path, screenshots: Path
) -> AsyncIterator[User]:
    path = f"{tmp_path.name}.ipynb"
    write_notebook(shared_lab, path, "one = 1", "two = 2", "three = 3")
    ana = await User.with_notebook(shared_browser, shared_lab, path, screenshots)
    await ana.kernel_ready()
    await ana.status_is("Saved")
    yield ana
    await ana.close()


def toast(user: User, text: str) -> Locator:
    return user.page.locator(".Toastify__toast", has_text=text)


def rewrite(file: Path, **sources: str) -> None:
    """Replace sources in the file, as another program does; the cells keep their ids."""
    notebook = json.loads(file.read_text())
    for cell in notebook["cells"]:
        for was, now in sources.items():
            if "".join(cell["source"]).startswith(was):
                cell["source"] = now.splitlines(keepends=True)
    file.write_text(json.dumps(notebook))


async def test_edits_by_another_program_are_reported_and_shown_as_a_difference(
    ana: User, shared_lab: Lab, tmp_path: Path
) -> None:
    file = shared_lab.root / f"{tmp_path.name}.ipynb"
    rewrite(file, one="one = 'eins'\n# from outside", two="two = 22")
    await expect(toast(ana, "2 cells changed by the file on disk")).to_have_count(1)
    rewrite(file, three="three = 'drei'")
    await expect(toast(ana, "3 cells changed by the file on disk")).to_have_count(1)
    await ana.screenshot("outside-notice")
    await toast(ana, "3 cells").get_by_role("button", name="Show difference").click()
    dialog = ana.page.locator(".jp-Dialog")
    await expect(dialog.locator(".jp-RuntimedCellDiff-what")).to_have_text(["Changed"] * 3)
    await expect(dialog.locator("pre").nth(0)).to_have_text("one = 1")
    await expect(dialog.locator("pre").nth(1)).to_have_text("one = 'eins'\n# from outside")
    await expect(dialog.locator("del").first).to_have_text("1")
    await ana.screenshot("outside-difference")
    await ana.command("apputils:change-theme", {"theme": "JupyterLab Dark"})
    await expect(ana.page.locator("body[data-jp-theme-light='false']")).to_have_count(1)
    await ana.screenshot("outside-difference-dark")
    await ana.command("apputils:change-theme", {"theme": "JupyterLab Light"})
    await ana.accept_dialog()
    # A change that came from the file is already saved.
    await ana.status_is("Saved")
    await expect(ana.page.locator(".jp-mod-dirty")).to_have_count(0)
    assert await ana.sources() == ["one = 'eins'\n# from outside", "two = 22", "three = 'drei'"]
    assert len(await ana.dialog_texts()) == 1, "JupyterLab asked which version to keep"
    assert not [
        error for error in ana.errors if "jupyter-runtimed" in error or "page error" in error
    ]


async def test_saving_reports_no_outside_change(ana: User) -> None:
    await ana.type(0, "\n# typed")
    await ana.press("Control+s")
    await ana.status_is("Saved")
    await ana.run(0)
    await ana.status_is("Saved")
    await expect(ana.page.locator(".Toastify__toast")).to_have_count(0)


async def refuse_edits(ana: User) -> Locator:
    """Make edits offline that the server refuses, and return the notice."""
    # JupyterLab loads its code for notifications when it shows the first one.
    await ana.command("apputils:notify", {"message": "hello", "options": {"autoClose": 1}})
    await expect(toast(ana, "hello")).to_have_count(0)
    await ana.context.set_offline(True)
    await expect(ana.status).to_contain_text("Offline")
    await ana.type(0, "\n# precious words")
    await ana.page.evaluate(OVERSIZED_EDIT)
    await ana.context.set_offline(False)
    await ana.status_is("Saved", timeout_ms=40_000)
    notice = toast(ana, "The server refused your edits")
    await expect(notice).to_have_count(1)
    return notice


async def test_refused_edits_are_restored_as_new_cells(ana: User) -> None:
    notice = await refuse_edits(ana)
    await ana.source_is(0, "one = 1")
    await notice.get_by_role("button", name="Show them…").click()
    dialog = ana.page.locator(".jp-Dialog")
    await expect(dialog.locator("pre")).to_have_text(["one = 1", "one = 1\n# precious words"])
    await ana.screenshot("refused-work")
    await dialog.get_by_role("button", name="Copy my text").click()
    await expect(dialog).to_have_count(0)
    copied = await ana.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == "one = 1\n# precious words"
    await expect(notice).to_have_count(1)
    await notice.get_by_role("button", name="Show them…").click()
    await dialog.get_by_role("button", name="Put back as new cells").click()
    await expect(notice).to_have_count(0)
    await ana.source_is(1, "one = 1\n# precious words")
    assert await ana.source(0) == "one = 1"
    await ana.status_is("Saved")
    assert await ana.page.evaluate(REFUSED_EDITS_STORED) == 0
    await expect(ana.page.locator(".jp-NotebookPanel .jp-Cell")).to_have_count(4)


async def test_refused_edits_are_kept_until_the_user_decides(ana: User, tmp_path: Path) -> None:
    notice = await refuse_edits(ana)
    await ana.open(f"{tmp_path.name}.ipynb")
    await expect(notice).to_have_count(1, timeout=TIMEOUT_MS)
    await notice.get_by_role("button", name="Hide notification").click()
    await expect(notice).to_have_count(0)
    assert await ana.page.evaluate(f"() => {SHOW_REFUSED_ENABLED}")
    await ana.command("jupyter-runtimed:show-refused")
    dialog = ana.page.locator(".jp-Dialog")
    await dialog.get_by_role("button", name="Decide later").click()
    assert await ana.page.evaluate(REFUSED_EDITS_STORED) == 1
    await ana.command("jupyter-runtimed:show-refused")
    await dialog.get_by_role("button", name="Discard").click()
    await ana.page.wait_for_function(f"() => !{SHOW_REFUSED_ENABLED}")
    assert await ana.page.evaluate(REFUSED_EDITS_STORED) == 0
    assert await ana.sources() == ["one = 1", "two = 2", "three = 3"]
