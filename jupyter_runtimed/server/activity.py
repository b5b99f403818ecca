"""The time of the last activity in any room, so that idle servers can be culled.

Jupyter Server uses the latest of all settings whose key ends in `_last_activity`; JupyterHub and
`shutdown_no_activity_timeout` use Jupyter Server's result. Two things count as activity: a queued
or running cell, even without output, and a client's request (an edit, a call). An open socket,
presence and the handshake do not count, so an open browser tab alone keeps no server alive.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from tornado.ioloop import PeriodicCallback

from ..host.ports import wall_clock_ms

if TYPE_CHECKING:
    from ..host.registry import Registry

KEY: Final = "runtimed_last_activity"
LOOK_SECONDS: Final = 5.0
"""The interval at which the setting is updated."""


class RoomActivity:
    """Updates one setting of the web application periodically. Call `start` on the loop."""

    def __init__(
        self,
        settings: MutableMapping[str, Any],
        rooms: Registry,
        clock: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._settings = settings
        self._rooms = rooms
        self._clock = clock
        self._timer = PeriodicCallback(self.look, LOOK_SECONDS * 1000)

    def start(self) -> None:
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def look(self) -> None:
        """Update the setting; leave it unset before the first activity."""
        at_ms = self._clock() if self._rooms.active else self._rooms.asked_at_ms
        if at_ms is not None:
            self._settings[KEY] = datetime.fromtimestamp(at_ms / 1000, tz=timezone.utc)
