"""The open WebSockets to kernels, as the link between rooms and `RoomKernelSocket`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tornado.websocket import WebSocketClosedError

from ...room.events import User
from .ws_messages import CellRequest

log = logging.getLogger(__name__)

SECONDS_PER_BYTE = 1 / (10 << 20)
"""Limits widget updates to about 10 MiB per second, because each update has the whole output."""


class Socket(Protocol):
    kernel_id: str

    def show_widget(self, content: dict[str, Any]) -> int: ...


Overhear = Callable[[str, CellRequest, User], bool]
"""Reports an external run; returns whether its user has the notebook open in a browser."""


class KernelSockets:
    """The open sockets of all kernels.

    `is_run(message_id)` returns whether a room writes the output of this request. `overheard`
    reports an external run to its room. `path_of(kernel_id)` returns the path of an open notebook
    with this kernel, or "". `running(kernel_id, run_id)` returns the id of the room's run that the
    kernel executes now, or ""; among several runs, `run_id` wins.
    """

    def __init__(
        self,
        *,
        is_run: Callable[[str], bool],
        overheard: Overhear,
        path_of: Callable[[str], str],
        running: Callable[[str, str], str],
    ) -> None:
        self.is_run = is_run
        self.running = running
        self.path_of = path_of
        self._overheard = overheard
        self._open: list[Any] = []
        self._waiting: dict[tuple[str, str], Sequence[Mapping[str, Any]]] = {}
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, socket: object) -> None:
        """Add a socket, once: a gateway's socket connects repeatedly."""
        if socket not in self._open:
            self._open.append(socket)

    def discard(self, socket: object) -> None:
        if socket in self._open:
            self._open.remove(socket)

    def overhear(self, kernel_id: str, request: CellRequest, user: User, *, page: bool) -> bool:
        """Report an external run to its room.

        Return whether the client needs the output over its socket too. `page` says whether the
        client is a web page.
        """
        shown = self._overheard(kernel_id, request, user)
        return not (page and shown)

    def show_widget(
        self, kernel_id: str, comm_id: str, outputs: Sequence[Mapping[str, Any]]
    ) -> None:
        """Send the widget's newest outputs once the previous updates have probably arrived."""
        self._waiting[kernel_id, comm_id] = outputs
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(self._free_at - loop.time(), 0.0), self._send)

    def _send(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        total = 0
        for (kernel_id, comm_id), outputs in waiting.items():
            state = {"outputs": list(outputs)}
            data = {"method": "update", "state": state, "buffer_paths": []}
            content = {"comm_id": comm_id, "data": data}
            for socket in [each for each in self._open if each.kernel_id == kernel_id]:
                try:
                    total += socket.show_widget(content)
                except WebSocketClosedError:
                    log.debug("A browser disconnected before the update of a widget")
        self._free_at = asyncio.get_running_loop().time() + total * SECONDS_PER_BYTE
