"""Keeps a peer connected: opens transports and reconnects with increasing pauses.

This module knows transports, tasks and time; the peer interprets the frames. A single task reads
and reconnects. `flush` hands new frames to the transport without waiting. The transport is a
WebSocket, or plain HTTP where a proxy blocks WebSockets (`transport_choice`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ..errors import (
    BadFrame,
    Closed,
    DocumentError,
    Forbidden,
    LoggedOut,
    LoginWanted,
    NoWebSocket,
    PeerError,
    RuntimedError,
    ServerClosing,
    ServerUnreachable,
)
from ..peer.events import PeerEvent
from ..peer.peer import Peer
from ..protocol.close_codes import CloseCode
from .address import Address
from .transport import Transport, TransportName
from .transport_choice import TransportChoice

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 10.0
FIRST_FRAME_SECONDS: Final = 20.0
"""The timeout for the first frame of a connection."""

FATAL: Final[Mapping[int, type[RuntimedError]]] = {
    CloseCode.BAD_FRAME: BadFrame,
    CloseCode.LOGGED_OUT: LoggedOut,
    CloseCode.FORBIDDEN: Forbidden,
    CloseCode.OTHER_PROTOCOL: PeerError,
}
"""The error for each close code after which reconnecting is useless."""
OWN_CODES: Final = range(4000, 5000)
WILL_PASS: Final = (ServerUnreachable, ServerClosing, Closed, LoginWanted)
"""Errors after which the client reconnects, because they may not be the room's own answer."""
log = logging.getLogger(__name__)


class Connection:
    """Keeps `peer` connected until `stop`, or until an error that reconnecting cannot fix."""

    def __init__(
        self,
        address: Address,
        path: str,
        peer: Peer,
        tell: Callable[[Sequence[PeerEvent]], None],
    ) -> None:
        """Call `tell` with each batch of events; with no events if only the state changed."""
        self.address = address
        self.path = path
        self.failure: RuntimedError | None = None
        self.waiting_for = ""
        """The reason for the missing connection, as text; "" while connected."""
        self.sent_bytes = 0
        self.received_bytes = 0
        self._peer = peer
        self._tell = tell
        self._room: str | None = None
        self._ways = TransportChoice(address)
        self._transport: Transport | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._transport is not None

    @property
    def transport(self) -> TransportName | None:
        """The transport of the frames: "websocket", or the slower "http"; None if disconnected."""
        return None if self._transport is None else self._transport.name

    async def start(self) -> None:
        """Connect for the first time; raises any error that prevents the connection."""
        transport = None
        while transport is None:
            try:
                transport = await self._connect()
            except NoWebSocket:
                # The server answers plain HTTP, so the last try falls back to plain HTTP.
                await asyncio.sleep(FIRST_PAUSE_SECONDS)
        self._task = asyncio.create_task(self._keep(transport), name=f"runtimed {self.path}")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if self._transport is not None:
            await self._transport.close()
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._ways.close()

    def flush(self) -> None:
        """Pass the peer's pending frames to the transport at once."""
        if self._transport is not None:
            self.sent_bytes += self._transport.send(self._peer.drain())

    async def drained(self) -> None:
        """Wait until the transport's send buffer is below its limit."""
        if self._transport is not None:
            await self._transport.drained()

    # ------------------------------------------------------------ the task

    async def _keep(self, transport: Transport | None) -> None:
        pause_seconds = FIRST_PAUSE_SECONDS
        try:
            while True:
                if transport is not None and await self._talk(transport):
                    pause_seconds = FIRST_PAUSE_SECONDS
                if not self._ways.better:
                    await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 -- no secret
                    pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
                transport = await self._try_again()
        except RuntimedError as error:
            self.failure = error
        except Exception as error:  # the outermost frame of a task
            log.exception("The connection of %s failed", self.path)
            self.failure = RuntimedError(f"the client failed: {error}; open the notebook again")
        finally:
            self._tell(self._peer.disconnected())

    async def _try_again(self) -> Transport | None:
        try:
            return await self._connect()
        except WILL_PASS as error:
            log.info("No connection to %s yet, trying again: %s", self.path, error)
            if str(error) != self.waiting_for:
                self.waiting_for = str(error)
                self._tell(())
            return None

    async def _connect(self) -> Transport:
        """Connect to the known room, or else to the current room of the path."""
        if self._room is not None:
            try:
                return await self._ways.open(self._room, http_answers=False)
            except (NoWebSocket, Closed):
                # Ask for the room by HTTP, because its error explains the failure.
                self._room = None
        room, self.path = await self.address.open_room(self.path)
        transport = await self._ways.open(room, http_answers=True)
        self._room = room
        return transport

    async def _talk(self, transport: Transport) -> bool:
        """Exchange frames until the connection ends; return whether the peer became live.

        Raises an error of `FATAL` if reconnecting is useless.
        """
        self._transport = transport
        try:
            self.sent_bytes += transport.send(self._peer.connected())
            await self._listen(transport)
        except (BadFrame, DocumentError) as error:
            log.warning("Invalid frame from the server of %s, reconnecting: %s", self.path, error)
            await transport.close(1002)
        finally:
            self._transport = None
        useful = self._peer.live
        self._judge(transport)
        self._tell(self._peer.disconnected())
        return useful

    async def _listen(self, transport: Transport) -> None:
        try:
            first = await asyncio.wait_for(transport.receive(), FIRST_FRAME_SECONDS)
        except asyncio.TimeoutError:  # not TimeoutError itself in Python 3.10
            first = None
            await transport.close(1002)
        if first is None:
            if transport.close_code not in OWN_CODES:
                self._ways.carries_nothing(transport)
            return
        self._ways.carries(transport)
        self.waiting_for = ""
        self._take(first)
        while (message := await transport.receive()) is not None:
            self._take(message)

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            raise BadFrame("the message is text, not a binary frame")
        self.received_bytes += len(message)
        happened = self._peer.received(message)
        if self._peer.outbox:
            self.flush()
        if happened:
            self._tell(happened)

    def _judge(self, transport: Transport) -> None:
        code, reason = transport.close_code, transport.close_reason
        if code == CloseCode.NO_SUCH_ROOM:
            self._room = None
        elif (kind := FATAL.get(code)) is not None:
            kept = self._peer.pending_edits
            unsent = f" ({kept} edits exist only in this program, not on the server)"
            why = f"{reason or code}{unsent if kept else ''}"
            raise kind(f"the server closed the connection of {self.path}: {why}")
