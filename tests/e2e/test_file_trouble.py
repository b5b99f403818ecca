"""Notices about a file that is read-only or that another program deletes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from .browser import User
from .lab import Lab, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def ana(
    shared_browser: Browser, shared_lab: Lab, tmp_path: Path, screenshots: Path
) -> AsyncIterator[User]:
    write_notebook(shared_lab, f"{tmp_path.name}.ipynb", "one = 1")
    ana = await User.with_empty_page(shared_browser, shared_lab, screenshots)
    yield ana
    await ana.close()


@pytest.fixture
def name(tmp_path: Path) -> str:
    return f"{tmp_path.name}.ipynb"


def toasts(user: User) -> Locator:
    return user.page.locator(".Toastify__toast")


async def test_a_read_only_file_is_reported_once_when_it_is_opened(
    ana: User, shared_lab: Lab, name: str
) -> None:
    file = shared_lab.root / name
    file.chmod(0o444)
    await ana.open(name, status="File is read-only")
    await expect(toasts(ana)).to_contain_text("is read-only")
    await ana.type(0, "\n# typed")
    for _ in range(3):
        await ana.page.evaluate(
            """() => jupyterapp.shell.currentWidget.context.save().catch(() => null)"""
        )
        await ana.dismiss_dialogs()
    await expect(toasts(ana)).to_have_count(1)
    await ana.screenshot("file-read-only")
    file.chmod(0o644)
    await ana.status_is("Saved")
    await expect(toasts(ana)).to_have_count(0)
    assert "# typed" in file.read_text()


async def test_a_deleted_file_is_restored_by_a_button(
    ana: User, shared_lab: Lab, name: str
) -> None:
    file = shared_lab.root / name
    await ana.open(name)
    file.unlink()
    await ana.status_is("File deleted")
    # A question of JupyterLab's file browser may cover the cell, so the keyboard is not used.
    await ana.page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0]"
        ".updateSource(0, 0, '# typed\\n')"
    )
    await ana.status_is("File deleted")
    await ana.screenshot("file-deleted")
    await ana.dismiss_dialogs()
    await toasts(ana).get_by_role("button", name="Restore file").click()
    await ana.status_is("Saved")
    await expect(toasts(ana)).to_have_count(0)
    assert "# typed" in file.read_text()


async def test_notices_disappear_when_the_file_returns_or_the_notebook_closes(
    ana: User, shared_lab: Lab, name: str
) -> None:
    file = shared_lab.root / name
    await ana.open(name)
    file.unlink()
    await expect(toasts(ana)).to_have_count(1)
    await ana.page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
    await expect(toasts(ana)).to_have_count(0)
    file.unlink()
    await expect(toasts(ana)).to_have_count(1)
    await ana.page.evaluate("() => jupyterapp.shell.currentWidget.dispose()")
    await expect(toasts(ana)).to_have_count(0)


async def test_an_offline_save_reports_that_edits_are_kept_in_the_browser(
    ana: User, shared_lab: Lab, name: str
) -> None:
    file = shared_lab.root / name
    await ana.open(name)
    # JupyterLab opens a dialog if a kernel cannot start later.
    await ana.kernel_ready()
    # JupyterLab loads its code for notifications when it shows the first one.
    await ana.command("apputils:notify", {"message": "hello", "options": {"autoClose": 1}})
    await expect(toasts(ana)).to_have_count(1)
    await ana.context.set_offline(True)
    await ana.status_is("Offline")
    # A question of JupyterLab's file browser may cover the cell, so the keyboard is not used.
    await ana.page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0]"
        ".updateSource(0, 0, '# typed\\n')"
    )
    await ana.command("docmanager:save")
    notice = toasts(ana).filter(has_text="is kept in this browser")
    await expect(notice).to_have_count(1)
    await ana.screenshot("save-offline")
    await ana.context.set_offline(False)
    await ana.status_is("Saved", timeout_ms=40_000)
    await expect(notice).to_have_count(0)
    assert "# typed" in file.read_text()
