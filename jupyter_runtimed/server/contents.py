"""The configured contents manager, with open notebooks read and written through their rooms.

What is not an open notebook passes through untouched, to the same method of the same manager.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
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
    from .fileids import FileIds


CONTENTS_API = User("contents", "Contents API")
NOBODY_WAITS = 0
"""The ticket of a call whose answer is not asked for."""


AS_IT_WAS: ContextVar[bool] = ContextVar("AS_IT_WAS", default=False)
"""Whether a room reads or writes its file: what the manager asks itself then is the file's."""
IS_STILL: ContextVar[bool] = ContextVar("IS_STILL", default=False)
"""Whether this very request holds the files still already: a rename asks to rename the file."""


def api_path(path: str) -> str:
    return path.strip("/")


class _Rooms:
    """What both kinds of manager need; set by `take_part`."""

    _rooms: Registry
    _file_ids: FileIds

    def _moved(self, old_path: str, new_path: str) -> None:
        self._rooms.moved(api_path(old_path), api_path(new_path))
        self._file_ids.moved(api_path(old_path), api_path(new_path))

    def _deleted(self, path: str) -> None:
        self._rooms.deleted(api_path(path))
        self._file_ids.deleted(api_path(path))

    def _open_room(self, path: str, kind: str | None) -> Host | None:
        if AS_IT_WAS.get() or kind not in (None, "notebook"):
            return None
        return self._rooms.by_path(api_path(path))

    def _readable_room(self, path: str, kind: str | None) -> Host | None:
        """The room of a notebook that is there."""
        host = self._open_room(path, kind)
        return None if host is None or host.room.filing.missing else host

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
    try:
        notebook = make(model)
    except RecursionError:
        raise HTTPError(400, "the notebook is nested too deeply to be read this way") from None
    for cell, is_trusted in zip(notebook.cells, trusted, strict=True):
        if cell.cell_type == "code":
            cell.metadata["trusted"] = is_trusted
    return notebook


async def settled(result: Any) -> Any:
    """What a manager answers in the end; one that hands on to another may answer a coroutine."""
    while inspect.isawaitable(result):
        result = await result
    return result


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
        host = self._readable_room(path, type) if content else None
        if content and type == "file":
            await self._up_to_date(path)
        if host is None:
            found = super().get(path, content, type, format, **more)  # type: ignore[misc]
            return await settled(found)
        model = await settled(
            super().get(path, False, "notebook", None, **more)  # type: ignore[misc]
        )
        trusted = trusted_cells(host)
        content = as_nbformat(await host.model(), trusted)
        return {**model, "content": content, "format": "json", "mimetype": None}

    async def save(self, model: dict[str, Any], path: str = "") -> Any:
        host = self._written(model, path)
        if host is None:
            return await settled(super().save(model, path))  # type: ignore[misc]
        with as_http():
            await host.put_model(model["content"])
        return await settled(super().get(path, False, "notebook"))  # type: ignore[misc]

    async def create_checkpoint(self, path: str) -> Any:
        host = self._open_room(path, None)
        if host is not None:
            with as_http():
                await host.call("save", {}, (), CONTENTS_API, Rights(True, False))
        return await settled(super().create_checkpoint(path))  # type: ignore[misc]

    async def _up_to_date(self, path: str) -> None:
        """The file itself is asked for (a download): what is to be saved anyway is saved first."""
        host = self._open_room(path, None)
        if host is not None and host.room.settings.autosave and host.room.filing.unsaved:
            # What cannot be saved is said in the browsers; the file is what it is.
            with suppress(RuntimedError):
                await host.call("save", {}, (), CONTENTS_API, Rights(True, False))

    async def trust_notebook(self, path: str) -> Any:
        result = await super().trust_notebook(path)  # type: ignore[misc]
        self._trust(path)
        return result

    async def rename(self, old_path: str, new_path: str) -> Any:
        async with self._still(old_path):
            result = await settled(super().rename(old_path, new_path))  # type: ignore[misc]
            self._moved(old_path, new_path)
        return result

    async def rename_file(self, old_path: str, new_path: str) -> Any:
        async with self._still(old_path):
            result = await super().rename_file(old_path, new_path)  # type: ignore[misc]
            self._rooms.moved(api_path(old_path), api_path(new_path))
        return result

    async def delete(self, path: str) -> Any:
        async with self._still(path):
            result = await settled(super().delete(path))  # type: ignore[misc]
            self._deleted(path)
        return result

    async def delete_file(self, path: str) -> Any:
        async with self._still(path):
            result = await super().delete_file(path)  # type: ignore[misc]
            self._rooms.deleted(api_path(path))
        return result

    @asynccontextmanager
    async def _still(self, path: str) -> AsyncIterator[None]:
        """Nothing at or below this path is written meanwhile."""
        if IS_STILL.get():
            yield
            return
        async with self._rooms.still(api_path(path)):
            before = IS_STILL.set(True)
            try:
                yield
            finally:
                IS_STILL.reset(before)


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
        host = self._readable_room(path, type) if content else None
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

    def rename(self, old_path: str, new_path: str) -> Any:
        result = super().rename(old_path, new_path)  # type: ignore[misc]
        self._moved(old_path, new_path)
        return result

    def delete(self, path: str) -> Any:
        result = super().delete(path)  # type: ignore[misc]
        self._deleted(path)
        return result

    def rename_file(self, old_path: str, new_path: str) -> Any:
        result = super().rename_file(old_path, new_path)  # type: ignore[misc]
        self._rooms.moved(api_path(old_path), api_path(new_path))
        return result

    def delete_file(self, path: str) -> Any:
        result = super().delete_file(path)  # type: ignore[misc]
        self._rooms.deleted(api_path(path))
        return result


def take_part(manager: Any, rooms: Registry, file_ids: FileIds) -> None:
    """Let the configured contents manager read and write open notebooks through their rooms."""
    kind = RoomContents if inspect.iscoroutinefunction(type(manager).get) else SyncRoomContents
    extend(manager, kind)
    manager._rooms = rooms  # noqa: SLF001 -- the mixin's own
    manager._file_ids = file_ids  # noqa: SLF001


class Plain:
    """The configured manager as it was, for who reads and writes the file itself."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    async def get(self, path: str, **how: Any) -> dict[str, Any]:
        return await self._call("get", path, **how)

    async def save(self, model: dict[str, Any], path: str) -> dict[str, Any]:
        return await self._call("save", model, path)

    async def exists(self, path: str) -> bool:
        try:
            return bool(await settled(self._manager.file_exists(path)))
        except HTTPError:
            return True

    async def _call(self, name: str, *args: Any, **how: Any) -> dict[str, Any]:
        manager = self._manager
        mixin = RoomContents if isinstance(manager, RoomContents) else SyncRoomContents
        own = (
            getattr(super(mixin, manager), name)
            if isinstance(manager, mixin)
            else getattr(manager, name)
        )
        before = AS_IT_WAS.set(True)
        try:
            model: dict[str, Any] = await settled(own(*args, **how))
        finally:
            AS_IT_WAS.reset(before)
        return model
