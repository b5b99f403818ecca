"""One thread that makes things durable, in the order in which they were asked for.

Everything that was asked for since the last commit goes into one transaction: one fsync, however
many wrote. What cannot be written stays in memory and is tried again, so a full disk stops nobody;
a room whose writes are refused does not hold up the others.

               commit                          refused
    IDLE ---> (all there is) ---> durable      (all there is) ---> FAILING ---> a while later,
                                                                      |         room by room
                                                                      +--> durable

It knows transactions, order and failure. It does not know what is written.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import StorageError
from ..ids import RoomId

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Write:
    """`files` runs before the transaction and `rows` inside it; both must bear repetition.

    Once it is durable, `done` is called on the loop, and `number`, if it has one, is reported.
    """

    room: RoomId
    number: int = 0
    rows: Callable[[sqlite3.Connection], None] | None = None
    files: Callable[[], None] | None = None
    done: Callable[[], None] | None = None


class Writer:
    """Made on the loop on which it reports.

    `durable` hears on the loop, once for each commit, the highest number of each room in it;
    `failed` of rooms that have to wait. `committed` is called in the thread after a commit was
    reported, for what can be done when nobody waits.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        *,
        durable: Callable[[dict[RoomId, int]], None],
        failed: Callable[[frozenset[RoomId], str], None],
        committed: Callable[[sqlite3.Connection], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connect = connect
        self._durable = durable
        self._failed = failed
        self._committed = committed
        self._connection: sqlite3.Connection | None = None
        self._inbox: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._closing = threading.Event()
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
        self._disconnect()

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
        """Make these durable; those that were refused."""
        if not writes:
            return []
        try:
            self._commit(writes)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it costs a delay, not the thread
            return self._by_room(writes, error)
        self._report(writes)
        self._housekeep()
        return []

    def _by_room(self, writes: list[Write], first: Exception) -> list[Write]:
        """After a failure: let each room succeed or wait on its own."""
        rooms = dict.fromkeys(write.room for write in writes)
        refused: dict[RoomId, str] = {}
        for room in rooms:
            mine = [write for write in writes if write.room == room]
            try:
                if len(rooms) == 1:
                    raise first
                self._commit(mine)
            except Exception as error:  # noqa: BLE001 -- as above
                self._disconnect()
                refused[room] = f"{type(error).__name__}: {error}"
            else:
                self._report(mine)
        for message in set(refused.values()):
            affected = frozenset(room for room, why in refused.items() if why == message)
            self._on_loop(self._failed, affected, message)
        return [write for write in writes if write.room in refused]

    def _commit(self, writes: list[Write]) -> None:
        for write in writes:
            if write.files is not None:
                write.files()
        if all(write.rows is None for write in writes):
            return
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for write in writes:
                if write.rows is not None:
                    write.rows(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

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

    def _housekeep(self) -> None:
        if self._connection is None:
            return
        try:
            self._committed(self._connection)
        except (sqlite3.Error, OSError) as error:
            log.warning("Housekeeping of the store failed (%s); it is tried again later", error)

    def _on_loop(self, call: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            log.debug("The loop has closed; nobody is left to hear from the store")

    def _disconnect(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error:
                log.debug("The store's connection did not close", exc_info=True)
            self._connection = None
