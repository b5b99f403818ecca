"""The WebSocket transport to a room."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)
from websockets.protocol import State

from ..errors import NoWebSocket
from ..protocol.close_codes import CloseCode
from .address import Address
from .responses import OWN_HEADER, error_of
from .transport import TransportName

PING_SECONDS: Final = 10.0
"""Some proxies close a socket that carried no data for 15 s."""
PONG_SECONDS: Final = 60.0
OPEN_SECONDS: Final = 30.0
CLOSE_SECONDS: Final = 2.0
CERTAIN: Final = frozenset({401, 403})
"""Statuses of a handshake after which another attempt is useless."""


class _NoRedirects(connect):
    """Follows no redirect, so that no login page or other server receives the token."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebSocketTransport:
    """An open WebSocket as a `Transport`."""

    name: TransportName = "websocket"

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def open(cls, address: Address, room: str) -> WebSocketTransport:
        """Open a WebSocket to a room.

        Raises `Forbidden` if the server rejects the token, `NoWebSocket` for any other failure.
        """
        url = address.socket(room)
        try:
            socket = await _NoRedirects(
                url,
                additional_headers=address.headers,
                compression=None,
                max_size=None,
                open_timeout=OPEN_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=PONG_SECONDS,
                close_timeout=CLOSE_SECONDS,
            )
        except InvalidStatus as error:
            answer = error.response
            if OWN_HEADER in answer.headers and answer.status_code in CERTAIN:
                body = bytes(answer.body or b"")
                raise error_of(answer.status_code, answer.headers, body, url) from error
            # The extension itself answers 400 if a proxy has removed the `Upgrade` header.
            status = f"{answer.status_code} {answer.reason_phrase}".strip()
            raise NoWebSocket(f"no WebSocket at {url}: {status}") from error
        except (OSError, InvalidHandshake, WebSocketException) as error:
            raise NoWebSocket(f"no WebSocket at {url}: {error}") from error
        return cls(socket)

    @property
    def close_code(self) -> int:
        return self._socket.close_code or CloseCode.LOST

    @property
    def close_reason(self) -> str:
        return self._socket.close_reason or ""

    def send(self, frames: Iterable[bytes]) -> int:
        """Send frames at once; the library's own `send` is a coroutine and would yield per frame.

        Return their size in bytes; 0 if the socket is closed.
        """
        if self._socket.protocol.state is not State.OPEN:
            return 0
        size = 0
        for frame in frames:
            self._socket.protocol.send_binary(frame)
            size += len(frame)
        self._socket.send_data()
        return size

    async def drained(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            await self._socket.drain()

    async def receive(self) -> str | bytes | None:
        try:
            return await self._socket.recv()
        except ConnectionClosed:
            return None

    async def close(self, code: int = 1000) -> None:
        await self._socket.close(code)
