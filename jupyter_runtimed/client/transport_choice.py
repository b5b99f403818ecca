"""Chooses the transport to a room: a WebSocket, or plain HTTP where WebSockets fail.

The client falls back to plain HTTP after `TRIES` failed handshakes of a server that answers plain
HTTP. It then keeps trying a WebSocket in the background and switches once one opens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final
from urllib.parse import urlsplit

from ..errors import NoWebSocket, RuntimedError
from .address import Address
from .polling import PollingTransport
from .transport import Transport
from .websocket import WebSocketTransport

TRIES: Final = 3
"""The number of failed WebSocket handshakes before the fallback to plain HTTP."""
FIRST_RETRY_SECONDS: Final = 60.0
LONGEST_RETRY_SECONDS: Final = 900.0
log = logging.getLogger(__name__)


class TransportChoice:
    """Opens the transports of one notebook, one after another."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._failed = 0
        """The number of failed handshakes since a WebSocket last carried a frame."""
        self._better: WebSocketTransport | None = None
        self._search: asyncio.Task[None] | None = None
        self._retry_seconds = FIRST_RETRY_SECONDS

    @property
    def better(self) -> bool:
        """Whether a WebSocket has opened that can replace plain HTTP."""
        return self._better is not None

    async def open(self, room: str, *, http_answers: bool) -> Transport:
        """Open a transport to a room.

        `http_answers` says whether the server has just answered a plain HTTP request; only then
        does a failed handshake count against WebSockets. Raises `NoWebSocket` for the first
        `TRIES - 1` failed handshakes, and then the errors of `PollingTransport.open`.
        """
        socket, self._better = self._better, None
        if socket is not None:
            return socket
        if self._failed < TRIES:
            try:
                return await WebSocketTransport.open(self._address, room)
            except NoWebSocket as error:
                self._failed += http_answers
                if self._failed < TRIES:
                    raise
                path = urlsplit(self._address.socket(room)).path
                log.warning(
                    "%s. A proxy must pass WebSockets at %s; "
                    "until then this client uses plain HTTP, which is slower",
                    error,
                    path,
                )
        polling = await PollingTransport.open(self._address, room)
        await self._stop_searching()
        self._search = asyncio.create_task(self._look_for_better(polling, room))
        return polling

    def carries(self, transport: Transport) -> None:
        """Record that a frame arrived over this transport."""
        if transport.name == "websocket":
            self._failed = 0
            self._retry_seconds = FIRST_RETRY_SECONDS

    def carries_nothing(self, transport: Transport) -> None:
        """Count a connection that ended before its first frame as a failed handshake."""
        if transport.name == "websocket":
            self._failed += 1

    async def close(self) -> None:
        await self._stop_searching()
        socket, self._better = self._better, None
        if socket is not None:
            await socket.close()

    async def _stop_searching(self) -> None:
        search, self._search = self._search, None
        if search is not None:
            search.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await search

    async def _look_for_better(self, current: Transport, room: str) -> None:
        while True:
            await asyncio.sleep(self._retry_seconds)
            self._retry_seconds = min(self._retry_seconds * 2, LONGEST_RETRY_SECONDS)
            try:
                self._better = await WebSocketTransport.open(self._address, room)
            except RuntimedError as error:
                log.debug("Still using plain HTTP: %s", error)
            else:
                await current.close()
                return
