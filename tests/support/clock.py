"""Simulated time: a seed decides the order of events, and nothing waits in real time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable


class Clock:
    """Milliseconds since the simulation began; simultaneous actions run in seeded order."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 1_700_000_000_000
        self._agenda: list[tuple[int, float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, time_ms: int, do: Callable[[], None]) -> None:
        self._count += 1
        entry = (max(time_ms, self.now), self.random.random(), self._count, do)
        heapq.heappush(self._agenda, entry)

    def after(self, delay_ms: int, do: Callable[[], None]) -> None:
        self.at(self.now + delay_ms, do)

    def step(self, until_ms: int | None = None) -> bool:
        """Run the next action; return False if there is none before `until_ms`."""
        if not self._agenda or (until_ms is not None and self._agenda[0][0] > until_ms):
            if until_ms is not None:
                self.now = max(self.now, until_ms)
            return False
        time_ms, _, _, do = heapq.heappop(self._agenda)
        self.now = max(self.now, time_ms)
        do()
        return True
