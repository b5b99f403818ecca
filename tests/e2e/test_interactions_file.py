"""Users save, rename, copy, close and delete a notebook, and show it twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import nbformat
import pytest
import pytest_asyncio
from playwright.async_api import expect

from .browser import User
from .lab import Lab, write_notebook
from .two_users import TwoUsers

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def new_notebook(
    shared_lab: Lab, shared_users: TwoUsers, tmp_path: Path
) -> AsyncIterator[TwoUsers]:
    """The two users with a new notebook in a tab beside the shared notebook."""
    path = f"{tmp_path.name}.ipynb"
    write_notebook(shared_lab, path, "one = 1", "two = 2")
    for user in shared_users.users:
        user.errors.clear()
        await user.forget_dialog_texts()
        await user.open_beside(path)
    try:
        yield shared_users
        await shared_users.assert_no_errors()
        for user in shared_users.users:
            tabs = user.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text=tmp_path.name)
            # A kernel that starts late changes the metadata, and JupyterLab would then ask.
            await user.kernel_ready()
            while await tabs.count() > 0:
                await user.close_tab(tmp_path.name)
    finally:
        for user in shared_users.users:
            await user.close_other_notebooks("shared.ipynb")


def saved(lab: Lab, path: str) -> list[str]:
    return [cell.source for cell in nbformat.read(lab.root / path, as_version=4).cells]


async def assert_variable_is_kept(user: User) -> None:
    """Run the second cell, which needs a variable of the first cell."""
    await user.type(1, "\nprint('still', one)", delay_ms=0)
    await user.run(1)
    await user.sees_output(1, "still 1")


async def wait_for_front_tab(user: User, name: str) -> None:
    """Wait until the front tab has this text in its name."""
    label = user.page.locator(".lm-mod-current .lm-TabBar-tabLabel", has_text=name)
    await expect(label).to_have_count(1)


async def test_control_s_saves_without_a_dialog(
    new_notebook: TwoUsers, shared_lab: Lab, tmp_path: Path
) -> None:
    await new_notebook.ana.type(0, "\nsaved = True", delay_ms=0)
    await new_notebook.ana.press("Control+s")
    await new_notebook.ana.status_is("Saved")
    await new_notebook.ben.sees(0, "saved = True")
    await new_notebook.ben.press("Control+s")
    await new_notebook.ben.status_is("Saved")
    assert saved(shared_lab, f"{tmp_path.name}.ipynb")[0] == "one = 1\nsaved = True"
    assert await new_notebook.ana.dialog_count() == await new_notebook.ben.dialog_count() == 0
    await new_notebook.converge()


async def test_a_file_edit_by_another_program_reaches_both_users(
    new_notebook: TwoUsers, shared_lab: Lab, tmp_path: Path
) -> None:
    await new_notebook.ana.type(1, "\n# typed")
    await new_notebook.ana.status_is("Saved")
    write_notebook(shared_lab, f"{tmp_path.name}.ipynb", "one = 'from outside'", "two = 2\n# typed")
    await new_notebook.ana.sees(0, "from outside")
    await new_notebook.ana.press("Control+s")
    await new_notebook.ana.status_is("Saved")
    await new_notebook.converge()


async def test_an_open_notebook_is_renamed(
    new_notebook: TwoUsers, shared_lab: Lab, tmp_path: Path
) -> None:
    await new_notebook.ana.command("docmanager:rename")
    dialog = new_notebook.ana.page.locator(".jp-Dialog input")
    await dialog.fill(f"{tmp_path.name}-renamed.ipynb")
    await new_notebook.ana.accept_dialog()
    for user in new_notebook.users:
        await wait_for_front_tab(user, "renamed")
    await new_notebook.ben.type(0, "\n# after the rename")
    await new_notebook.ana.sees(0, "after the rename")
    await new_notebook.ana.press("Control+s")
    await new_notebook.ana.status_is("Saved")
    assert saved(shared_lab, f"{tmp_path.name}-renamed.ipynb")[0].endswith("# after the rename")
    assert not (shared_lab.root / f"{tmp_path.name}.ipynb").exists()
    await new_notebook.converge()


async def test_a_kernel_follows_the_rename_of_its_notebook(
    new_notebook: TwoUsers, tmp_path: Path
) -> None:
    await new_notebook.ana.kernel_ready()
    await new_notebook.ana.run(0)
    await expect(new_notebook.ben.cell(0).locator(".jp-InputPrompt")).to_have_text("[1]:")
    await new_notebook.ana.command("docmanager:rename")
    await new_notebook.ana.page.locator(".jp-Dialog input").fill(f"{tmp_path.name}-renamed.ipynb")
    await new_notebook.ana.accept_dialog()
    for user in new_notebook.users:
        await wait_for_front_tab(user, "renamed")
    await assert_variable_is_kept(new_notebook.ben)
    await new_notebook.ana.sees_output(1, "still 1")
    await new_notebook.converge()


async def test_a_kernel_stays_when_its_notebook_is_reverted_to_a_checkpoint(
    new_notebook: TwoUsers, shared_lab: Lab, tmp_path: Path
) -> None:
    await new_notebook.ana.kernel_ready()
    async with new_notebook.ana.page.expect_response(
        lambda got: f"{tmp_path.name}.ipynb/checkpoints" in got.url and got.status == 201
    ):
        await new_notebook.ana.press("Control+s")
    assert saved(shared_lab, f".ipynb_checkpoints/{tmp_path.name}-checkpoint.ipynb")[0] == "one = 1"
    await new_notebook.ana.type(0, "\nspoilt = 1", delay_ms=0)
    await new_notebook.ana.run(0)
    await expect(new_notebook.ben.cell(0).locator(".jp-InputPrompt")).to_have_text("[1]:")
    await new_notebook.ana.status_is("Saved")
    await new_notebook.ana.command("docmanager:restore-checkpoint")
    await new_notebook.ana.accept_dialog()
    for user in new_notebook.users:
        await user.source_is(0, "one = 1")
    await assert_variable_is_kept(new_notebook.ben)
    await new_notebook.ana.sees_output(1, "still 1")
    await new_notebook.converge()


async def test_save_as_takes_the_outputs_and_leaves_the_kernel_at_the_original(
    new_notebook: TwoUsers, tmp_path: Path
) -> None:
    """As in plain JupyterLab, the copy gets a new kernel and the original keeps its kernel."""
    ana, ben = new_notebook.users
    await ana.kernel_ready()
    await ana.type(0, "\nprint('ran')", delay_ms=0)
    await ana.run(0)
    await ben.sees_output(0, "ran")
    await ana.status_is("Saved")
    await ana.command("docmanager:save-as")
    await ana.page.locator(".jp-Dialog input").fill(f"{tmp_path.name}-copy.ipynb")
    await ana.accept_dialog()
    await wait_for_front_tab(ana, "copy")
    # JupyterLab checks whether the name is free, and its console reports the check as an error.
    ana.errors = [error for error in ana.errors if "-copy.ipynb" not in error]
    await ana.sees_output(0, "ran")
    await ana.kernel_ready()
    await ana.type(1, "\nprint(globals().get('one', 'another kernel'))", delay_ms=0)
    await ana.run(1)
    await ana.sees_output(1, "another kernel")
    await assert_variable_is_kept(ben)
    await ana.open_beside(f"{tmp_path.name}.ipynb")
    await ana.sees_output(1, "still 1")
    await new_notebook.converge()


async def test_save_as_makes_an_independent_notebook(
    new_notebook: TwoUsers, shared_lab: Lab, tmp_path: Path
) -> None:
    await new_notebook.ana.type(0, "\n# in both")
    await new_notebook.ana.status_is("Saved")
    await new_notebook.ana.command("docmanager:save-as")
    await new_notebook.ana.page.locator(".jp-Dialog input").fill(f"{tmp_path.name}-copy.ipynb")
    await new_notebook.ana.accept_dialog()
    await wait_for_front_tab(new_notebook.ana, "copy")
    await expect(new_notebook.ana.cell(1)).to_be_visible()
    # JupyterLab checks whether the name is free, and its console reports the check as an error.
    new_notebook.ana.errors = [
        error for error in new_notebook.ana.errors if "-copy.ipynb" not in error
    ]
    await new_notebook.ana.type(0, "\n# only in the copy")
    await new_notebook.ana.status_is("Saved")
    assert saved(shared_lab, f"{tmp_path.name}-copy.ipynb")[0].endswith("# only in the copy")
    assert saved(shared_lab, f"{tmp_path.name}.ipynb")[0] == "one = 1\n# in both"
    assert await new_notebook.ben.source(0) == "one = 1\n# in both"


async def test_save_as_overwrites_another_notebook(
    new_notebook: TwoUsers, shared_lab: Lab, tmp_path: Path
) -> None:
    copy = f"{tmp_path.name}-copy.ipynb"
    write_notebook(shared_lab, copy, "old = 0")
    await new_notebook.ana.command("docmanager:save-as")
    await new_notebook.ana.page.locator(".jp-Dialog input").fill(copy)
    for _ in ("this name", "in the place of the other"):
        await new_notebook.ana.page.locator(".jp-Dialog .jp-mod-accept").click()
    await wait_for_front_tab(new_notebook.ana, "copy")
    await new_notebook.ana.kernel_ready()
    await new_notebook.ana.type(0, "1")
    await new_notebook.ana.status_is("Saved")
    assert saved(shared_lab, copy) == ["one = 11", "two = 2"]


async def test_the_user_who_deletes_a_file_gets_no_notice_about_its_notebook(
    two_users: TwoUsers, shared_lab: Lab
) -> None:
    write_notebook(shared_lab, "gone.ipynb", "1")
    ana = two_users.ana
    await ana.open_beside("gone.ipynb")
    await ana.kernel_ready()
    await ana.command("filebrowser:refresh")
    await ana.page.locator(".jp-DirListing-item", has_text="gone.ipynb").click()
    await ana.press("Delete")
    await ana.accept_dialog()
    await expect(ana.page.locator(".lm-TabBar-tab", has_text="gone.ipynb")).to_have_count(0)
    await ana.open_beside("shared.ipynb")
    await expect(ana.page.locator(".Toastify__toast", has_text="was deleted")).to_have_count(0)


async def test_a_second_view_of_a_notebook_shows_the_same_cells(new_notebook: TwoUsers) -> None:
    page = new_notebook.ana.page
    await new_notebook.ana.command("docmanager:clone")
    panels = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    await expect(panels).to_have_count(2)
    await panels.nth(0).locator(".cm-content").first.click()
    await new_notebook.ana.press("Control+End")
    await page.keyboard.type("\n# in one view")
    for index in (0, 1):
        await expect(panels.nth(index).locator(".cm-content").first).to_contain_text(
            "# in one view"
        )
    await new_notebook.ben.sees(0, "in one view")
    await panels.nth(1).locator(".cm-content").first.click()
    await new_notebook.ana.press("Escape", "b")
    for index in (0, 1):
        await expect(panels.nth(index).locator(".jp-Cell")).to_have_count(3)
    await new_notebook.converge()


async def test_a_new_notebook_has_an_active_empty_cell(
    new_notebook: TwoUsers, shared_lab: Lab
) -> None:
    await new_notebook.ana.command("notebook:create-new", {"kernelName": "python3"})
    await wait_for_front_tab(new_notebook.ana, "Untitled")
    await new_notebook.ana.page.wait_for_selector(
        ".jp-Notebook.jp-mod-editMode .jp-mod-active:visible"
    )
    await new_notebook.ana.page.keyboard.type("first = 1")
    await new_notebook.ana.source_is(0, "first = 1")
    assert await new_notebook.ana.sources() == ["first = 1"]
    await new_notebook.ana.kernel_ready()
    await new_notebook.ana.close_tab("Untitled")
    assert saved(shared_lab, "Untitled.ipynb") == ["first = 1"]


async def test_running_a_cell_without_a_kernel_asks_for_a_kernel(new_notebook: TwoUsers) -> None:
    await new_notebook.ana.command("notebook:create-new")
    dialog = new_notebook.ana.page.locator(".jp-Dialog")
    await dialog.get_by_role("button", name="No Kernel").click()
    await expect(dialog).to_have_count(0)
    await new_notebook.ana.page.locator(".jp-Notebook:visible .cm-content").fill("print(6 * 7)")
    await new_notebook.ana.command("notebook:run-cell")
    await new_notebook.ana.accept_dialog()
    await new_notebook.ana.sees_output(0, "42")
    await new_notebook.ana.close_tab("Untitled")


async def test_a_closed_notebook_opens_again_with_all_edits(
    new_notebook: TwoUsers, tmp_path: Path
) -> None:
    await new_notebook.ana.type(1, "\n# before closing")
    await new_notebook.ana.status_is("Saved")
    await new_notebook.ana.close_tab(tmp_path.name)
    assert await new_notebook.ana.dialog_count() == 0, "closing a saved notebook asked a question"
    await new_notebook.ben.sees(1, "before closing")
    await new_notebook.ben.type(1, "\n# while it was closed")
    await new_notebook.ana.open_beside(f"{tmp_path.name}.ipynb")
    await new_notebook.ana.source_is(1, "two = 2\n# before closing\n# while it was closed")
    await new_notebook.converge()
