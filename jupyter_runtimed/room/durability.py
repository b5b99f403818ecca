"""Durability: the numbered writes of a room, and the sessions that wait for acknowledgements.

The store reports the number up to which all writes are durable. An edit is acknowledged when its
own write and all earlier ones are durable.
"""

from __future__ import annotations

from collections import deque

from ..crdt import Heads
from ..document.file_version import FileStamp
from ..document.schema import DocName
from ..ids import Epoch, SessionId
from . import effects as fx
from .replica import Replica


class DurabilityTracker:
    """Numbers the writes; `trouble` is the reason why the store cannot write, or None."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self._numbers = 0
        self._durable = 0
        self._waiting: deque[tuple[int, SessionId, Heads]] = deque()

    @property
    def all_durable(self) -> bool:
        """Whether all writes are durable."""
        return self._durable >= self._numbers

    # ------------------------------------------------------------ writes

    def append(self, doc: DocName, epoch: Epoch, data: bytes) -> fx.Append:
        return fx.Append(self._number(), doc, epoch, data)

    def replace(self, doc: DocName, replica: Replica) -> fx.Replace:
        return fx.Replace(self._number(), doc, replica.epoch, replica.whole())

    def remember(self, heads: Heads, stamp: FileStamp, now: int) -> fx.RecordFileVersion:
        return fx.RecordFileVersion(self._number(), heads, stamp, now)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    # ------------------------------------------------------------ acknowledgements

    def ack_when_durable(self, session: SessionId, heads: Heads) -> None:
        """Acknowledge `heads` to this session once all writes so far are durable."""
        self._waiting.append((self._numbers, session, heads))

    def acks_up_to(self, number: int = 0) -> dict[SessionId, Heads]:
        """Note that all writes up to `number` are durable; return the heads to acknowledge."""
        self._durable = max(self._durable, number)
        newest: dict[SessionId, Heads] = {}
        while self._waiting and self._waiting[0][0] <= self._durable:
            _, session, heads = self._waiting.popleft()
            newest[session] = heads
        return newest
