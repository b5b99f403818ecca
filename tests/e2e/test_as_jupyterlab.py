"""Behaviour of plain JupyterLab in a room: rendered Markdown, the unsaved mark, and undo."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from .browser import User
from .lab import Lab, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.timeout(240),
    pytest.mark.asyncio,
]

_DIRTY = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"


async def test_rendering_dirty_mark_and_undo_work_as_in_jupyterlab(
    browser: Browser, tmp_path: Path, screenshots: Path
) -> None:
    lab = Lab(tmp_path, "--RuntimedExtension.autosave=False")
    lab.set("@jupyterlab/notebook-extension:tracker", documentWideUndoRedo=True)
    write_notebook(lab, "plain.ipynb", "print('ran')", "two = 2")
    lab.start()
    try:
        ana = await User.with_notebook(browser, lab, "plain.ipynb", screenshots)
        await ana.type(0, " # a")
        await ana.type(1, " # b")
        await ana.page.wait_for_function(f"() => ({_DIRTY})()")
        # The document has one history, so undo in one cell also reverts the edit of the other.
        await ana.press("Control+z", "Control+z")
        await ana.source_is(0, "print('ran')")
        await ana.source_is(1, "two = 2")
        await ana.command("docmanager:save")
        await ana.page.wait_for_function(f"() => !({_DIRTY})()")
        await ana.kernel_ready()
        await ana.run(0)
        await ana.sees_output(0, "ran")
        await ana.page.wait_for_function(f"() => ({_DIRTY})()")
        await ana.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.content.model"
            ".sharedModel.cells[0].clearOutputs()"
        )
        await expect(ana.cell(0).locator(".jp-OutputArea-child")).to_have_count(0)
        await ana.select(1)
        await ana.press("b", "m", "Enter")
        await ana.page.keyboard.type("## t")
        await ana.press("Shift+Enter")
        await ana.command("docmanager:save")
        await ana.page.wait_for_function(f"() => !({_DIRTY})()")
        await ana.wait_until_stored()
        await ana.page.close()
        await ana.reopen("plain.ipynb")
        await expect(ana.cell(2).locator(".jp-MarkdownOutput h2")).to_be_visible()
        await ana.screenshot("a-restored-markdown-cell")
        await ana.close()
    finally:
        lab.stop()
