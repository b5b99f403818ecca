"""Actor prefixes and the proof that the server gave them out.

A client's changes carry an actor id that begins with the prefix of the connection they were made
on. Changes made offline arrive on a later connection, perhaps after the server was restarted; the
proof, known only to the client that was given the prefix, says that they are its own.
"""

from __future__ import annotations

import hashlib
import hmac

from ..ids import RoomId
from .frames import PREFIX_BYTES


def prefix_of(seed: str) -> bytes:
    """The actor prefix that a unique session id stands for."""
    return hashlib.sha256(b"actor\0" + seed.encode()).digest()[:PREFIX_BYTES]


def prove(secret: bytes, room: RoomId, prefix: bytes) -> bytes:
    return hmac.new(secret, room.encode() + b"\0" + prefix, hashlib.sha256).digest()[:16]


def proven(secret: bytes, room: RoomId, prefix: bytes, proof: bytes) -> bool:
    return len(prefix) == PREFIX_BYTES and hmac.compare_digest(prove(secret, room, prefix), proof)
