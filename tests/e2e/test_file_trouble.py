"""What people see when the file is read-only, or is deleted by another program."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from .browser import Person
from .lab import Lab, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def ana(
    one_browser: Browser, one_lab: Lab, tmp_path: Path, shots: Path
) -> AsyncIterator[Person]:
    write_notebook(one_lab, f"{tmp_path.name}.ipynb", "one = 1")
    ana = await Person.settle(one_browser, one_lab, shots)
    yield ana
    await ana.leave()


@pytest.fixture
def name(tmp_path: Path) -> str:
    return f"{tmp_path.name}.ipynb"


def toasts(person: Person) -> Locator:
    return person.page.locator(".Toastify__toast")


async def test_a_read_only_file_is_told_once_when_it_is_opened(
    ana: Person, one_lab: Lab, name: str
) -> None:
    file = one_lab.root / name
    file.chmod(0o444)
    await ana.open(name, status="File is read-only")
    await expect(toasts(ana)).to_contain_text("is read-only")
    await ana.type(0, "\n# typed")
    for _ in range(3):
        await ana.page.evaluate(
            """() => jupyterapp.shell.currentWidget.context.save().catch(() => null)"""
        )
        await ana.dismiss()
    await expect(toasts(ana)).to_have_count(1)
    await ana.shot("file-read-only")
    file.chmod(0o644)
    await ana.status_is("Saved")
    await expect(toasts(ana)).to_have_count(0)
    assert "# typed" in file.read_text()


async def test_a_deleted_file_is_restored_by_a_button(ana: Person, one_lab: Lab, name: str) -> None:
    file = one_lab.root / name
    await ana.open(name)
    file.unlink()
    await ana.status_is("File deleted")
    # JupyterLab's file browser may be in the way with a question of its own.
    await ana.page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0]"
        ".updateSource(0, 0, '# typed\\n')"
    )
    await ana.status_is("File deleted")
    await ana.shot("file-deleted")
    await ana.dismiss()
    await toasts(ana).get_by_role("button", name="Restore file").click()
    await ana.status_is("Saved")
    await expect(toasts(ana)).to_have_count(0)
    assert "# typed" in file.read_text()


async def test_notices_go_with_their_notebook(ana: Person, one_lab: Lab, name: str) -> None:
    file = one_lab.root / name
    await ana.open(name)
    file.unlink()
    await expect(toasts(ana)).to_have_count(1)
    await ana.page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
    await expect(toasts(ana)).to_have_count(0)
    file.unlink()
    await expect(toasts(ana)).to_have_count(1)
    await ana.page.evaluate("() => jupyterapp.shell.currentWidget.dispose()")
    await expect(toasts(ana)).to_have_count(0)


async def test_a_save_without_a_connection_says_what_becomes_of_it(
    ana: Person, one_lab: Lab, name: str
) -> None:
    file = one_lab.root / name
    await ana.open(name)
    # A kernel that cannot be started any more is told in a dialog.
    await ana.kernel_ready()
    # What shows notifications is loaded when it is first needed.
    await ana.command("apputils:notify", {"message": "hello", "options": {"autoClose": 1}})
    await expect(toasts(ana)).to_have_count(1)
    await ana.context.set_offline(True)
    await ana.status_is("Offline")
    # JupyterLab's file browser may be in the way with a question of its own.
    await ana.page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0]"
        ".updateSource(0, 0, '# typed\\n')"
    )
    await ana.command("docmanager:save")
    notice = toasts(ana).filter(has_text="is kept in this browser")
    await expect(notice).to_have_count(1)
    await ana.shot("save-offline")
    await ana.context.set_offline(False)
    await ana.status_is("Saved", timeout_ms=40_000)
    await expect(notice).to_have_count(0)
    assert "# typed" in file.read_text()
