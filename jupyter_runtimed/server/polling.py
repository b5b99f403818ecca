"""Connections to a room over plain HTTP, for clients that cannot open a WebSocket.

A client sends its frames by `POST` and receives the room's frames by `GET`, which waits until
there are some ("long polling"). Each response is complete, so proxies that buffer responses do no
harm. The frames of each direction are numbered from 1. A client that gets no response repeats the
request: the server ignores frames that it already has, and keeps each frame until a later request
acknowledges it. So a broken request neither loses nor doubles a frame.

This module knows connections, not HTTP requests; `pollinghandlers` handles the requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..document.permissions import Permissions
from ..errors import BadFrame, NotFound, PeerError, TooMany
from ..protocol import frames
from ..protocol.close_codes import CloseCode
from .room_websocket import SPARE_BYTES

if TYPE_CHECKING:
    from ..host.host import Host
    from ..ids import SessionId
    from ..room.events import User

WAIT_SECONDS = 10.0
"""The longest wait of a `GET`; some proxies abort a request after 15 s."""
EXPIRE_SECONDS = 40.0
"""A connection without requests for this long is closed."""
ANSWER_BYTES = 1 << 20
"""The approximate size limit of a response; a single frame may be larger."""
CONNECTIONS_OF_USER = 100


class PollingConnection:
    """A client's connection, a `SessionSink` of the host; `owner` names the client's credential."""

    def __init__(
        self,
        host: Host,
        owner: str,
        user: User,
        rights: Permissions,
        *,
        frame_bytes: int,
        backlog_bytes: int,
    ) -> None:
        self.id = secrets.token_urlsafe(18)
        self.owner = owner
        self.room_id = host.room_id
        self.received = 0
        """The number of the last frame received from the client."""
        self.closed: tuple[int, str] | None = None
        self.heard_at = asyncio.get_running_loop().time()
        self._frame_bytes = frame_bytes
        self._backlog_bytes = backlog_bytes
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._forgotten = 0
        """The number of the last frame that the client has acknowledged."""
        self._turn = 0
        self._news = asyncio.Event()
        self._host: Host | None = host
        self._session: SessionId | None = None
        self._session = host.join(user, rights, self)

    # ------------------------------------------------------------ from the client

    def take(self, first: int, received: Sequence[bytes], rights: Permissions) -> None:
        """Pass frames numbered from `first` to the room, except frames received before.

        Raises `PeerError` if `first` leaves a gap.
        """
        self._hear()
        if not 1 <= first <= self.received + 1:
            raise PeerError(f"frame {self.received + 1} is missing; send it before frame {first}")
        for number, data in enumerate(received, first):
            if number > self.received:
                self.received = number
                self._pass_on(data, rights)

    def _pass_on(self, data: bytes, rights: Permissions) -> None:
        if self._host is None or self._session is None:
            return
        try:
            frame = frames.decode(data, cap_bytes=self._frame_bytes)
        except BadFrame as error:
            self.disconnect(CloseCode.BAD_FRAME, str(error))
            return
        self._host.receive(self._session, frame, rights)

    # ------------------------------------------------------------ to the client

    async def after(self, number: int, wait_seconds: float) -> list[bytes]:
        """Return the frames after `number`, waiting until there are some.

        Return an empty list after `wait_seconds`, when the connection closes, or when a later
        request replaces this one. Raises `PeerError` if the frame after `number` is not available.
        """
        if not self._forgotten <= number <= self._forgotten + len(self._unread):
            raise PeerError(f"the frames after {number} are not available; reconnect")
        self._hear()
        self._forget(number)
        self._turn += 1
        turn = self._turn
        self._news.set()
        with contextlib.suppress(asyncio.TimeoutError):  # not TimeoutError itself in Python 3.10
            await asyncio.wait_for(self._something(turn), wait_seconds)
        self._hear()
        return self._next() if turn == self._turn else []

    async def _something(self, turn: int) -> None:
        while not self._unread and self.closed is None and turn == self._turn:
            self._news.clear()
            await self._news.wait()

    def _forget(self, number: int) -> None:
        while self._forgotten < number:
            self._forgotten += 1
            self._unread_bytes -= len(self._unread.popleft())

    def _next(self) -> list[bytes]:
        size = 0
        chosen: list[bytes] = []
        for data in self._unread:
            if chosen and size + len(data) > ANSWER_BYTES:
                break
            size += len(data)
            chosen.append(data)
        return chosen

    def _hear(self) -> None:
        self.heard_at = asyncio.get_running_loop().time()

    # ------------------------------------------------------------ called by the host

    def send(self, data: bytes) -> None:
        if self.closed is not None:
            return
        self._unread.append(data)
        self._unread_bytes += len(data)
        self._news.set()
        if self._unread_bytes > self._backlog_bytes:
            self.disconnect(CloseCode.TOO_SLOW, "the client reads too slowly; reconnect")

    def disconnect(self, code: int, reason: str) -> None:
        """Close the connection; the client learns the code after reading the remaining frames."""
        if self.closed is not None:
            return
        self.closed = (code, reason)
        if code == CloseCode.TOO_SLOW:
            self._unread.clear()
        self._news.set()
        self.leave()

    def leave(self) -> None:
        host, self._host = self._host, None
        if host is not None and self._session is not None:
            host.leave(self._session)

    @property
    def all_read(self) -> bool:
        return not self._unread


class PollingConnections:
    """The open connections of a server, by id. A timer closes connections of silent clients."""

    def __init__(self, *, frame_bytes: int, backlog_bytes: int) -> None:
        self.body_bytes = frame_bytes + SPARE_BYTES
        """The largest body of a request: one frame of maximal size, or several small frames."""
        self._frame_bytes = frame_bytes
        self._backlog_bytes = backlog_bytes
        self._open: dict[str, PollingConnection] = {}
        self._timer: asyncio.TimerHandle | None = None

    def open(self, host: Host, owner: str, user: User, rights: Permissions) -> PollingConnection:
        """Open a connection of a user to a room. Raises `TooMany`."""
        of_user = [one for one in self._open.values() if one.owner == owner]
        if len(of_user) >= CONNECTIONS_OF_USER:
            raise TooMany(f"you have {len(of_user)} connections; close some notebooks")
        connection = PollingConnection(
            host,
            owner,
            user,
            rights,
            frame_bytes=self._frame_bytes,
            backlog_bytes=self._backlog_bytes,
        )
        self._open[connection.id] = connection
        self._set_timer()
        return connection

    def find(self, connection_id: str, room_id: str, owner: str) -> PollingConnection:
        """Return the connection that `owner` opened to this room. Raises `NotFound`."""
        found = self._open.get(connection_id)
        if found is None or found.room_id != room_id or found.owner != owner:
            raise NotFound("the connection does not exist any more; reconnect")
        return found

    def drop(self, connection: PollingConnection) -> None:
        """Forget a connection that its client has closed, or whose close code its client knows."""
        self._open.pop(connection.id, None)
        connection.leave()

    def _set_timer(self) -> None:
        if self._timer is None and self._open:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(EXPIRE_SECONDS / 4, self._expire)

    def _expire(self) -> None:
        self._timer = None
        oldest = asyncio.get_running_loop().time() - EXPIRE_SECONDS
        for connection in [one for one in self._open.values() if one.heard_at < oldest]:
            connection.disconnect(CloseCode.EXPIRED, "the client was silent; reconnect")
            self.drop(connection)
        self._set_timer()
