"""The interface of a connection that carries frames to and from a room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol, TypeAlias

TransportName: TypeAlias = Literal["websocket", "http"]


class Transport(Protocol):
    """One connection. `close_code` and `close_reason` have the values of a WebSocket's close."""

    name: TransportName

    @property
    def close_code(self) -> int: ...

    @property
    def close_reason(self) -> str: ...

    def send(self, frames: Iterable[bytes]) -> int:
        """Queue frames without waiting; return their size in bytes."""

    async def drained(self) -> None:
        """Wait until the send buffer is below its limit."""

    async def receive(self) -> str | bytes | None:
        """Return the next frame; None when the connection has ended."""

    async def close(self, code: int = 1000) -> None:
        """Close the connection; `receive` then returns None."""
