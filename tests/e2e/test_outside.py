"""Other programs change the file under a browser, and people go back to what they had."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from .lab import Lab, write_notebook
from .pair import Pair

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LANGUAGE = """() => {
  const notebook = jupyterapp.shell.currentWidget.content;
  return notebook.model.sharedModel.getMetadata('language_info')?.name === 'python';
}"""
TYPED = "".join(chr(ord("a") + i % 26) for i in range(60))


@pytest_asyncio.fixture(loop_scope="session")
async def both_at(one_lab: Lab, shared_pair: Pair, tmp_path: Path) -> AsyncIterator[Pair]:
    """The two people at a notebook named after the test's folder."""
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
            await person.kernel_ready()
            await person.close_tab(tmp_path.name)
    finally:
        for person in shared_pair.people:
            await person.leave_only("shared.ipynb")


async def test_all_that_is_typed_meanwhile_is_there(
    both_at: Pair, one_lab: Lab, tmp_path: Path
) -> None:
    ana, ben = both_at.people
    file = one_lab.root / f"{tmp_path.name}.ipynb"
    typing = asyncio.create_task(ana.type(0, f"\n# {TYPED}", delay_ms=50))
    await ben.sees(0, TYPED[:10])
    change = ["sed", "-i", "s/two = 2/two = 'from outside'/", str(file)]
    await asyncio.to_thread(subprocess.run, change, check=True)
    await ana.sees(1, "from outside")
    await typing
    await ana.status_is("Saved")
    assert await ana.source(0) == f"one = 1\n# {TYPED}"
    await both_at.agree()
    assert TYPED in file.read_text()
    assert "from outside" in file.read_text()


async def test_looking_changes_nothing(both_at: Pair, one_lab: Lab, tmp_path: Path) -> None:
    """The file does not say which Python it is for, and JupyterLab would write that into it."""
    file = one_lab.root / f"{tmp_path.name}.ipynb"
    before = file.read_bytes()
    assert b"language_info" not in before
    for person in both_at.people:
        await person.kernel_ready()
        await person.status_is("Saved")
    await both_at.ana.page.wait_for_function(LANGUAGE)
    assert file.read_bytes() == before


async def test_going_back_to_a_checkpoint(both_at: Pair) -> None:
    ana, ben = both_at.people
    await ana.type(0, "\n# kept")
    await ana.press("Control+s")
    await ana.status_is("Saved")
    await ana.type(0, "\n# spoilt")
    await ben.sees(0, "# spoilt")
    await ana.status_is("Saved")
    await ana.command("docmanager:restore-checkpoint")
    await ana.accept()
    await ana.source_is(0, "one = 1\n# kept")
    await ben.source_is(0, "one = 1\n# kept")
    await both_at.agree()


async def test_a_revert_is_shown_before_and_brought_back_after(both_at: Pair) -> None:
    ana, ben = both_at.people
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
    await ana.shot("revert-others")
    await dialog.get_by_role("button", name="Cancel").click()
    assert await ana.source(1) == "two = 2\n# by ben"
    await ana.command("docmanager:restore-checkpoint")
    await ana.page.locator(".jp-Dialog .jp-mod-accept").click()
    await dialog.get_by_role("button", name="Revert for everybody").click()
    await ben.source_is(1, "two = 2")
    notice = ben.page.locator(".Toastify__toast", has_text="back to a checkpoint")
    await expect(notice).to_have_count(1)
    await expect(ana.page.locator(".Toastify__toast")).to_contain_text("You took")
    await ben.shot("revert-told")
    await notice.get_by_role("button", name="Bring back").click()
    await ana.source_is(1, "two = 2\n# by ben")
    assert await ana.source(0) == "one = 1\n# kept"
    await both_at.agree()
    # The question about the work of others is none about a file that changed.
    await ana.forget_dialogs()


async def test_save_as_keeps_what_was_shown(both_at: Pair, one_lab: Lab, tmp_path: Path) -> None:
    ana = both_at.ana
    await ana.source_is(0, "one = 1")
    await ana.type(1, "\nprint('shown')")
    await ana.run(1)
    await ana.sees_output(1, "shown")
    await ana.status_is("Saved")
    await ana.command("docmanager:save-as")
    await ana.page.locator(".jp-Dialog input").fill(f"{tmp_path.name}-copy.ipynb")
    await ana.accept()
    await ana.page.locator(".lm-mod-current .lm-TabBar-tabLabel", has_text="-copy").wait_for()
    # JupyterLab looks whether the name is free, and its console calls that a failure.
    ana.complaints = [said for said in ana.complaints if "-copy.ipynb" not in said]
    await ana.sees_output(1, "shown")
    await ana.status_is("Saved")
    assert "shown\\n" in (one_lab.root / f"{tmp_path.name}-copy.ipynb").read_text()
