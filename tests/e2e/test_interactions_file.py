"""The notebook as a file: saved, renamed, copied, closed, and shown twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import nbformat
import pytest
import pytest_asyncio
from playwright.async_api import expect

from .browser import Person
from .lab import Lab, write_notebook
from .pair import Pair

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def fresh(one_lab: Lab, shared_pair: Pair, tmp_path: Path) -> AsyncIterator[Pair]:
    """The two people at a notebook of its own, in a tab beside the shared one."""
    path = f"{tmp_path.name}.ipynb"
    write_notebook(one_lab, path, "one = 1", "two = 2")
    for person in shared_pair.people:
        person.complaints.clear()
        await person.forget_dialogs()
        await person.open_beside(path)
    try:
        yield shared_pair
        await shared_pair.content()
        for person in shared_pair.people:
            tabs = person.page.locator(
                ".lm-DockPanel-tabBar .lm-TabBar-tab", has_text=tmp_path.name
            )
            # A kernel that starts late still writes into the notebook's metadata.
            await person.kernel_ready()
            while await tabs.count() > 0:
                await person.close_tab(tmp_path.name)
    finally:
        for person in shared_pair.people:
            await person.leave_only("shared.ipynb")


def saved(lab: Lab, path: str) -> list[str]:
    return [cell.source for cell in nbformat.read(lab.root / path, as_version=4).cells]


async def variable_is_there(person: Person) -> None:
    """Run a second cell that needs what the first one has set."""
    await person.type(1, "\nprint('still', one)", delay_ms=0)
    await person.run(1)
    await person.sees_output(1, "still 1")


async def current(person: Person, name: str) -> None:
    """Wait until the tab in front has this in its name."""
    label = person.page.locator(".lm-mod-current .lm-TabBar-tabLabel", has_text=name)
    await expect(label).to_have_count(1)


async def test_control_s_saves_and_asks_nothing(fresh: Pair, one_lab: Lab, tmp_path: Path) -> None:
    await fresh.ana.type(0, "\nsaved = True", delay_ms=0)
    await fresh.ana.press("Control+s")
    await fresh.ana.status_is("Saved")
    await fresh.ben.sees(0, "saved = True")
    await fresh.ben.press("Control+s")
    await fresh.ben.status_is("Saved")
    assert saved(one_lab, f"{tmp_path.name}.ipynb")[0] == "one = 1\nsaved = True"
    assert await fresh.ana.dialogs() == await fresh.ben.dialogs() == 0
    await fresh.agree()


async def test_the_file_changes_under_it_and_both_see_it(
    fresh: Pair, one_lab: Lab, tmp_path: Path
) -> None:
    await fresh.ana.type(1, "\n# typed")
    await fresh.ana.status_is("Saved")
    write_notebook(one_lab, f"{tmp_path.name}.ipynb", "one = 'from outside'", "two = 2\n# typed")
    await fresh.ana.sees(0, "from outside")
    await fresh.ana.press("Control+s")
    await fresh.ana.status_is("Saved")
    await fresh.agree()


async def test_it_is_renamed_while_open(fresh: Pair, one_lab: Lab, tmp_path: Path) -> None:
    await fresh.ana.command("docmanager:rename")
    dialog = fresh.ana.page.locator(".jp-Dialog input")
    await dialog.fill(f"{tmp_path.name}-renamed.ipynb")
    await fresh.ana.accept()
    for person in fresh.people:
        await current(person, "renamed")
    await fresh.ben.type(0, "\n# after the rename")
    await fresh.ana.sees(0, "after the rename")
    await fresh.ana.press("Control+s")
    await fresh.ana.status_is("Saved")
    assert saved(one_lab, f"{tmp_path.name}-renamed.ipynb")[0].endswith("# after the rename")
    assert not (one_lab.root / f"{tmp_path.name}.ipynb").exists()
    await fresh.agree()


async def test_the_kernel_goes_with_a_renamed_notebook(fresh: Pair, tmp_path: Path) -> None:
    await fresh.ana.kernel_ready()
    await fresh.ana.run(0)
    await expect(fresh.ben.cell(0).locator(".jp-InputPrompt")).to_have_text("[1]:")
    await fresh.ana.command("docmanager:rename")
    await fresh.ana.page.locator(".jp-Dialog input").fill(f"{tmp_path.name}-renamed.ipynb")
    await fresh.ana.accept()
    for person in fresh.people:
        await current(person, "renamed")
    await variable_is_there(fresh.ben)
    await fresh.ana.sees_output(1, "still 1")
    await fresh.agree()


async def test_the_kernel_stays_when_the_notebook_goes_back_to_a_checkpoint(
    fresh: Pair, one_lab: Lab, tmp_path: Path
) -> None:
    await fresh.ana.kernel_ready()
    async with fresh.ana.page.expect_response(
        lambda got: f"{tmp_path.name}.ipynb/checkpoints" in got.url and got.status == 201
    ):
        await fresh.ana.press("Control+s")
    assert saved(one_lab, f".ipynb_checkpoints/{tmp_path.name}-checkpoint.ipynb")[0] == "one = 1"
    await fresh.ana.type(0, "\nspoilt = 1", delay_ms=0)
    await fresh.ana.run(0)
    await expect(fresh.ben.cell(0).locator(".jp-InputPrompt")).to_have_text("[1]:")
    await fresh.ana.status_is("Saved")
    await fresh.ana.command("docmanager:restore-checkpoint")
    await fresh.ana.accept()
    for person in fresh.people:
        await person.source_is(0, "one = 1")
    await variable_is_there(fresh.ben)
    await fresh.ana.sees_output(1, "still 1")
    await fresh.agree()


async def test_save_as_leaves_the_kernel_where_it_is_and_takes_the_outputs_along(
    fresh: Pair, tmp_path: Path
) -> None:
    """As JupyterLab does: the copy gets a kernel of its own, the other one goes on for the rest."""
    ana, ben = fresh.people
    await ana.kernel_ready()
    await ana.type(0, "\nprint('ran')", delay_ms=0)
    await ana.run(0)
    await ben.sees_output(0, "ran")
    await ana.status_is("Saved")
    await ana.command("docmanager:save-as")
    await ana.page.locator(".jp-Dialog input").fill(f"{tmp_path.name}-copy.ipynb")
    await ana.accept()
    await current(ana, "copy")
    # JupyterLab looks whether the name is free, and its console calls that a failure.
    ana.complaints = [said for said in ana.complaints if "-copy.ipynb" not in said]
    await ana.sees_output(0, "ran")
    await ana.kernel_ready()
    await ana.type(1, "\nprint(globals().get('one', 'another kernel'))", delay_ms=0)
    await ana.run(1)
    await ana.sees_output(1, "another kernel")
    await variable_is_there(ben)
    await ana.open_beside(f"{tmp_path.name}.ipynb")
    await ana.sees_output(1, "still 1")
    await fresh.agree()


async def test_save_as_makes_another_notebook(fresh: Pair, one_lab: Lab, tmp_path: Path) -> None:
    await fresh.ana.type(0, "\n# in both")
    await fresh.ana.status_is("Saved")
    await fresh.ana.command("docmanager:save-as")
    await fresh.ana.page.locator(".jp-Dialog input").fill(f"{tmp_path.name}-copy.ipynb")
    await fresh.ana.accept()
    await current(fresh.ana, "copy")
    await expect(fresh.ana.cell(1)).to_be_visible()
    # JupyterLab looks whether the name is free, and its console calls that a failure.
    fresh.ana.complaints = [said for said in fresh.ana.complaints if "-copy.ipynb" not in said]
    await fresh.ana.type(0, "\n# only in the copy")
    await fresh.ana.status_is("Saved")
    assert saved(one_lab, f"{tmp_path.name}-copy.ipynb")[0].endswith("# only in the copy")
    assert saved(one_lab, f"{tmp_path.name}.ipynb")[0] == "one = 1\n# in both"
    assert await fresh.ben.source(0) == "one = 1\n# in both"


async def test_save_as_puts_it_in_the_place_of_another(
    fresh: Pair, one_lab: Lab, tmp_path: Path
) -> None:
    copy = f"{tmp_path.name}-copy.ipynb"
    write_notebook(one_lab, copy, "old = 0")
    await fresh.ana.command("docmanager:save-as")
    await fresh.ana.page.locator(".jp-Dialog input").fill(copy)
    for _ in ("this name", "in the place of the other"):
        await fresh.ana.page.locator(".jp-Dialog .jp-mod-accept").click()
    await current(fresh.ana, "copy")
    await fresh.ana.kernel_ready()
    await fresh.ana.type(0, "1")
    await fresh.ana.status_is("Saved")
    assert saved(one_lab, copy) == ["one = 11", "two = 2"]


async def test_who_deletes_it_is_not_told_that_it_stays_open(both: Pair, one_lab: Lab) -> None:
    write_notebook(one_lab, "gone.ipynb", "1")
    ana = both.ana
    await ana.open_beside("gone.ipynb")
    await ana.kernel_ready()
    await ana.command("filebrowser:refresh")
    await ana.page.locator(".jp-DirListing-item", has_text="gone.ipynb").click()
    await ana.press("Delete")
    await ana.accept()
    await expect(ana.page.locator(".lm-TabBar-tab", has_text="gone.ipynb")).to_have_count(0)
    await ana.open_beside("shared.ipynb")
    await expect(ana.page.locator(".Toastify__toast", has_text="was deleted")).to_have_count(0)


async def test_a_second_view_shows_the_same(fresh: Pair) -> None:
    page = fresh.ana.page
    await fresh.ana.command("docmanager:clone")
    panels = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    await expect(panels).to_have_count(2)
    await panels.nth(0).locator(".cm-content").first.click()
    await fresh.ana.press("Control+End")
    await page.keyboard.type("\n# in one view")
    for index in (0, 1):
        await expect(panels.nth(index).locator(".cm-content").first).to_contain_text(
            "# in one view"
        )
    await fresh.ben.sees(0, "in one view")
    await panels.nth(1).locator(".cm-content").first.click()
    await fresh.ana.press("Escape", "b")
    for index in (0, 1):
        await expect(panels.nth(index).locator(".jp-Cell")).to_have_count(3)
    await fresh.agree()


async def test_a_new_notebook_has_a_cell_to_type_in(fresh: Pair, one_lab: Lab) -> None:
    await fresh.ana.command("notebook:create-new", {"kernelName": "python3"})
    await current(fresh.ana, "Untitled")
    await fresh.ana.page.wait_for_selector(".jp-Notebook.jp-mod-editMode .jp-mod-active:visible")
    await fresh.ana.page.keyboard.type("first = 1")
    await fresh.ana.source_is(0, "first = 1")
    assert await fresh.ana.sources() == ["first = 1"]
    await fresh.ana.kernel_ready()
    await fresh.ana.close_tab("Untitled")
    assert saved(one_lab, "Untitled.ipynb") == ["first = 1"]


async def test_to_run_a_cell_without_a_kernel_asks_for_one(fresh: Pair) -> None:
    await fresh.ana.command("notebook:create-new")
    dialog = fresh.ana.page.locator(".jp-Dialog")
    await dialog.get_by_role("button", name="No Kernel").click()
    await expect(dialog).to_have_count(0)
    await fresh.ana.page.locator(".jp-Notebook:visible .cm-content").fill("print(6 * 7)")
    await fresh.ana.command("notebook:run-cell")
    await fresh.ana.accept()
    await fresh.ana.sees_output(0, "42")
    await fresh.ana.close_tab("Untitled")


async def test_it_is_closed_and_opened_again(fresh: Pair, tmp_path: Path) -> None:
    await fresh.ana.type(1, "\n# before closing")
    await fresh.ana.status_is("Saved")
    await fresh.ana.close_tab(tmp_path.name)
    assert await fresh.ana.dialogs() == 0, "there is nothing that closing could lose"
    await fresh.ben.sees(1, "before closing")
    await fresh.ben.type(1, "\n# while it was closed")
    await fresh.ana.open_beside(f"{tmp_path.name}.ipynb")
    await fresh.ana.source_is(1, "two = 2\n# before closing\n# while it was closed")
    await fresh.agree()
