"""A client that types twenty characters a second and checks that none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle

from jupyter_runtimed.client import LiveNotebook
from jupyter_runtimed.ids import CellId

PAUSE_SECONDS = 0.05
LETTERS = "αβγδεζηθικλμνξοπρστυφχψω"
"""Characters that no program of these tests writes, so typed text can be recognised."""


class Typist:
    """Types at the end of a cell, behind a comment sign, until stopped."""

    def __init__(self, live: LiveNotebook, cell: str) -> None:
        self._live = live
        self._cell = CellId(cell)
        self.typed = ""

    async def work(self) -> None:
        await self._live.append(self._cell, "\n# ")
        for letter in cycle(LETTERS):
            await self._live.append(self._cell, letter)
            self.typed += letter
            await asyncio.sleep(
                PAUSE_SECONDS
            )  # This sleep is the rhythm of typing, not a wait for an event.

    async def types_more(self, count: int) -> None:
        wanted = len(self.typed) + count
        await self._live.wait_for(lambda: len(self.typed) >= wanted, 60)


@asynccontextmanager
async def typing(live: LiveNotebook, cell: str) -> AsyncIterator[Typist]:
    typist = Typist(live, cell)
    task = asyncio.create_task(typist.work())
    try:
        yield typist
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def letters(text: str) -> str:
    """Return the part of a text that a typist typed."""
    return "".join(letter for letter in text if letter in LETTERS)
