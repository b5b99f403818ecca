"""What a connection may do, by the authorizer that is configured, asked anew for each frame."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

from ..document.authority import Rights
from ..room.events import User

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyter_server.base.handlers import JupyterHandler


def rights_of(handler: JupyterHandler) -> Rights | Awaitable[Rights]:
    """`contents` write to edit, `kernels` execute to run. Awaitable only if the authorizer is."""
    user = handler.current_user
    write = handler.authorizer.is_authorized(handler, user, "write", "contents")
    execute = handler.authorizer.is_authorized(handler, user, "execute", "kernels")
    if inspect.isawaitable(write) or inspect.isawaitable(execute):
        return _awaited(write, execute)
    return Rights(write=bool(write), execute=bool(write and execute))


async def _awaited(write: object, execute: object) -> Rights:
    may_write = await write if inspect.isawaitable(write) else write
    may_execute = await execute if inspect.isawaitable(execute) else execute
    return Rights(write=bool(may_write), execute=bool(may_write and may_execute))


async def rights_now(handler: JupyterHandler) -> Rights:
    rights = rights_of(handler)
    return rights if isinstance(rights, Rights) else await asyncio.ensure_future(rights)


def user_of(handler: JupyterHandler) -> User:
    """Who is behind a request, in Jupyter's own identity."""
    user = handler.current_user
    return User(
        username=str(getattr(user, "username", user)),
        name=str(getattr(user, "display_name", None) or getattr(user, "name", user)),
        color=getattr(user, "color", None),
    )
