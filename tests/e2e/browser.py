"""A person at a browser: opens a notebook in JupyterLab and uses it by mouse and keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from .lab import TOKEN, Lab
from .seeing import KEEP_DIALOGS, KEPT

PATIENCE_MS = 20_000
TRIES = 3

# JupyterLab's own, with and without this extension: searching in cells that come later; showing
# attachments, whose addresses the browser tries before they are resolved; opening Notebook 7.
NOT_OURS = (
    "CodeMirrorEditor already set.",
    "ERR_UNKNOWN_URL_SCHEME",
    "Cannot read properties of undefined (reading 'schema')",
    # Jupyter Server keeps one table of static files, and Notebook 7 has fonts of the same names.
    ".woff",
    # Two browsers at one kernel: each hears of the comms that the other closes.
    "Comm not found for comm id",
    # Jupyter Server lists a kernel for a moment before it has the time at which it was last used.
    "/api/status?",
    # JupyterLab's own debugger, asked while its kernel restarts.
    "Could not restore the debugger state",
    # JupyterLab asks a kernel for a subshell; the answer is late if the notebook is closed at once.
    "Canceled future for create_subshell_request",
)

_CELLS = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  return panel.content.model.sharedModel.cells.map(c => [c.getId(), c.getSource()]);
}"""

_CLOSE_OTHERS = """path => {
  for (const panel of [...window.jupyterapp.shell.widgets('main')]) {
    if (panel.context && panel.context.path !== path) {
      panel.dispose();
    }
  }
}"""

_NOTICES_STAND = """() => Promise.all(
  [...document.querySelectorAll('.Toastify__toast')]
    .flatMap(it => it.getAnimations())
    .map(it => it.finished.catch(() => null)))"""


