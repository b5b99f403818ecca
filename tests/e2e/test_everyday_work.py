"""Everyday work beside another user: replace all, one position, exports, and a long notebook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

import jupyter_runtimed
from jupyter_runtimed.client.notebook import LiveNotebook

from .browser import User
from .lab import TOKEN, Lab, write_notebook
from .two_users import TwoUsers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
shared_pages = pytest.mark.asyncio(loop_scope="session")

LONG = "long.ipynb"
MODES = [
    "contentVisibility",
    "full",
    pytest.param("defer", marks=pytest.mark.long),
    pytest.param("none", marks=pytest.mark.long),
]
SAME_CELLS = """expected => {
  const { sharedModel } = window.jupyterapp.shell.currentWidget.content.model;
  const cells = sharedModel.cells.map(cell => [cell.getId(), cell.getSource()]);
  return JSON.stringify(cells) === JSON.stringify(expected);
}"""
SHOW_CELL = """async i => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = i;
  await notebook.scrollToItem(i, 'center');
  await notebook.widgets[i].ready;
  notebook.mode = 'edit';
}"""


@shared_pages
async def test_replace_all_keeps_the_text_that_another_user_types(two_users: TwoUsers) -> None:
    await two_users.set_cells(*(f"needle_{i} = needle" for i in range(30)), "typed = ''")
    page, word = two_users.ana.page, "needles and threads " * 5
    typing = asyncio.create_task(two_users.ben.type(30, word, delay_ms=20))
    await two_users.ana.sees(30, "needles")
    await two_users.ana.select(0)
    await two_users.ana.command("documentsearch:startWithReplace")
    search = page.locator(".jp-DocumentSearch-overlay textarea")
    await search.first.fill("needle_")
    await expect(page.locator(".jp-DocumentSearch-index-counter")).to_contain_text("/30")
    await search.nth(1).fill("thread_")
    await page.locator(".jp-DocumentSearch-overlay").get_by_text("Replace All").click()
    await typing
    await two_users.ben.source_is(29, "thread_29 = needle")
    await two_users.ana.source_is(30, f"typed = ''{word}")
    await two_users.converge()
    sources = await two_users.ben.sources()
    assert sources[:30] == [f"thread_{i} = needle" for i in range(30)]
    await two_users.ana.command("documentsearch:end")


@shared_pages
async def test_two_users_who_type_at_one_position_lose_no_character(two_users: TwoUsers) -> None:
    await two_users.set_cells("middle: ")
    words = {two_users.ana: "abcdefghij" * 4, two_users.ben: "0123456789" * 4}
    for user in words:
        await user.type(0, "")
    await asyncio.gather(*(user.page.keyboard.type(text, delay=20) for user, text in words.items()))
    for user, text in words.items():
        await user.page.wait_for_function(
            "count => window.jupyterapp.shell.currentWidget.content.model"
            ".sharedModel.cells[0].getSource().length === count",
            arg=len("middle: ") + 2 * len(text),
        )
    await two_users.converge()
    mixed = (await two_users.ana.source(0)).removeprefix("middle: ")
    for text in words.values():
        assert "".join(c for c in mixed if c in text) == text


@shared_pages
async def test_an_export_contains_the_edits_that_are_not_saved_yet(two_users: TwoUsers) -> None:
    await two_users.set_cells("first = 1")
    await two_users.ana.page.evaluate("() => { window.open = url => { window.exported = url; }; }")
    await two_users.ana.type(0, "\nexported = 2")
    await two_users.ana.command("notebook:export-to-format", {"format": "script"})
    await two_users.ana.page.wait_for_function("() => window.exported")
    # The page itself asks, because a server refuses requests for exports from elsewhere.
    exported: str = await two_users.ana.page.evaluate(
        "async () => (await fetch(window.exported)).text()"
    )
    assert "first = 1\nexported = 2" in exported


@pytest_asyncio.fixture(params=MODES)
async def long_notebook(
    request: pytest.FixtureRequest, browser: Browser, tmp_path: Path, screenshots: Path
) -> AsyncIterator[tuple[User, LiveNotebook]]:
    """A user at 1000 cells in a windowing mode, and a program at the same notebook."""
    lab = Lab(tmp_path)
    lab.set("@jupyterlab/notebook-extension:tracker", windowingMode=request.param)
    write_notebook(lab, LONG, *(f"cell_{i} = {i}" for i in range(1000)))
    lab.start()
    try:
        user = await User.with_notebook(browser, lab, LONG, screenshots)
        async with jupyter_runtimed.connect(lab.url, LONG, token=TOKEN) as nb:
            yield user, nb
        assert user.errors == []
        await user.close()
    finally:
        lab.stop()


@pytest.mark.asyncio
async def test_typing_in_a_thousand_cells_goes_on_while_a_program_changes_the_cells_above(
    long_notebook: tuple[User, LiveNotebook],
) -> None:
    user, nb = long_notebook
    text = " # " + "typed " * 20
    cell = nb.cells[500].id
    await user.page.evaluate(SHOW_CELL, 500)
    await user.press("Control+End")
    typing = asyncio.create_task(user.page.keyboard.type(text, delay=20))
    for i in range(20):
        await nb.add_cell(f"added_{i} = {i}", after=nb.cells[10 + i].id)
        await nb.append(nb.cells[400 + i].id, "  # changed")
        await nb.delete_cell(nb.cells[300].id)
    await typing
    await nb.wait_for(lambda: nb.cell(cell).source == f"cell_500 = 500{text}")
    expected = [[str(each.id), each.source] for each in nb.cells]
    # Looking at each frame would keep the page from its work.
    await user.page.wait_for_function(SAME_CELLS, arg=expected, polling=1_000, timeout=90_000)
    await user.screenshot("long-notebook")
