"""The kernel's WebSocket to browsers: without the output that rooms deliver, and overheard by them.

Cells that are run over it (by another extension, by a script) are runs of the room, if they are
cells of an open notebook: the request's metadata names them as `cellId`. Whoever asked gets the
output as well, unless it is a page that shows the room. What output widgets hold goes to every
browser from here, since the server captured it (`execution.captures`).
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, cast

from .compose import extended
from .kernelframes import about, comm_message, execute_request
from .rights import rights_now, rights_of, user_of

if TYPE_CHECKING:
    from ..document.authority import Rights
    from .kernelsockets import KernelSockets

WRITTEN = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"}
)
"""Messages that go into the runtime document when they belong to a run of a room."""


class RoomKernelSocket:
    """Drops what a room has written; everything else passes as ever."""

    sockets: KernelSockets
    _kernel_session = ""
    _rights: Rights | None = None
    _asking: asyncio.Task[None] | None = None

    def connect(self) -> Any:
        self._own_runs: set[str] = set()
        self.sockets.add(self)
        self._asking = asyncio.ensure_future(self._ask_rights())
        return super().connect()  # type: ignore[misc]

    def disconnect(self) -> Any:
        self.sockets.discard(self)
        if self._asking is not None:
            self._asking.cancel()
        return super().disconnect()  # type: ignore[misc]

    def handle_outgoing_message(self, *args: Any) -> None:
        message = about(args[-1])
        self._kernel_session = message.session or self._kernel_session
        written = message.type in WRITTEN and self.sockets.is_run(message.parent_id)
        if not written or message.parent_id in self._own_runs:
            super().handle_outgoing_message(*args)  # type: ignore[misc]

    def handle_incoming_message(self, message: Any) -> None:
        request = execute_request(message)
        if request is not None and self._may_run():
            handler = cast("Any", self).websocket_handler
            shown = handler.request.headers.get("User-Agent", "").startswith("Mozilla/")
            kernel_id = str(cast("Any", self).kernel_id)
            if self.sockets.overhear(kernel_id, request, user_of(handler), page=shown):
                self._own_runs.add(request.id)
        super().handle_incoming_message(message)  # type: ignore[misc]

    def show_widget(self, content: dict[str, Any]) -> int:
        """Say to the browser what the kernel would say of a widget; how many bytes that took."""
        if not self._kernel_session:
            # It has heard nothing yet, and will ask the kernel for every widget.
            return 0
        handler: Any = cast("Any", self).websocket_handler
        data = comm_message(
            content, session=self._kernel_session, v1=bool(handler.selected_subprotocol)
        )
        handler.write_message(data, binary=isinstance(data, bytes))
        return len(data)

    def _may_run(self) -> bool:
        rights = rights_of(cast("Any", self).websocket_handler)
        if inspect.isawaitable(rights):
            cast("Any", rights).close()
            rights = self._rights
        return rights is not None and rights.execute

    async def _ask_rights(self) -> None:
        """For authorizers that take their time: a message cannot wait for them."""
        self._rights = await rights_now(cast("Any", self).websocket_handler)


def socket_class(configured: type, sockets: KernelSockets) -> type:
    """The configured connection class, extended; its configuration stays under its own name."""
    made: Any = extended(configured, RoomKernelSocket)
    made.sockets = sockets
    return cast("type", made)
