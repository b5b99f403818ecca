"""The timer of a room on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class RoomTimer:
    """Calls `fire` at the room's time. A new time replaces the previous one.

    Each keystroke moves the time of the next save, so a new timer each time would be slow. An
    earlier timer therefore stays, and is set again when it fires.
    """

    def __init__(self, fire: Callable[[], None]) -> None:
        self.due_ms = 0
        """The time of the room (ms) at which to call `fire`."""
        self._fire = fire
        self._loop = asyncio.get_running_loop()
        self._due_at = 0.0
        """The same time on the event loop's monotonic clock."""
        self._handle: asyncio.TimerHandle | None = None

    def set(self, at_ms: int, *, now_ms: int) -> None:
        self.due_ms = at_ms
        self._due_at = self._loop.time() + (at_ms - now_ms) / 1000
        if self._handle is None or self._handle.when() > self._due_at:
            self._start()

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _start(self) -> None:
        self.cancel()
        self._handle = self._loop.call_at(self._due_at, self._woken)

    def _woken(self) -> None:
        fired_at = self._handle.when() if self._handle is not None else self._due_at
        self._handle = None
        if fired_at < self._due_at:
            self._start()
        else:
            self._fire()
