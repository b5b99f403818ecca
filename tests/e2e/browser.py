"""A person at a browser: opens a notebook in JupyterLab and uses it by mouse and keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from .lab import TOKEN, Lab

PATIENCE_MS = 30_000

_CELLS = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  return panel.content.model.sharedModel.cells.map(c => [c.getId(), c.getSource()]);
}"""


class Person:
    """One browser with its own storage, looking at one notebook."""

    def __init__(self, lab: Lab, context: BrowserContext, page: Page, shots: Path) -> None:
        self.lab = lab
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        self._shots = shots
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("console", self._console)

    @classmethod
    async def arrive(cls, browser: Browser, lab: Lab, path: str, shots: Path) -> Person:
        context = await browser.new_context(viewport={"width": 1300, "height": 900})
        person = cls(lab, context, await context.new_page(), shots)
        await person.open(path)
        return person

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.lab.url}/lab/tree/{path}?reset&token={TOKEN}")
        await self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
        await self.page.wait_for_function(
            "() => !!window.jupyterapp?.shell.currentWidget?.content?.model?.sharedModel"
        )
        await self.status_is("Saved")

    async def leave(self) -> None:
        await self.context.close()

    # ------------------------------------------------------------ seeing

    def cell(self, index: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    async def source(self, index: int) -> str:
        cells: list[list[str]] = await self.page.evaluate(_CELLS)
        return cells[index][1]

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
        await self.page.wait_for_function(
            "([i, text]) => window.jupyterapp.shell.currentWidget.content.model"
            ".sharedModel.cells[i]?.getSource() === text",
            arg=[index, text],
            timeout=PATIENCE_MS,
        )

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

    async def shot(self, name: str) -> None:
        self._shots.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=self._shots / f"{name}.png")

    # ------------------------------------------------------------ doing

    async def type(self, index: int, text: str, *, delay_ms: int = 10) -> None:
        """Click into a cell and type at its end."""
        await self.cell(index).locator(".cm-content").click()
        await self.page.keyboard.press("Control+End")
        await self.page.keyboard.type(text, delay=delay_ms)

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
            self.complaints.append(message.text[:400])
