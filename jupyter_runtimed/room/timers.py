"""The timer of a room, and its end after an idle time."""

from __future__ import annotations

from collections.abc import Iterable

from . import effects as fx


class Timers:
    """Selects the next due time among those of the room's parts; closes an idle room."""

    def __init__(self, idle_ms: int) -> None:
        self._idle_ms = idle_ms
        self._now = 0
        self._idle_since: int | None = None

    def advance(self, now: int) -> int:
        """Set the time; return by how many ms the clock was set back, or 0."""
        back = max(self._now - now, 0)
        self._now = now
        if self._idle_since is not None:
            self._idle_since -= back
        return back

    def effects(
        self, wishes: Iterable[int | None], *, idle: bool, rotating: bool
    ) -> list[fx.Effect]:
        """Return the effects that set the timer and close the room, if it was idle long enough.

        A rotating room refuses sessions, so it closes at once when it is idle.
        """
        now, effects = self._now, list[fx.Effect]()
        due = [wish for wish in wishes if wish is not None]
        if not idle:
            self._idle_since = None
        else:
            if self._idle_since is None:
                self._idle_since = now
            closing_at = self._idle_since + (0 if rotating else self._idle_ms)
            if now >= closing_at:
                effects.append(fx.CloseRoom())
            else:
                due.append(closing_at)
        if due:
            effects.append(fx.SetTimer(max(min(due), now)))
        return effects
