"""Two people at two browsers, looking at one notebook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.async_api import Browser
from playwright.async_api import TimeoutError as PlaywrightTimeout

from .browser import PATIENCE_MS, Person
from .lab import Lab
from .seeing import LAY, SAME, SNAPSHOT, SOUND

TRIES = 4


class Pair:
    def __init__(self, ana: Person, ben: Person) -> None:
        self.ana = ana
        self.ben = ben

    @classmethod
    async def arrive(cls, browser: Browser, lab: Lab, path: str, shots: Path) -> Pair:
        ana = await Person.arrive(browser, lab, path, shots)
        return cls(ana, await Person.arrive(browser, lab, path, shots))

    @property
    def people(self) -> tuple[Person, Person]:
        return self.ana, self.ben

    async def lay(self, *cells: str | dict[str, Any]) -> None:
        """The notebook has just these cells; nothing can be undone, and nothing is asked."""
        for person in self.people:
            await person.dismiss()
        await self.ana.page.evaluate(LAY, [_cell(cell) for cell in cells])
        await self.agree()
        for person in self.people:
            # A person who stood in a cell that is gone is offered its text.
            for field in await person.page.locator(
                ".jp-RuntimedDeletedCellText .jp-mod-reject"
            ).all():
                await field.click()
            person.complaints.clear()
            await person.forget_dialogs()

    async def agree(self, timeout_ms: int = PATIENCE_MS) -> list[dict[str, Any]]:
        """Both have the same, in wrappers, document, widgets and editors. Returns the cells.

        What Ana has may still change when she is looked at, so Ben is held against her again.
        """
        for attempt in range(TRIES):
            await self.ana.page.wait_for_function(SOUND, timeout=timeout_ms)
            mine = (await self.ana.page.evaluate(SNAPSHOT))["cells"]
            # As the page writes it, so that nothing hangs on how Python writes JSON.
            text = await self.ana.page.evaluate("value => JSON.stringify(value)", mine)
            try:
                await self.ben.page.wait_for_function(SAME, arg=text, timeout=timeout_ms / TRIES)
            except PlaywrightTimeout:
                if attempt == TRIES - 1:
                    raise AssertionError(await self._difference(mine)) from None
            else:
                return list(mine)
        raise AssertionError("not reached")

    async def content(self) -> bool:
        """No errors in either console, and nobody was told that the file has changed."""
        for person in self.people:
            assert person.complaints == [], "\n".join(person.complaints)
            unwanted = [said for said in await person.dialogs_seen() if "hanged" in said]
            assert unwanted == [], "\n".join(unwanted)
        return True

    async def leave(self) -> None:
        await self.ana.leave()
        await self.ben.leave()

    async def _difference(self, mine: list[dict[str, Any]]) -> str:
        theirs = await self.ben.page.evaluate(SNAPSHOT)
        lines = [f"Ben: {fault}" for fault in theirs["faults"]]
        pairs = zip(mine, theirs["cells"], strict=False)
        lines += [f"Ana {_short(a)}\nBen {_short(b)}" for a, b in pairs if a != b]
        lines.append(f"{len(mine)} cells against {len(theirs['cells'])}")
        return "the two browsers differ:\n" + "\n".join(lines)


def _cell(cell: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(cell, dict):
        return cell
    return {"cell_type": "code", "source": cell, "outputs": [], "execution_count": None}


def _short(cell: dict[str, Any]) -> str:
    return json.dumps(cell)[:600]
