"""Jupyter's kernel WebSocket, extended: omits outputs of room runs and reports external runs.

Another extension or a script can run a cell over this socket. If `cellId` in the request's metadata
names a cell of an open notebook, the room adopts the run as an external run. The socket sends the
run's output to its client too, unless the client is a web page that shows the room. The socket
also sends the state of output widgets to browsers, because the server captures their output
(`execution.captures`).

JupyterLab shows the last kernel state that it receives, whatever request caused the state. While a
cell waits for input, the kernel serves other requests (control, subshells) and reports "idle" after
each of them; a page that connects then receives no state. So the socket repeats "busy" in both
cases.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, cast

from ..auth import Questions, user_of
from ..mixins import extended
from .ws_messages import execute_request, iopub_message, message_header, says_idle

if TYPE_CHECKING:
    from ...document.permissions import Permissions
    from .open_websockets import KernelSockets
    from .ws_messages import MessageHeader

WRITTEN = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"}
)
"""Types of messages that a room writes into the runtime document if they belong to its run."""


class RoomKernelSocket:
    """Mixin: drops the outputs that a room writes, and passes every other message on."""

    sockets: KernelSockets
    _kernel_session = ""
    _begun_run = ""
    """The run of a room whose start this socket has passed on last."""
    _ended_run = ""
    """The run of a room whose end this socket has passed on last."""
    _rights: Permissions | None = None
    _asking: asyncio.Task[None] | None = None

    def connect(self) -> Any:
        self._own_runs: set[str] = set()
        self.sockets.add(self)
        self._questions = Questions(cast("Any", self).websocket_handler)
        self._asking = asyncio.ensure_future(self._ask_rights())
        connected = super().connect()  # type: ignore[misc]
        if isinstance(connected, asyncio.Future):
            connected.add_done_callback(self._connected)
        return connected

    def _connected(self, done: asyncio.Future[Any]) -> None:
        if not done.cancelled():
            self._tell_busy()

    def request_kernel_info(self) -> Any:
        """Ask for the kernel's protocol version; assume the current version while a cell runs.

        A kernel does not answer before the cell ends. Jupyter Server would make the page wait for a
        minute and then assume the same.
        """
        kernel_id = str(cast("Any", self).kernel_id)
        was_asked = hasattr(cast("Any", self).kernel_manager, "_kernel_info_future")
        if was_asked or not self.sockets.running(kernel_id, ""):
            return super().request_kernel_info()  # type: ignore[misc]
        assumed: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        assumed.set_result({})
        return assumed

    def disconnect(self) -> Any:
        self.sockets.discard(self)
        if self._asking is not None:
            self._asking.cancel()
        return super().disconnect()  # type: ignore[misc]

    def handle_outgoing_message(self, *args: Any) -> None:
        message = message_header(args[-1])
        self._kernel_session = message.session or self._kernel_session
        written = message.type in WRITTEN and self.sockets.is_run(message.parent_id)
        if not written or message.parent_id in self._own_runs:
            super().handle_outgoing_message(*args)  # type: ignore[misc]
        if message.type == "status":
            self._heard_status(message, args[-1])

    def _heard_status(self, message: MessageHeader, data: Any) -> None:
        is_idle = says_idle(data)
        if self.sockets.is_run(message.parent_id):
            if is_idle:
                self._ended_run = message.parent_id
            else:
                self._begun_run = message.parent_id
        elif is_idle:
            self._tell_busy()

    def _tell_busy(self) -> None:
        """Send "busy" to the page, unless this socket has passed on the end of the run."""
        run_id = self.sockets.running(str(cast("Any", self).kernel_id), self._begun_run)
        if run_id not in ("", self._ended_run):
            self._say("status", {"execution_state": "busy"})

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
        """Send a widget's `comm_msg` to the browser, as the kernel would; return its bytes."""
        if not self._kernel_session:
            # The browser has no message from this kernel yet, and will request every widget.
            return 0
        return self._say("comm_msg", content)

    def _say(self, msg_type: str, content: dict[str, Any]) -> int:
        handler: Any = cast("Any", self).websocket_handler
        v1 = bool(handler.selected_subprotocol)
        data = iopub_message(msg_type, content, session=self._kernel_session, v1=v1)
        handler.write_message(data, binary=isinstance(data, bytes))
        return len(data)

    def _may_run(self) -> bool:
        rights = self._questions.rights(*self._about())
        if inspect.isawaitable(rights):
            cast("Any", rights).close()
            if self._asking is None or self._asking.done():
                self._asking = asyncio.ensure_future(self._ask_rights())
            rights = self._rights
        return rights is not None and rights.execute

    def _about(self) -> tuple[str, str]:
        kernel_id = str(cast("Any", self).kernel_id)
        return self.sockets.path_of(kernel_id), kernel_id

    async def _ask_rights(self) -> None:
        """Cache the permissions, because a message cannot wait for an asynchronous authorizer."""
        self._rights = await self._questions.rights_now(*self._about())


def socket_class(configured: type, sockets: KernelSockets) -> type:
    """Return the configured connection class, extended under the same name.

    The name stays, because traitlets looks up the configuration by it.
    """
    made: Any = extended(configured, RoomKernelSocket)
    made.sockets = sockets
    return cast("type", made)
