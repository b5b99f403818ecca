"""HTTP handlers of polling connections; `polling` keeps the connections themselves."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tornado import web

from ..document.permissions import Permissions
from ..errors import BadFrame, NotFound, PeerError, TooMany
from ..protocol.batches import pack, unpack
from ..protocol.close_codes import CloseCode
from . import polling
from .auth import MAY_NOT_READ, owner_of, rights_now, user_of
from .polling import PollingConnection, PollingConnections
from .response_mark import MarkedResponse

if TYPE_CHECKING:
    from ..host.registry import Registry


class _Polling(MarkedResponse):
    def initialize(self, rooms: Registry, connections: PollingConnections) -> None:
        self.rooms = rooms
        self.connections = connections

    async def rights(self, room_id: str) -> Permissions:
        """Return the user's current permissions; none if the room is not open.

        Raises HTTP 403 for a user who may not read the notebook.
        """
        host = self.rooms.by_id(room_id)
        if host is None:
            return Permissions(write=False, execute=False)
        rights = await rights_now(self, host.path, host.kernel_id)
        if rights is None:
            raise web.HTTPError(403, MAY_NOT_READ)
        return rights

    def tell_end(self, code: int, reason: str) -> None:
        """Answer HTTP 410 with the close code and reason of a WebSocket's close frame."""
        self.set_status(410)
        self.finish(json.dumps({"code": "closed", "close": code, "message": reason}))

    def compute_etag(self) -> None:
        """Disable ETags, because two responses with equal bytes are different frames."""


class PollingHandler(_Polling):
    """`POST` opens a connection to a room."""

    @web.authenticated
    async def post(self, room_id: str) -> None:
        rights = await self.rights(room_id)
        host = self.rooms.by_id(room_id)
        if host is None:
            self.tell_end(CloseCode.NO_SUCH_ROOM, "no such room; open the notebook again")
            return
        try:
            connection = self.connections.open(host, owner_of(self), user_of(self), rights)
        except TooMany as error:
            raise web.HTTPError(429, str(error)) from error
        answer = {"connection": connection.id, "wait_seconds": polling.WAIT_SECONDS}
        self.finish(json.dumps(answer))


class PollingConnectionHandler(_Polling):
    """`POST ?first=N` sends frames, `GET ?after=N` waits for some, `DELETE` closes."""

    def _number(self, name: str) -> int:
        try:
            return int(self.get_query_argument(name))
        except ValueError:
            raise web.HTTPError(400, f"{name} is not a number; send a frame's number") from None

    def _connection(self, room_id: str, connection_id: str) -> PollingConnection | None:
        """Return the connection; None after answering that the connection is closed."""
        try:
            found = self.connections.find(connection_id, room_id, owner_of(self))
        except NotFound as error:
            self.tell_end(CloseCode.LOST, str(error))
            return None
        if found.closed is not None and found.all_read:
            self.connections.drop(found)
            self.tell_end(*found.closed)
            return None
        return found

    @web.authenticated
    async def post(self, room_id: str, connection_id: str) -> None:
        rights = await self._rights_in(room_id, connection_id)
        connection = self._connection(room_id, connection_id)
        if connection is None:
            return
        if len(self.request.body) > self.connections.body_bytes:
            raise web.HTTPError(413, "the batch is too large; send fewer frames in one request")
        try:
            connection.take(self._number("first"), unpack(self.request.body), rights)
        except (BadFrame, PeerError) as error:
            raise web.HTTPError(400, str(error)) from error
        self.finish(json.dumps({"received": connection.received}))

    async def _rights_in(self, room_id: str, connection_id: str) -> Permissions:
        """Return `rights`; if the user may not read any more, close the connection first."""
        try:
            return await self.rights(room_id)
        except web.HTTPError:
            with suppress(NotFound):
                found = self.connections.find(connection_id, room_id, owner_of(self))
                found.disconnect(CloseCode.FORBIDDEN, MAY_NOT_READ)
                self.connections.drop(found)
            raise

    @web.authenticated
    async def get(self, room_id: str, connection_id: str) -> None:
        # Polling must not count as activity, so that an open page does not prevent server culling.
        self._track_activity = False
        await self._rights_in(room_id, connection_id)
        connection = self._connection(room_id, connection_id)
        if connection is None:
            return
        try:
            frames = await connection.after(self._number("after"), polling.WAIT_SECONDS)
        except PeerError as error:
            raise web.HTTPError(400, str(error)) from error
        if not frames and connection.closed is not None and connection.all_read:
            self._connection(room_id, connection_id)
            return
        self.set_header("Cache-Control", "no-store")
        self.finish(pack(frames), set_content_type="application/octet-stream")

    @web.authenticated
    async def delete(self, room_id: str, connection_id: str) -> None:
        connection = self._connection(room_id, connection_id)
        if connection is None:
            return
        connection.disconnect(1000, "closed by the client")
        self.connections.drop(connection)
        self.set_status(204)
        self.finish()


def routes(room: str, rooms: Registry, connections: PollingConnections) -> list[tuple[Any, ...]]:
    """Return the handlers' routes; `room` is the regular expression for a room's id."""
    given = {"rooms": rooms, "connections": connections}
    base = rf"/api/runtimed/rooms/{room}/polling"
    return [
        (base, PollingHandler, given),
        (rf"{base}/(?P<connection_id>[\w-]+)", PollingConnectionHandler, given),
    ]
