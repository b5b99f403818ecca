"""The handshake: the answer to a client's hello.

hello ------------------------------------> welcome, sync of each document, others' presence
  |                                            ^
  +-- with the epoch of an archive --> read the archive
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..document.schema import NOTEBOOK, RUNTIME
from ..ids import RoomId
from ..protocol import actor_tokens, frames
from . import effects as fx
from .authors import Authors
from .documents import Documents
from .file.file_events import FileEvents
from .file.file_sync import FileSync
from .sessions import Session, Sessions
from .settings import Settings


class Handshake:
    """Answers hellos.

    `server` names this server to clients. `damage` is a warning about damaged stored data that each
    client receives, or "".
    """

    def __init__(
        self,
        sessions: Sessions,
        documents: Documents,
        filing: FileSync,
        file_events: FileEvents,
        authors: Authors,
        out: list[fx.Effect],
        *,
        path: Callable[[], str],
        room_id: RoomId,
        server: str,
        secret: bytes,
        settings: Settings,
        damage: str = "",
    ) -> None:
        self._sessions = sessions
        self._documents = documents
        self._filing = filing
        self._file_events = file_events
        self._authors = authors
        self._path = path
        self._out = out
        self._room_id = room_id
        self._server = server
        self._secret = secret
        self._settings = settings
        self._damage = damage

    def needs_archive(self, session: Session, hello: frames.Hello) -> bool:
        """Request the archive if the hello names another epoch; return whether it did.

        The answer to the hello then follows `ArchiveRead`.
        """
        here = self._documents.replicas[NOTEBOOK].epoch
        epoch, _ = hello.docs.get(NOTEBOOK, (here, ()))
        if epoch != here:
            self._out.append(fx.ReadArchive(session.id, hello, epoch))
        return epoch != here

    def greet(self, session: Session, hello: frames.Hello, last: Mapping[bytes, str]) -> None:
        """Answer a hello. `last`: see `ArchiveRead`.

        Problems of the store and the file are sent before the documents, so that a client knows
        them once it has the documents.
        """
        session.greet(hello, secret=self._secret, room=self._room_id)
        self._sessions.greeted()
        had = [last[actor] for actor in last if actor[: frames.PREFIX_BYTES] in session.prefixes]
        welcome = self._welcome(session, had=tuple(sorted(had)))
        send, to = self._sessions.send, (session.id,)
        send(to, welcome)
        if (trouble := self._documents.trouble) is not None:
            send(to, frames.Event("storage", {"ok": False, "message": trouble}))
        self._file_events.greet(session.id)
        for doc in (NOTEBOOK, RUNTIME):
            send(to, self._documents.replicas[doc].sync_for(hello.docs.get(doc)))
        for other in self._sessions:
            if other.presence is not None and other is not session:
                send(to, frames.Presence(other.id, other.presence))
        if self._damage:
            send(to, frames.Event("damaged", {"message": self._damage}))
        self._authors.note(session)

    def _welcome(self, session: Session, *, had: frames.Heads) -> frames.Welcome:
        user = session.user
        return frames.Welcome(
            room=self._room_id,
            path=self._path(),
            server=self._server,
            session=session.id,
            user={"username": user.username, "name": user.name, "color": user.color},
            role=session.rights.role,
            actor=session.actor,
            proof=actor_tokens.sign(self._secret, self._room_id, session.actor),
            docs={doc: (r.epoch, r.heads) for doc, r in self._documents.replicas.items()},
            limits={"frame": self._settings.change_bytes, "inline": self._settings.inline_chars},
            saved=not self._filing.unsaved,
            had=had,
        )
