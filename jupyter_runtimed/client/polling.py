"""The transport over plain HTTP ("long polling"), for networks that block WebSockets.

One task sends frames and one task requests new frames, each in its own thread. Frames are numbered
in each direction. The client repeats a request without a response, and the server ignores frames
that it already has. `server/polling.py` is the other end.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from ..errors import BadFrame, Closed, NotThisExtension, RuntimedError, ServerUnreachable
from ..protocol.batches import pack, unpack
from ..protocol.close_codes import CloseCode
from .address import FRAMES, Address
from .transport import TransportName

T = TypeVar("T")

TRIES: Final = 6
"""The number of attempts for a request; then the connection ends."""
FIRST_PAUSE_SECONDS: Final = 0.1
BATCH_BYTES: Final = 1 << 20
"""The approximate size limit of a request; a single frame may be larger."""
BACKLOG_BYTES: Final = 4 << 20
"""`drained` waits while more bytes than this are unsent."""
log = logging.getLogger(__name__)


class PollingTransport:
    """An open polling connection as a `Transport`."""

    name: TransportName = "http"

    def __init__(self, address: Address, path: str, threads: ThreadPoolExecutor) -> None:
        """`path` is the path of the connection below the server's base url."""
        self.close_code: int = CloseCode.LOST
        self.close_reason = ""
        self._address = address
        self._path = path
        self._threads = threads
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._sent = 0
        """The number of the last frame that the server has received."""
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()
        self._received: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._closing = False
        self._tasks = [
            asyncio.create_task(self._keep(work), name=f"runtimed {path}")
            for work in (self._send_all(), self._ask_all())
        ]

    @classmethod
    async def open(cls, address: Address, room: str) -> PollingTransport:
        """Open a connection to a room.

        Raises `Closed` if the room is not open, `NotThisExtension` for a malformed response, and
        the errors of `Address.request`.
        """
        path = f"{address.room(room)}/polling"
        threads = ThreadPoolExecutor(2, thread_name_prefix="runtimed-polling")
        try:
            answer = address.read_json(await address.request("POST", path, b"", threads=threads))
            return cls(address, f"{path}/{answer['connection']}", threads)
        except BaseException as error:
            threads.shutdown(wait=False)
            if isinstance(error, KeyError | TypeError):
                raise NotThisExtension(
                    f"{address.base} sent a response that is not from jupyter-runtimed; "
                    "check the url and any proxy"
                ) from None
            raise

    # ------------------------------------------------------------ the transport

    def send(self, frames: Iterable[bytes]) -> int:
        size = 0
        for frame in frames:
            self._unsent.append(frame)
            size += len(frame)
        self._unsent_bytes += size
        self._filled.set()
        return size

    async def drained(self) -> None:
        while self._unsent_bytes > BACKLOG_BYTES and not self._closing:
            self._emptied.clear()
            await self._emptied.wait()

    async def receive(self) -> bytes | None:
        return await self._received.get()

    async def close(self, code: int = 1000) -> None:
        if self._closing:
            return
        self.close_code = code
        self._end()
        # DELETE ends the waiting GET. The peer sends unsent changes again on its next connection.
        with suppress(RuntimedError):
            await self._address.request("DELETE", self._path, None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end(self) -> None:
        self._closing = True
        self._emptied.set()
        self._received.put_nowait(None)
        self._threads.shutdown(wait=False)

    # ------------------------------------------------------------ the tasks

    async def _keep(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Closed as error:
            self.close_code, self.close_reason = error.close_code, str(error)
        except RuntimedError as error:
            self.close_reason = str(error)
        except Exception as error:  # the outermost frame of a task
            log.exception("The connection %s over HTTP failed", self._path)
            self.close_reason = str(error)
        if not self._closing:
            self._end()
            for task in self._tasks:
                if task is not asyncio.current_task():
                    task.cancel()

    async def _send_all(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._unsent:
                await self._again(self._send_some)

    async def _send_some(self) -> None:
        batch: list[bytes] = []
        size = 0
        for frame in self._unsent:
            if batch and size + len(frame) > BATCH_BYTES:
                break
            batch.append(frame)
            size += len(frame)
        where = f"{self._path}?first={self._sent + 1}"
        data = await self._request("POST", where, pack(batch))
        answer = self._address.read_json(data)
        if not isinstance(answer, dict) or answer.get("received") != self._sent + len(batch):
            raise NotThisExtension(
                f"{self._address.base} did not acknowledge the frames sent to it"
            )
        for frame in batch:
            self._unsent.popleft()
            self._unsent_bytes -= len(frame)
        self._sent += len(batch)
        self._emptied.set()

    async def _ask_all(self) -> None:
        number = 0
        while True:
            for frame in await self._again(partial(self._frames, number)):
                number += 1
                self._received.put_nowait(frame)

    async def _frames(self, number: int) -> list[bytes]:
        try:
            return unpack(await self._request("GET", f"{self._path}?after={number}", None))
        except BadFrame as error:
            raise NotThisExtension(
                f"{self._address.base} sent a truncated response: {error}"
            ) from None

    async def _request(self, method: str, where: str, body: bytes | None) -> bytes:
        return await self._address.request(
            method, where, body, content_type=FRAMES, threads=self._threads
        )

    async def _again(self, request: Callable[[], Awaitable[T]]) -> T:
        """Repeat a request up to `TRIES` times; raise the last failure."""
        for attempt in range(TRIES - 1):
            try:
                return await request()
            except ServerUnreachable as error:
                log.info("Repeating a request to %s: %s", self._path, error)
            pause_seconds = FIRST_PAUSE_SECONDS * 2**attempt
            await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 -- no secret
        return await request()
