"""A thread that makes writes durable, in the order of submission.

Each commit takes all writes submitted since the last commit, with one sync per room. Failed writes
stay in memory, and the thread tries them again after a pause, so a full disk blocks no client and
the failed writes of one room do not delay other rooms.

    IDLE --- writes ---> commit --- success ---> durable
                           |  ^
                   failure |  | after a pause
                           v  |
                         FAILING

This module knows order and failure, not the content or the place of the writes.
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

from ...errors import StorageError
from ...ids import RoomId
from .log_records import Record

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 5.0
ROOMS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a room.

    `files` runs in the thread before the thread writes `record`, and must be idempotent. Once both
    are durable, the loop calls `done`, and `durable` reports `number` unless it is 0.
    """

    room: RoomId
    number: int = 0
    record: Record | None = None
    before_commit: Callable[[], None] | None = None
    done: Callable[[], None] | None = None


class CommitThread:
    """Runs the thread. Create it on the loop that receives the reports.

    `commit` makes the writes of one room durable, or raises. After each commit, the loop calls
    `durable` with the highest number of each room, and `failed` with the rooms whose writes failed
    and a message.
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
        """Wait until all writes submitted for this room so far are durable."""
        reached = self._loop.create_future()

        def done() -> None:
            if not reached.done():
                reached.set_result(None)

        self.submit(Write(room, done=done))
        await reached

    async def close(self) -> None:
        """Try all waiting writes a last time. Raises `StorageError` if any of them fails."""
        if not self._closing.is_set():
            self._closing.set()
            self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)
        if self._waiting:
            rooms = sorted({write.room for write in self._waiting})
            raise StorageError(
                f"unsaved at the end, because the store cannot be written: {', '.join(rooms)}"
            )

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
        """Wait for a write, then take all submitted writes."""
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
        """Queue new writes of failing rooms behind their waiting writes; return the others."""
        held = {write.room for write in self._waiting}
        self._waiting += [write for write in fresh if write.room in held]
        return [write for write in fresh if write.room not in held]

    def _attempt(self, writes: list[Write]) -> list[Write]:
        """Commit the writes of each room separately; return the writes that failed."""
        rooms = _by_room(writes)
        # Several parallel syncs take little longer than one sync, because all wait for the disk.
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
        """Commit the writes of a room; return the error as text, "" after success."""
        room, writes = what
        try:
            self._commit(room, writes)
        except Exception as error:  # noqa: BLE001 -- the thread must survive any error
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
            log.debug("Dropped a report of the store, because the event loop has closed")


def _by_room(writes: list[Write]) -> dict[RoomId, list[Write]]:
    rooms: dict[RoomId, list[Write]] = {}
    for write in writes:
        rooms.setdefault(write.room, []).append(write)
    return rooms
