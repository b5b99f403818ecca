"""Code that does not go by the notebook's own Run: other extensions, consoles, the debugger."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .pair import Pair

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.asyncio(loop_scope="session"),
]

# As extensions do that have JupyterLab's own cells but not its executor.
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


async def ready(both: Pair, *cells: str) -> None:
    await both.ana.kernel_ready()
    await both.lay(*cells)


async def test_an_extension_runs_a_cell_by_itself_and_all_see_it_once(both: Pair) -> None:
    await ready(both, "print('first')\nprint('second')\n6 * 7")
    for count in (1, 2):
        assert await both.ana.page.evaluate(EXECUTE, 0) == "ok"
        await both.ben.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel"
            ".cells[0].getOutputs().length === 2"
        )
        (cell,) = await both.agree()
        assert [o.get("text") for o in cell["outputs"]] == ["first\nsecond\n", None], count
        assert (await both.ana.output(0)).count("second") == 1
    await both.ana.run(0)
    await both.ben.sees_output(0, "42")
    assert len((await both.agree())[0]["outputs"]) == 2


async def test_a_console_keeps_what_it_prints(both: Pair) -> None:
    await ready(both, "word = 'from the notebook'; print('mine')")
    await both.ana.run(0)
    await both.ben.sees_output(0, "mine")
    await both.ana.command("notebook:create-console")
    console = both.ana.page.locator(".jp-CodeConsole")
    await console.locator(".jp-CodeConsole-input .cm-content").click(timeout=30_000)
    await both.ana.page.keyboard.type("print('console', word)")
    await both.ana.press("Shift+Enter")
    await expect(console.locator(".jp-CodeConsole-content")).to_contain_text(
        "console from the notebook", timeout=30_000
    )
    await both.ana.shot("ways-console")
    await both.ana.page.evaluate("() => window.jupyterapp.shell.currentWidget.dispose()")
    await both.ana.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.content?.widgets?.length === 1"
    )
    (cell,) = await both.agree()
    assert [output["text"] for output in cell["outputs"]] == ["mine\n"]


async def test_history_and_inspection_know_what_the_server_ran(both: Pair) -> None:
    await ready(both, "def remembered(): 'Tells a story.'", "remembered")
    await both.ana.run(0)
    await expect(both.ben.cell(0).locator(".jp-InputPrompt")).not_to_have_text("[ ]:")
    assert "def remembered(): 'Tells a story.'" in await both.ana.page.evaluate(HISTORY)
    await both.ana.type(1, "")
    await both.ana.press("Shift+Tab")
    await expect(both.ana.page.locator(".jp-Tooltip")).to_contain_text("Tells a story.")
    await both.ana.press("Escape")


async def test_a_breakpoint_in_a_cell_is_hit(both: Pair) -> None:
    await ready(both, "a = 20\nb = a + 1\nprint('sum', a + b)")
    page = both.ana.page
    await both.ana.cell(0).locator(".cm-content").click()
    await page.locator(".jp-DebuggerBugButton:visible").first.click()
    gutter = both.ana.cell(0).locator(".cm-breakpoint-gutter .cm-gutterElement")
    await expect(gutter).not_to_have_count(0, timeout=60_000)
    await gutter.nth(2).click(force=True)
    await expect(page.locator(".jp-DebuggerBreakpoints-body .jp-DebuggerBreakpoint")).to_have_count(
        1
    )
    await both.ana.run(0)
    await expect(both.ana.cell(0).locator(".jp-DebuggerEditor-highlight")).to_have_count(
        1, timeout=30_000
    )
    await both.ana.shot("ways-debugger")
    assert "sum" not in await both.ben.output(0)
    await both.ana.command("debugger:continue")
    await both.ben.sees_output(0, "sum 41")
    await page.locator(".jp-DebuggerBugButton:visible").first.click()
    await expect(page.locator(".jp-DebuggerEditor-highlight")).to_have_count(0)
