"""Memory that was freed, given back to the system.

To open a room takes several times the memory that it keeps, and glibc keeps what was freed for the
thread that had it. So of 100 open rooms of 100 cells three quarters of the memory was air.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final

SOON_SECONDS: Final = 1.0


class Freed:
    """On the loop. Giving back takes some milliseconds of a thread, so it is done once for many."""

    def __init__(self) -> None:
        self._trim = _malloc_trim()
        self._timer: asyncio.TimerHandle | None = None

    def give_back_soon(self) -> None:
        if self._trim is not None and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SOON_SECONDS, self._give_back, self._trim)

    def _give_back(self, trim: Callable[[int], int]) -> None:
        self._timer = None
        asyncio.get_running_loop().run_in_executor(None, trim, 0)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's; other C libraries have none and need none."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    found: Callable[[int], int] = trim
    return found
