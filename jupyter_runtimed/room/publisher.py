"""Publishes what the server itself changed: edits of the notebook, and outputs of runs."""

from __future__ import annotations

from ..document.schema import NOTEBOOK, RUNTIME
from ..protocol.frames import Change
from .documents import Documents
from .file.file_sync import FileSync
from .history_rotation import HistoryRotation
from .runs import RoomRuns
from .sessions import Sessions


class Publisher:
    """Sends and stores the changes that the server made while it handled an event."""

    def __init__(
        self,
        documents: Documents,
        sessions: Sessions,
        filing: FileSync,
        running: RoomRuns,
        history: HistoryRotation,
    ) -> None:
        self._documents = documents
        self._sessions = sessions
        self._filing = filing
        self._running = running
        self._history = history
        self._outcomes = filing.outcomes()

    def publish(self, now: int) -> None:
        """Commit the runtime document, and publish the changes of both documents."""
        if merged := self._filing.take_changes():
            self._documents.append(NOTEBOOK, merged)
            self._history.grew(len(merged))
            self._sessions.send_all(Change(NOTEBOOK, merged))
        if (data := self._running.commit(now)) is not None:
            self._documents.append(RUNTIME, data)
            self._sessions.send_all(Change(RUNTIME, data))
            self._outputs_changed(now)
        if self._running.rotate_when_due(now):
            self._documents.runtime_rotated(self._running.runtime.epoch)

    def _outputs_changed(self, now: int) -> None:
        """Schedule a save if outputs changed; a change of the kernel's status is not saved."""
        outcomes = self._filing.outcomes()
        before, self._outcomes = self._outcomes, outcomes
        same = outcomes.keys() == before.keys() and all(
            outcome is before[cell_id] for cell_id, outcome in outcomes.items()
        )
        if not same:
            self._filing.edited(now, output_only=True)
