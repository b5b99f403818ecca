"""A client that types continuously and records the acknowledged words."""

from __future__ import annotations

import asyncio
import random

import jupyter_runtimed
from jupyter_runtimed.client import LiveNotebook

from ..client.live_server import TOKEN, LiveServer

TIMEOUT_SECONDS = 60


class Typist:
    """Appends numbered words to one cell every `pause_seconds` until stopped."""

    def __init__(self, nb: LiveNotebook, cell: str, pause_seconds: float) -> None:
        self.nb = nb
        self.cell = cell
        self.words: list[str] = []
        self._sure = 0
        self._pause_seconds = pause_seconds
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def connect(
        cls, server: LiveServer, path: str, cell: str, pause_seconds: float
    ) -> Typist:
        nb = await jupyter_runtimed.connect(server.url, path, TOKEN)
        return cls(nb, cell, pause_seconds)

    @property
    def acknowledged(self) -> list[str]:
        """The words that were typed when no change was pending for the last time.

        The number of pending changes is not the number of words, because a rebase combines many
        changes into one.
        """
        self._look()
        return self.words[: self._sure]

    def _look(self) -> None:
        if self.nb.pending_edits == 0:
            self._sure = len(self.words)

    def begin(self) -> None:
        self._task = asyncio.create_task(self._type())

    async def _type(self) -> None:
        while True:
            self._look()
            word = f"{self.cell}{len(self.words)} "
            self.words.append(word)
            self.nb.insert_now(self.cell, len(self.nb.source(self.cell)), word)
            await asyncio.sleep(self._pause_seconds * random.uniform(0.5, 1.5))

    async def more(self, count: int = 20) -> None:
        """Wait until this many more words are acknowledged."""
        goal = len(self.acknowledged) + count
        await self.nb.wait_for(lambda: len(self.acknowledged) >= goal, TIMEOUT_SECONDS)

    async def typed(self, count: int) -> None:
        """Wait until this many more words are typed, acknowledged or not."""
        goal = len(self.words) + count
        while len(self.words) < goal:  # noqa: ASYNC110 -- it types in its own time
            await asyncio.sleep(self._pause_seconds)

    async def pause(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def finish(self) -> None:
        """Stop typing, and wait until everything is acknowledged."""
        await self.pause()
        await self.nb.wait_acknowledged(TIMEOUT_SECONDS)

    async def leave(self) -> None:
        await self.pause()
        await self.nb.close()
