"""Waits until a condition is true, and checks the condition after each event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..errors import RuntimedError

T = TypeVar("T")


async def within(work: Coroutine[Any, Any, T], timeout_seconds: float | None) -> T:
    """Return the result of `work`; cancel it and raise `TimeoutError` after `timeout_seconds`."""
    try:
        return await asyncio.wait_for(work, timeout_seconds)
    except asyncio.TimeoutError:  # not TimeoutError itself in Python 3.10
        raise TimeoutError(f"not within {timeout_seconds} s") from None


class Waiter:
    """Wakes all waiting tasks at each event. A `failure` ends every wait with that error."""

    def __init__(self) -> None:
        self.failure: RuntimedError | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def until(
        self, true: Callable[[], bool], *, timeout_seconds: float | None = None
    ) -> None:
        """Wait until `true()` returns True. Raises `failure`, or `TimeoutError`."""
        await within(self._until(true), timeout_seconds)

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            if self.failure is not None:
                raise self.failure
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
