"""The events of a room, handled one at a time.

Events that arrive while the room handles one, or while its effects are executed, wait. An event
that makes the room raise is reported, and the room handles the next one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from ..room import effects as fx
from ..room import events as ev
from ..room.room import Room

log = logging.getLogger(__name__)

MOST_FAILURES = 4
"""A room that raises at this many consecutive events is closed, because it will not recover."""


class EventQueue:
    """Passes events to the room, and its effects to `carry_out`.

    `time_ms` returns the time of an event. `failed` receives an event at which the room raised,
    `hopeless` the last of `MOST_FAILURES` such errors in a row. `drained` is called when no event
    waits.
    """

    def __init__(
        self,
        room: Room,
        *,
        time_ms: Callable[[ev.Event], int],
        carry_out: Callable[[list[fx.Effect]], None],
        failed: Callable[[ev.Event, Exception], None],
        hopeless: Callable[[Exception], None],
        drained: Callable[[], None],
        now_ms: int,
    ) -> None:
        self.now_ms = now_ms
        """The time of the last event."""
        self._room = room
        self._time_ms = time_ms
        self._carry_out = carry_out
        self._failed = failed
        self._hopeless = hopeless
        self._drained = drained
        self._waiting: deque[ev.Event] = deque()
        self._draining = False
        self._failures = 0

    def post(self, event: ev.Event) -> None:
        """Handle an event, now or after the present one."""
        self._waiting.append(event)
        self.drain()

    def clear(self) -> None:
        """Drop the waiting events."""
        self._waiting.clear()

    def drain(self) -> None:
        """Handle the waiting events, unless that is in progress."""
        if self._draining:
            return
        self._draining = True
        try:
            while self._waiting:
                self._handle(self._waiting.popleft())
        finally:
            self._draining = False
        self._drained()

    def _handle(self, event: ev.Event) -> None:
        try:
            self.now_ms = self._time_ms(event)
            effects = self._room.handle(event, self.now_ms)
        except Exception as error:
            log.exception("Room %s failed at %s", self._room.room_id, type(event).__name__)
            self._failed(event, error)
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                self._hopeless(error)
            return
        self._failures = 0
        self._carry_out(effects)
