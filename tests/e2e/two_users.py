"""Two users who have one notebook open in two browsers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.async_api import Browser
from playwright.async_api import TimeoutError as PlaywrightTimeout

from .browser import TIMEOUT_MS, User
from .lab import Lab
from .page_scripts import CONSISTENT, SAME_CELLS, SET_CELLS, SNAPSHOT

ATTEMPTS = 4


class TwoUsers:
    def __init__(self, ana: User, ben: User) -> None:
        self.ana = ana
        self.ben = ben

    @classmethod
    async def with_notebook(
        cls, browser: Browser, lab: Lab, path: str, screenshots: Path
    ) -> TwoUsers:
        ana = await User.with_notebook(browser, lab, path, screenshots)
        return cls(ana, await User.with_notebook(browser, lab, path, screenshots))

    @property
    def users(self) -> tuple[User, User]:
        return self.ana, self.ben

    async def set_cells(self, *cells: str | dict[str, Any]) -> None:
        """Give the notebook exactly these cells, without an undo history and open dialogs."""
        for user in self.users:
            await user.dismiss_dialogs()
        await self.ana.page.evaluate(SET_CELLS, [_cell(cell) for cell in cells])
        await self.converge()
        for user in self.users:
            # JupyterLab offers a user the text of a deleted cell in which the user was typing.
            for field in await user.page.locator(
                ".jp-RuntimedDeletedCellText .jp-mod-reject"
            ).all():
                await field.click()
            user.errors.clear()
            await user.forget_dialog_texts()

    async def converge(self, timeout_ms: int = TIMEOUT_MS) -> list[dict[str, Any]]:
        """Wait until both browsers have equal models, documents and editors; return the cells.

        The cells of Ana may still change after they are read, so the comparison is repeated.
        """
        for attempt in range(ATTEMPTS):
            await self.ana.page.wait_for_function(CONSISTENT, timeout=timeout_ms)
            cells = (await self.ana.page.evaluate(SNAPSHOT))["cells"]
            # The page writes the JSON, because Python may write it differently.
            text = await self.ana.page.evaluate("value => JSON.stringify(value)", cells)
            try:
                await self.ben.page.wait_for_function(
                    SAME_CELLS, arg=text, timeout=timeout_ms / ATTEMPTS
                )
            except PlaywrightTimeout:
                if attempt == ATTEMPTS - 1:
                    raise AssertionError(await self._difference(cells)) from None
            else:
                return list(cells)
        raise AssertionError("not reached")

    async def assert_no_errors(self) -> bool:
        """Assert that neither page logged an error or showed a dialog about a changed file."""
        for user in self.users:
            assert user.errors == [], "\n".join(user.errors)
            unwanted = [text for text in await user.dialog_texts() if "hanged" in text]
            assert unwanted == [], "\n".join(unwanted)
        return True

    async def close(self) -> None:
        await self.ana.close()
        await self.ben.close()

    async def _difference(self, cells: list[dict[str, Any]]) -> str:
        other = await self.ben.page.evaluate(SNAPSHOT)
        lines = [f"Ben: {fault}" for fault in other["faults"]]
        pairs = zip(cells, other["cells"], strict=False)
        lines += [f"Ana {_short(a)}\nBen {_short(b)}" for a, b in pairs if a != b]
        lines.append(f"{len(cells)} cells against {len(other['cells'])}")
        return "the two browsers differ:\n" + "\n".join(lines)


def _cell(cell: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(cell, dict):
        return cell
    return {"cell_type": "code", "source": cell, "outputs": [], "execution_count": None}


def _short(cell: dict[str, Any]) -> str:
    return json.dumps(cell)[:600]
