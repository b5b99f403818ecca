"""Other programs change the file of an open notebook, and users revert to checkpoints."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from .lab import Lab, write_notebook
from .two_users import TwoUsers

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LANGUAGE = """() => {
  const notebook = jupyterapp.shell.currentWidget.content;
  return notebook.model.sharedModel.getMetadata('language_info')?.name === 'python';
}"""
TYPED = "".join(chr(ord("a") + i % 26) for i in range(60))


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
            await user.kernel_ready()
            await user.close_tab(tmp_path.name)
    finally:
        for user in shared_users.users:
            await user.close_other_notebooks("shared.ipynb")


async def test_text_typed_during_an_outside_change_is_kept(
    new_notebook: TwoUsers, shared_lab: Lab, tmp_path: Path
) -> None:
    ana, ben = new_notebook.users
    file = shared_lab.root / f"{tmp_path.name}.ipynb"
    typing = asyncio.create_task(ana.type(0, f"\n# {TYPED}", delay_ms=50))
    await ben.sees(0, TYPED[:10])
    change = ["sed", "-i", "s/two = 2/two = 'from outside'/", str(file)]
    await asyncio.to_thread(subprocess.run, change, check=True)
    await ana.sees(1, "from outside")
    await typing
    await ana.status_is("Saved")
    assert await ana.source(0) == f"one = 1\n# {TYPED}"
    await new_notebook.converge()
    assert TYPED in file.read_text()
    assert "from outside" in file.read_text()


async def test_opening_a_notebook_does_not_write_the_file(
    new_notebook: TwoUsers, shared_lab: Lab, tmp_path: Path
) -> None:
    """The file lacks `language_info`, which JupyterLab adds to the metadata of an open notebook."""
    file = shared_lab.root / f"{tmp_path.name}.ipynb"
    before = file.read_bytes()
    assert b"language_info" not in before
    for user in new_notebook.users:
        await user.kernel_ready()
        await user.status_is("Saved")
    await new_notebook.ana.page.wait_for_function(LANGUAGE)
    assert file.read_bytes() == before


async def test_a_revert_to_a_checkpoint_reaches_both_users(new_notebook: TwoUsers) -> None:
    ana, ben = new_notebook.users
    await ana.type(0, "\n# kept")
    await ana.press("Control+s")
    await ana.status_is("Saved")
    await ana.type(0, "\n# spoilt")
    await ben.sees(0, "# spoilt")
    await ana.status_is("Saved")
    await ana.command("docmanager:restore-checkpoint")
    await ana.accept_dialog()
    await ana.source_is(0, "one = 1\n# kept")
    await ben.source_is(0, "one = 1\n# kept")
    await new_notebook.converge()


async def test_a_revert_of_the_work_of_others_is_confirmed_and_can_be_undone(
    new_notebook: TwoUsers,
) -> None:
    ana, ben = new_notebook.users
    await ana.type(0, "\n# kept")
    await ana.press("Control+s")
    await ana.status_is("Saved")
    await ben.type(1, "\n# by ben")
    await ana.sees(1, "# by ben")
    await ana.status_is("Saved")
    await ana.command("docmanager:restore-checkpoint")
    await ana.page.locator(".jp-Dialog .jp-mod-accept").click()
    dialog = ana.page.locator(".jp-Dialog", has_text="Take away the work of others?")
    await expect(dialog).to_contain_text("# by ben")
    await ana.screenshot("revert-others")
    await dialog.get_by_role("button", name="Cancel").click()
    assert await ana.source(1) == "two = 2\n# by ben"
    await ana.command("docmanager:restore-checkpoint")
    await ana.page.locator(".jp-Dialog .jp-mod-accept").click()
    await dialog.get_by_role("button", name="Revert for everybody").click()
    await ben.source_is(1, "two = 2")
    notice = ben.page.locator(".Toastify__toast", has_text="back to a checkpoint")
    await expect(notice).to_have_count(1)
    await expect(ana.page.locator(".Toastify__toast")).to_contain_text("You took")
    await ben.screenshot("revert-told")
    await notice.get_by_role("button", name="Bring back").click()
    await ana.source_is(1, "two = 2\n# by ben")
    assert await ana.source(0) == "one = 1\n# kept"
    await new_notebook.converge()
    # The texts of these dialogs contain "changed", which the fixture refuses.
    await ana.forget_dialog_texts()


async def test_save_as_keeps_the_outputs(
    new_notebook: TwoUsers, shared_lab: Lab, tmp_path: Path
) -> None:
    ana = new_notebook.ana
    await ana.source_is(0, "one = 1")
    await ana.type(1, "\nprint('shown')")
    await ana.run(1)
    await ana.sees_output(1, "shown")
    await ana.status_is("Saved")
    await ana.command("docmanager:save-as")
    await ana.page.locator(".jp-Dialog input").fill(f"{tmp_path.name}-copy.ipynb")
    await ana.accept_dialog()
    await ana.page.locator(".lm-mod-current .lm-TabBar-tabLabel", has_text="-copy").wait_for()
    # JupyterLab looks whether the name is free, and its console calls that a failure.
    ana.errors = [error for error in ana.errors if "-copy.ipynb" not in error]
    await ana.sees_output(1, "shown")
    await ana.status_is("Saved")
    assert "shown\\n" in (shared_lab.root / f"{tmp_path.name}-copy.ipynb").read_text()
