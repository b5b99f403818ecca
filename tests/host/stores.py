"""Shared helpers of the store tests."""

import asyncio

from jupyter_runtimed.ids import Epoch, RoomId

AT = 1_000
"""The time of a save in milliseconds."""
ROOM, OTHER = RoomId("room"), RoomId("other")
ONE, TWO = Epoch("one"), Epoch("two")


class StoreListener:
    """Records a store's reports, and waits for future ones."""

    def __init__(self):
        self.durable = 0
        self.reports = []
        self.failures = []
        self._changed = asyncio.Event()

    def on_durable(self, number):
        self.durable = number
        self.reports.append(number)
        self._changed.set()

    def on_failed(self, message):
        self.failures.append(message)
        self._changed.set()

    async def until(self, condition):
        while not condition():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 30)


def whole_text(data: bytes) -> bytes:
    """A stand-in for Automerge in tests where only the order matters."""
    return data
