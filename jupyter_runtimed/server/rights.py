"""What a connection may do, by the authorizer that is configured, asked anew for each frame."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ..document.authority import Rights
from ..room.events import User

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyter_server.base.handlers import JupyterHandler


MAY_NOT_READ = "you may not read notebooks on this server"
ASKED = (("read", "contents"), ("write", "contents"), ("execute", "kernels"))


def rights_of(handler: JupyterHandler) -> Rights | Awaitable[Rights | None] | None:
    """`contents` write to edit, `kernels` execute to run; None without `contents` read.

    Awaitable only if the authorizer is.
    """
    ask, user = handler.authorizer.is_authorized, handler.current_user
    answers: list[Any] = [ask(handler, user, action, resource) for action, resource in ASKED]
    if any(inspect.isawaitable(answer) for answer in answers):
        return _awaited(answers)
    return _rights(*answers)


def _rights(read: object, write: object, execute: object) -> Rights | None:
    return Rights(write=bool(write), execute=bool(write and execute)) if read else None


async def _awaited(answers: list[Any]) -> Rights | None:
    return _rights(*[await answer if inspect.isawaitable(answer) else answer for answer in answers])


async def rights_now(handler: JupyterHandler) -> Rights | None:
    rights = rights_of(handler)
    return await rights if inspect.isawaitable(rights) else rights


def user_of(handler: JupyterHandler) -> User:
    """Who is behind a request, in Jupyter's own identity."""
    user = handler.current_user
    return User(
        username=str(getattr(user, "username", user)),
        name=str(getattr(user, "display_name", None) or getattr(user, "name", user)),
        color=getattr(user, "color", None),
    )
