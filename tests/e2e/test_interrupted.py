"""Marks at cells whose runs were interrupted, and a new kernel for their notebook."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

import jupyter_runtimed

from .browser import User
from .lab import TOKEN, Lab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

ENDLESS = "print('begun')\nimport threading; threading.Event().wait()"


async def test_interrupted_cells_are_marked_after_a_server_kill_and_a_new_kernel_is_joined(
    browser: Browser, lab: Lab, screenshots: Path
) -> None:
    write_notebook(lab, "a.ipynb", ENDLESS, "print('behind')")
    ana = await User.with_notebook(browser, lab, "a.ipynb", screenshots)
    await ana.kernel_ready()
    await ana.run_all()
    await ana.sees_output(0, "begun")
    lab.kill()
    lab.start()
    ben = await User.with_notebook(browser, lab, "a.ipynb", screenshots)
    for user in (ana, ben):
        marks = [user.cell(index).locator(".jp-RuntimedCellMark") for index in (0, 1)]
        await expect(marks[0]).to_have_text("Interrupted: the server was restarted", timeout=60_000)
        await expect(marks[1]).to_have_text("Not run: the server was restarted")
    notice = ana.page.locator(".Toastify__toast", has_text="was interrupted")
    await expect(ana.page.locator(".Toastify__toast", has_text="was not run")).to_have_count(0)
    await ana.screenshot("interrupted")
    assert await notice.count() <= 1
    # JupyterLab may offer Ben a kernel when the notebook opens, so an agent runs the cell.
    async with jupyter_runtimed.connect(lab.url, "a.ipynb", TOKEN) as agent:
        second = agent.cells[1].id
        assert (await agent.run(second, 60)).state == "ok"
        for user in (ana, ben):
            await user.sees_output(1, "behind")
            await expect(user.cell(1).locator(".jp-RuntimedCellMark")).to_have_count(0)
            await expect(user.cell(0).locator(".jp-RuntimedCellMark")).to_have_count(1)
            await user.page.wait_for_function(
                "id => window.jupyterapp.shell.currentWidget.sessionContext.session"
                "?.kernel?.id === id",
                arg=agent.kernel.id,
                timeout=60_000,
            )
            await user.kernel_ready()
    await expect(ana.page.locator(".jp-Toolbar-kernelName").first).to_contain_text("Python 3")
    await ana.screenshot("kernel-joined")


async def test_notebook_7_marks_an_interrupted_run_and_joins_the_next_kernel(
    browser: Browser, lab: Lab, screenshots: Path
) -> None:
    write_notebook(lab, "a.ipynb", ENDLESS, "print('behind')")
    ana = await User.with_empty_page(browser, lab, screenshots)
    await ana.page.goto(f"{lab.url}/notebooks/a.ipynb?token={TOKEN}")
    await ana.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    await ana.status_is("Saved")
    await ana.run(0)
    await ana.sees_output(0, "begun")
    lab.kill()
    await ana.status_is("Reconnecting", 60_000)
    lab.start()
    mark = ana.cell(0).locator(".jp-RuntimedCellMark")
    await expect(mark).to_have_text("Interrupted: the server was restarted", timeout=60_000)
    await ana.status_is("Saved")
    async with jupyter_runtimed.connect(lab.url, "a.ipynb", TOKEN) as agent:
        assert (await agent.run(agent.cells[1].id, 60)).state == "ok"
    await ana.sees_output(1, "behind")
    await expect(ana.page.locator(".jp-Toolbar-kernelName").first).to_contain_text("Python 3")
    await ana.page.mouse.move(5, 5)
    await ana.screenshot("notebook-7-interrupted")
