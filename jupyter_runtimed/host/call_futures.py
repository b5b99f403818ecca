"""The calls of this server to a room: requests with a ticket, and the futures of their results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..errors import RuntimedError, ServerClosing
from ..room import effects as fx
from ..room import events as ev
from .life import HostLife

CLOSED = "the notebook was closed; open it again"


class CallFutures:
    """The pending calls, by ticket. `post` passes an event to the room."""

    def __init__(self, life: HostLife, post: Callable[[ev.Event], None]) -> None:
        self._life = life
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._tickets = 0

    async def ask(self, question: Callable[[int], ev.Event]) -> Any:
        """Post the event of a new ticket; return its result, or raise its error."""
        ticket, answer = self._expect()
        self._post(question(ticket))
        try:
            return await answer
        finally:
            self._pending.pop(ticket, None)

    def ask_now(self, question: Callable[[int], ev.Event]) -> None:
        """Like `ask`, without waiting: raise an error that is known at once, and drop a later one.

        The room handles the event before this method returns.
        """
        ticket, answer = self._expect()
        try:
            self._post(question(ticket))
        finally:
            self._pending.pop(ticket, None)
        if answer.done():
            answer.result()

    def _expect(self) -> tuple[int, asyncio.Future[Any]]:
        if self._life.ended:
            raise ServerClosing(CLOSED)
        self._tickets += 1
        answer = self._pending[self._tickets] = self._loop.create_future()
        return self._tickets, answer

    def answered(self, effect: fx.CallResult) -> None:
        answer = self._pending.get(effect.ticket)
        if answer is None or answer.done():
            return
        if effect.error is None:
            answer.set_result(effect.result)
        else:
            answer.set_exception(effect.error)

    def failed(self, ticket: int, error: RuntimedError) -> None:
        """Report an error of the server itself to the caller."""
        self.answered(fx.CallResult(ticket, error=error))

    def close(self) -> None:
        """Fail all pending calls, because the room was closed."""
        for ticket in self._pending:
            self.failed(ticket, ServerClosing(CLOSED))
