"""The WebSocket of a room: Jupyter's authentication around the room's frames."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.iostream import IOStream, StreamBufferFullError, StreamClosedError
from tornado.websocket import WebSocketHandler

from .._version import __version__
from ..document.permissions import Permissions
from ..errors import BadFrame
from ..protocol import frames
from ..protocol.close_codes import CloseCode
from .auth import MAY_NOT_READ, Questions, user_of
from .response_mark import OWN_HEADER

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyter_server.auth import User

    from ..host.host import Host
    from ..host.registry import Registry
    from ..ids import SessionId
    from .permission_recheck import PermissionRecheck

MOST_UNANSWERED = 3
"""A connection closes after so many failures of the identity provider in a row."""
SPARE_BYTES = 1 << 20
PING_MS = 10_000
"""Some proxies close a socket that carried no data for 15 s."""
PING_TIMEOUT_MS = 90_000

_BINARY = 0x82
"""First byte of an unfragmented binary WebSocket frame (RFC 6455, section 5.2)."""


def wire(data: bytes) -> tuple[bytes, ...]:
    """Return a server's WebSocket frame around `data`, in parts.

    The payload of a large frame is a separate part, so that all readers share its bytes.
    """
    size = len(data)
    if size < 126:
        return (struct.pack("!BB", _BINARY, size) + data,)
    if size < 1 << 16:
        return (struct.pack("!BBH", _BINARY, 126, size) + data,)
    return struct.pack("!BBQ", _BINARY, 127, size), data


class RoomSocket(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One connection: authenticates, decodes frames and passes them to the room."""

    auth_resource = "contents"
    host: Host | None = None
    session: SessionId | None = None
    _rights: Permissions | None = None
    _unanswered = 0

    def initialize(
        self, rooms: Registry, *, watch: PermissionRecheck, frame_bytes: int, backlog_bytes: int
    ) -> None:
        self.rooms = rooms
        self.watch = watch
        self.questions = Questions(self)
        self.frame_bytes = frame_bytes
        self.backlog_bytes = backlog_bytes

    def set_default_headers(self) -> None:
        """Omit Jupyter's content headers, because a socket has no content."""
        self.set_header(OWN_HEADER, __version__)

    @property
    def max_message_size(self) -> int:
        """Exceed the frame limit, so that the client of a slightly too large frame gets a reason.

        Tornado closes the connection without a reason above this size.
        """
        return self.frame_bytes + SPARE_BYTES

    @property
    def ping_interval(self) -> int:
        """Ping at least as often as the server's other sockets do; 0 if they do not ping."""
        return min(int(super().ping_interval), PING_MS)

    @property
    def ping_timeout(self) -> int:
        return int(self.settings.get("ws_ping_timeout", PING_TIMEOUT_MS))

    def get_compression_options(self) -> None:
        """Disable compression: changes are compact, and compressing per reader delays the loop."""
        return

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        # Without a room the authorizer has nothing to check; `open` then closes the socket.
        if (host := self.rooms.by_id(self.path_kwargs["room_id"])) is not None:
            rights = await self.questions.rights_now(host.path, host.kernel_id)
            if rights is None:
                raise web.HTTPError(403, MAY_NOT_READ)
            self._rights = rights
        await super().get(*args, **kwargs)

    def open(self, room_id: str) -> None:
        super().open(room_id)
        self.set_nodelay(True)
        host = self.rooms.by_id(room_id)
        if host is None or self._rights is None:
            self.close(CloseCode.NO_SUCH_ROOM, "no such room; open the notebook again")
            return
        connection: Any = self.ws_connection
        self._stream: IOStream = connection.stream
        self.host = host
        self.session = host.join(user_of(self), self._rights, self)
        if self.host is not None:
            self.watch.add(self)

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Check the permissions and pass one frame on.

        Return a coroutine only if the authorizer is asynchronous.
        """
        if self.host is None:
            return None
        rights = self.questions.rights(self.host.path, self.host.kernel_id)
        if isinstance(rights, Permissions) or rights is None:
            self._receive(message, rights)
            return None
        return self._receive_later(message, rights)

    async def _receive_later(
        self, message: str | bytes, rights: Awaitable[Permissions | None]
    ) -> None:
        self._receive(message, await rights)

    def _receive(self, message: str | bytes, rights: Permissions | None) -> None:
        if self.host is None or self.session is None:
            return
        self._allow(rights)
        if rights is None:
            return
        try:
            if isinstance(message, str):
                raise BadFrame("the message is text; send frames as binary messages")
            frame = frames.decode(message, cap_bytes=self.frame_bytes)
        except BadFrame as error:
            self.disconnect(CloseCode.BAD_FRAME, str(error))
            return
        self.host.receive(self.session, frame, rights)

    def _allow(self, rights: Permissions | None) -> None:
        """Store the current permissions; disconnect if the user may not read the notebook."""
        before, self._rights = self._rights, rights
        if rights != before:
            self.watch.changed(self)
        if rights is None:
            self.disconnect(CloseCode.FORBIDDEN, MAY_NOT_READ)

    def on_close(self) -> None:
        super().on_close()
        self._leave()

    def _leave(self) -> None:
        host, session = self.host, self.session
        self.host = self.session = None
        self.watch.discard(self)
        if host is not None and session is not None:
            host.leave(session)

    # ------------------------------------------------------------ called by the permission recheck

    @property
    def handler(self) -> JupyterHandler:
        return self

    @property
    def username(self) -> str:
        return user_of(self).username

    async def check_rights(self) -> None:
        """Check the current permissions again and pass them to the room."""
        host, session = self.host, self.session
        if host is None or session is None:
            return
        rights = await self.questions.rights_now(host.path, host.kernel_id)
        if self.session == session:
            self._allow(rights)
            if rights is not None:
                host.allow(session, rights)

    def known_as(self, user: User) -> None:
        """Take over the user's current name and color; the credentials are still valid."""
        self._unanswered = 0
        if user.username == self.username:
            self.current_user = user

    def log_out(self) -> None:
        self.disconnect(CloseCode.LOGGED_OUT, "you are not logged in any more; log in again")

    def not_authorized(self) -> None:
        """Disconnect, because a failed authorizer allows nothing; the client reconnects."""
        self.disconnect(
            CloseCode.SERVER_FAILED, "the server failed to check your permissions; reconnect"
        )

    def not_identified(self) -> None:
        """Count a failure of the identity provider; disconnect after `MOST_UNANSWERED` in a row."""
        self._unanswered += 1
        if self._unanswered >= MOST_UNANSWERED:
            self.disconnect(CloseCode.CLOSING, "the server cannot check who you are; reconnect")

    # ------------------------------------------------------------ called by the host

    def send(self, data: bytes) -> None:
        """Write a frame to the socket; disconnect a reader that is too slow.

        The frame goes to the stream directly, because tornado's `write_message` starts a task for
        each message and reader. A disconnected client reconnects with `hello`.
        """
        if self.ws_connection is None or self.ws_connection.is_closing():
            return
        if not self._stream.writing():
            # One frame of any size may wait, because a document can be larger than the backlog.
            self._stream.max_write_buffer_size = len(data) + self.backlog_bytes
        try:
            for part in wire(data):
                self._stream.write(part)
        except StreamClosedError:
            return
        except StreamBufferFullError:
            self.log.info(
                "Disconnected a client of room %s, because it reads too slowly", self.path_kwargs
            )
            # The close frame waits behind unread data; tornado closes the stream after 5 s anyway.
            self._stream.max_write_buffer_size = None
            self.disconnect(CloseCode.TOO_SLOW, "the client reads too slowly; reconnect")

    def disconnect(self, code: int, reason: str) -> None:
        """Close with a code and a reason, cut to the 123 bytes that a close frame may carry.

        Leave the room at once, because the close takes seconds if the client does not read.
        """
        self._leave()
        reason = reason.encode()[:120].decode(errors="ignore")
        self.close(code, reason)
