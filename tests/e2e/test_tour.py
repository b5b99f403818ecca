"""Seen as a person would: the whole product on the example notebook, in real browsers."""

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

from .browser import Person
from .lab import TOKEN, Lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TEXT, TABLE, PICTURE, PROGRESS, LAST = 0, 5, 7, 9, 10


async def test_two_people_and_an_agent_write_in_one_cell(
    browser: Browser, lab: Lab, shots: Path
) -> None:
    ana = await Person.arrive(browser, lab, "tour.ipynb", shots)
    ben = await Person.arrive(browser, lab, "tour.ipynb", shots)
    async with jupyter_runtimed.connect(lab.url, "tour.ipynb", token=TOKEN) as bot:
        cell = bot.cells[PICTURE]
        before = cell.source
        # Without blanks: Enter, in CodeMirror, takes away those to the right of the cursor.
        pieces = ["\n#ana-was-here", "\n#ben-was-here", "\n#an-agent-was-here"]
        await asyncio.gather(
            ana.type(PICTURE, pieces[0], delay_ms=25),
            ben.type(PICTURE, pieces[1], delay_ms=25),
            _append_slowly(bot, cell.id, pieces[2]),
        )
        # Typed at one place at one time: every letter is there, whatever the order.
        letters = sorted(before + "".join(pieces))
        with contextlib.suppress(TimeoutError):
            await bot.wait_for(lambda: len(cell.source) >= len(letters), 30)
        assert sorted(cell.source) == letters, cell.source
        await asyncio.gather(
            ana.source_is(PICTURE, cell.source), ben.source_is(PICTURE, cell.source)
        )
        assert await ana.editor(PICTURE) == await ben.editor(PICTURE) == cell.source
        await asyncio.gather(ana.status_is("Saved"), ben.status_is("Saved"))
        assert _source(lab, PICTURE) == cell.source, "and the file holds the same"
    await ana.shot("together")
    assert ana.complaints == [] and ben.complaints == []


async def test_every_cell_of_the_tour_runs_and_everybody_sees_it(
    browser: Browser, lab: Lab, shots: Path
) -> None:
    ana = await Person.arrive(browser, lab, "tour.ipynb", shots)
    ben = await Person.arrive(browser, lab, "tour.ipynb", shots)
    await ana.kernel_ready()
    await ana.run_all()
    for person in (ana, ben):
        await person.sees_output(PROGRESS, "energy:", timeout_ms=120_000)
        assert "100%" in await person.output(PROGRESS)
        assert await person.cell(TABLE).locator("table").count() == 1
        assert await person.cell(PICTURE).locator("img").count() == 1
    await ana.status_is("Saved")
    await ben.shot("ran")
    assert await ana.output(PROGRESS) == await ben.output(PROGRESS)
    saved = nbformat.read(lab.root / "tour.ipynb", as_version=4)
    nbformat.validate(saved)
    assert saved.cells[PICTURE].outputs[-1].data["image/png"]
    progress = "".join(o.text for o in saved.cells[PROGRESS].outputs)
    assert progress.count("adding up") <= 3, "a progress bar is not kept stroke by stroke"
    assert ana.complaints == [] and ben.complaints == []


async def test_output_goes_on_while_every_browser_is_closed(
    browser: Browser, lab: Lab, shots: Path
) -> None:
    ana = await Person.arrive(browser, lab, "tour.ipynb", shots)
    ben = await Person.arrive(browser, lab, "tour.ipynb", shots)
    await ana.kernel_ready()
    await ana.cell(PROGRESS).locator(".cm-content").click()
    await ana.press("Control+a", "Delete")
    await ana.page.keyboard.insert_text(
        "import time\nfor i in range(20):\n"
        "    print('line', i, flush=True); time.sleep(1)\nprint('end')"
    )
    await ana.run(PROGRESS)
    await ben.sees_output(PROGRESS, "line 3")
    await ana.leave()
    await ben.leave()
    async with jupyter_runtimed.connect(lab.url, "tour.ipynb", token=TOKEN) as bot:
        cell = bot.cells[PROGRESS]
        await bot.wait_for(lambda: cell.run is not None and cell.run.state in FINISHED)
    cyd = await Person.arrive(browser, lab, "tour.ipynb", shots)
    await cyd.sees_output(PROGRESS, "end")
    lines = re.findall(r"line (\d+)", await cyd.output(PROGRESS))
    assert lines == [str(i) for i in range(20)]
    await cyd.shot("reopened")
    assert cyd.complaints == []


async def test_acknowledged_characters_survive_kill_9(
    browser: Browser, lab: Lab, shots: Path
) -> None:
    ana = await Person.arrive(browser, lab, "tour.ipynb", shots)
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
    await ana.shot("server-gone")
    whole = await ana.source(TABLE)
    await asyncio.to_thread(lab.start)
    await ana.status_is("Saved", timeout_ms=60_000)
    assert await ana.source(TABLE) == whole
    assert whole.startswith(acknowledged[: acknowledged.rindex("x")])
    assert _source(lab, TABLE) == whole
    ben = await Person.arrive(browser, lab, "tour.ipynb", shots)
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
        await asyncio.sleep(0.02)  # a pace, not a wait: the agent writes while people type
