"""Who is here: one session per connection, and what each may send.

    GREETING --hello--> LIVE --left--> (gone)

A session in GREETING may only say hello. In LIVE it may say hello again: that is how a client asks
for a fresh copy after a refusal. Who somebody is comes from the server's own knowledge of the
connection and never from a frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..document.authority import Rights
from ..errors import BadFrame
from ..ids import RoomId, SessionId
from ..protocol import tickets
from ..protocol.frames import Call, Change, Event, Frame, Hello, PeerKind, Presence, encode
from . import events as ev
from .events import User


class SessionPhase(Enum):
    GREETING = "greeting"
    LIVE = "live"


MAY_SEND: dict[SessionPhase, tuple[type, ...]] = {
    SessionPhase.GREETING: (Hello,),
    SessionPhase.LIVE: (Hello, Change, Call, Presence),
}


@dataclass(slots=True)
class Session:
    id: SessionId
    user: User
    rights: Rights
    actor: bytes
    phase: SessionPhase = SessionPhase.GREETING
    kind: PeerKind = "browser"
    prefixes: set[bytes] = field(default_factory=set)
    presence: Mapping[str, Any] | None = None

    def check(self, frame: Frame) -> None:
        """Raise `BadFrame` if this kind of frame makes no sense now."""
        if not isinstance(frame, MAY_SEND[self.phase]):
            kind = type(frame).__name__.lower()
            raise BadFrame(f"a {kind} frame is not expected while {self.phase.value}")

    def greet(self, hello: Hello, *, secret: bytes, room: RoomId) -> None:
        """Take in a hello: what the client is, and which earlier actors are its own."""
        self.kind = hello.kind
        self.phase = SessionPhase.LIVE
        self.prefixes = {self.actor}
        for prefix, proof in hello.tickets:
            if tickets.proven(secret, room, prefix, proof):
                self.prefixes.add(prefix)

    def show(self, state: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """What others see: what the client says, under the server's name for it."""
        if state is None:
            self.presence = None
            return None
        user = {"username": self.user.username, "name": self.user.name, "color": self.user.color}
        kept = {key: state[key] for key in ("cell", "cursors", "doing") if key in state}
        self.presence = {**kept, "user": user, "kind": self.kind}
        return self.presence


class Sessions:
    """All sessions of a room, in the order in which they came, and what they are sent."""

    def __init__(self, out: list[ev.Effect]) -> None:
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
        self._here[session.id] = session
        self._live = None

    def remove(self, session: SessionId) -> Session | None:
        self._live = None
        return self._here.pop(session, None)

    def greeted(self) -> None:
        self._live = None

    def live(self) -> tuple[SessionId, ...]:
        """Who gets live frames."""
        if self._live is None:
            self._live = tuple(s.id for s in self if s.phase is SessionPhase.LIVE)
        return self._live

    # ------------------------------------------------------------ what they are sent

    def send(self, sessions: tuple[SessionId, ...], frame: Frame) -> None:
        if sessions:
            self._out.append(ev.Send(sessions, encode(frame)))

    def send_all(self, frame: Frame) -> None:
        self.send(self.live(), frame)

    def send_all_but(self, one: SessionId, frame: Frame) -> None:
        self.send(tuple(session for session in self.live() if session != one), frame)

    def tell(self, name: str, body: Mapping[str, object]) -> None:
        """An event, to everybody."""
        self.send_all(Event(name, body))
