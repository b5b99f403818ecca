"""How a session comes to be live.

hello ---------------------------------------> welcome, sync of each document, who else is here
  |                                               ^
  +-- with a former document of the notebook --> look back into it
"""

from __future__ import annotations

from collections.abc import Mapping

from ..document.schema import NOTEBOOK, RUNTIME, DocName
from ..ids import RoomId
from ..protocol import frames, tickets
from . import events as ev
from .replica import Replica
from .sessions import Session, Sessions


class Greeting:
    """`server` is how this server is called to clients."""

    def __init__(
        self,
        sessions: Sessions,
        replicas: Mapping[DocName, Replica],
        out: list[ev.Effect],
        *,
        room_id: RoomId,
        server: str,
        secret: bytes,
        settings: ev.Settings,
    ) -> None:
        self._sessions = sessions
        self._replicas = replicas
        self._out = out
        self._room_id = room_id
        self._server = server
        self._secret = secret
        self._settings = settings

    def needs_a_look_back(self, session: Session, hello: frames.Hello) -> bool:
        """Whether the client holds a former document; then `LookedBack` says when to greet."""
        here = self._replicas[NOTEBOOK].epoch
        epoch, _ = hello.docs.get(NOTEBOOK, (here, ()))
        if epoch != here:
            self._out.append(ev.LookBack(session.id, hello, epoch))
        return epoch != here

    def greet(
        self,
        session: Session,
        hello: frames.Hello,
        *,
        last: Mapping[bytes, str],
        path: str,
        saved: bool,
        trouble: str | None,
    ) -> None:
        """`last`: see `LookedBack`; `trouble`: why the store cannot write."""
        session.greet(hello, secret=self._secret, room=self._room_id)
        self._sessions.greeted()
        had = [last[actor] for actor in last if actor[: frames.PREFIX_BYTES] in session.prefixes]
        welcome = self._welcome(session, path=path, saved=saved, had=tuple(sorted(had)))
        send, to = self._sessions.send, (session.id,)
        send(to, welcome)
        for doc in (NOTEBOOK, RUNTIME):
            send(to, self._replicas[doc].sync_for(hello.docs.get(doc)))
        for other in self._sessions:
            if other.presence is not None and other is not session:
                send(to, frames.Presence(other.id, other.presence))
        if trouble is not None:
            send(to, frames.Event("storage", {"ok": False, "message": trouble}))

    def _welcome(
        self, session: Session, *, path: str, saved: bool, had: frames.Heads
    ) -> frames.Welcome:
        user = session.user
        return frames.Welcome(
            room=self._room_id,
            path=path,
            server=self._server,
            session=session.id,
            user={"username": user.username, "name": user.name, "color": user.color},
            role=session.rights.role,
            actor=session.actor,
            proof=tickets.prove(self._secret, self._room_id, session.actor),
            docs={doc: (r.epoch, r.heads) for doc, r in self._replicas.items()},
            limits={"frame": self._settings.change_bytes, "inline": self._settings.inline_chars},
            saved=saved,
            had=had,
        )