class Person:
    """One browser with its own storage, looking at one notebook."""

    def __init__(self, lab: Lab, context: BrowserContext, page: Page, shots: Path) -> None:
        self.lab = lab
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        self._shots = shots
        page.on("pageerror", lambda error: self._complain(f"page error: {error}"))
        page.on("console", self._console)

    @classmethod
    async def settle(cls, browser: Browser, lab: Lab, shots: Path) -> Person:
        """Somebody with an empty page."""
        context = await browser.new_context(
            viewport={"width": 1300, "height": 900},
            permissions=["clipboard-read", "clipboard-write"],
        )
        await context.add_init_script(KEEP_DIALOGS)
        return cls(lab, context, await context.new_page(), shots)

    @classmethod
    async def arrive(cls, browser: Browser, lab: Lab, path: str, shots: Path) -> Person:
        person = await cls.settle(browser, lab, shots)
        await person.open(path)
        return person

    async def open(self, path: str, *, status: str = "Saved") -> None:
        await self.page.goto(f"{self.lab.url}/lab/tree/{path}?reset&token={TOKEN}")
        await self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
        await self.page.wait_for_function(
            "() => !!window.jupyterapp?.shell.currentWidget?.content?.model?.sharedModel"
        )
        await self.status_is(status)

    async def open_beside(self, path: str) -> None:
        """Open a notebook in a tab of its own, as from the file browser."""
        await self.command("docmanager:open", {"path": path})
        await self.page.wait_for_function(
            "path => { const panel = window.jupyterapp.shell.currentWidget;"
            " return panel?.context?.path === path && panel.context.isReady"
            " && panel.content.widgets.length > 0; }",
            arg=path,
        )
        await self.status_is("Saved")

    async def close_tab(self, path: str) -> None:
        """Close a saved notebook's tab by its cross; JupyterLab asks nothing.

        A kernel or another program may change the notebook between the look at its state and the
        click. JupyterLab then asks, and the person waits for the save and clicks again.
        """
        tabs = self.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text=path)
        before = await tabs.count()
        for _ in range(TRIES):
            await self.page.wait_for_function(
                "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
            )
            await tabs.first.locator(".lm-TabBar-tabCloseIcon").click()
            try:
                await expect(tabs).to_have_count(before - 1)
            except AssertionError:
                await self.dismiss()
            else:
                return
        raise AssertionError(f"the tab of {path} stays open after {TRIES} clicks on its cross")

    async def leave_only(self, path: str) -> None:
        """Close every notebook but one without a question, whatever state a test has left."""
        await self.dismiss()
        await self.page.evaluate(_CLOSE_OTHERS, path)
        await self.open_beside(path)

    async def return_to(self, path: str) -> None:
        """Open the notebook in a new tab of the same browser, after the old one was closed."""
        self.page = await self.context.new_page()
        await self.open(path)

    async def leave(self) -> None:
        await self.context.close()

    # ------------------------------------------------------------ seeing

    def cell(self, index: int) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").nth(index)

    async def source(self, index: int) -> str:
        cells: list[list[str]] = await self.page.evaluate(_CELLS)
        return cells[index][1]

    async def sources(self) -> list[str]:
        return [source for _, source in await self.page.evaluate(_CELLS)]

    async def kept(self) -> None:
        """Wait until this browser has put away every edit so far."""
        await self.page.wait_for_function(KEPT)

    async def editor(self, index: int) -> str:
        """What the editor shows, as it has it."""
        text: str = await self.page.evaluate(
            "i => window.jupyterapp.shell.currentWidget.content.widgets[i]"
            ".editor.editor.state.doc.toString()",
            index,
        )
        return text

    async def sees(self, index: int, text: str) -> None:
        """Wait until a cell's source has this in it."""
        await self.page.wait_for_function(
            "([i, text]) => window.jupyterapp.shell.currentWidget.content.model"
            ".sharedModel.cells[i]?.getSource().includes(text)",
            arg=[index, text],
            timeout=PATIENCE_MS,
        )

    async def source_is(self, index: int, text: str) -> None:
        """Wait until a cell's source is this."""
        try:
            await self.page.wait_for_function(
                "([i, text]) => window.jupyterapp.shell.currentWidget.content.model"
                ".sharedModel.cells[i]?.getSource() === text",
                arg=[index, text],
                timeout=PATIENCE_MS,
            )
        except PlaywrightTimeout:
            assert await self.source(index) == text
            raise

    async def output(self, index: int) -> str:
        return await self.cell(index).locator(".jp-Cell-outputArea").inner_text()

    async def sees_output(self, index: int, text: str, timeout_ms: int = 60_000) -> None:
        area = self.cell(index).locator(".jp-Cell-outputArea")
        await expect(area).to_contain_text(text, timeout=timeout_ms)

    @property
    def status(self) -> Locator:
        return self.page.locator(".jp-RuntimedStatus")

    async def status_is(self, text: str, timeout_ms: int = PATIENCE_MS) -> None:
        await expect(self.status).to_contain_text(text, timeout=timeout_ms)

    async def dialogs(self) -> int:
        return await self.page.locator(".jp-Dialog").count()

    async def dialogs_seen(self) -> list[str]:
        """What every dialog said since the page was opened, or since they were forgotten."""
        said: list[str] = await self.page.evaluate("() => window.e2eDialogs")
        return said

    async def forget_dialogs(self) -> None:
        await self.page.evaluate("() => { window.e2eDialogs = []; }")

    async def shot(self, name: str) -> None:
        """A picture of the page, once its notices have slid to where they stay."""
        self._shots.mkdir(parents=True, exist_ok=True)
        await self.page.evaluate(_NOTICES_STAND)
        await self.page.screenshot(path=self._shots / f"{name}.png")

    # ------------------------------------------------------------ doing

    async def type(self, index: int, text: str, *, delay_ms: int = 10) -> None:
        """Go into a cell, as rendered text by a double click, and type at its end."""
        cell = self.cell(index)
        # JupyterLab may replace the element at any moment; this bears it.
        await cell.evaluate("element => element.scrollIntoView({ block: 'nearest' })")
        if await cell.locator(".jp-MarkdownOutput").is_visible():
            await cell.locator(".jp-MarkdownOutput").dblclick()
        else:
            await cell.locator(".cm-content").click()
        await self.page.keyboard.press("Control+End")
        await self.page.keyboard.type(text, delay=delay_ms)

    async def select(self, index: int) -> None:
        """Make a cell the active one, in command mode."""
        prompt = self.cell(index).locator(".jp-Cell-inputArea .jp-InputPrompt")
        await prompt.click(position={"x": 20, "y": 8})
        await self.page.wait_for_function(
            "i => { const notebook = window.jupyterapp.shell.currentWidget.content;"
            " return notebook.activeCellIndex === i && notebook.mode === 'command'; }",
            arg=index,
        )

    async def completes(self, text: str) -> None:
        """Press Tab, as often as it takes: JupyterLab gives a kernel one second to answer."""
        completer = self.page.locator(".jp-Completer")
        for patience_ms in (4_000, 8_000, PATIENCE_MS):
            await self.press("Tab")
            try:
                await expect(completer).to_contain_text(text, timeout=patience_ms)
            except AssertionError:
                continue
            return
        raise AssertionError(f"{text} was never offered")

    async def accept(self) -> None:
        """Say yes to the dialog that is shown."""
        await self.page.locator(".jp-Dialog .jp-mod-accept").click()
        await expect(self.page.locator(".jp-Dialog")).to_have_count(0)

    async def dismiss(self) -> None:
        """Close whatever dialogs are left."""
        for _ in range(await self.dialogs()):
            await self.page.keyboard.press("Escape")

    async def copy(self, text: str) -> None:
        """Put text on the clipboard, as if it was copied elsewhere."""
        await self.page.evaluate("text => navigator.clipboard.writeText(text)", text)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def command(self, name: str, args: dict[str, Any] | None = None) -> None:
        await self.page.evaluate(
            "([name, args]) => { void window.jupyterapp.commands.execute(name, args); }",
            [name, args or {}],
        )

    async def run_all(self) -> None:
        await self.command("notebook:run-all-cells")

    async def run(self, index: int) -> None:
        await self.cell(index).locator(".cm-content").click()
        await self.press("Control+Enter")

    async def kernel_ready(self) -> None:
        await self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session"
            "?.kernel?.status === 'idle'",
            timeout=60_000,
        )

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self._complain(f"{message.text[:400]} {message.location['url']}")

    def _complain(self, text: str) -> None:
        if not any(known in text for known in NOT_OURS):
            self.complaints.append(text)
