"""The presence of a Python client: its cell, its caret and its activity.

Each edit moves the caret. The client sends at most one presence per `PAUSE_SECONDS` for edits, and
always sends the last one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..ids import CellId
from ..peer.peer import Peer

PAUSE_SECONDS: Final = 0.1
EDITING: Final = "editing"


class PresenceSender:
    def __init__(self, peer: Peer, flush: Callable[[], None]) -> None:
        self._peer = peer
        self._flush = flush
        self._doing = ""
        self._next: Mapping[str, Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Publish an empty presence first, so that other peers see this client at once.
        peer.set_presence({})

    def show(self, cell: CellId | None, doing: str) -> None:
        """Send a presence that the program has set, at once."""
        self._doing, self._next = doing, None
        state = {"doing": doing} if doing else {}
        self._send(state if cell is None else state | {"cell": cell})

    def edited(self, cell: CellId, position: int | None) -> None:
        """Send a presence for an edit of a cell; `position` is the caret in its source, or None."""
        state: dict[str, Any] = {"doing": self._doing or EDITING, "cell": cell}
        notebook = self._peer.notebook
        if position is not None and notebook is not None:
            cursor = notebook.cursor(cell, position)
            state["cursors"] = [[cursor, cursor]]
        self._next = state
        if self._timer is None:
            self._send_next()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _send_next(self) -> None:
        self._timer = None
        if self._next is not None:
            self._send(self._next)
            self._next = None
            self._timer = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._send_next)

    def _send(self, state: Mapping[str, Any]) -> None:
        self._peer.set_presence(state)
        self._flush()
