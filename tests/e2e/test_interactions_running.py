"""Running cells by hand: what is printed, asked, interrupted and restarted is seen by everybody."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from .pair import Pair

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.asyncio(loop_scope="session"),
]

MEGABYTES = 10
NUMBERED = re.compile(r"\[\d+\]:")


async def ready(both: Pair, *cells: str) -> None:
    await both.ana.kernel_ready()
    await both.lay(*cells)


async def test_shift_enter_runs_and_goes_on(both: Pair) -> None:
    await ready(both, "print('one')", "6 * 7")
    await both.ana.select(0)
    await both.ana.press("Shift+Enter", "Shift+Enter")
    for person in both.people:
        await person.sees_output(0, "one")
        await person.sees_output(1, "42")
    await expect(both.ben.cell(1).locator(".jp-InputPrompt")).not_to_have_text("[ ]:")
    assert [cell["source"] for cell in await both.agree()] == ["print('one')", "6 * 7", ""]


async def test_typing_then_running_at_once_runs_what_was_typed(both: Pair) -> None:
    await ready(both, "")
    await both.ana.type(0, "print('fresh' + '-' + 'text')", delay_ms=0)
    await both.ana.press("Control+Enter")
    await both.ben.sees_output(0, "fresh-text")


async def test_selected_cells_run(both: Pair) -> None:
    await ready(both, "print('no')", "print('yes 1')", "print('yes 2')")
    await both.ana.select(1)
    await both.ana.press("Shift+j", "Control+Enter")
    await both.ben.sees_output(2, "yes 2")
    assert [len(cell["outputs"]) for cell in await both.agree()] == [0, 1, 1]


async def test_a_star_stands_while_cells_run_and_wait(both: Pair) -> None:
    await ready(both, "import time; answer = input('go on? ')", "print('behind')")
    await both.ana.run_all()
    for person in both.people:
        for index in (0, 1):
            await expect(person.cell(index).locator(".jp-InputPrompt")).to_have_text("[*]:")
    await both.ben.page.locator(".jp-Stdin-input").fill("yes")
    await both.ben.page.locator(".jp-Stdin-input").press("Enter")
    await both.ana.sees_output(1, "behind")
    for person in both.people:
        await expect(person.cell(1).locator(".jp-InputPrompt")).to_have_text(NUMBERED)


async def test_input_is_asked_of_everybody_and_answered_once(both: Pair) -> None:
    await ready(both, "name = input('Who? '); print('hello ' + name)")
    await both.ana.run(0)
    for person in both.people:
        await expect(person.page.locator(".jp-Stdin-prompt")).to_have_text("Who? ")
    await both.ana.page.locator(".jp-Stdin-input").fill("Ana")
    await both.ana.page.locator(".jp-Stdin-input").press("Enter")
    for person in both.people:
        await person.sees_output(0, "hello Ana")
        await expect(person.page.locator(".jp-Stdin-input")).to_have_count(0)


async def test_an_error_stops_the_cells_behind(both: Pair) -> None:
    await ready(both, "print('before')", "1 / 0", "print('never')")
    await both.ana.run_all()
    await both.ben.sees_output(1, "ZeroDivisionError")
    await both.ana.kernel_ready()
    cells = await both.agree()
    assert cells[2]["outputs"] == [] and cells[2]["count"] is None
    await expect(both.ben.cell(2).locator(".jp-InputPrompt")).to_have_text("[ ]:")


async def test_stop_interrupts(both: Pair) -> None:
    await ready(both, "print('on', flush=True)\nwhile True: pass", "print('after')")
    await both.ana.run(0)
    await both.ben.sees_output(0, "on")
    await both.ben.command("notebook:interrupt-kernel")
    for person in both.people:
        await person.sees_output(0, "KeyboardInterrupt")
    await both.ana.run(1)
    await both.ben.sees_output(1, "after")


async def test_outputs_are_replaced_and_updated(both: Pair) -> None:
    await ready(
        both,
        "from IPython.display import clear_output, display\n"
        "for i in range(5):\n    clear_output(wait=True)\n    print('round', i)",
        "shown = display('first', display_id='it')",
        "shown.update('second')",
    )
    await both.ana.run_all()
    for person in both.people:
        await person.sees_output(0, "round 4")
        await person.sees_output(1, "'second'")
        assert "round 3" not in await person.output(0)
        assert "'first'" not in await person.output(1)


async def test_load_changes_the_cell_for_everybody(both: Pair) -> None:
    await ready(both, "%%writefile loaded.py\nfrom_file = 1", "%load loaded.py")
    await both.ana.run_all()
    await both.ben.sees(1, "from_file = 1")
    assert (await both.agree())[1]["source"].startswith("# %load loaded.py")


async def test_a_large_output_arrives_whole_when_it_is_asked_for(both: Pair) -> None:
    await ready(both, f"print(('b' * 99 + chr(10)) * {MEGABYTES * 10_000})")
    await both.ana.run(0)
    for person in both.people:
        await person.page.wait_for_function(
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


async def test_outputs_are_cleared(both: Pair) -> None:
    await ready(both, "print('one')", "print('two')")
    await both.ana.run_all()
    await both.ben.sees_output(1, "two")
    await both.ana.select(0)
    await both.ana.command("notebook:clear-cell-output")
    await expect(both.ben.cell(0).locator(".jp-OutputArea-output")).to_have_count(0)
    assert [len(cell["outputs"]) for cell in await both.agree()] == [0, 1]
    await both.ben.command("notebook:clear-all-cell-outputs")
    await expect(both.ana.cell(1).locator(".jp-OutputArea-output")).to_have_count(0)
    assert [cell["count"] for cell in await both.agree()] == [None, None]


async def test_restart_forgets_and_restart_and_run_all_runs(both: Pair) -> None:
    await ready(both, "print('value' in globals())", "value = 1", "print('done')")
    await both.ana.run_all()
    await both.ben.sees_output(2, "done")
    await both.ana.command("notebook:restart-kernel")
    await both.ana.accept()
    await both.ana.kernel_ready()
    await both.ana.run(0)
    await both.ben.sees_output(0, "False")
    await both.ana.command("notebook:restart-run-all")
    await both.ana.accept()
    await both.ben.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".cells.map(c => c.execution_count).join() === '1,2,3'"
    )
    await both.ana.sees_output(0, "False")


async def test_edits_while_a_cell_runs_do_not_disturb_it(both: Pair) -> None:
    await ready(both, "answer = input('wait ')\nprint('ran as it was')", "print('next')")
    await both.ana.run(0)
    await expect(both.ben.page.locator(".jp-Stdin-input")).to_have_count(1)
    await both.ben.type(0, "\nprint('edited')")
    await both.ben.select(1)
    await both.ben.press("a", "Control+Shift+ArrowDown")
    await both.ana.page.locator(".jp-Stdin-input").fill("x")
    await both.ana.page.locator(".jp-Stdin-input").press("Enter")
    await both.ben.sees_output(0, "ran as it was")
    cells = await both.agree()
    assert "edited" in cells[0]["source"] and "edited" not in str(cells[0]["outputs"])
