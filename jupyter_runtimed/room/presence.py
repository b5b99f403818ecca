"""Broadcast of presence: at once, or delayed if a connection exceeds its rate limit."""

from __future__ import annotations

from ..ids import SessionId
from ..protocol import frames
from .rate_limit import PRESENCE, PRESENCE_FOR_EACH, PUT_OFF
from .sessions import Session, Sessions


class PresenceBroadcast:
    """Sends the presence of each session to all others; a delay skips to the newest state."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._put_off: dict[SessionId, None] = {}

    def changed(self, session: Session, now: int) -> None:
        """Send a changed presence to the other sessions, or delay it."""
        if session.id in self._put_off or not session.budget.has(self._cost, now):
            session.budget.spend(PUT_OFF, now)
            self._put_off[session.id] = None
        else:
            self._pass_on(session, now)

    def advance(self, now: int) -> None:
        """Send the delayed presences whose sessions are within their rate limit again."""
        for session_id in list(self._put_off):
            session = self._sessions.get(session_id)
            if session is None:
                del self._put_off[session_id]
            elif session.budget.has(self._cost, now):
                del self._put_off[session_id]
                self._pass_on(session, now)

    def wake_at(self) -> int | None:
        waiting = [self._sessions.get(session_id) for session_id in self._put_off]
        times = [one.budget.ready_at(self._cost) for one in waiting if one is not None]
        return min(times, default=None)

    @property
    def _cost(self) -> float:
        return PRESENCE + PRESENCE_FOR_EACH * len(self._sessions)

    def _pass_on(self, session: Session, now: int) -> None:
        session.budget.spend(self._cost, now)
        state = frames.Presence(session.id, session.presence)
        self._sessions.send_all_but(session.id, state)
