"""Permissions of a connection, checked with the configured authorizer for each frame.

Each check uses the action and resource of Jupyter's own API: reading and writing the notebook
(`contents`), running code (`kernels`, execute), interrupting and restarting (`kernels`, write), and
starting or shutting down a kernel, which begins or ends the notebook's session (`sessions`, write).
The authorizer also gets a handler of Jupyter's own API, whose `path_kwargs["path"]` names the
notebook.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from typing import TYPE_CHECKING, Any

from jupyter_server.services.contents.handlers import ContentsHandler
from jupyter_server.services.kernels.handlers import KernelActionHandler
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from jupyter_server.services.sessions.handlers import SessionRootHandler
from jupyter_server.utils import url_escape, url_path_join

from ..document.permissions import Permissions
from ..room.events import User
from .synthetic_request import synthetic_request

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyter_server.base.handlers import JupyterHandler

MAY_NOT_READ = "you may not read this notebook"


class Questions:
    """Permission checks on behalf of one request, for one notebook at a time."""

    def __init__(self, handler: JupyterHandler) -> None:
        self._handler = handler
        self._about: tuple[str, str] | None = None
        self._asked: list[tuple[JupyterHandler, str, str]] = []

    def rights(
        self, path: str, kernel_id: str = ""
    ) -> Permissions | Awaitable[Permissions | None] | None:
        """Return the permissions for the notebook at `path`; None if the user may not read it.

        The result is awaitable only if the authorizer is asynchronous.
        """
        if self._about != (path, kernel_id):
            self._about = (path, kernel_id)
            self._asked = _questions(self._handler, path, kernel_id)
        ask, user = self._handler.authorizer.is_authorized, self._handler.current_user
        answers: list[Any] = []
        for handler, action, resource in self._asked:
            handler.current_user = user
            answers.append(ask(handler, user, action, resource))
        if any(inspect.isawaitable(answer) for answer in answers):
            return _awaited(answers)
        return _rights(*answers)

    async def rights_now(self, path: str, kernel_id: str = "") -> Permissions | None:
        rights = self.rights(path, kernel_id)
        return await rights if inspect.isawaitable(rights) else rights


def _questions(
    handler: JupyterHandler, path: str, kernel_id: str
) -> list[tuple[JupyterHandler, str, str]]:
    api = url_path_join(handler.base_url, "api")
    file = {"path": f"/{path}"}
    contents = url_path_join(api, "contents", url_escape(path))
    kernel = url_path_join(api, "kernels", kernel_id)
    kernels = {**file, "kernel_id": kernel_id}
    name = path.rsplit("/", 1)[-1]
    session = json.dumps({"path": path, "name": name, "type": "notebook"}).encode()
    return [
        (
            synthetic_request(
                ContentsHandler, handler, method="GET", uri=contents, path_kwargs=file
            ),
            "read",
            "contents",
        ),
        (
            synthetic_request(
                ContentsHandler, handler, method="PUT", uri=contents, path_kwargs=file
            ),
            "write",
            "contents",
        ),
        (
            synthetic_request(
                KernelWebsocketHandler,
                handler,
                method="GET",
                uri=f"{kernel}/channels",
                path_kwargs=kernels,
            ),
            "execute",
            "kernels",
        ),
        (
            synthetic_request(
                KernelActionHandler,
                handler,
                method="POST",
                uri=f"{kernel}/restart",
                path_kwargs=kernels | {"action": "restart"},
            ),
            "write",
            "kernels",
        ),
        (
            synthetic_request(
                SessionRootHandler,
                handler,
                method="POST",
                uri=f"{api}/sessions",
                path_kwargs=file,
                body=session,
            ),
            "write",
            "sessions",
        ),
    ]


def _rights(
    read: object, write: object, execute: object, kernels: object, sessions: object
) -> Permissions | None:
    if not read:
        return None
    return Permissions(
        write=bool(write),
        execute=bool(write and execute),
        kernels=bool(kernels),
        sessions=bool(sessions),
    )


async def _awaited(answers: list[Any]) -> Permissions | None:
    return _rights(*[await answer if inspect.isawaitable(answer) else answer for answer in answers])


async def may_read(handler: JupyterHandler, path: str) -> bool:
    """Return whether the user of a request may read the notebook at `path`."""
    asked, action, resource = _questions(handler, path, "")[0]
    asked.current_user = handler.current_user
    answer: Any = handler.authorizer.is_authorized(asked, handler.current_user, action, resource)
    return bool(await answer if inspect.isawaitable(answer) else answer)


async def rights_now(handler: JupyterHandler, path: str, kernel_id: str = "") -> Permissions | None:
    return await Questions(handler).rights_now(path, kernel_id)


def owner_of(handler: JupyterHandler) -> str:
    """Return a name for the credential of a request, equal for all requests of one client.

    A username is not enough for a client with a token, because Jupyter Server makes a new
    anonymous user for each request that has only a token.
    """
    token = handler.identity_provider.get_token(handler)
    if token:
        return f"token {hashlib.sha256(token.encode()).hexdigest()}"
    return f"user {user_of(handler).username}"


def user_of(handler: JupyterHandler) -> User:
    """Return the user of a request, from Jupyter's identity provider."""
    user = handler.current_user
    return User(
        username=str(getattr(user, "username", user)),
        name=str(getattr(user, "display_name", None) or getattr(user, "name", user)),
        color=getattr(user, "color", None),
    )
