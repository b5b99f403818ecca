"""A user who opens notebooks in JupyterLab in a real browser, with mouse and keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from .lab import TOKEN, Lab
from .page_scripts import EDITS_STORED, RECORD_DIALOGS

TIMEOUT_MS = 20_000
ATTEMPTS = 3

# JupyterLab logs these errors with and without this extension: searching in cells that are rendered
# later, showing attachments before their addresses are resolved, and opening Notebook 7.
KNOWN_ERRORS = (
    "CodeMirrorEditor already set.",
    "ERR_UNKNOWN_URL_SCHEME",
    "Cannot read properties of undefined (reading 'schema')",
    # Jupyter Server has one table of static files, in which Notebook 7 has fonts of the same names.
    ".woff",
    # A browser receives messages of comms that another browser at the kernel closes.
    "Comm not found for comm id",
    # Jupyter Server lists a new kernel shortly before the kernel has a time of its last activity.
    "/api/status?",
    # JupyterLab queries its debugger while the kernel restarts.
    "Could not restore the debugger state",
    # JupyterLab requests a subshell; the reply is late if the notebook is closed at once.
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

_NOTICES_AT_REST = """() => Promise.all(
  [...document.querySelectorAll('.Toastify__toast')]
    .flatMap(it => it.getAnimations())
    .map(it => it.finished.catch(() => null)))"""


class User:
    """One browser context with its own storage, which shows notebooks of one server."""

    def __init__(self, lab: Lab, context: BrowserContext, page: Page, screenshots: Path) -> None:
        self.lab = lab
        self.context = context
        self.page = page
        self.errors: list[str] = []
        self._screenshots = screenshots
        page.on("pageerror", lambda error: self._record_error(f"page error: {error}"))
        page.on("console", self._console)

    @classmethod
    async def with_empty_page(cls, browser: Browser, lab: Lab, screenshots: Path) -> User:
        """Return a user whose page is empty."""
        context = await browser.new_context(
            viewport={"width": 1300, "height": 900},
            permissions=["clipboard-read", "clipboard-write"],
        )
        await context.add_init_script(RECORD_DIALOGS)
        return cls(lab, context, await context.new_page(), screenshots)

    @classmethod
    async def with_notebook(cls, browser: Browser, lab: Lab, path: str, screenshots: Path) -> User:
        user = await cls.with_empty_page(browser, lab, screenshots)
        await user.open(path)
        return user

    async def open(self, path: str, *, status: str = "Saved") -> None:
        await self.page.goto(f"{self.lab.url}/lab/tree/{path}?reset&token={TOKEN}")
        await self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
        await self.page.wait_for_function(
            "() => !!window.jupyterapp?.shell.currentWidget?.content?.model?.sharedModel"
        )
        await self.status_is(status)

    async def open_beside(self, path: str) -> None:
        """Open a notebook in another JupyterLab tab, as the file browser does."""
        await self.command("docmanager:open", {"path": path})
        await self.page.wait_for_function(
            "path => { const panel = window.jupyterapp.shell.currentWidget;"
            " return panel?.context?.path === path && panel.context.isReady"
            " && panel.content.widgets.length > 0; }",
            arg=path,
        )
        await self.status_is("Saved")

    async def close_tab(self, path: str) -> None:
        """Close the tab of a saved notebook by its cross, without a question of JupyterLab.

        A kernel or another program may change the notebook between the check of its state and the
        click. JupyterLab then asks, and this function waits for the save and clicks again.
        """
        tabs = self.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text=path)
        before = await tabs.count()
        for _ in range(ATTEMPTS):
            await self.page.wait_for_function(
                "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
            )
            await tabs.first.locator(".lm-TabBar-tabCloseIcon").click()
            try:
                await expect(tabs).to_have_count(before - 1)
            except AssertionError:
                await self.dismiss_dialogs()
            else:
                return
        raise AssertionError(f"the tab of {path} stays open after {ATTEMPTS} clicks on its cross")

    async def close_other_notebooks(self, path: str) -> None:
        """Close all notebooks except one without a question, in whatever state they are."""
        await self.dismiss_dialogs()
        await self.page.evaluate(_CLOSE_OTHERS, path)
        await self.open_beside(path)

    async def reopen(self, path: str) -> None:
        """Open the notebook in a new page of the same browser after the old page was closed."""
        self.page = await self.context.new_page()
        await self.open(path)

    async def close(self) -> None:
        await self.context.close()

    # ------------------------------------------------------------ content of the page

    def cell(self, index: int) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").nth(index)

    async def source(self, index: int) -> str:
        cells: list[list[str]] = await self.page.evaluate(_CELLS)
        return cells[index][1]

    async def sources(self) -> list[str]:
        return [source for _, source in await self.page.evaluate(_CELLS)]

    async def wait_until_stored(self) -> None:
        """Wait until the storage of this browser has every edit that the server lacks."""
        await self.page.wait_for_function(EDITS_STORED)

    async def editor_text(self, index: int) -> str:
        """Return the text in the editor of a cell."""
        text: str = await self.page.evaluate(
            "i => window.jupyterapp.shell.currentWidget.content.widgets[i]"
            ".editor.editor.state.doc.toString()",
            index,
        )
        return text

    async def sees(self, index: int, text: str) -> None:
        """Wait until the source of a cell contains this text."""
        await self.page.wait_for_function(
            "([i, text]) => window.jupyterapp.shell.currentWidget.content.model"
            ".sharedModel.cells[i]?.getSource().includes(text)",
            arg=[index, text],
            timeout=TIMEOUT_MS,
        )

    async def source_is(self, index: int, text: str) -> None:
        """Wait until the source of a cell equals this text."""
        try:
            await self.page.wait_for_function(
                "([i, text]) => window.jupyterapp.shell.currentWidget.content.model"
                ".sharedModel.cells[i]?.getSource() === text",
                arg=[index, text],
                timeout=TIMEOUT_MS,
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

    async def status_is(self, text: str, timeout_ms: int = TIMEOUT_MS) -> None:
        await expect(self.status).to_contain_text(text, timeout=timeout_ms)

    async def dialog_count(self) -> int:
        return await self.page.locator(".jp-Dialog").count()

    async def dialog_texts(self) -> list[str]:
        """Return the text of each dialog since the page was opened or the texts were forgotten."""
        texts: list[str] = await self.page.evaluate("() => window.e2eDialogs")
        return texts

    async def forget_dialog_texts(self) -> None:
        await self.page.evaluate("() => { window.e2eDialogs = []; }")

    async def screenshot(self, name: str) -> None:
        """Save an image of the page after the animations of its notices have ended."""
        self._screenshots.mkdir(parents=True, exist_ok=True)
        await self.page.evaluate(_NOTICES_AT_REST)
        await self.page.screenshot(path=self._screenshots / f"{name}.png")

    # ------------------------------------------------------------ actions of the user

    async def type(self, index: int, text: str, *, delay_ms: int = 10) -> None:
        """Enter a cell (rendered Markdown by a double click) and type at its end."""
        cell = self.cell(index)
        # Unlike Playwright's own scrolling, this works if JupyterLab replaces the element.
        await cell.evaluate("element => element.scrollIntoView({ block: 'nearest' })")
        if await cell.locator(".jp-MarkdownOutput").is_visible():
            await cell.locator(".jp-MarkdownOutput").dblclick()
        else:
            await cell.locator(".cm-content").click()
        await self.page.keyboard.press("Control+End")
        await self.page.keyboard.type(text, delay=delay_ms)

    async def select(self, index: int) -> None:
        """Make a cell active in command mode."""
        prompt = self.cell(index).locator(".jp-Cell-inputArea .jp-InputPrompt")
        await prompt.click(position={"x": 20, "y": 8})
        await self.page.wait_for_function(
            "i => { const notebook = window.jupyterapp.shell.currentWidget.content;"
            " return notebook.activeCellIndex === i && notebook.mode === 'command'; }",
            arg=index,
        )

    async def complete_to(self, text: str) -> None:
        """Press Tab until the completer offers this text.

        JupyterLab gives a kernel one second to answer.
        """
        completer = self.page.locator(".jp-Completer")
        for timeout_ms in (4_000, 8_000, TIMEOUT_MS):
            await self.press("Tab")
            try:
                await expect(completer).to_contain_text(text, timeout=timeout_ms)
            except AssertionError:
                continue
            return
        raise AssertionError(f"{text} was not offered")

    async def accept_dialog(self) -> None:
        """Accept the visible dialog."""
        await self.page.locator(".jp-Dialog .jp-mod-accept").click()
        await expect(self.page.locator(".jp-Dialog")).to_have_count(0)

    async def dismiss_dialogs(self) -> None:
        """Close all visible dialogs."""
        for _ in range(await self.dialog_count()):
            await self.page.keyboard.press("Escape")

    async def copy(self, text: str) -> None:
        """Put text on the clipboard, as if another program had copied it."""
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
            self._record_error(f"{message.text[:400]} {message.location['url']}")

    def _record_error(self, text: str) -> None:
        if not any(known in text for known in KNOWN_ERRORS):
            self.errors.append(text)
