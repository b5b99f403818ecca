"""Two users run cells and see output, input requests, interrupts and restarts of each other."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from .two_users import TwoUsers

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.asyncio(loop_scope="session"),
]

MEGABYTES = 10
NUMBERED = re.compile(r"\[\d+\]:")


async def ready(two_users: TwoUsers, *cells: str) -> None:
    await two_users.ana.kernel_ready()
    await two_users.set_cells(*cells)


async def test_shift_enter_runs_a_cell_and_selects_the_next(two_users: TwoUsers) -> None:
    await ready(two_users, "print('one')", "6 * 7")
    await two_users.ana.select(0)
    await two_users.ana.press("Shift+Enter", "Shift+Enter")
    for user in two_users.users:
        await user.sees_output(0, "one")
        await user.sees_output(1, "42")
    await expect(two_users.ben.cell(1).locator(".jp-InputPrompt")).not_to_have_text("[ ]:")
    assert [cell["source"] for cell in await two_users.converge()] == ["print('one')", "6 * 7", ""]


async def test_a_run_right_after_typing_uses_the_typed_text(two_users: TwoUsers) -> None:
    await ready(two_users, "")
    await two_users.ana.type(0, "print('fresh' + '-' + 'text')", delay_ms=0)
    await two_users.ana.press("Control+Enter")
    await two_users.ben.sees_output(0, "fresh-text")


async def test_all_selected_cells_run(two_users: TwoUsers) -> None:
    await ready(two_users, "print('no')", "print('yes 1')", "print('yes 2')")
    await two_users.ana.select(1)
    await two_users.ana.press("Shift+j", "Control+Enter")
    await two_users.ben.sees_output(2, "yes 2")
    assert [len(cell["outputs"]) for cell in await two_users.converge()] == [0, 1, 1]


async def test_the_prompt_is_a_star_while_a_cell_runs_or_waits(two_users: TwoUsers) -> None:
    await ready(two_users, "import time; answer = input('go on? ')", "print('behind')")
    await two_users.ana.run_all()
    for user in two_users.users:
        for index in (0, 1):
            await expect(user.cell(index).locator(".jp-InputPrompt")).to_have_text("[*]:")
    await two_users.ben.page.locator(".jp-Stdin-input").fill("yes")
    await two_users.ben.page.locator(".jp-Stdin-input").press("Enter")
    await two_users.ana.sees_output(1, "behind")
    for user in two_users.users:
        await expect(user.cell(1).locator(".jp-InputPrompt")).to_have_text(NUMBERED)


async def test_an_input_request_is_shown_to_all_users_and_answered_once(
    two_users: TwoUsers,
) -> None:
    await ready(two_users, "name = input('Who? '); print('hello ' + name)")
    await two_users.ana.run(0)
    for user in two_users.users:
        await expect(user.page.locator(".jp-Stdin-prompt")).to_have_text("Who? ")
    await two_users.ana.page.locator(".jp-Stdin-input").fill("Ana")
    await two_users.ana.page.locator(".jp-Stdin-input").press("Enter")
    for user in two_users.users:
        await user.sees_output(0, "hello Ana")
        await expect(user.page.locator(".jp-Stdin-input")).to_have_count(0)


async def test_an_error_cancels_the_queued_cells(two_users: TwoUsers) -> None:
    await ready(two_users, "print('before')", "1 / 0", "print('never')")
    await two_users.ana.run_all()
    await two_users.ben.sees_output(1, "ZeroDivisionError")
    await two_users.ana.kernel_ready()
    cells = await two_users.converge()
    assert cells[2]["outputs"] == [] and cells[2]["count"] is None
    await expect(two_users.ben.cell(2).locator(".jp-InputPrompt")).to_have_text("[ ]:")


async def test_another_user_interrupts_a_running_cell(two_users: TwoUsers) -> None:
    await ready(two_users, "print('on', flush=True)\nwhile True: pass", "print('after')")
    await two_users.ana.run(0)
    await two_users.ben.sees_output(0, "on")
    await two_users.ben.command("notebook:interrupt-kernel")
    for user in two_users.users:
        await user.sees_output(0, "KeyboardInterrupt")
    await two_users.ana.run(1)
    await two_users.ben.sees_output(1, "after")


async def test_clear_output_and_display_updates_replace_outputs(two_users: TwoUsers) -> None:
    await ready(
        two_users,
        "from IPython.display import clear_output, display\n"
        "for i in range(5):\n    clear_output(wait=True)\n    print('round', i)",
        "shown = display('first', display_id='it')",
        "shown.update('second')",
    )
    await two_users.ana.run_all()
    for user in two_users.users:
        await user.sees_output(0, "round 4")
        await user.sees_output(1, "'second'")
        assert "round 3" not in await user.output(0)
        assert "'first'" not in await user.output(1)


async def test_the_load_magic_replaces_the_source_for_all_users(two_users: TwoUsers) -> None:
    await ready(two_users, "%%writefile loaded.py\nfrom_file = 1", "%load loaded.py")
    await two_users.ana.run_all()
    await two_users.ben.sees(1, "from_file = 1")
    assert (await two_users.converge())[1]["source"].startswith("# %load loaded.py")


async def test_a_large_output_loads_completely_on_request(two_users: TwoUsers) -> None:
    await ready(two_users, f"print(('b' * 99 + chr(10)) * {MEGABYTES * 10_000})")
    await two_users.ana.run(0)
    for user in two_users.users:
        await user.page.wait_for_function(
            """size => {
              const cell = window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0];
              const shown = cell.getOutputs().reduce((sum, o) => sum + (o.text?.length ?? 0), 0);
              cell.notebook.core.runs.showMore(cell.id);
              return shown >= size;
            }""",
            arg=MEGABYTES * 1_000_000,
            timeout=60_000,
            polling=500,
        )


async def test_outputs_are_cleared_for_all_users(two_users: TwoUsers) -> None:
    await ready(two_users, "print('one')", "print('two')")
    await two_users.ana.run_all()
    await two_users.ben.sees_output(1, "two")
    await two_users.ana.select(0)
    await two_users.ana.command("notebook:clear-cell-output")
    await expect(two_users.ben.cell(0).locator(".jp-OutputArea-output")).to_have_count(0)
    assert [len(cell["outputs"]) for cell in await two_users.converge()] == [0, 1]
    await two_users.ben.command("notebook:clear-all-cell-outputs")
    await expect(two_users.ana.cell(1).locator(".jp-OutputArea-output")).to_have_count(0)
    assert [cell["count"] for cell in await two_users.converge()] == [None, None]


async def test_restart_clears_variables_and_restart_and_run_all_runs_every_cell(
    two_users: TwoUsers,
) -> None:
    await ready(two_users, "print('value' in globals())", "value = 1", "print('done')")
    await two_users.ana.run_all()
    await two_users.ben.sees_output(2, "done")
    await two_users.ana.command("notebook:restart-kernel")
    await two_users.ana.accept_dialog()
    await two_users.ana.kernel_ready()
    await two_users.ana.run(0)
    await two_users.ben.sees_output(0, "False")
    await two_users.ana.command("notebook:restart-run-all")
    await two_users.ana.accept_dialog()
    await two_users.ben.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".cells.map(c => c.execution_count).join() === '1,2,3'"
    )
    await two_users.ana.sees_output(0, "False")


async def test_edits_of_a_running_cell_do_not_affect_its_run(two_users: TwoUsers) -> None:
    await ready(two_users, "answer = input('wait ')\nprint('ran as it was')", "print('next')")
    await two_users.ana.run(0)
    await expect(two_users.ben.page.locator(".jp-Stdin-input")).to_have_count(1)
    await two_users.ben.type(0, "\nprint('edited')")
    await two_users.ben.select(1)
    await two_users.ben.press("a", "Control+Shift+ArrowDown")
    await two_users.ana.page.locator(".jp-Stdin-input").fill("x")
    await two_users.ana.page.locator(".jp-Stdin-input").press("Enter")
    await two_users.ben.sees_output(0, "ran as it was")
    cells = await two_users.converge()
    assert "edited" in cells[0]["source"] and "edited" not in str(cells[0]["outputs"])
