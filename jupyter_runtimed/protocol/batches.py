"""Pack several frames into one HTTP body, for connections without a WebSocket.

Each frame follows its size as four bytes in network order. The sequence numbers of the frames are
in the requests, not in the batch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from ..errors import BadFrame

SIZE: Final = struct.Struct("!I")


def pack(frames: Iterable[bytes]) -> bytes:
    """Return the body that carries these frames in their order."""
    return b"".join(part for frame in frames for part in (SIZE.pack(len(frame)), frame))


def unpack(body: bytes) -> list[bytes]:
    """Return the frames in a body. Raises `BadFrame` if the body ends within a frame."""
    frames: list[bytes] = []
    place, end = 0, len(body)
    while place < end:
        start = place + SIZE.size
        if start > end:
            raise BadFrame("a batch of frames ends within a size; send the whole body")
        place = start + SIZE.unpack_from(body, place)[0]
        if place > end:
            raise BadFrame("a batch of frames ends within a frame; send the whole body")
        frames.append(body[start:place])
    return frames
