"""File events: the notifications to peers about the state of the file.

An event is sent when the state changes, and again to each peer that joins. The room detects the
changes; this module remembers the events that still apply.

| event | the file | ends with |
|---|---|---|
| `deleted` | does not exist, or is not a notebook | `saved`, `merged`, `moved` |
| `save_failed` | could not be written | `saved`, `deleted` |
| `file` | cannot be reached (`ok` is false) | `file` (`ok` is true) |
| `writable` | must not be written (`ok` is false) | `writable` (`ok` is true) |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...ids import SessionId
from ...protocol.frames import Event
from .. import events as ev
from ..sessions import Sessions


class FileEvents:
    """Sends file events to the sessions, and repeats those that apply to each new session."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._told: dict[str, Mapping[str, Any]] = {}

    def greet(self, session: SessionId) -> None:
        """Send the events that apply to a peer that joins."""
        for name, body in self._told.items():
            self._sessions.send((session,), Event(name, body))

    def gone(self, event: ev.FileDeleted) -> None:
        self._told.pop("save_failed", None)
        self._tell("deleted", {"message": event.message, "why": event.why})

    def not_saved(self, message: str) -> None:
        self._tell("save_failed", {"message": message})

    def found(self) -> None:
        """Note that the file exists."""
        self._told.pop("deleted", None)

    def saved(self) -> None:
        self.found()
        self._told.pop("save_failed", None)

    def writable(self, message: str) -> None:
        """`message` is the reason why the file must not be written, or empty."""
        self._begins_or_ends("writable", message)

    def trouble(self, message: str) -> None:
        """`message` is the reason why the file cannot be reached, or empty."""
        self._begins_or_ends("file", message)

    def _begins_or_ends(self, name: str, message: str) -> None:
        if message:
            self._tell(name, {"ok": False, "message": message})
        elif self._told.pop(name, None) is not None:
            self._sessions.tell(name, {"ok": True, "message": ""})

    def _tell(self, name: str, body: Mapping[str, Any]) -> None:
        if self._told.get(name) != body:
            self._told[name] = body
            self._sessions.tell(name, body)
