"""The calls of a peer: those that wait for a connection, and those that wait for an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors import TooLarge
from .frames import SMALL_BYTES, Call, Heads, Reply, encode
from .happened import Replied

DISCONNECTED: Final = "disconnected"
"""Error code of calls whose answer was lost with the connection."""


@dataclass(frozen=True, slots=True)
class Question:
    """`heads` None: whatever the notebook is when the call is sent."""

    id: int
    name: str
    args: Mapping[str, Any]
    heads: Heads | None


class Questions:
    def __init__(self) -> None:
        self._asked = 0
        self._waiting: list[Question] = []
        self._in_flight: set[int] = set()

    def ask(self, name: str, args: Mapping[str, Any], heads: Heads | None) -> Question:
        """Number a call. Raises `TooLarge`, or `BadFrame` for what cannot be sent."""
        question = Question(self._asked + 1, name, args, heads)
        size_bytes = len(encode(Call(question.id, name, args)))
        if size_bytes > SMALL_BYTES // 2:
            raise TooLarge(f"the arguments of {name} take {size_bytes} bytes: that is too much")
        self._asked += 1
        return question

    def wait(self, question: Question) -> None:
        self._waiting.append(question)

    def take_waiting(self) -> list[Question]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def sent(self, question: Question, heads: Heads) -> bytes:
        """The frame of a call that is on its way now."""
        self._in_flight.add(question.id)
        needed = heads if question.heads is None else question.heads
        return encode(Call(question.id, question.name, question.args, needed))

    def answered(self, reply: Reply) -> list[Replied]:
        if reply.id not in self._in_flight:
            return []
        self._in_flight.remove(reply.id)
        return [Replied(reply.id, reply.result, reply.error)]

    def lost(self) -> list[Replied]:
        """The connection is gone, and the answers that were on their way with it."""
        error = {"code": DISCONNECTED, "message": "the connection was lost before the answer came"}
        lost = [Replied(asked, None, error) for asked in sorted(self._in_flight)]
        self._in_flight.clear()
        return lost
