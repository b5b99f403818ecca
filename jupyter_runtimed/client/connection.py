"""The wire under a peer: one WebSocket after another, with waiting in between.

It knows sockets, tasks and time; what the frames mean is the peer's business. One task reads
and is the only one that waits; frames are written to the socket in the tick that makes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)
from websockets.protocol import State

from ..errors import (
    BadFrame,
    Closing,
    DocumentError,
    Forbidden,
    NotFound,
    PeerError,
    RuntimedError,
    Unreachable,
)
from ..protocol.happened import Happened
from ..protocol.peer import Peer
from .address import Address, error_of

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
PING_SECONDS: Final = 20.0
OPEN_SECONDS: Final = 30.0

FATAL: Final = {
    4400: BadFrame,
    4401: Forbidden,
    4403: Forbidden,
    4409: PeerError,
}
"""Close codes after which another try would end the same way."""
NO_SUCH_ROOM: Final = 4404
log = logging.getLogger(__name__)


class Connection:
    """Keeps `peer` connected until it is stopped, or something happens that waiting cannot mend."""

    def __init__(
        self,
        address: Address,
        path: str,
        peer: Peer,
        tell: Callable[[Sequence[Happened]], None],
    ) -> None:
        """`tell` is called with what happened, and with nothing when only the state changed."""
        self.address = address
        self.path = path
        self.failure: RuntimedError | None = None
        self.sent_bytes = 0
        self.received_bytes = 0
        self._peer = peer
        self._tell = tell
        self._room: str | None = None
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._socket is not None

    async def start(self) -> None:
        """Connect for the first time; raises what stands in the way."""
        socket = await self._connect()
        self._task = asyncio.create_task(self._keep(socket), name=f"runtimed {self.path}")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if self._socket is not None:
            await self._socket.close()
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def flush(self) -> None:
        """Hand what the peer has to say to the socket, now."""
        socket = self._socket
        if socket is None:
            return
        # `send` of this socket is a coroutine, and would let a tick pass for each frame.
        if socket.protocol.state is not State.OPEN:
            return
        for frame in self._peer.drain():
            socket.protocol.send_binary(frame)
            self.sent_bytes += len(frame)
        socket.send_data()

    async def drained(self) -> None:
        """Wait while more is on its way to the socket than it takes."""
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed, OSError):
                await self._socket.drain()

    # ------------------------------------------------------------ the task

    async def _keep(self, socket: ClientConnection | None) -> None:
        pause_seconds = FIRST_PAUSE_SECONDS
        try:
            while True:
                if socket is not None and await self._talk(socket):
                    pause_seconds = FIRST_PAUSE_SECONDS
                await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311
                pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
                socket = await self._try_again()
        except RuntimedError as error:
            self.failure = error
        except Exception as error:  # a task's edge
            log.exception("the connection of %s failed", self.path)
            self.failure = RuntimedError(f"the client failed: {error}")
        finally:
            self._tell(self._peer.disconnected())

    async def _try_again(self) -> ClientConnection | None:
        try:
            return await self._connect()
        except (Unreachable, Closing) as error:
            log.info("%s is not reached yet: %s", self.path, error)
            return None

    async def _connect(self) -> ClientConnection:
        """Open a socket of the room that is known, or of the one that the path has now."""
        if self._room is not None:
            try:
                return await self._open(self._room)
            except NotFound:
                self._room = None
        self._room, self.path = await self.address.open_room(self.path)
        return await self._open(self._room)

    async def _open(self, room: str) -> ClientConnection:
        url = self.address.socket(room)
        try:
            return await connect(
                url,
                additional_headers=self.address.headers,
                compression=None,
                max_size=None,
                open_timeout=OPEN_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=3 * PING_SECONDS,
                close_timeout=2,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if status == 404:
                raise NotFound(f"{url}: no such room") from error
            raise error_of(status, bytes(error.response.body or b""), url) from error
        except (OSError, InvalidHandshake, WebSocketException) as error:
            raise Unreachable(f"no WebSocket at {url}: {error}") from error

    async def _talk(self, socket: ClientConnection) -> bool:
        """Speak for the peer until the connection ends: whether it was of any use.

        Raises what makes another connection useless.
        """
        self._socket = socket
        try:
            for frame in self._peer.connected():
                await socket.send(frame)
                self.sent_bytes += len(frame)
            async for message in socket:
                self._take(message)
        except ConnectionClosed:
            pass
        except (BadFrame, DocumentError) as error:
            log.warning("the server of %s sent what cannot be read: %s", self.path, error)
            await socket.close(1002)
        finally:
            self._socket = None
        useful = self._peer.live
        self._judge(socket)
        self._tell(self._peer.disconnected())
        return useful

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            raise BadFrame("frames are binary")
        self.received_bytes += len(message)
        happened = self._peer.received(message)
        if self._peer.outbox:
            self.flush()
        if happened:
            self._tell(happened)

    def _judge(self, socket: ClientConnection) -> None:
        code, reason = socket.close_code or 1006, socket.close_reason or ""
        if code == NO_SUCH_ROOM:
            self._room = None
        elif (kind := FATAL.get(code)) is not None:
            raise kind(f"the server closed the connection of {self.path}: {reason or code}")
