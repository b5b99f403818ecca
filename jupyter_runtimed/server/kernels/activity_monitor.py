"""A cheaper form of Jupyter Server's activity monitor, for kernels that publish many messages.

Jupyter Server handles each iopub message in a separate turn of the event loop, to know the kernel's
state and the time of its last activity. With thousands of messages this delays every client. Here
the monitor reads many messages in one turn. The monitor passes on every status message, but only
one message per `PACE_SECONDS` of all others, because the time of the last activity need not be
more exact.
"""

from __future__ import annotations

import time
from typing import Any

import zmq

PACE_SECONDS = 0.05
"""The allowed error of the time of the last activity."""
NAP_SECONDS = 0.02
"""The shortest pause after all available messages have been read."""
AT_ONCE = 200
"""The largest number of messages read in one turn of the loop."""


def lighten(kernel: Any) -> None:
    """Replace the reader of this kernel's activity monitor, if the kernel has such a monitor."""
    stream = getattr(kernel, "_activity_stream", None)
    if stream is not None and getattr(stream, "_recv_callback", None) is not None:
        _Light(stream)


class _Light:
    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._record = stream._recv_callback  # noqa: SLF001 -- the callback given to `on_recv`
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
    """Return whether the header contains "status", without parsing the header."""
    try:
        header = parts[parts.index(b"<IDS|MSG>") + 2]
    except (ValueError, IndexError):
        return True
    return b"status" in header
