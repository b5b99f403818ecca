"""Returns freed memory to the operating system.

Opening a room takes several times the memory that the room keeps, and glibc keeps freed memory for
the thread that used it. Without trimming, 100 open rooms of 100 cells used four times the memory
that they needed.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable
from typing import Final

SOON_SECONDS: Final = 1.0


class MemoryTrimmer:
    """Trims memory once for many requests, because a trim takes milliseconds. Use on the loop."""

    def __init__(self) -> None:
        self._trim = _malloc_trim()
        self._timer: asyncio.TimerHandle | None = None
        self._collect = False

    def trim_soon(self, *, collect: bool = False) -> None:
        """Return freed memory to the system soon; `collect` runs the garbage collector first.

        A closed room is part of reference cycles, and the collector cannot see the size of its
        document. A collection blocks the loop for about 0.1 s, so use `collect` only after the
        document of a room was archived.
        """
        self._collect |= collect
        if self._trim is not None and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SOON_SECONDS, self._give_back, self._trim)

    def _give_back(self, trim: Callable[[int], int]) -> None:
        self._timer = None
        if self._collect:
            self._collect = False
            gc.collect()
        asyncio.get_running_loop().run_in_executor(None, trim, 0)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _malloc_trim() -> Callable[[int], int] | None:
    """Return glibc's `malloc_trim`; None for other C libraries, which do not need it."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    found: Callable[[int], int] = trim
    return found
