"""A run that did not come to its end says so at its cell, and the notebook has a kernel again."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

import jupyter_runtimed

from .browser import Person
from .lab import TOKEN, Lab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

ENDLESS = "print('begun')\nimport threading; threading.Event().wait()"


async def test_cells_of_a_server_that_was_killed_say_so_and_a_new_kernel_is_joined(
    browser: Browser, lab: Lab, shots: Path
) -> None:
    write_notebook(lab, "a.ipynb", ENDLESS, "print('behind')")
    ana = await Person.arrive(browser, lab, "a.ipynb", shots)
    await ana.kernel_ready()
    await ana.run_all()
    await ana.sees_output(0, "begun")
    lab.kill()
    lab.start()
    ben = await Person.arrive(browser, lab, "a.ipynb", shots)
    for person in (ana, ben):
        marks = [person.cell(index).locator(".jp-RuntimedCellMark") for index in (0, 1)]
        await expect(marks[0]).to_have_text("Interrupted: the server was restarted", timeout=60_000)
        await expect(marks[1]).to_have_text("Not run: the server was restarted")
    notice = ana.page.locator(".Toastify__toast", has_text="was interrupted")
    await expect(ana.page.locator(".Toastify__toast", has_text="was not run")).to_have_count(0)
    await ana.shot("interrupted")
    assert await notice.count() <= 1
    # JupyterLab offers ben a kernel when the notebook opens; an agent runs a cell in any case.
    async with jupyter_runtimed.connect(lab.url, "a.ipynb", TOKEN) as agent:
        second = agent.cells[1].id
        assert (await agent.run(second, 60)).state == "ok"
        for person in (ana, ben):
            await person.sees_output(1, "behind")
            await expect(person.cell(1).locator(".jp-RuntimedCellMark")).to_have_count(0)
            await expect(person.cell(0).locator(".jp-RuntimedCellMark")).to_have_count(1)
            await person.page.wait_for_function(
                "id => window.jupyterapp.shell.currentWidget.sessionContext.session"
                "?.kernel?.id === id",
                arg=agent.kernel.id,
                timeout=60_000,
            )
            await person.kernel_ready()
    await expect(ana.page.locator(".jp-Toolbar-kernelName").first).to_contain_text("Python 3")
    await ana.shot("kernel-joined")
