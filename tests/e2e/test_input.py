"""`input()` and `getpass()`: asked of everybody, for as long as nobody has answered."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, Locator, expect

import jupyter_runtimed

from .browser import Person
from .lab import TOKEN, Lab, write_notebook
from .pair import Pair

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.asyncio(loop_scope="session"),
]

ASK = "name = input('Who? ')\nprint('hello', name)"


async def asked(both: Pair, *cells: str) -> None:
    """Lay these cells, run the first, and wait until everybody is asked."""
    await both.ana.kernel_ready()
    await both.lay(*cells)
    await both.ana.run(0)
    for person in both.people:
        await expect(question(person)).to_have_count(1)


def question(person: Person) -> Locator:
    return person.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Stdin-input")


async def answer(person: Person, text: str) -> None:
    await question(person).fill(text)
    await question(person).press("Enter")


async def nobody_is_asked(both: Pair) -> None:
    for person in both.people:
        await expect(question(person)).to_have_count(0)


async def test_a_reload_keeps_it_open(both: Pair) -> None:
    await asked(both, ASK)
    await both.ben.open("shared.ipynb")
    await expect(both.ben.page.locator(".jp-Stdin-prompt")).to_have_text("Who? ")
    await both.ben.shot("input-open")
    await answer(both.ben, "Ben")
    await both.ana.sees_output(0, "hello Ben")
    await nobody_is_asked(both)


async def test_every_window_shows_that_the_kernel_is_busy(both: Pair) -> None:
    await asked(both, ASK)
    await shows_kernel(both, "busy")
    await both.ben.open("shared.ipynb")
    await expect(question(both.ben)).to_have_count(1)
    await shows_kernel(both, "busy")
    for person in both.people:
        await person.status_is("Saved · waits for input")
    await both.ben.shot("input-busy")
    await answer(both.ana, "Ana")
    await nobody_is_asked(both)
    await shows_kernel(both, "idle")
    await expect(both.ben.status).not_to_contain_text("waits")


async def shows_kernel(both: Pair, state: str) -> None:
    for person in both.people:
        visible = person.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        circle = visible.locator(".jp-Notebook-ExecutionIndicator")
        await expect(circle).to_have_attribute("data-status", state)
        bar = person.page.locator("#jp-main-statusbar")
        await expect(bar).to_contain_text(f"| {state.capitalize()}")


async def test_an_enter_that_ends_a_composition_answers_nothing(both: Pair) -> None:
    await asked(both, ASK)
    await question(both.ana).fill("東京")
    await question(both.ana).evaluate(
        """input => input.dispatchEvent(new KeyboardEvent('keydown', {
          key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))"""
    )
    await expect(question(both.ana)).to_be_enabled()
    await question(both.ana).press("Enter")
    await both.ben.sees_output(0, "hello 東京")
    await nobody_is_asked(both)


async def test_an_interrupt_closes_it(both: Pair) -> None:
    await asked(both, ASK, "print('goes on')")
    await both.ben.command("notebook:interrupt-kernel")
    await both.ana.sees_output(0, "KeyboardInterrupt")
    await nobody_is_asked(both)
    news = [person.page.get_by_text("interrupted the kernel.") for person in both.people]
    await expect(news[0]).to_have_count(1)
    await expect(news[1]).to_have_count(0)
    await both.ana.shot("kernel-interrupted-by-another")
    await both.ana.run(1)
    await both.ben.sees_output(1, "goes on")


async def test_of_two_at_once_one_answers(both: Pair) -> None:
    await asked(both, ASK)
    for person in both.people:
        await question(person).fill("me")
    # The keyboard's key, not the box's: the first answer takes the second's box away under it.
    await asyncio.gather(*(person.page.keyboard.press("Enter") for person in both.people))
    await both.ana.sees_output(0, "hello me")
    await nobody_is_asked(both)
    text = "".join(output["text"] for output in (await both.agree())[0]["outputs"])
    assert text == "Who?  me\nhello me\n"


async def test_it_moves_with_its_cell_and_keeps_what_was_typed(both: Pair) -> None:
    await asked(both, ASK, "print('another')")
    await question(both.ben).fill("half an ans")
    await both.ana.select(0)
    await both.ana.command("notebook:move-cell-down")
    await both.ben.source_is(1, ASK)
    for person in both.people:
        await expect(person.cell(1).locator(".jp-Stdin-input")).to_have_count(1)
    await expect(question(both.ben)).to_have_value("half an ans")
    await answer(both.ben, "Ben")
    await both.ana.sees_output(1, "hello Ben")


async def test_a_password_is_not_shown(both: Pair) -> None:
    await asked(both, "import getpass; print(len(getpass.getpass('Key: ')))")
    await expect(question(both.ben)).to_have_attribute("type", "password")
    await both.ben.shot("input-password")
    await answer(both.ben, "open sesame")
    await both.ana.sees_output(0, "11")
    cells = await both.agree()
    assert "sesame" not in str(cells) and "········" in str(cells)


async def test_former_answers_come_back_by_the_arrow_key(both: Pair) -> None:
    await asked(both, "for _ in range(3): print('got', input('Next? '))")
    for text in ("first thing", "second thing"):
        await answer(both.ben, text)
        await both.ben.sees_output(0, f"got {text}")
        await expect(question(both.ben)).to_have_value("")
    await question(both.ben).press("ArrowUp")
    await expect(question(both.ben)).to_have_value("second thing")
    await question(both.ben).fill("fir")
    await question(both.ben).press("Control+ArrowUp")
    await expect(question(both.ben)).to_have_value("first thing")
    await question(both.ben).press("Enter")
    await nobody_is_asked(both)


async def test_all_that_was_shown_before_a_question_is_shown(both: Pair) -> None:
    show = "from IPython.display import display, Markdown\n"
    many = "for i in range(60): display(Markdown(f'text {i}'))\n"
    await asked(both, show + many + "input('What do you say? ')\n" + many)
    shown = both.ana.cell(0).locator(".jp-RenderedMarkdown")
    await expect(shown).to_have_count(60)
    await answer(both.ana, "much")
    await both.ana.sees_output(0, "What do you say?  much")
    await nobody_is_asked(both)
    await expect(both.ana.cell(0).locator(".jp-TrimmedOutputs")).to_have_count(1)


async def test_it_waits_until_somebody_comes(
    one_browser: Browser, one_lab: Lab, shots: object
) -> None:
    write_notebook(one_lab, "asks.ipynb", ASK)
    agent = await jupyter_runtimed.connect(one_lab.url, "asks.ipynb", TOKEN, name="agent")
    (cell,) = agent.cells
    running = asyncio.create_task(agent.run(cell, 120))
    await agent.wait_for(lambda: cell.id in agent.prompts(), 60)
    running.cancel()
    await agent.close()  # nobody is there
    ana = await Person.arrive(one_browser, one_lab, "asks.ipynb", shots)  # type: ignore[arg-type]
    await answer(ana, "Ana")
    await ana.sees_output(0, "hello Ana")
    await ana.leave()
