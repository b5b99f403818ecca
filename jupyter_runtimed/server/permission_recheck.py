"""Rechecks the permissions and the identity of every open connection.

The server checks permissions for each frame, but a connection that only listens sends no frames. So
a timer rechecks permissions, and rechecks the identity less often, because an identity check may
send a request to another server. Two changes take effect at once: a logout at this server, and a
permission that a frame of another connection of the same user shows to have changed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Protocol

from ..host.tasks import Tasks
from .identity import ask_again, credentials, forget_answers, is_still, login_cookies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_server.auth import User
    from jupyter_server.base.handlers import JupyterHandler

log = logging.getLogger(__name__)

LONGEST_ANSWER_SECONDS = 15.0
"""The timeout for an authorizer or identity provider."""


class Connection(Protocol):
    """An open socket of a room."""

    @property
    def handler(self) -> JupyterHandler: ...

    @property
    def username(self) -> str: ...

    async def check_rights(self) -> None:
        """Check the permissions with the authorizer and apply them."""

    def not_authorized(self) -> None:
        """Handle a failure of the authorizer."""

    def known_as(self, user: User) -> None:
        """Take over the current details of the user; the credentials are still valid."""

    def log_out(self) -> None:
        """Disconnect, because the credentials are invalid or now identify another user."""

    def not_identified(self) -> None:
        """Handle a failure of the identity provider."""


class PermissionRecheck:
    """Runs from the first connection to `close`. `identity_seconds=0` disables identity checks."""

    def __init__(self, *, rights_seconds: float, identity_seconds: float) -> None:
        self._rights_seconds = rights_seconds
        self._identity_seconds = identity_seconds
        self._identity_at = 0.0
        self._open: set[Connection] = set()
        self._tasks = Tasks()
        self._running = False

    def add(self, socket: Connection) -> None:
        self._open.add(socket)
        if not self._running:
            self._running = True
            self._identity_at = time.monotonic() + self._identity_seconds
            self._tasks.start(self._run(), "look at connections")

    def discard(self, socket: Connection) -> None:
        self._open.discard(socket)

    async def close(self) -> None:
        await self._tasks.close()

    # ------------------------------------------------------------ at once

    def changed(self, socket: Connection) -> None:
        """Recheck the user's other connections now, because this one's permissions changed."""
        name = socket.username
        others = [one for one in self._open if one.username == name and one is not socket]
        if others:
            self._tasks.start(self._look_at_rights(others), "permissions changed")

    def logged_out(self, handler: JupyterHandler) -> None:
        """Disconnect all connections of the browser that sent this logout request."""
        cookies = login_cookies(handler)
        for socket in list(self._open):
            if cookies & login_cookies(socket.handler):
                socket.log_out()

    # ------------------------------------------------------------ on the timer

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._rights_seconds)
            await self._look_at_rights(self._open)
            now = time.monotonic()
            if self._identity_seconds and now >= self._identity_at:
                self._identity_at = now + self._identity_seconds
                # In a separate task, because a slow identity provider must not delay the timer.
                self._tasks.start(self._look_at_identities(), "look at identities")

    async def _look_at_rights(self, sockets: Iterable[Connection]) -> None:
        await asyncio.gather(*(self._check_rights(socket) for socket in list(sockets)))

    async def _check_rights(self, socket: Connection) -> None:
        try:
            await asyncio.wait_for(socket.check_rights(), LONGEST_ANSWER_SECONDS)
        except Exception as error:  # noqa: BLE001 -- third-party code
            log.warning("The authorizer failed for %s: %r", socket.username, error)
            socket.not_authorized()

    async def _look_at_identities(self) -> None:
        """Check the identity once for all connections with the same credentials."""
        groups: dict[tuple[str, str, str], list[Connection]] = {}
        for socket in self._open:
            groups.setdefault(credentials(socket.handler), []).append(socket)
        for sockets in list(groups.values())[:1]:
            forget_answers(sockets[0].handler)
        await asyncio.gather(*(self._check_identity(sockets) for sockets in groups.values()))

    async def _check_identity(self, sockets: list[Connection]) -> None:
        try:
            user = await asyncio.wait_for(ask_again(sockets[0].handler), LONGEST_ANSWER_SECONDS)
            for socket in sockets:
                if user is None or not await is_still(user, socket.handler):
                    socket.log_out()
                else:
                    socket.known_as(user)
        except Exception as error:  # noqa: BLE001 -- third-party code, or another server
            log.warning("The identity check of %s failed: %r", sockets[0].username, error)
            for socket in sockets:
                socket.not_identified()
