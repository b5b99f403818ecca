"""The browsers' connections to kernels that are open now, and what rooms have to do with them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tornado.websocket import WebSocketClosedError

from ..room.events import User
from .kernelframes import CellRequest

log = logging.getLogger(__name__)

SECONDS_PER_BYTE = 1 / (10 << 20)
"""What an output widget holds is sent whole each time: at most about ten megabytes a second."""


class Socket(Protocol):
    kernel_id: str

    def show_widget(self, content: dict[str, Any]) -> int: ...


Overhear = Callable[[str, CellRequest, User], bool]
"""A request to run a cell; whether that user has the notebook open in a browser."""


class KernelSockets:
    """`is_run`: does a room write the output of this request? `overheard` tells rooms of others."""

    def __init__(self, *, is_run: Callable[[str], bool], overheard: Overhear) -> None:
        self.is_run = is_run
        self._overheard = overheard
        self._open: list[Any] = []
        self._waiting: dict[tuple[str, str], Sequence[Mapping[str, Any]]] = {}
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, socket: object) -> None:
        """Also for one that connects again, as a gateway's does."""
        if socket not in self._open:
            self._open.append(socket)

    def discard(self, socket: object) -> None:
        if socket in self._open:
            self._open.remove(socket)

    def overhear(self, kernel_id: str, request: CellRequest, user: User, *, page: bool) -> bool:
        """Tell the room; whether the asker needs the output itself. `page`: it is a web page."""
        shown = self._overheard(kernel_id, request, user)
        return not (page and shown)

    def show_widget(
        self, kernel_id: str, comm_id: str, outputs: Sequence[Mapping[str, Any]]
    ) -> None:
        """The newest is sent, as soon as what went before is thought to have arrived."""
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
                    log.debug("A browser left before it was shown a widget")
        self._free_at = asyncio.get_running_loop().time() + total * SECONDS_PER_BYTE
