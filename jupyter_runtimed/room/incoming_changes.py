"""Changes from clients: check, apply, pass on, store and acknowledge them."""

from __future__ import annotations

from ..crdt import Change, ObjId, engine_errors
from ..document import permissions
from ..document.notebook import ChangedCells, Notebook
from ..document.schema import NOTEBOOK
from ..errors import DocumentError, Refused
from ..protocol import frames
from .documents import Documents
from .file_reports import FileReports
from .history_rotation import HistoryRotation
from .sessions import Session, Sessions


class IncomingChanges:
    """Applies the changes of clients to the notebook, and refuses forbidden ones."""

    def __init__(
        self,
        notebook: Notebook,
        sessions: Sessions,
        documents: Documents,
        history: HistoryRotation,
        file: FileReports,
    ) -> None:
        self._notebook = notebook
        self._sessions = sessions
        self._documents = documents
        self._history = history
        self._file = file
        self._kinds: dict[ObjId, permissions.ObjectKind] = {}

    def apply(self, session: Session, frame: frames.Change, now: int) -> None:
        """Apply a change of a session, or answer it with a `refuse` frame."""
        hashes: tuple[str, ...] = ()
        try:
            # Check the role before decoding, which costs time.
            permissions.check_role(frame.doc, session.rights)
            with engine_errors("the frame does not contain valid changes"):
                changes = Change.decode_all(frame.data, max_ops=frames.CHANGE_OPS)
            hashes = tuple(change.hash for change in changes)
            fresh = [one for one in changes if not self._notebook.document.has(one.hash)]
            size, touched = self._checked(session, frame, fresh)
        except Refused as error:
            refusal = frames.Refuse(frame.doc, hashes, error.code, str(error))
            self._sessions.send((session.id,), refusal)
            return
        except DocumentError as error:
            refusal = frames.Refuse(frame.doc, hashes, "malformed", str(error))
            self._sessions.send((session.id,), refusal)
            return
        if fresh:
            data = b"".join(change.bytes for change in fresh)
            self._sessions.send_all_but(session.id, frames.Change(NOTEBOOK, data))
            self._documents.append(NOTEBOOK, data)
            self._history.grew(max(len(data), size))
            self._file.notebook_changed(touched, now)
        self._documents.acknowledge(session.id)

    def _checked(
        self, session: Session, frame: frames.Change, fresh: list[Change]
    ) -> tuple[int, ChangedCells]:
        """Check and apply changes; return the size of their entries, and the changed cells."""
        size = permissions.check_change(
            fresh,
            doc=frame.doc,
            notebook=self._notebook.document,
            rights=session.rights,
            prefixes=session.prefixes,
            known=self._kinds,
        )
        return size, self._notebook.apply(fresh) if fresh else ChangedCells()
