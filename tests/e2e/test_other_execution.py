"""Code that runs without the notebook's Run command: extensions, consoles, the debugger."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .two_users import TwoUsers

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.asyncio(loop_scope="session"),
]

# Some extensions run JupyterLab's cells without its cell executor.
EXECUTE = """async i => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cell = panel.content.widgets[i];
  const reply = await cell.constructor.execute(cell, panel.sessionContext);
  return reply.content.status;
}"""
HISTORY = """async () => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const args = { hist_access_type: 'tail', n: 3, output: false, raw: true };
  return (await kernel.requestHistory(args)).content.history.map(entry => entry[2]);
}"""


async def ready(two_users: TwoUsers, *cells: str) -> None:
    await two_users.ana.kernel_ready()
    await two_users.set_cells(*cells)


async def test_output_of_a_run_by_another_extension_is_shown_once_to_all_users(
    two_users: TwoUsers,
) -> None:
    await ready(two_users, "print('first')\nprint('second')\n6 * 7")
    for count in (1, 2):
        assert await two_users.ana.page.evaluate(EXECUTE, 0) == "ok"
        await two_users.ben.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel"
            ".cells[0].getOutputs().length === 2"
        )
        (cell,) = await two_users.converge()
        assert [o.get("text") for o in cell["outputs"]] == ["first\nsecond\n", None], count
        assert (await two_users.ana.output(0)).count("second") == 1
    await two_users.ana.run(0)
    await two_users.ben.sees_output(0, "42")
    assert len((await two_users.converge())[0]["outputs"]) == 2


async def test_output_of_a_console_is_not_added_to_the_notebook(two_users: TwoUsers) -> None:
    await ready(two_users, "word = 'from the notebook'; print('mine')")
    await two_users.ana.run(0)
    await two_users.ben.sees_output(0, "mine")
    await two_users.ana.command("notebook:create-console")
    console = two_users.ana.page.locator(".jp-CodeConsole")
    await console.locator(".jp-CodeConsole-input .cm-content").click(timeout=30_000)
    await two_users.ana.page.keyboard.type("print('console', word)")
    await two_users.ana.press("Shift+Enter")
    await expect(console.locator(".jp-CodeConsole-content")).to_contain_text(
        "console from the notebook", timeout=30_000
    )
    await two_users.ana.screenshot("ways-console")
    await two_users.ana.page.evaluate("() => window.jupyterapp.shell.currentWidget.dispose()")
    await two_users.ana.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.content?.widgets?.length === 1"
    )
    (cell,) = await two_users.converge()
    assert [output["text"] for output in cell["outputs"]] == ["mine\n"]


async def test_kernel_history_and_inspection_include_cells_that_the_server_ran(
    two_users: TwoUsers,
) -> None:
    await ready(two_users, "def remembered(): 'Tells a story.'", "remembered")
    await two_users.ana.run(0)
    await expect(two_users.ben.cell(0).locator(".jp-InputPrompt")).not_to_have_text("[ ]:")
    assert "def remembered(): 'Tells a story.'" in await two_users.ana.page.evaluate(HISTORY)
    await two_users.ana.type(1, "")
    await two_users.ana.press("Shift+Tab")
    await expect(two_users.ana.page.locator(".jp-Tooltip")).to_contain_text("Tells a story.")
    await two_users.ana.press("Escape")


async def test_a_breakpoint_in_a_cell_is_hit(two_users: TwoUsers) -> None:
    await ready(two_users, "a = 20\nb = a + 1\nprint('sum', a + b)")
    page = two_users.ana.page
    await two_users.ana.cell(0).locator(".cm-content").click()
    await page.locator(".jp-DebuggerBugButton:visible").first.click()
    gutter = two_users.ana.cell(0).locator(".cm-breakpoint-gutter .cm-gutterElement")
    await expect(gutter).not_to_have_count(0, timeout=60_000)
    await gutter.nth(2).click(force=True)
    await expect(page.locator(".jp-DebuggerBreakpoints-body .jp-DebuggerBreakpoint")).to_have_count(
        1
    )
    await two_users.ana.run(0)
    await expect(two_users.ana.cell(0).locator(".jp-DebuggerEditor-highlight")).to_have_count(
        1, timeout=30_000
    )
    await two_users.ana.screenshot("ways-debugger")
    assert "sum" not in await two_users.ben.output(0)
    await two_users.ana.command("debugger:continue")
    await two_users.ben.sees_output(0, "sum 41")
    await page.locator(".jp-DebuggerBugButton:visible").first.click()
    await expect(page.locator(".jp-DebuggerEditor-highlight")).to_have_count(0)
