"""The actor prefixes that the server gave to a peer, and the proofs of ownership."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..crdt import Change
from ..errors import BadFrame
from ..protocol.frames import PREFIX_BYTES

TICKETS_KEPT: Final = 64


class ActorIds:
    """One actor prefix per connection.

    A change with the prefix of an earlier connection is accepted only with the ticket of this
    prefix: the prefix and the server's proof.
    """

    def __init__(self) -> None:
        self._tickets: dict[bytes, bytes] = {}
        self._prefixes: set[bytes] = set()
        self._newest: bytes | None = None
        self._forks = 0

    def given(self, prefix: bytes, proof: bytes) -> None:
        self._tickets.pop(prefix, None)
        self._tickets[prefix] = proof
        self._prefixes.add(prefix)
        self._newest = prefix

    def fresh_actor(self) -> bytes:
        """Return a new unique actor id: the newest prefix and a counter. Raises `BadFrame`."""
        if self._newest is None:
            raise BadFrame("the server sent a document before the welcome frame")
        self._forks += 1
        return self._newest + self._forks.to_bytes(4, "big")

    def wrote(self, change: Change) -> bool:
        return change.actor[:PREFIX_BYTES] in self._prefixes

    def tickets(self, unsent: Iterable[Change]) -> tuple[tuple[bytes, bytes], ...]:
        """Return the tickets for a hello: the newest ones, and those that `unsent` changes need."""
        shown = {change.actor[:PREFIX_BYTES] for change in unsent}
        shown.update(list(self._tickets)[-TICKETS_KEPT:])
        self._tickets = {
            prefix: self._tickets[prefix] for prefix in self._tickets if prefix in shown
        }
        return tuple(self._tickets.items())
