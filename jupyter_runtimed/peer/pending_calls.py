"""Pending calls of a peer: calls that wait for a connection, and calls that wait for a reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Disconnected, TooLarge
from ..protocol.frames import SMALL_BYTES, Call, Heads, Reply, encode
from .events import CallReplied


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call to send. `heads` of None stands for the notebook's version when the call is sent."""

    id: int
    name: str
    args: Mapping[str, Any]
    heads: Heads | None


class PendingCalls:
    """The pending calls of a peer, numbered from 1."""

    def __init__(self) -> None:
        self._asked = 0
        self._waiting: list[PendingCall] = []
        self._in_flight: set[int] = set()

    def add(self, name: str, args: Mapping[str, Any], heads: Heads | None) -> PendingCall:
        """Number a call. Raises `TooLarge`, or `BadFrame` for values that cannot be encoded."""
        question = PendingCall(self._asked + 1, name, args, heads)
        size_bytes = len(encode(Call(question.id, name, args)))
        if size_bytes > SMALL_BYTES // 2:
            raise TooLarge(
                f"the arguments of {name} take {size_bytes} bytes; "
                f"the limit is {SMALL_BYTES // 2} bytes"
            )
        self._asked += 1
        return question

    def park(self, question: PendingCall) -> None:
        self._waiting.append(question)

    def take_parked(self) -> list[PendingCall]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def sent(self, question: PendingCall, heads: Heads) -> bytes:
        """Return the frame of a call and mark the call as sent."""
        self._in_flight.add(question.id)
        needed = heads if question.heads is None else question.heads
        return encode(Call(question.id, question.name, question.args, needed))

    def answered(self, reply: Reply) -> list[CallReplied]:
        if reply.id not in self._in_flight:
            return []
        self._in_flight.remove(reply.id)
        return [CallReplied(reply.id, reply.result, reply.error)]

    def fail_all(self) -> list[CallReplied]:
        """Fail all sent calls, because the connection ended before their replies."""
        message = "the connection was lost before the reply came"
        error = {"code": Disconnected.code, "message": message}
        lost = [CallReplied(asked, None, error) for asked in sorted(self._in_flight)]
        self._in_flight.clear()
        return lost
