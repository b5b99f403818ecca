"""Typed text survives a lost network, a killed server, a closed tab and a rotation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from .browser import User
from .lab import Lab, write_notebook
from .two_users import TwoUsers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

DISCONNECTED = r"Offline|Reconnecting"


async def assert_no_dialogs(two_users: TwoUsers) -> None:
    """Assert that no dialog was shown; the status bar reports the lost connection."""
    for user in two_users.users:
        assert await user.dialog_texts() == []


async def refresh_sessions(user: User) -> None:
    """Make JupyterLab poll its server, as it does every ten seconds."""
    await user.page.evaluate(
        "() => window.jupyterapp.serviceManager.sessions.refreshRunning().catch(() => null)"
    )


async def wait_until_disconnected(user: User) -> None:
    await user.page.wait_for_function(
        "away => new RegExp(away).test(document.querySelector('.jp-RuntimedStatus').textContent)",
        arg=DISCONNECTED,
    )


async def test_offline_and_online_edits_of_two_users_are_merged(
    browser: Browser, lab: Lab, screenshots: Path
) -> None:
    write_notebook(lab, "apart.ipynb", "one", "two", "three")
    two_users = await TwoUsers.with_notebook(browser, lab, "apart.ipynb", screenshots)
    typing = asyncio.create_task(two_users.ana.type(0, " typed over the edge", delay_ms=40))
    await two_users.ben.sees(0, "typed")
    await two_users.ana.context.set_offline(True)
    await refresh_sessions(two_users.ana)
    await typing
    await expect(two_users.ana.status).to_contain_text("Offline")
    await expect(two_users.ana.status).to_contain_text("not on the server")
    typed = await two_users.ana.editor_text(0)
    assert typed == "one typed over the edge"
    await two_users.ana.type(0, "!")
    await two_users.ana.press("Escape", "b", "Enter")
    await two_users.ana.page.keyboard.type("made offline")
    await two_users.ben.type(1, " ben")
    await two_users.ben.select(2)
    await two_users.ben.press("d", "d", "a", "Enter")
    await two_users.ben.page.keyboard.type("made online")
    await two_users.ben.status_is("Saved")
    assert "made offline" not in str(await two_users.ben.sources()), (
        "an offline edit reached another user"
    )
    await two_users.ana.screenshot("offline")
    await two_users.ana.context.set_offline(False)
    await two_users.ana.status_is("Saved")
    sources = [cell["source"] for cell in await two_users.converge()]
    assert sources[0] == f"{typed}!" and sources[3:] == ["two ben"]
    assert sorted(sources[1:3]) == ["made offline", "made online"]
    await assert_no_dialogs(two_users)


async def test_edits_made_while_the_server_is_down_are_sent_after_its_restart(
    browser: Browser, lab: Lab, screenshots: Path
) -> None:
    write_notebook(lab, "apart.ipynb", "one", "two")
    two_users = await TwoUsers.with_notebook(browser, lab, "apart.ipynb", screenshots)
    lab.kill()
    await asyncio.gather(
        wait_until_disconnected(two_users.ana), wait_until_disconnected(two_users.ben)
    )
    await refresh_sessions(two_users.ana)
    await two_users.ana.type(0, " ana")
    await two_users.ben.type(0, " ben")
    await two_users.ben.press("Escape", "b", "Enter")
    await two_users.ben.page.keyboard.type("new")
    await asyncio.to_thread(lab.start)
    await asyncio.gather(*(p.status_is("Saved", timeout_ms=40_000) for p in two_users.users))
    sources = [cell["source"] for cell in await two_users.converge()]
    assert sources[1:] == ["new", "two"]
    assert sorted(sources[0]) == sorted("one ana ben")
    await assert_no_dialogs(two_users)


async def test_offline_edits_of_a_closed_tab_are_sent_when_it_opens_again(
    browser: Browser, lab: Lab, screenshots: Path
) -> None:
    write_notebook(lab, "apart.ipynb", "one", "two")
    two_users = await TwoUsers.with_notebook(browser, lab, "apart.ipynb", screenshots)
    await two_users.ana.context.set_offline(True)
    await two_users.ana.type(0, " kept in the browser")
    await two_users.ana.press("Escape", "b", "Enter")
    await two_users.ana.page.keyboard.type("and this cell")
    await two_users.ana.wait_until_stored()
    await two_users.ana.page.close()
    await two_users.ben.type(1, " meanwhile")
    await two_users.ana.context.set_offline(False)
    await two_users.ana.reopen("apart.ipynb")
    expected = ["one kept in the browser", "and this cell", "two meanwhile"]
    assert [cell["source"] for cell in await two_users.converge()] == expected


@pytest.fixture
def rotating_lab(tmp_path: Path) -> Iterator[Lab]:
    """A server that closes idle rooms soon and rotates every document that was edited."""
    options = ("max_history_changes=5", "room_idle_timeout=0.3")
    lab = Lab(tmp_path, *(f"--RuntimedExtension.{option}" for option in options))
    lab.start()
    yield lab
    lab.stop()


async def wait_for_rotation(lab: Lab) -> None:
    """Wait until the room is closed and its former document is archived."""
    # The server sends no event about a rotation, so the test must poll.
    while not list(lab.home.rglob("*.automerge")):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def undo_type_and_undo(user: User) -> None:
    """Undo everything, type, and undo the typing."""
    await user.dismiss_dialogs()
    await user.cell(0).locator(".cm-content").click()
    await user.press(*["Control+z"] * 5)
    await user.status_is("Saved")
    text = await user.source(0)
    await user.type(0, " more")
    await user.source_is(0, f"{text} more")
    await user.press(*["Control+z"] * 5)
    await user.page.wait_for_function(
        "() => !window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0]"
        ".getSource().includes('more')"
    )


async def test_offline_edits_of_a_closed_tab_survive_a_rotation(
    browser: Browser, rotating_lab: Lab, screenshots: Path
) -> None:
    write_notebook(rotating_lab, "apart.ipynb", "one", "two")
    ana = await User.with_notebook(browser, rotating_lab, "apart.ipynb", screenshots)
    await ana.type(0, " typed before")
    await ana.status_is("Saved")
    await ana.context.set_offline(True)
    await ana.type(0, " and offline")
    await ana.press("Escape", "b", "Enter")
    await ana.page.keyboard.type("a new cell")
    await ana.wait_until_stored()
    await ana.page.close()
    await wait_for_rotation(rotating_lab)
    ben = await User.with_notebook(browser, rotating_lab, "apart.ipynb", screenshots)
    assert await ben.sources() == ["one typed before", "two"]
    await ben.type(1, " by ben")
    await ana.context.set_offline(False)
    await ana.reopen("apart.ipynb")
    two_users = TwoUsers(ana, ben)
    expected = ["one typed before and offline", "a new cell", "two by ben"]
    assert [cell["source"] for cell in await two_users.converge()] == expected
    await undo_type_and_undo(ana)
    await two_users.converge()
    await assert_no_dialogs(two_users)


async def test_offline_edits_of_an_open_tab_survive_a_rotation(
    browser: Browser, rotating_lab: Lab, screenshots: Path
) -> None:
    write_notebook(rotating_lab, "apart.ipynb", "one", "two")
    ana = await User.with_notebook(browser, rotating_lab, "apart.ipynb", screenshots)
    await ana.type(0, " typed before")
    await ana.status_is("Saved")
    await ana.context.set_offline(True)
    await expect(ana.status).to_contain_text("Offline")
    await wait_for_rotation(rotating_lab)
    await ana.type(0, " and offline")
    ben = await User.with_notebook(browser, rotating_lab, "apart.ipynb", screenshots)
    await ben.type(1, " by ben")
    await ana.context.set_offline(False)
    two_users = TwoUsers(ana, ben)
    await ben.source_is(0, "one typed before and offline")
    await ana.source_is(1, "two by ben")
    await two_users.converge()
    await undo_type_and_undo(ana)
    await two_users.converge()
    await assert_no_dialogs(two_users)


async def test_edits_of_a_closed_tab_survive_a_rotation_that_another_tab_joins(
    browser: Browser, rotating_lab: Lab, screenshots: Path
) -> None:
    """Two tabs of one browser share its storage, and only one tab is open after the rotation."""
    write_notebook(rotating_lab, "apart.ipynb", "one", "two")
    closed = await User.with_notebook(browser, rotating_lab, "apart.ipynb", screenshots)
    ana = User(rotating_lab, closed.context, await closed.context.new_page(), screenshots)
    await ana.open("apart.ipynb")
    await closed.page.bring_to_front()
    await closed.type(0, " typed before")
    await closed.status_is("Saved")
    await ana.sees(0, "typed before")
    await ana.context.set_offline(True)
    await closed.page.keyboard.type(" and offline")
    await closed.wait_until_stored()
    await closed.page.close()
    await wait_for_rotation(rotating_lab)
    await ana.context.set_offline(False)
    await ana.status_is("Saved", timeout_ms=40_000)
    assert await ana.source(0) == "one typed before"
    await closed.reopen("apart.ipynb")
    await ana.source_is(0, "one typed before and offline")
    await closed.source_is(0, "one typed before and offline")


async def test_a_run_offline_is_refused_with_a_notice(
    browser: Browser, lab: Lab, screenshots: Path
) -> None:
    write_notebook(lab, "apart.ipynb", "print('ran')")
    ana = await User.with_notebook(browser, lab, "apart.ipynb", screenshots)
    await ana.kernel_ready()
    # JupyterLab loads its code for notifications when it shows the first one.
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
    await ana.dismiss_dialogs()
    await ana.run(0)
    await ana.sees_output(0, "ran")
