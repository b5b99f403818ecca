"""Who a peer may write as: the actor prefixes that the server gave it, and proofs of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..crdt import Change
from ..errors import BadFrame
from .frames import PREFIX_BYTES

TICKETS_KEPT: Final = 64


class Identity:
    """A prefix for each connection; changes made under an earlier one need its ticket."""

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
        """An author that no other replica has: the newest prefix and a number of our own."""
        if self._newest is None:
            raise BadFrame("a document before the welcome")
        self._forks += 1
        return self._newest + self._forks.to_bytes(4, "big")

    def wrote(self, change: Change) -> bool:
        return change.actor[:PREFIX_BYTES] in self._prefixes

    def tickets(self, unsent: Iterable[Change]) -> tuple[tuple[bytes, bytes], ...]:
        """What to show the server: the newest tickets, and those that these changes need."""
        shown = {change.actor[:PREFIX_BYTES] for change in unsent}
        shown.update(list(self._tickets)[-TICKETS_KEPT:])
        self._tickets = {
            prefix: self._tickets[prefix] for prefix in self._tickets if prefix in shown
        }
        return tuple(self._tickets.items())
