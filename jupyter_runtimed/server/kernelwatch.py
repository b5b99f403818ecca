"""Jupyter Server's own watch of what a kernel publishes, made light where much is published.

It reads each message on the event loop, to know whether the kernel is busy and when something
happened in it last. Of ten thousand prints each would cost everybody a turn of the loop. Here they
are read many at a time, and only what tells the kernel's state is passed on as ever; of everything
else one message in a while, which is as exact as the time of the last one need be.
"""

from __future__ import annotations

import time
from typing import Any

import zmq

PACE_SECONDS = 0.05
"""How late the time of the last activity may be."""
NAP_SECONDS = 0.02
"""After a look, the next one comes no sooner than this."""
AT_ONCE = 200
"""Messages read in one turn of the loop."""


def lighten(kernel: Any) -> None:
    """Read what the watch of this kernel reads; nothing happens where there is no such watch."""
    stream = getattr(kernel, "_activity_stream", None)
    if stream is not None and getattr(stream, "_recv_callback", None) is not None:
        _Light(stream)


class _Light:
    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._record = stream._recv_callback  # noqa: SLF001 -- what `on_recv` was given
        self._passed_at = float("-inf")
        stream.on_recv(self._look)

    def _look(self, parts: list[bytes]) -> None:
        for _ in range(AT_ONCE):
            self._take(parts)
            try:
                parts = self._stream.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                self._stream.stop_on_recv()
                self._stream.io_loop.call_later(NAP_SECONDS, self._wake)
                return
        self._take(parts)

    def _wake(self) -> None:
        if not self._stream.closed():
            self._stream.on_recv(self._look)

    def _take(self, parts: list[bytes]) -> None:
        now = time.monotonic()
        if now - self._passed_at >= PACE_SECONDS or _may_be_status(parts):
            self._passed_at = now
            self._record(parts)


def _may_be_status(parts: list[bytes]) -> bool:
    """Whatever form headers have, the type is written in it as it is."""
    try:
        header = parts[parts.index(b"<IDS|MSG>") + 2]
    except (ValueError, IndexError):
        return True
    return b"status" in header
