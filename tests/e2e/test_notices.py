"""What people are told: another program changed the file, or the server refused their edits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from .browser import PATIENCE_MS, Person
from .lab import Lab, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

# An edit that no server takes, made past everything that would stop it.
FORGE = """() => {
  const { cells } = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
  cells[1].setMetadata('large', 'x'.repeat(17 * 1024 * 1024));
}"""

# How many refused pieces of work this browser keeps.
KEPT_ASIDE = """async () => {
  const [{ name }] = await indexedDB.databases();
  const request = indexedDB.open(name);
  const db = await new Promise(done => { request.onsuccess = () => done(request.result); });
  const count = db.transaction('aside').objectStore('aside').count();
  const kept = await new Promise(done => { count.onsuccess = () => done(count.result); });
  db.close();
  return kept;
}"""

OFFERED = "window.jupyterapp.commands.isEnabled('jupyter-runtimed:show-refused')"


@pytest_asyncio.fixture(loop_scope="session")
async def ana(
    one_browser: Browser, one_lab: Lab, tmp_path: Path, shots: Path
) -> AsyncIterator[Person]:
    path = f"{tmp_path.name}.ipynb"
    write_notebook(one_lab, path, "one = 1", "two = 2", "three = 3")
    ana = await Person.arrive(one_browser, one_lab, path, shots)
    await ana.kernel_ready()
    await ana.status_is("Saved")
    yield ana
    await ana.leave()


def toast(person: Person, text: str) -> Locator:
    return person.page.locator(".Toastify__toast", has_text=text)


def rewrite(file: Path, **sources: str) -> None:
    """As another program does it: the cells keep their ids."""
    notebook = json.loads(file.read_text())
    for cell in notebook["cells"]:
        for was, now in sources.items():
            if "".join(cell["source"]).startswith(was):
                cell["source"] = now.splitlines(keepends=True)
    file.write_text(json.dumps(notebook))


async def test_what_another_program_changed_is_told_and_shown(
    ana: Person, one_lab: Lab, tmp_path: Path
) -> None:
    file = one_lab.root / f"{tmp_path.name}.ipynb"
    rewrite(file, one="one = 'eins'\n# from outside", two="two = 22")
    await expect(toast(ana, "2 cells changed by the file on disk")).to_have_count(1)
    rewrite(file, three="three = 'drei'")
    await expect(toast(ana, "3 cells changed by the file on disk")).to_have_count(1)
    await ana.shot("outside-notice")
    await toast(ana, "3 cells").get_by_role("button", name="Show difference").click()
    dialog = ana.page.locator(".jp-Dialog")
    await expect(dialog.locator(".jp-RuntimedCellDiff-what")).to_have_text(["Changed"] * 3)
    await expect(dialog.locator("pre").nth(0)).to_have_text("one = 1")
    await expect(dialog.locator("pre").nth(1)).to_have_text("one = 'eins'\n# from outside")
    await expect(dialog.locator("del").first).to_have_text("1")
    await ana.shot("outside-difference")
    await ana.command("apputils:change-theme", {"theme": "JupyterLab Dark"})
    await expect(ana.page.locator("body[data-jp-theme-light='false']")).to_have_count(1)
    await ana.shot("outside-difference-dark")
    await ana.command("apputils:change-theme", {"theme": "JupyterLab Light"})
    await ana.accept()
    # What came from the file is in the file.
    await ana.status_is("Saved")
    await expect(ana.page.locator(".jp-mod-dirty")).to_have_count(0)
    assert await ana.sources() == ["one = 'eins'\n# from outside", "two = 22", "three = 'drei'"]
    assert len(await ana.dialogs_seen()) == 1, "nobody was asked what to keep"
    assert not [
        said for said in ana.complaints if "jupyter-runtimed" in said or "page error" in said
    ]


async def test_saving_tells_of_no_outside_change(ana: Person) -> None:
    await ana.type(0, "\n# typed")
    await ana.press("Control+s")
    await ana.status_is("Saved")
    await ana.run(0)
    await ana.status_is("Saved")
    await expect(ana.page.locator(".Toastify__toast")).to_have_count(0)


async def refused(ana: Person) -> Locator:
    """Ana writes something without a network, among it what the server refuses time and again."""
    # What shows notifications is loaded when it is first needed.
    await ana.command("apputils:notify", {"message": "hello", "options": {"autoClose": 1}})
    await expect(toast(ana, "hello")).to_have_count(0)
    await ana.context.set_offline(True)
    await expect(ana.status).to_contain_text("Offline")
    await ana.type(0, "\n# precious words")
    await ana.page.evaluate(FORGE)
    await ana.context.set_offline(False)
    await ana.status_is("Saved", timeout_ms=40_000)
    told = toast(ana, "The server refused your edits")
    await expect(told).to_have_count(1)
    return told


async def test_refused_work_is_put_back_as_new_cells(ana: Person) -> None:
    told = await refused(ana)
    await ana.source_is(0, "one = 1")
    await told.get_by_role("button", name="Show them…").click()
    dialog = ana.page.locator(".jp-Dialog")
    await expect(dialog.locator("pre")).to_have_text(["one = 1", "one = 1\n# precious words"])
    await ana.shot("refused-work")
    await dialog.get_by_role("button", name="Copy my text").click()
    await expect(dialog).to_have_count(0)
    copied = await ana.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == "one = 1\n# precious words"
    await expect(told).to_have_count(1)
    await told.get_by_role("button", name="Show them…").click()
    await dialog.get_by_role("button", name="Put back as new cells").click()
    await expect(told).to_have_count(0)
    await ana.source_is(1, "one = 1\n# precious words")
    assert await ana.source(0) == "one = 1"
    await ana.status_is("Saved")
    assert await ana.page.evaluate(KEPT_ASIDE) == 0
    await expect(ana.page.locator(".jp-NotebookPanel .jp-Cell")).to_have_count(4)


async def test_refused_work_stays_until_it_is_decided(ana: Person, tmp_path: Path) -> None:
    told = await refused(ana)
    await ana.open(f"{tmp_path.name}.ipynb")
    await expect(told).to_have_count(1, timeout=PATIENCE_MS)
    await told.get_by_role("button", name="Hide notification").click()
    await expect(told).to_have_count(0)
    assert await ana.page.evaluate(f"() => {OFFERED}")
    await ana.command("jupyter-runtimed:show-refused")
    dialog = ana.page.locator(".jp-Dialog")
    await dialog.get_by_role("button", name="Decide later").click()
    assert await ana.page.evaluate(KEPT_ASIDE) == 1
    await ana.command("jupyter-runtimed:show-refused")
    await dialog.get_by_role("button", name="Discard").click()
    await ana.page.wait_for_function(f"() => !{OFFERED}")
    assert await ana.page.evaluate(KEPT_ASIDE) == 0
    assert await ana.sources() == ["one = 1", "two = 2", "three = 3"]
