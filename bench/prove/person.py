"""A person at JupyterLab in a real Chromium: the same keys and clicks for every system."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

OPEN_MS = 90_000
SEEN_MS = 20_000
SETTLED_MS = 1_000
POLL_MS = 50

_READY = """path => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return !!panel?.context?.isReady && panel.context.path.endsWith(path)
    && panel.content?.widgets?.length > 0 && panel.content.model.sharedModel.cells.length > 0;
}"""
_NOTEBOOK = "() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.toJSON())"
_OPEN = "path => window.jupyterapp.commands.execute('docmanager:open', { path })"
_READY_OR_ASKED = f"() => !!document.querySelector('.jp-Dialog') || ({_READY})('')"
_SAVED_OR_ASKED = """() => {
  if (document.querySelector(".jp-Dialog")) return "asked";
  return window.jupyterapp.shell.currentWidget.context.model.dirty ? false : "saved";
}"""


class Person:
    """A separate browser profile with one notebook in front."""

    def __init__(self, browser: Browser) -> None:
        self.context: BrowserContext = browser.new_context(viewport={"width": 1200, "height": 900})
        self.page: Page = self.context.new_page()
        self.questions: list[str] = []
        """The titles of the dialogs that this person answered."""
        self._watch(self.page)

    def _watch(self, page: Page) -> None:
        # The browser asks before it leaves a page with unsaved work, and the person confirms.
        page.on("dialog", lambda dialog: dialog.accept())

    def open(self, address: str) -> None:
        self.page.goto(address, timeout=OPEN_MS)
        self.wait_ready()

    def opens(self, address: str) -> bool:
        """Open a notebook; return whether the notebook appears before a dialog."""
        self.page.goto(address, timeout=OPEN_MS)
        with suppress(PlaywrightTimeout):
            self.page.wait_for_function(_READY_OR_ASKED, polling=POLL_MS, timeout=OPEN_MS)
        return not self.answer() and bool(self.page.evaluate(_READY, ""))

    def wait_ready(self, path: str = "") -> None:
        self.page.wait_for_function(_READY, arg=path, polling=POLL_MS, timeout=OPEN_MS)

    def open_here(self, path: str) -> None:
        """Open one more notebook in this window, as a double click in the file browser does."""
        self.page.evaluate(_OPEN, path)
        self.wait_ready(path)

    def reload(self) -> None:
        """Press F5, with or without a running server."""
        try:
            self.page.reload(timeout=10_000)
        except PlaywrightError:
            self.page.close()
            self.page = self.context.new_page()
            self._watch(self.page)

    def close(self) -> None:
        self.context.close()

    def take_picture(self, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        with suppress(PlaywrightError):
            self.page.screenshot(path=place, timeout=5_000)

    # ------------------------------------------------------------ actions

    def go_to(self, cell: int) -> None:
        """Click into a cell and go to the end of its text."""
        self._cell(cell).locator(".cm-content").click()
        self.page.keyboard.press("Control+End")

    def type(self, text: str, *, delay_ms: float = 10) -> None:
        """Answer open dialogs, then type."""
        self.answer()
        self.page.keyboard.type(text, delay=delay_ms)

    def press_save(self) -> None:
        self.page.keyboard.press("Control+s")

    def save(self) -> bool:
        """Press Ctrl+S, answer dialogs, and wait until the mark of unsaved changes disappears."""
        self.press_save()
        try:
            while self._is_asked_before_it_is_saved():
                self.answer()
        except PlaywrightTimeout:
            return False
        return True

    def _is_asked_before_it_is_saved(self) -> bool:
        seen = self.page.wait_for_function(_SAVED_OR_ASKED, polling=POLL_MS, timeout=SEEN_MS)
        return bool(seen.json_value() == "asked")

    def run_cell(self, cell: int) -> None:
        """Press Shift+Enter once the status bar shows that the kernel is idle."""
        self._cell(cell).locator(".cm-content").click()
        self.page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=OPEN_MS)
        self.page.keyboard.press("Shift+Enter")

    def answer(self) -> bool:
        """Press Enter in each open dialog, which accepts its default choice."""
        answered = False
        while (dialog := self.page.query_selector(".jp-Dialog")) is not None:
            title = dialog.query_selector(".jp-Dialog-header")
            self.questions.append(f"the person was asked: {title.inner_text() if title else ''}")
            self.page.keyboard.press("Enter")
            dialog.wait_for_element_state("hidden", timeout=SEEN_MS)
            answered = True
        return answered

    # ------------------------------------------------------------ content of the page

    def text(self) -> str:
        """Return all text of the notebook in this page, with outputs."""
        notebook: str = self.page.evaluate(_NOTEBOOK)
        return notebook

    def settled_text(self) -> str:
        """Return all text of the notebook after it has been stable for a while."""
        before, after = "", self.text()
        while before != after:
            before = after
            self.page.wait_for_timeout(SETTLED_MS)
            after = self.text()
        return after

    def sees(self, word: str, *, timeout_ms: float = SEEN_MS) -> bool:
        """Wait until a word is in this page's notebook."""
        try:
            self.page.wait_for_function(
                f"word => ({_NOTEBOOK})().includes(word)",
                arg=word,
                polling=POLL_MS,
                timeout=timeout_ms,
            )
        except PlaywrightTimeout:
            return False
        return True

    def sees_prompt(self, cell: int, prompt: str) -> None:
        """Wait until a cell shows `[*]:` or its number. Raises if it does not."""
        area = self._cell(cell).locator(".jp-InputPrompt")
        expect(area).to_have_text(prompt, timeout=SEEN_MS)

    def _cell(self, index: int) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").nth(index)
