"""One thread that makes things durable, in the order in which they were asked for.

Everything that was asked for since the last commit is committed together: one sync for each room,
however much was written to it. What cannot be written stays in memory and is tried again, so a full
disk stops nobody; a room whose writes are refused does not hold up the others.

               commit                          refused
    IDLE ---> (all there is) ---> durable      (all there is) ---> FAILING ---> a while later,
                                                                      |
                                                                      +--> durable

It knows order and failure. It does not know what is written, or where.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..errors import StorageError
from ..ids import RoomId
from .records import Record

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 5.0
ROOMS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Write:
    """`files` runs in the thread before `record` is written; it must bear repetition.

    Once both are durable, `done` is called on the loop, and `number`, if it has one, is reported.
    """

    room: RoomId
    number: int = 0
    record: Record | None = None
    files: Callable[[], None] | None = None
    done: Callable[[], None] | None = None


class Writer:
    """Made on the loop on which it reports.

    `commit` makes what a room's writes ask for durable, or raises. `durable` hears on the loop,
    after each commit, the highest number of the room; `failed` of rooms that have to wait.
    """

    def __init__(
        self,
        commit: Callable[[RoomId, list[Write]], None],
        *,
        durable: Callable[[dict[RoomId, int]], None],
        failed: Callable[[frozenset[RoomId], str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._commit = commit
        self._durable = durable
        self._failed = failed
        self._inbox: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(ROOMS_AT_ONCE, thread_name_prefix="runtimed-sync")
        self._waiting: list[Write] = []
        self._thread = threading.Thread(target=self._run, name="runtimed-store", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------ on the loop

    def submit(self, write: Write) -> None:
        if self._closing.is_set():
            raise StorageError("the store is closed; this server is stopping")
        self._inbox.put(write)

    async def flush(self, room: RoomId) -> None:
        """Return when everything submitted for this room so far is durable."""
        reached = self._loop.create_future()

        def done() -> None:
            if not reached.done():
                reached.set_result(None)

        self.submit(Write(room, done=done))
        await reached

    async def close(self) -> None:
        """Write what can be written; raises `StorageError` if something cannot."""
        if not self._closing.is_set():
            self._closing.set()
            self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)
        if self._waiting:
            rooms = sorted({write.room for write in self._waiting})
            raise StorageError(f"unsaved at the end, because the store failed: {', '.join(rooms)}")

    # ------------------------------------------------------------ in the thread

    def _run(self) -> None:
        pause, retry_at = FIRST_RETRY_SECONDS, 0.0
        while not (self._closing.is_set() and self._inbox.empty()):
            patience = max(retry_at - time.monotonic(), 0.0) if self._waiting else None
            ready = self._sort(self._take(patience))
            again = bool(self._waiting) and (self._closing.is_set() or time.monotonic() >= retry_at)
            if again:
                ready, self._waiting = self._waiting + ready, []
            refused = self._attempt(ready)
            self._waiting += refused
            if again or not self._waiting:
                pause = min(pause * 2, LONGEST_RETRY_SECONDS) if refused else FIRST_RETRY_SECONDS
            if refused:
                retry_at = time.monotonic() + pause
        self._pool.shutdown()

    def _take(self, patience_seconds: float | None) -> list[Write]:
        """Wait for something to do, then take all there is."""
        fresh: list[Write] = []
        try:
            item = self._inbox.get(timeout=patience_seconds)
            while True:
                if item is not None:
                    fresh.append(item)
                item = self._inbox.get_nowait()
        except queue.Empty:
            return fresh

    def _sort(self, fresh: list[Write]) -> list[Write]:
        """Queue behind what waits, room by room; what may be tried at once."""
        held = {write.room for write in self._waiting}
        self._waiting += [write for write in fresh if write.room in held]
        return [write for write in fresh if write.room not in held]

    def _attempt(self, writes: list[Write]) -> list[Write]:
        """Make these durable, each room by itself; those that were refused."""
        rooms = _by_room(writes)
        # Syncs of several files at once cost little more than one: the disk is what is waited for.
        tried = (
            map(self._try, rooms.items())
            if len(rooms) < 2
            else self._pool.map(self._try, rooms.items())
        )
        refused = {room: why for room, why in zip(rooms, tried, strict=True) if why}
        for message in set(refused.values()):
            affected = frozenset(room for room, why in refused.items() if why == message)
            self._on_loop(self._failed, affected, message)
        return [write for write in writes if write.room in refused]

    def _try(self, what: tuple[RoomId, list[Write]]) -> str:
        """Why a room's writes were refused; "" if they are durable."""
        room, writes = what
        try:
            self._commit(room, writes)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it costs a delay, not the thread
            return f"{type(error).__name__}: {error}"
        self._report(writes)
        return ""

    def _report(self, writes: list[Write]) -> None:
        numbers: dict[RoomId, int] = {}
        for write in writes:
            if write.number:
                numbers[write.room] = write.number
        done = [write.done for write in writes if write.done is not None]
        self._on_loop(self._finished, numbers, done)

    def _finished(self, numbers: dict[RoomId, int], done: list[Callable[[], None]]) -> None:
        for call in done:
            call()
        if numbers:
            self._durable(numbers)

    def _on_loop(self, call: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            log.debug("The loop has closed; nobody is left to hear from the store")


def _by_room(writes: list[Write]) -> dict[RoomId, list[Write]]:
    rooms: dict[RoomId, list[Write]] = {}
    for write in writes:
        rooms.setdefault(write.room, []).append(write)
    return rooms
