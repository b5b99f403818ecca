"""What the store was given of a room, how far it is durable, and who waits for that.

Every write has a number; the store says up to which one everything is safe. An edit is acknowledged
when its own write and all before it are.
"""

from __future__ import annotations

from collections import deque

from ..crdt import Heads
from ..document.schema import DocName
from ..ids import Epoch, SessionId
from . import events as ev
from .replica import Replica


class Keeping:
    """Numbers the writes; `trouble` is why the store cannot write just now, or None."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self._numbers = 0
        self._durable = 0
        self._waiting: deque[tuple[int, SessionId, Heads]] = deque()

    @property
    def done(self) -> bool:
        """Is everything durable that was ever written?"""
        return self._durable >= self._numbers

    # ------------------------------------------------------------ writes

    def append(self, doc: DocName, epoch: Epoch, data: bytes) -> ev.Append:
        return ev.Append(self._number(), doc, epoch, data)

    def replace(self, doc: DocName, replica: Replica) -> ev.Replace:
        return ev.Replace(self._number(), doc, replica.epoch, replica.whole())

    def remember(self, heads: Heads, stamp: ev.Stamp, now: int) -> ev.Remember:
        return ev.Remember(self._number(), heads, stamp, now)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    # ------------------------------------------------------------ who waits

    def wait(self, session: SessionId, heads: Heads) -> None:
        """Tell this session when everything written so far is durable: it holds these heads."""
        self._waiting.append((self._numbers, session, heads))

    def reached(self, number: int = 0) -> dict[SessionId, Heads]:
        """Everything up to `number` is durable: who is to be told of which version."""
        self._durable = max(self._durable, number)
        newest: dict[SessionId, Heads] = {}
        while self._waiting and self._waiting[0][0] <= self._durable:
            _, session, heads = self._waiting.popleft()
            newest[session] = heads
        return newest
