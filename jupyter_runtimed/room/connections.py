"""Connections of a room: lets sessions join and leave, and handles their frames."""

from __future__ import annotations

from typing_extensions import assert_never

from ..document.permissions import Permissions
from ..errors import BadFrame
from ..ids import NewId, SessionId
from ..protocol import actor_tokens, frames
from ..protocol.close_codes import CloseCode
from . import effects as fx
from . import events as ev
from .calls import Caller, Calls
from .handshake import Handshake
from .history_rotation import ARCHIVING, HistoryRotation
from .incoming_changes import IncomingChanges
from .presence import PresenceBroadcast
from .publisher import Publisher
from .rate_limit import HELLO
from .server_edits import ServerEdits
from .sessions import Session, SessionPhase, Sessions

FLOODED = "too many frames in a short time; reconnect, and send fewer"


class Connections:
    """Handles the events of connections. `presences` has the presence of each session."""

    def __init__(
        self,
        sessions: Sessions,
        out: list[fx.Effect],
        *,
        calls: Calls,
        handshake: Handshake,
        changes: IncomingChanges,
        edits: ServerEdits,
        publisher: Publisher,
        history: HistoryRotation,
        new_id: NewId,
    ) -> None:
        self._sessions = sessions
        self._out = out
        self._calls = calls
        self._handshake = handshake
        self._changes = changes
        self._edits = edits
        self._publisher = publisher
        self._history = history
        self._new_id = new_id
        self.presences = PresenceBroadcast(sessions)

    def handle(self, event: ev.ConnectionEvent, now: int) -> None:
        match event:
            case ev.Joined():
                self._join(event)
            case ev.Left():
                self._leave(event.session)
            case ev.Received() | ev.RightsChanged() | ev.ArchiveRead():
                if (session := self._sessions.get(event.session)) is not None:
                    self._of_session(session, event, now)
            case _:
                assert_never(event)

    def disconnect_all(self, code: CloseCode, reason: str) -> None:
        for session_id in [session.id for session in self._sessions]:
            self._disconnect(session_id, code, reason)

    def _of_session(
        self, session: Session, event: ev.Received | ev.RightsChanged | ev.ArchiveRead, now: int
    ) -> None:
        match event:
            case ev.Received():
                self._allow(session, event.rights)
                self._receive(session, event.frame, now)
            case ev.RightsChanged():
                self._allow(session, event.rights)
            case ev.ArchiveRead():
                self._handshake.greet(session, event.hello, event.last)
            case _:
                assert_never(event)

    # ------------------------------------------------------------ joining and leaving

    def _join(self, event: ev.Joined) -> None:
        if self._history.rotating:
            self._out.append(fx.Disconnect(event.session, CloseCode.NO_SUCH_ROOM, ARCHIVING))
            return
        actor = actor_tokens.prefix_of(f"{event.session}/{self._new_id()}")
        self._sessions.add(Session(event.session, event.user, event.rights, actor))

    def _leave(self, session_id: SessionId) -> None:
        left = self._sessions.remove(session_id)
        self._calls.drop_session(session_id)
        if left is not None and left.presence is not None:
            self._sessions.send_all(frames.Presence(session_id, None))

    def _disconnect(self, session: SessionId, code: CloseCode, reason: str) -> None:
        self._leave(session)
        self._out.append(fx.Disconnect(session, code, reason))

    def _allow(self, session: Session, rights: Permissions) -> None:
        """Set the permissions of a session, and tell the client if its role changed."""
        role, session.rights = session.rights.role, rights
        if rights.role != role and session.phase is SessionPhase.LIVE:
            self._sessions.send((session.id,), frames.Event("rights", {"role": rights.role}))

    # ------------------------------------------------------------ frames

    def _receive(self, session: Session, frame: frames.Frame, now: int) -> None:
        try:
            session.check(frame)
        except BadFrame as error:
            self._disconnect(session.id, CloseCode.BAD_FRAME, str(error))
            return
        match frame:
            case frames.Hello():
                self._hello(session, frame, now)
            case frames.Change():
                self._changes.apply(session, frame, now)
            case frames.Call():
                asker = Caller(session=session.id, call=frame.id)
                self._calls.submit(
                    asker, frame.name, frame.args, frame.heads, session.user, session.rights, now,
                    session.budget,
                )  # fmt: skip
            case frames.Presence():
                session.show(frame.state)
                self.presences.changed(session, now)
            case _:
                # `Session.check` allows no other kind of frame.
                return
        if session.budget.exceeded:
            self._disconnect(session.id, CloseCode.TOO_SLOW, FLOODED)

    def _hello(self, session: Session, hello: frames.Hello, now: int) -> None:
        if hello.protocol != frames.PROTOCOL:
            theirs = hello.protocol
            reason = f"the server uses protocol {frames.PROTOCOL}, not {theirs}; please reload"
            self._disconnect(session.id, CloseCode.OTHER_PROTOCOL, reason)
            return
        may_edit = hello.kind == "browser" and session.rights.write
        if may_edit and self._edits.first_cell(now):
            # The handshake reads the documents, so they must be committed.
            self._publisher.publish(now)
        if not session.budget.spend(HELLO, now):
            self._disconnect(session.id, CloseCode.TOO_SLOW, FLOODED)
            return
        if not self._handshake.needs_archive(session, hello):
            self._handshake.greet(session, hello, {})
