"""The configured contents manager, with open notebooks read and written through their rooms.

What is not an open notebook passes through untouched, to the same method of the same manager.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import nbformat
from jupyter_server.base.call_context import CallContext
from tornado.web import HTTPError

from ..document.authority import Rights
from ..errors import RuntimedError
from ..room.events import Called, User
from .compose import extend
from .rights import rights_of
from .status import status_of

if TYPE_CHECKING:
    from ..host.host import Host
    from ..host.registry import Registry


CONTENTS_API = User("contents", "Contents API")
NOBODY_WAITS = 0
"""The ticket of a call whose answer is not asked for."""


def api_path(path: str) -> str:
    return path.strip("/")


class _Rooms:
    """What both kinds of manager need; set by `take_part`."""

    _rooms: Registry

    def _open_room(self, path: str, kind: str | None) -> Host | None:
        if kind not in (None, "notebook"):
            return None
        return self._rooms.by_path(api_path(path))

    def _written(self, model: dict[str, Any], path: str) -> Host | None:
        if model.get("type") != "notebook" or model.get("content") is None:
            return None
        return self._open_room(path, "notebook")

    def _trust(self, path: str) -> None:
        if (host := self._open_room(path, None)) is not None:
            rights = rights_of_caller()
            host.post(Called(NOBODY_WAITS, "trust", {}, (), CONTENTS_API, rights))


def rights_of_caller() -> Rights:
    """Of whose request this is; none where that is not known at once."""
    handler = CallContext.get(CallContext.JUPYTER_HANDLER)
    rights = None if handler is None else rights_of(handler)
    return rights if isinstance(rights, Rights) else Rights(write=False, execute=False)


def trusted_cells(host: Host) -> list[bool]:
    """Of each cell, in order, whether its outputs are trusted."""
    return [host.room.runtime.trusted(cell_id) for cell_id in host.room.notebook.order]


def as_nbformat(model: dict[str, Any], trusted: list[bool]) -> Any:
    """What `nbformat` reads: exporters and notaries want its own kind of value, with its marks."""
    make: Any = nbformat.from_dict
    notebook = make(model)
    for cell, is_trusted in zip(notebook.cells, trusted, strict=True):
        if cell.cell_type == "code":
            cell.metadata["trusted"] = is_trusted
    return notebook


@contextmanager
def as_http() -> Iterator[None]:
    """Say to clients of the contents API what went wrong, in the way of their API."""
    try:
        yield
    except RuntimedError as error:
        raise HTTPError(status_of(error), str(error), reason=error.code) from error


class RoomContents(_Rooms):
    """For managers whose methods are coroutines."""

    async def get(
        self,
        path: str,
        content: Any = True,
        type: Any = None,  # noqa: A002 -- Jupyter Server's name
        format: Any = None,  # noqa: A002
        **more: Any,
    ) -> Any:
        host = self._open_room(path, type) if content else None
        if host is None:
            return await super().get(path, content, type, format, **more)  # type: ignore[misc]
        model = await super().get(path, False, "notebook", None, **more)  # type: ignore[misc]
        trusted = trusted_cells(host)
        content = as_nbformat(await host.model(), trusted)
        return {**model, "content": content, "format": "json", "mimetype": None}

    async def save(self, model: dict[str, Any], path: str = "") -> Any:
        host = self._written(model, path)
        if host is None:
            return await super().save(model, path)  # type: ignore[misc]
        with as_http():
            await host.put_model(model["content"])
        return await super().get(path, False, "notebook")  # type: ignore[misc]

    async def create_checkpoint(self, path: str) -> Any:
        host = self._open_room(path, None)
        if host is not None:
            with as_http():
                await host.call("save", {}, (), CONTENTS_API, Rights(True, False))
        return await super().create_checkpoint(path)  # type: ignore[misc]

    async def trust_notebook(self, path: str) -> Any:
        result = await super().trust_notebook(path)  # type: ignore[misc]
        self._trust(path)
        return result

    async def rename_file(self, old_path: str, new_path: str) -> Any:
        async with self._rooms.still(api_path(old_path)):
            result = await super().rename_file(old_path, new_path)  # type: ignore[misc]
            self._rooms.moved(api_path(old_path), api_path(new_path))
        return result

    async def delete_file(self, path: str) -> Any:
        async with self._rooms.still(api_path(path)):
            result = await super().delete_file(path)  # type: ignore[misc]
            self._rooms.deleted(api_path(path))
        return result


class SyncRoomContents(_Rooms):
    """For managers whose methods return at once. A `save` is merged at once and written soon."""

    def get(
        self,
        path: str,
        content: Any = True,
        type: Any = None,  # noqa: A002 -- Jupyter Server's name
        format: Any = None,  # noqa: A002
        **more: Any,
    ) -> Any:
        host = self._open_room(path, type) if content else None
        if host is None:
            return super().get(path, content, type, format, **more)  # type: ignore[misc]
        model = super().get(path, False, "notebook", None, **more)  # type: ignore[misc]
        content = as_nbformat(host.model_now(), trusted_cells(host))
        return {**model, "content": content, "format": "json", "mimetype": None}

    def save(self, model: dict[str, Any], path: str = "") -> Any:
        host = self._written(model, path)
        if host is None:
            return super().save(model, path)  # type: ignore[misc]
        with as_http():
            host.put_model_now(model["content"])
        return super().get(path, False, "notebook")  # type: ignore[misc]

    def trust_notebook(self, path: str) -> Any:
        result = super().trust_notebook(path)  # type: ignore[misc]
        self._trust(path)
        return result

    def rename_file(self, old_path: str, new_path: str) -> Any:
        result = super().rename_file(old_path, new_path)  # type: ignore[misc]
        self._rooms.moved(api_path(old_path), api_path(new_path))
        return result

    def delete_file(self, path: str) -> Any:
        result = super().delete_file(path)  # type: ignore[misc]
        self._rooms.deleted(api_path(path))
        return result


def take_part(manager: Any, rooms: Registry) -> None:
    """Let the configured contents manager read and write open notebooks through their rooms."""
    kind = RoomContents if inspect.iscoroutinefunction(type(manager).get) else SyncRoomContents
    extend(manager, kind)
    manager._rooms = rooms  # noqa: SLF001 -- the mixin's own


class Plain:
    """The configured manager as it was, for who reads and writes the file itself."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    async def get(self, path: str, **how: Any) -> dict[str, Any]:
        return await self._call("get", path, **how)

    async def save(self, model: dict[str, Any], path: str) -> dict[str, Any]:
        return await self._call("save", model, path)

    async def _call(self, name: str, *args: Any, **how: Any) -> dict[str, Any]:
        manager = self._manager
        mixin = RoomContents if isinstance(manager, RoomContents) else SyncRoomContents
        own = (
            getattr(super(mixin, manager), name)
            if isinstance(manager, mixin)
            else getattr(manager, name)
        )
        result = own(*args, **how)
        model: dict[str, Any] = await result if inspect.isawaitable(result) else result
        return model
