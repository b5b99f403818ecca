"""Waiting for something to become true, looked at whenever something happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..errors import RuntimedError

T = TypeVar("T")


async def within(work: Coroutine[Any, Any, T], timeout_seconds: float | None) -> T:
    """The result of `work`; cancels it and raises `TimeoutError` if it takes longer."""
    try:
        return await asyncio.wait_for(work, timeout_seconds)
    except asyncio.TimeoutError:  # another class in Python 3.10
        raise TimeoutError(f"not within {timeout_seconds} s") from None


class News:
    """Tells all who wait that there is news. `failure` ends every waiting, now and later."""

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
        """Wait until `true()`. Raises the failure, or `TimeoutError`."""
        await within(self._until(true), timeout_seconds)

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            if self.failure is not None:
                raise self.failure
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
