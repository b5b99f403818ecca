"""The two documents of a room: stores their changes, and acknowledges them once durable.

`Replica` has the sync frames of one document, and `DurabilityTracker` the numbers of the writes.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..crdt import Heads
from ..document.file_version import FileStamp
from ..document.notebook import Notebook
from ..document.schema import NOTEBOOK, RUNTIME, DocName
from ..ids import Epoch, SessionId
from ..protocol import frames
from . import effects as fx
from .durability import DurabilityTracker
from .replica import Replica
from .runs import RoomRuns
from .sessions import Sessions


class Documents:
    """The notebook document and the runtime document, with the numbers of their writes."""

    def __init__(
        self,
        notebook: Notebook,
        running: RoomRuns,
        sessions: Sessions,
        out: list[fx.Effect],
        *,
        notebook_epoch: Epoch,
    ) -> None:
        self._notebook = notebook
        self._sessions = sessions
        self._out = out
        self._durability = DurabilityTracker()
        self.replicas: Mapping[DocName, Replica] = {
            NOTEBOOK: Replica(NOTEBOOK, notebook_epoch, lambda: notebook.document),
            RUNTIME: Replica(RUNTIME, running.runtime.epoch, lambda: running.runtime.document),
        }

    @property
    def all_durable(self) -> bool:
        """Whether all writes are durable."""
        return self._durability.all_durable

    @property
    def trouble(self) -> str | None:
        """The reason why the store cannot write, or None."""
        return self._durability.trouble

    # ------------------------------------------------------------ changes

    def append(self, doc: DocName, data: bytes) -> None:
        """Store changes of a document."""
        self._out.append(self._durability.append(doc, self.replicas[doc].epoch, data))

    def runtime_rotated(self, epoch: Epoch) -> None:
        """Store and send the whole runtime document, because its epoch is new."""
        replica = self.replicas[RUNTIME]
        replica.renewed(epoch)
        self._out.append(self._durability.replace(RUNTIME, replica))
        self._sessions.send_all(replica.sync_for(None))

    def file_holds(self, heads: Heads, stamp: FileStamp, now: int) -> None:
        """Store the version of the notebook that the file holds."""
        self._out.append(self._durability.remember(heads, stamp, now))

    def store_whole(self, *, only_runtime: bool = False) -> None:
        """Store snapshots of the documents of a new room."""
        self._out += [
            self._durability.replace(doc, replica)
            for doc, replica in self.replicas.items()
            if doc == RUNTIME or not only_runtime
        ]

    # ------------------------------------------------------------ acknowledgements

    def acknowledge(self, session: SessionId) -> None:
        """Acknowledge the notebook's changes to a session once they are durable."""
        self._durability.ack_when_durable(session, self._notebook.heads)
        if self.all_durable:
            self._send_acks(self._durability.acks_up_to())

    def stored(self, number: int) -> None:
        """Note that all writes up to this number are durable."""
        if self._durability.trouble is not None:
            self._durability.trouble = None
            self._sessions.tell("storage", {"ok": True, "message": ""})
        self._send_acks(self._durability.acks_up_to(number))

    def store_failed(self, message: str) -> None:
        self._durability.trouble = message
        self._sessions.tell("storage", {"ok": False, "message": message})

    def _send_acks(self, newest: Mapping[SessionId, Heads]) -> None:
        for session, heads in newest.items():
            if self._sessions.get(session) is not None:
                self._sessions.send((session,), frames.Ack(NOTEBOOK, heads))
