"""Without the network, without the server, without the tab: nothing that was typed is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from .browser import Person
from .lab import Lab, write_notebook
from .pair import Pair

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

AWAY = r"Offline|Reconnecting"


async def unasked(both: Pair) -> None:
    """Nobody is asked anything, nor told in a dialog what the status says."""
    for person in both.people:
        assert await person.dialogs_seen() == []


async def missing_server(person: Person) -> None:
    """JupyterLab looks for its server, as it does every ten seconds, and finds none."""
    await person.page.evaluate(
        "() => window.jupyterapp.serviceManager.sessions.refreshRunning().catch(() => null)"
    )


async def away(person: Person) -> None:
    await person.page.wait_for_function(
        "away => new RegExp(away).test(document.querySelector('.jp-RuntimedStatus').textContent)",
        arg=AWAY,
    )


async def test_both_edit_while_one_is_cut_off(browser: Browser, lab: Lab, shots: Path) -> None:
    write_notebook(lab, "apart.ipynb", "one", "two", "three")
    both = await Pair.arrive(browser, lab, "apart.ipynb", shots)
    typing = asyncio.create_task(both.ana.type(0, " typed over the edge", delay_ms=40))
    await both.ben.sees(0, "typed")
    await both.ana.context.set_offline(True)
    await missing_server(both.ana)
    await typing
    await expect(both.ana.status).to_contain_text("Offline")
    await expect(both.ana.status).to_contain_text("not on the server")
    typed = await both.ana.editor(0)
    assert typed == "one typed over the edge"
    await both.ana.type(0, "!")
    await both.ana.press("Escape", "b", "Enter")
    await both.ana.page.keyboard.type("made offline")
    await both.ben.type(1, " ben")
    await both.ben.select(2)
    await both.ben.press("d", "d", "a", "Enter")
    await both.ben.page.keyboard.type("made online")
    await both.ben.status_is("Saved")
    assert "made offline" not in str(await both.ben.sources()), "it was cut off"
    await both.ana.shot("offline")
    await both.ana.context.set_offline(False)
    await both.ana.status_is("Saved")
    sources = [cell["source"] for cell in await both.agree()]
    assert sources[0] == f"{typed}!" and sources[3:] == ["two ben"]
    assert sorted(sources[1:3]) == ["made offline", "made online"]
    await unasked(both)


async def test_a_tab_that_outlives_the_server_brings_its_edits(
    browser: Browser, lab: Lab, shots: Path
) -> None:
    write_notebook(lab, "apart.ipynb", "one", "two")
    both = await Pair.arrive(browser, lab, "apart.ipynb", shots)
    lab.kill()
    await asyncio.gather(away(both.ana), away(both.ben))
    await missing_server(both.ana)
    await both.ana.type(0, " ana")
    await both.ben.type(0, " ben")
    await both.ben.press("Escape", "b", "Enter")
    await both.ben.page.keyboard.type("new")
    await asyncio.to_thread(lab.start)
    await asyncio.gather(*(p.status_is("Saved", timeout_ms=40_000) for p in both.people))
    sources = [cell["source"] for cell in await both.agree()]
    assert sources[1:] == ["new", "two"]
    assert sorted(sources[0]) == sorted("one ana ben")
    await unasked(both)


async def test_edits_of_a_closed_tab_come_back(browser: Browser, lab: Lab, shots: Path) -> None:
    write_notebook(lab, "apart.ipynb", "one", "two")
    both = await Pair.arrive(browser, lab, "apart.ipynb", shots)
    await both.ana.context.set_offline(True)
    await both.ana.type(0, " kept in the browser")
    await both.ana.press("Escape", "b", "Enter")
    await both.ana.page.keyboard.type("and this cell")
    await both.ana.kept()
    await both.ana.page.close()
    await both.ben.type(1, " meanwhile")
    await both.ana.context.set_offline(False)
    await both.ana.return_to("apart.ipynb")
    expected = ["one kept in the browser", "and this cell", "two meanwhile"]
    assert [cell["source"] for cell in await both.agree()] == expected


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Lab]:
    """A server whose rooms close soon, and begin anew when they were used at all."""
    options = ("max_history_changes=5", "room_idle_timeout=0.3")
    lab = Lab(tmp_path, *(f"--RuntimedExtension.{option}" for option in options))
    lab.start()
    yield lab
    lab.stop()


async def begun_anew(lab: Lab) -> None:
    """Wait until everybody has left, and the history was put aside."""
    # Another program tells nothing; looking is the only way.
    while not list(lab.home.rglob("*.automerge")):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def undone_and_typed(person: Person) -> None:
    """Undo as far as it goes, then type, and take that back."""
    await person.dismiss()
    await person.cell(0).locator(".cm-content").click()
    await person.press(*["Control+z"] * 5)
    await person.status_is("Saved")
    text = await person.source(0)
    await person.type(0, " more")
    await person.source_is(0, f"{text} more")
    await person.press(*["Control+z"] * 5)
    await person.page.wait_for_function(
        "() => !window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0]"
        ".getSource().includes('more')"
    )


async def test_a_closed_tab_comes_back_to_a_document_that_has_begun_anew(
    browser: Browser, short: Lab, shots: Path
) -> None:
    write_notebook(short, "apart.ipynb", "one", "two")
    ana = await Person.arrive(browser, short, "apart.ipynb", shots)
    await ana.type(0, " typed before")
    await ana.status_is("Saved")
    await ana.context.set_offline(True)
    await ana.type(0, " and offline")
    await ana.press("Escape", "b", "Enter")
    await ana.page.keyboard.type("a new cell")
    await ana.kept()
    await ana.page.close()
    await begun_anew(short)
    ben = await Person.arrive(browser, short, "apart.ipynb", shots)
    assert await ben.sources() == ["one typed before", "two"]
    await ben.type(1, " by ben")
    await ana.context.set_offline(False)
    await ana.return_to("apart.ipynb")
    both = Pair(ana, ben)
    expected = ["one typed before and offline", "a new cell", "two by ben"]
    assert [cell["source"] for cell in await both.agree()] == expected
    await undone_and_typed(ana)
    await both.agree()
    await unasked(both)


async def test_an_open_tab_comes_back_to_a_document_that_has_begun_anew(
    browser: Browser, short: Lab, shots: Path
) -> None:
    write_notebook(short, "apart.ipynb", "one", "two")
    ana = await Person.arrive(browser, short, "apart.ipynb", shots)
    await ana.type(0, " typed before")
    await ana.status_is("Saved")
    await ana.context.set_offline(True)
    await expect(ana.status).to_contain_text("Offline")
    await begun_anew(short)
    await ana.type(0, " and offline")
    ben = await Person.arrive(browser, short, "apart.ipynb", shots)
    await ben.type(1, " by ben")
    await ana.context.set_offline(False)
    both = Pair(ana, ben)
    await ben.source_is(0, "one typed before and offline")
    await ana.source_is(1, "two by ben")
    await both.agree()
    await undone_and_typed(ana)
    await both.agree()
    await unasked(both)


async def test_a_closed_tab_s_edits_wait_beside_those_of_a_tab_that_went_on(
    browser: Browser, short: Lab, shots: Path
) -> None:
    """Two tabs of one browser share what it keeps; only one of them is there for the new start."""
    write_notebook(short, "apart.ipynb", "one", "two")
    closed = await Person.arrive(browser, short, "apart.ipynb", shots)
    ana = Person(short, closed.context, await closed.context.new_page(), shots)
    await ana.open("apart.ipynb")
    await closed.page.bring_to_front()
    await closed.type(0, " typed before")
    await closed.status_is("Saved")
    await ana.sees(0, "typed before")
    await ana.context.set_offline(True)
    await closed.page.keyboard.type(" and offline")
    await closed.kept()
    await closed.page.close()
    await begun_anew(short)
    await ana.context.set_offline(False)
    await ana.status_is("Saved", timeout_ms=40_000)
    assert await ana.source(0) == "one typed before"
    await closed.return_to("apart.ipynb")
    await ana.source_is(0, "one typed before and offline")
    await closed.source_is(0, "one typed before and offline")


async def test_nothing_runs_offline_and_it_says_so(browser: Browser, lab: Lab, shots: Path) -> None:
    write_notebook(lab, "apart.ipynb", "print('ran')")
    ana = await Person.arrive(browser, lab, "apart.ipynb", shots)
    await ana.kernel_ready()
    # JupyterLab loads what shows notifications when the first one is shown.
    hello = {"message": "hello", "type": "info", "options": {"autoClose": False}}
    await ana.command("apputils:notify", hello)
    await expect(ana.page.locator(".Toastify__toast")).to_have_count(1)
    await ana.context.set_offline(True)
    await expect(ana.status).to_contain_text("Offline")
    await ana.run(0)
    await expect(ana.page.get_by_text("was not run")).to_have_count(1)
    await expect(ana.cell(0).locator(".jp-InputPrompt")).to_have_text("[ ]:")
    await ana.context.set_offline(False)
    await ana.status_is("Saved")
    await ana.dismiss()
    await ana.run(0)
    await ana.sees_output(0, "ran")
