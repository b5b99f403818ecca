"""Users and agents work on the example notebook in real browsers."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path

import nbformat
import pytest
from playwright.async_api import Browser, expect

import jupyter_runtimed
from jupyter_runtimed.document.content import FINISHED

from .browser import User
from .lab import TOKEN, Lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TEXT, TABLE, PICTURE, PROGRESS, LAST = 0, 5, 7, 9, 10


async def test_two_users_and_an_agent_write_in_one_cell(
    browser: Browser, lab: Lab, screenshots: Path
) -> None:
    ana = await User.with_notebook(browser, lab, "tour.ipynb", screenshots)
    ben = await User.with_notebook(browser, lab, "tour.ipynb", screenshots)
    async with jupyter_runtimed.connect(lab.url, "tour.ipynb", token=TOKEN) as bot:
        cell = bot.cells[PICTURE]
        before = cell.source
        # The texts have no blanks, because Enter in CodeMirror removes blanks after the cursor.
        pieces = ["\n#ana-was-here", "\n#ben-was-here", "\n#an-agent-was-here"]
        await asyncio.gather(
            ana.type(PICTURE, pieces[0], delay_ms=25),
            ben.type(PICTURE, pieces[1], delay_ms=25),
            _append_slowly(bot, cell.id, pieces[2]),
        )
        # Three writers type at one place, so the order of the letters is not determined.
        letters = sorted(before + "".join(pieces))
        with contextlib.suppress(TimeoutError):
            await bot.wait_for(lambda: len(cell.source) >= len(letters), 30)
        assert sorted(cell.source) == letters, cell.source
        await asyncio.gather(
            ana.source_is(PICTURE, cell.source), ben.source_is(PICTURE, cell.source)
        )
        assert await ana.editor_text(PICTURE) == await ben.editor_text(PICTURE) == cell.source
        await asyncio.gather(ana.status_is("Saved"), ben.status_is("Saved"))
        assert _source(lab, PICTURE) == cell.source, "the file differs"
    await ana.screenshot("together")
    assert ana.errors == [] and ben.errors == []


async def test_every_cell_of_the_tour_runs_and_all_users_see_its_output(
    browser: Browser, lab: Lab, screenshots: Path
) -> None:
    ana = await User.with_notebook(browser, lab, "tour.ipynb", screenshots)
    ben = await User.with_notebook(browser, lab, "tour.ipynb", screenshots)
    await ana.kernel_ready()
    await ana.run_all()
    for user in (ana, ben):
        await user.sees_output(PROGRESS, "energy:", timeout_ms=120_000)
        assert "100%" in await user.output(PROGRESS)
        assert await user.cell(TABLE).locator("table").count() == 1
        assert await user.cell(PICTURE).locator("img").count() == 1
    await ana.status_is("Saved")
    await ben.screenshot("ran")
    assert await ana.output(PROGRESS) == await ben.output(PROGRESS)
    saved = nbformat.read(lab.root / "tour.ipynb", as_version=4)
    nbformat.validate(saved)
    assert saved.cells[PICTURE].outputs[-1].data["image/png"]
    progress = "".join(o.text for o in saved.cells[PROGRESS].outputs)
    assert progress.count("adding up") <= 3, (
        "the file has more than the last state of the progress bar"
    )
    assert ana.errors == [] and ben.errors == []


async def test_output_continues_while_every_browser_is_closed(
    browser: Browser, lab: Lab, screenshots: Path
) -> None:
    ana = await User.with_notebook(browser, lab, "tour.ipynb", screenshots)
    ben = await User.with_notebook(browser, lab, "tour.ipynb", screenshots)
    await ana.kernel_ready()
    await ana.cell(PROGRESS).locator(".cm-content").click()
    await ana.press("Control+a", "Delete")
    await ana.page.keyboard.insert_text(
        "import time\nfor i in range(20):\n"
        "    print('line', i, flush=True); time.sleep(1)\nprint('end')"
    )
    await ana.run(PROGRESS)
    await ben.sees_output(PROGRESS, "line 3")
    await ana.close()
    await ben.close()
    async with jupyter_runtimed.connect(lab.url, "tour.ipynb", token=TOKEN) as bot:
        cell = bot.cells[PROGRESS]
        await bot.wait_for(lambda: cell.run is not None and cell.run.state in FINISHED)
    cyd = await User.with_notebook(browser, lab, "tour.ipynb", screenshots)
    await cyd.sees_output(PROGRESS, "end")
    lines = re.findall(r"line (\d+)", await cyd.output(PROGRESS))
    assert lines == [str(i) for i in range(20)]
    await cyd.screenshot("reopened")
    assert cyd.errors == []


async def test_acknowledged_characters_survive_kill_9(
    browser: Browser, lab: Lab, screenshots: Path
) -> None:
    ana = await User.with_notebook(browser, lab, "tour.ipynb", screenshots)
    await ana.type(TABLE, "\n# before", delay_ms=5)
    await ana.status_is("Saved")
    typing = asyncio.create_task(ana.type(TABLE, " and while it dies " + "x" * 60, delay_ms=15))
    async with jupyter_runtimed.connect(lab.url, "tour.ipynb", token=TOKEN) as bot:
        cell = bot.cells[TABLE].id
        await bot.wait_for(lambda: bot.cell(cell).source.count("x") > 30)
        acknowledged = bot.cell(cell).source
        lab.kill()
    await typing
    await expect(ana.status).to_contain_text(re.compile("Reconnecting|Offline"))
    await ana.type(TABLE, "\n# while it was gone")
    await ana.screenshot("server-gone")
    whole = await ana.source(TABLE)
    await asyncio.to_thread(lab.start)
    await ana.status_is("Saved", timeout_ms=60_000)
    assert await ana.source(TABLE) == whole
    assert whole.startswith(acknowledged[: acknowledged.rindex("x")])
    assert _source(lab, TABLE) == whole
    ben = await User.with_notebook(browser, lab, "tour.ipynb", screenshots)
    assert await ben.source(TABLE) == whole
    await ben.kernel_ready()
    await ben.run_all()
    await ben.sees_output(PROGRESS, "energy:", timeout_ms=120_000)
    nbformat.validate(nbformat.read(lab.root / "tour.ipynb", as_version=4))


def _source(lab: Lab, index: int) -> str:
    return str(nbformat.read(lab.root / "tour.ipynb", as_version=4).cells[index].source)


async def _append_slowly(notebook: jupyter_runtimed.LiveNotebook, cell: str, text: str) -> None:
    for letter in text:
        await notebook.append(cell, letter)
        await asyncio.sleep(0.02)  # the typing speed of the agent, not a wait for an event
