"""The sessions of a room: one per connection, with the frames that each may send.

`MAY_SEND` has the frames for each phase. A hello starts LIVE; in LIVE a further hello requests a
fresh copy, for example after a refusal. The user of a session comes from the server's
authentication of the connection, never from a frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from ..document.permissions import Permissions
from ..errors import BadFrame
from ..ids import RoomId, SessionId
from ..protocol import actor_tokens
from ..protocol.frames import Call, Change, Event, Frame, Hello, PeerKind, Presence, encode
from . import colors
from . import effects as fx
from . import events as ev
from .events import User
from .rate_limit import RateLimit


class SessionPhase(Enum):
    HANDSHAKE = "greeting"
    LIVE = "live"


MAY_SEND: dict[SessionPhase, tuple[type, ...]] = {
    SessionPhase.HANDSHAKE: (Hello,),
    SessionPhase.LIVE: (Hello, Change, Call, Presence),
}


@dataclass(slots=True)
class Session:
    """One connection: its user, permissions, actor prefixes, presence and rate limit."""

    id: SessionId
    user: User
    rights: Permissions
    actor: bytes
    phase: SessionPhase = SessionPhase.HANDSHAKE
    kind: PeerKind = "browser"
    prefixes: set[bytes] = field(default_factory=set)
    presence: Mapping[str, Any] | None = None
    budget: RateLimit = field(default_factory=RateLimit)

    def check(self, frame: Frame) -> None:
        """Raise `BadFrame` if the phase does not allow this kind of frame."""
        if not isinstance(frame, MAY_SEND[self.phase]):
            kind = type(frame).__name__.lower()
            raise BadFrame(f"a {kind} frame is not expected while {self.phase.value}")

    def greet(self, hello: Hello, *, secret: bytes, room: RoomId) -> None:
        """Enter LIVE with the client's kind, and accept its earlier actors with a valid proof."""
        self.kind = hello.kind
        self.phase = SessionPhase.LIVE
        self.actor = actor_tokens.ranked(self.actor, person=self.kind == "browser")
        self.prefixes = {self.actor}
        for prefix, proof in hello.tickets:
            if actor_tokens.verify(secret, room, prefix, proof):
                self.prefixes.add(prefix)

    def show(self, state: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Set and return the presence for other peers: known fields, and the server's user."""
        if state is None:
            self.presence = None
            return None
        user = {"username": self.user.username, "name": self.user.name, "color": self.user.color}
        kept = {key: state[key] for key in ("cell", "cursors", "doing") if key in state}
        self.presence = {**kept, "user": user, "kind": self.kind, "actor": self.actor.hex()}
        return self.presence


class Sessions:
    """All sessions of a room in the order of their arrival; sends frames to them."""

    def __init__(self, out: list[fx.Effect]) -> None:
        self._out = out
        self._here: dict[SessionId, Session] = {}
        self._live: tuple[SessionId, ...] | None = None

    def __len__(self) -> int:
        return len(self._here)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._here.values())

    def get(self, session: SessionId) -> Session | None:
        return self._here.get(session)

    def add(self, session: Session) -> None:
        """Add a session. A user without a colour gets one, the same in all of their sessions."""
        if not session.user.color:
            session.user = replace(session.user, color=self._color(session.user))
        self._here[session.id] = session
        self._live = None

    def _color(self, user: User) -> str:
        users = {other.user.username: other.user.color for other in self}
        return users.get(user.username) or colors.choose(users.values())

    def remove(self, session: SessionId) -> Session | None:
        self._live = None
        return self._here.pop(session, None)

    def greeted(self) -> None:
        self._live = None

    def live(self) -> tuple[SessionId, ...]:
        """Return the ids of the sessions in LIVE."""
        if self._live is None:
            self._live = tuple(s.id for s in self if s.phase is SessionPhase.LIVE)
        return self._live

    # ------------------------------------------------------------ sending

    def send(self, sessions: tuple[SessionId, ...], frame: Frame) -> None:
        if sessions:
            self._out.append(fx.Send(sessions, encode(frame)))

    def send_all(self, frame: Frame) -> None:
        self.send(self.live(), frame)

    def send_all_but(self, one: SessionId, frame: Frame) -> None:
        self.send(tuple(session for session in self.live() if session != one), frame)

    def announce(self, action: ev.KernelAction, user: User) -> None:
        """Tell the sessions of all other users about this user's action on the kernel."""
        others = tuple(
            session.id
            for session in self
            if session.phase is SessionPhase.LIVE and session.user.username != user.username
        )
        self.send(others, Event("kernel", {"action": action, "by": user.name}))

    def tell(self, name: str, body: Mapping[str, object]) -> None:
        """Send an event to all sessions in LIVE."""
        self.send_all(Event(name, body))
