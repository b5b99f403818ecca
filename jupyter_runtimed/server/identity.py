"""Repeated identity checks for long connections.

A connection can outlive the login that opened it. So the server asks the identity provider again,
with a copy of the connection's first request and without the user that the handler has cached.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError

from .synthetic_request import synthetic_request

if TYPE_CHECKING:
    from jupyter_server.auth import User

REFUSED = frozenset({401, 403})


class _Again(JupyterHandler):
    """A request that only identifies its user."""

    @allow_unauthenticated
    def get(self) -> None:
        """Do nothing; the server never calls this method."""


async def ask_again(handler: JupyterHandler) -> User | None:
    """Return the user that the request's credentials identify now; None if they are invalid.

    Errors of the identity provider pass through.
    """
    # A separate task, because Jupyter stores the handler in a context variable.
    return await asyncio.create_task(_ask(handler))


async def _ask(handler: JupyterHandler) -> User | None:
    again = synthetic_request(_Again, handler, method="GET", uri=str(handler.request.uri))
    try:
        await again.prepare()
    except HTTPError as error:
        if error.status_code in REFUSED:
            return None
        raise
    user: User | None = again.current_user
    return user


async def is_still(now: User, handler: JupyterHandler) -> bool:
    """Return whether `now`, the result of `ask_again`, is the user that this request began with.

    A token need not identify a particular user. Jupyter then invents a new username for each
    request. So if the usernames differ, ask once more: a third username means such a token.
    """
    name = getattr(handler.current_user, "username", "")
    if now.username == name:
        return True
    then = await ask_again(handler)
    return then is not None and then.username not in (now.username, name)


def forget_answers(handler: JupyterHandler) -> None:
    """Clear the cache of JupyterHub's answers, which otherwise last for five minutes."""
    provider = handler.identity_provider
    hub_auth = getattr(provider, "hub_auth", None) or handler.settings.get("hub_auth")
    cache = getattr(hub_auth, "cache", None)
    if cache is not None:
        cache.clear()


def credentials(handler: JupyterHandler) -> tuple[str, str, str]:
    """Return the credentials of a request: `Authorization` header, cookies and query string."""
    headers = handler.request.headers
    return headers.get("Authorization", ""), headers.get("Cookie", ""), handler.request.query


def login_cookies(handler: JupyterHandler) -> frozenset[tuple[str, str]]:
    """Return the login cookies of a request as pairs of name and value."""
    provider = handler.identity_provider
    hub_auth = getattr(provider, "hub_auth", None) or handler.settings.get("hub_auth")
    names = [provider.get_cookie_name(handler), getattr(hub_auth, "cookie_name", None)]
    found = [(name, handler.get_cookie(name)) for name in names if isinstance(name, str)]
    return frozenset((name, value) for name, value in found if value)
