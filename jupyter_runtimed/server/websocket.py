"""The socket of a room: Jupyter's authentication around frames that the room understands."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.iostream import IOStream, StreamBufferFullError, StreamClosedError
from tornado.websocket import WebSocketHandler

from ..document.authority import Rights
from ..errors import BadFrame
from ..protocol import frames
from .rights import MAY_NOT_READ, rights_now, rights_of, user_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ..host.host import Host
    from ..host.registry import Registry
    from ..ids import SessionId

BAD_FRAME = 4400
MAY_NOT = 4403
NO_SUCH_ROOM = 4404
TOO_SLOW = 4429

SPARE_BYTES = 1 << 20

_BINARY = 0x82
"""First byte of an unfragmented binary WebSocket frame (RFC 6455, section 5.2)."""


def wire(data: bytes) -> bytes:
    """A server's WebSocket frame around `data`."""
    size = len(data)
    if size < 126:
        return struct.pack("!BB", _BINARY, size) + data
    if size < 1 << 16:
        return struct.pack("!BBH", _BINARY, 126, size) + data
    return struct.pack("!BBQ", _BINARY, 127, size) + data


class RoomSocket(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One connection: the handshake and the bytes. What they mean is the room's business."""

    auth_resource = "contents"
    host: Host | None = None
    session: SessionId | None = None

    def initialize(self, rooms: Registry, *, frame_bytes: int, backlog_bytes: int) -> None:
        self.rooms = rooms
        self.frame_bytes = frame_bytes
        self.backlog_bytes = backlog_bytes

    def set_default_headers(self) -> None:
        """Content headers make no sense on a socket."""

    @property
    def max_message_size(self) -> int:
        """More than a frame may have: what is a little too large is told why."""
        return self.frame_bytes + SPARE_BYTES

    def get_compression_options(self) -> None:
        """Changes are compact already; compression costs each reader's share of the loop."""
        return

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        rights = await rights_now(self)
        if rights is None:
            raise web.HTTPError(403, MAY_NOT_READ)
        self._rights = rights
        await super().get(*args, **kwargs)

    def open(self, room_id: str) -> None:
        super().open(room_id)
        self.set_nodelay(True)
        host = self.rooms.by_id(room_id)
        if host is None:
            self.close(NO_SUCH_ROOM, "no such room; open the notebook again")
            return
        connection: Any = self.ws_connection
        connection.stream.max_write_buffer_size = self.backlog_bytes
        self._stream: IOStream = connection.stream
        self.host = host
        self.session = host.join(user_of(self), self._rights, self)

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Judge and pass on one frame; a coroutine only when the authorizer is asynchronous."""
        rights = rights_of(self)
        if isinstance(rights, Rights) or rights is None:
            self._receive(message, rights)
            return None
        return self._receive_later(message, rights)

    async def _receive_later(self, message: str | bytes, rights: Awaitable[Rights | None]) -> None:
        self._receive(message, await rights)

    def _receive(self, message: str | bytes, rights: Rights | None) -> None:
        if self.host is None or self.session is None:
            return
        if rights is None:
            self.disconnect(MAY_NOT, MAY_NOT_READ)
            return
        try:
            if isinstance(message, str):
                raise BadFrame("frames are binary")
            frame = frames.decode(message, cap_bytes=self.frame_bytes)
        except BadFrame as error:
            self.disconnect(BAD_FRAME, str(error))
            return
        self.host.receive(self.session, frame, rights)

    def on_close(self) -> None:
        super().on_close()
        self._leave()

    def _leave(self) -> None:
        host, session = self.host, self.session
        self.host = self.session = None
        if host is not None and session is not None:
            host.leave(session)

    # ------------------------------------------------------------ what the host calls

    def send(self, data: bytes) -> None:
        """Hand bytes to the socket. A reader that is too slow is let go; it comes back by `hello`.

        The frame is written to the stream as it is: tornado's own `write_message` makes a task for
        each message and reader.
        """
        if self.ws_connection is None or self.ws_connection.is_closing():
            return
        try:
            self._stream.write(wire(data))
        except StreamClosedError:
            return
        except StreamBufferFullError:
            self.log.info("A reader of room %s was too slow and was let go", self.path_kwargs)
            # The farewell waits behind what is unread already; tornado ends it all in five seconds.
            self._stream.max_write_buffer_size = None
            self.disconnect(TOO_SLOW, "too slow; reconnect")

    def disconnect(self, code: int, reason: str) -> None:
        """Close with a code; a reason may have 123 bytes on the wire.

        The room is left at once: a client that does not read is told in vain for seconds.
        """
        self._leave()
        reason = reason.encode()[:120].decode(errors="ignore")
        self.close(code, reason)
