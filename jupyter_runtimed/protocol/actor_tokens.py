"""Actor prefixes, and the proof that the server gave a prefix to a client.

The actor id of a change begins with the prefix of the connection on which the change was made. A
change that was made offline arrives on a later connection, perhaps after a restart of the server.
The proof, known only to the client that received the prefix, shows that the change is its own.
"""

from __future__ import annotations

import hashlib
import hmac

from ..ids import RoomId
from .frames import PREFIX_BYTES


def prefix_of(seed: str) -> bytes:
    """Return the actor prefix for a unique session id: `PREFIX_BYTES` bytes of its hash."""
    return hashlib.sha256(b"actor\0" + seed.encode()).digest()[:PREFIX_BYTES]


def ranked(prefix: bytes, *, person: bool) -> bytes:
    """Return the prefix with its first bit set for a person and cleared for an agent.

    If two peers insert text after the same character, Automerge puts the text of the greater actor
    first. The bit therefore puts an agent's text after the word that a person is typing, and not
    inside it.
    """
    first = prefix[0] | 0x80 if person else prefix[0] & 0x7F
    return bytes([first]) + prefix[1:]


def sign(secret: bytes, room: RoomId, prefix: bytes) -> bytes:
    """Return the proof of a prefix: 16 bytes of an HMAC over the room and the prefix."""
    return hmac.new(secret, room.encode() + b"\0" + prefix, hashlib.sha256).digest()[:16]


def verify(secret: bytes, room: RoomId, prefix: bytes, proof: bytes) -> bool:
    """Return whether the server made this proof for the prefix in this room."""
    return len(prefix) == PREFIX_BYTES and hmac.compare_digest(sign(secret, room, prefix), proof)
