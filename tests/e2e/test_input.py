"""Input requests of `input()` and `getpass()` are open for all users until one user answers."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, Locator, expect

import jupyter_runtimed

from .browser import User
from .lab import TOKEN, Lab, write_notebook
from .two_users import TwoUsers

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.asyncio(loop_scope="session"),
]

ASK = "name = input('Who? ')\nprint('hello', name)"


async def show_input_box(two_users: TwoUsers, *cells: str) -> None:
    """Set these cells, run the first, and wait until both users see the input box."""
    await two_users.ana.kernel_ready()
    await two_users.set_cells(*cells)
    await two_users.ana.run(0)
    for user in two_users.users:
        await expect(input_box(user)).to_have_count(1)


def input_box(user: User) -> Locator:
    return user.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Stdin-input")


async def answer(user: User, text: str) -> None:
    await input_box(user).fill(text)
    await input_box(user).press("Enter")


async def assert_no_input_box(two_users: TwoUsers) -> None:
    for user in two_users.users:
        await expect(input_box(user)).to_have_count(0)


async def test_a_reload_keeps_an_input_request_open(two_users: TwoUsers) -> None:
    await show_input_box(two_users, ASK)
    await two_users.ben.open("shared.ipynb")
    await expect(two_users.ben.page.locator(".jp-Stdin-prompt")).to_have_text("Who? ")
    await two_users.ben.screenshot("input-open")
    await answer(two_users.ben, "Ben")
    await two_users.ana.sees_output(0, "hello Ben")
    await assert_no_input_box(two_users)


async def test_an_input_request_shows_the_kernel_as_busy_in_every_window(
    two_users: TwoUsers,
) -> None:
    await show_input_box(two_users, ASK)
    await assert_kernel_status(two_users, "busy")
    await two_users.ben.open("shared.ipynb")
    await expect(input_box(two_users.ben)).to_have_count(1)
    await assert_kernel_status(two_users, "busy")
    for user in two_users.users:
        await user.status_is("Saved · waits for input")
    await two_users.ben.screenshot("input-busy")
    await answer(two_users.ana, "Ana")
    await assert_no_input_box(two_users)
    await assert_kernel_status(two_users, "idle")
    await expect(two_users.ben.status).not_to_contain_text("waits")


async def assert_kernel_status(two_users: TwoUsers, state: str) -> None:
    for user in two_users.users:
        visible = user.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        circle = visible.locator(".jp-Notebook-ExecutionIndicator")
        await expect(circle).to_have_attribute("data-status", state)
        bar = user.page.locator("#jp-main-statusbar")
        await expect(bar).to_contain_text(f"| {state.capitalize()}")


async def test_enter_that_ends_an_ime_composition_does_not_answer(two_users: TwoUsers) -> None:
    await show_input_box(two_users, ASK)
    await input_box(two_users.ana).fill("東京")
    await input_box(two_users.ana).evaluate(
        """input => input.dispatchEvent(new KeyboardEvent('keydown', {
          key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))"""
    )
    await expect(input_box(two_users.ana)).to_be_enabled()
    await input_box(two_users.ana).press("Enter")
    await two_users.ben.sees_output(0, "hello 東京")
    await assert_no_input_box(two_users)


async def test_an_interrupt_closes_the_input_request(two_users: TwoUsers) -> None:
    await show_input_box(two_users, ASK, "print('goes on')")
    await two_users.ben.command("notebook:interrupt-kernel")
    await two_users.ana.sees_output(0, "KeyboardInterrupt")
    await assert_no_input_box(two_users)
    news = [user.page.get_by_text("interrupted the kernel.") for user in two_users.users]
    await expect(news[0]).to_have_count(1)
    await expect(news[1]).to_have_count(0)
    await two_users.ana.screenshot("kernel-interrupted-by-another")
    await two_users.ana.run(1)
    await two_users.ben.sees_output(1, "goes on")


async def test_only_one_of_two_simultaneous_answers_counts(two_users: TwoUsers) -> None:
    await show_input_box(two_users, ASK)
    for user in two_users.users:
        await input_box(user).fill("me")
    # `press` on the input box would fail, because the first answer removes the other box.
    await asyncio.gather(*(user.page.keyboard.press("Enter") for user in two_users.users))
    await two_users.ana.sees_output(0, "hello me")
    await assert_no_input_box(two_users)
    text = "".join(output["text"] for output in (await two_users.converge())[0]["outputs"])
    assert text == "Who?  me\nhello me\n"


async def test_an_input_box_moves_with_its_cell_and_keeps_the_typed_text(
    two_users: TwoUsers,
) -> None:
    await show_input_box(two_users, ASK, "print('another')")
    await input_box(two_users.ben).fill("half an ans")
    await two_users.ana.select(0)
    await two_users.ana.command("notebook:move-cell-down")
    await two_users.ben.source_is(1, ASK)
    for user in two_users.users:
        await expect(user.cell(1).locator(".jp-Stdin-input")).to_have_count(1)
    await expect(input_box(two_users.ben)).to_have_value("half an ans")
    await answer(two_users.ben, "Ben")
    await two_users.ana.sees_output(1, "hello Ben")


async def test_a_password_is_not_shown(two_users: TwoUsers) -> None:
    await show_input_box(two_users, "import getpass; print(len(getpass.getpass('Key: ')))")
    await expect(input_box(two_users.ben)).to_have_attribute("type", "password")
    await two_users.ben.screenshot("input-password")
    await answer(two_users.ben, "open sesame")
    await two_users.ana.sees_output(0, "11")
    cells = await two_users.converge()
    assert "sesame" not in str(cells) and "········" in str(cells)


async def test_the_arrow_key_recalls_earlier_answers(two_users: TwoUsers) -> None:
    await show_input_box(two_users, "for _ in range(3): print('got', input('Next? '))")
    for text in ("first thing", "second thing"):
        await answer(two_users.ben, text)
        await two_users.ben.sees_output(0, f"got {text}")
        await expect(input_box(two_users.ben)).to_have_value("")
    await input_box(two_users.ben).press("ArrowUp")
    await expect(input_box(two_users.ben)).to_have_value("second thing")
    await input_box(two_users.ben).fill("fir")
    await input_box(two_users.ben).press("Control+ArrowUp")
    await expect(input_box(two_users.ben)).to_have_value("first thing")
    await input_box(two_users.ben).press("Enter")
    await assert_no_input_box(two_users)


async def test_all_output_before_an_input_request_is_shown(two_users: TwoUsers) -> None:
    show = "from IPython.display import display, Markdown\n"
    many = "for i in range(60): display(Markdown(f'text {i}'))\n"
    await show_input_box(two_users, show + many + "input('What do you say? ')\n" + many)
    shown = two_users.ana.cell(0).locator(".jp-RenderedMarkdown")
    await expect(shown).to_have_count(60)
    await answer(two_users.ana, "much")
    await two_users.ana.sees_output(0, "What do you say?  much")
    await assert_no_input_box(two_users)
    await expect(two_users.ana.cell(0).locator(".jp-TrimmedOutputs")).to_have_count(1)


async def test_an_input_request_waits_for_the_first_user(
    shared_browser: Browser, shared_lab: Lab, screenshots: object
) -> None:
    write_notebook(shared_lab, "asks.ipynb", ASK)
    agent = await jupyter_runtimed.connect(shared_lab.url, "asks.ipynb", TOKEN, name="agent")
    (cell,) = agent.cells
    running = asyncio.create_task(agent.run(cell, 120))
    await agent.wait_for(lambda: cell.id in agent.prompts(), 60)
    running.cancel()
    await agent.close()  # no client is connected any more
    ana = await User.with_notebook(shared_browser, shared_lab, "asks.ipynb", screenshots)  # type: ignore[arg-type]
    await answer(ana, "Ana")
    await ana.sees_output(0, "hello Ana")
    await ana.close()
