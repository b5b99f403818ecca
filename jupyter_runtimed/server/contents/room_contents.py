"""The configured contents manager, with open notebooks read and written through their rooms.

Requests about other files and folders go unchanged to the same method of the configured manager.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import nbformat
from jupyter_server.base.call_context import CallContext
from tornado.web import HTTPError

from ...document.permissions import Permissions
from ...errors import NotFound, RuntimedError
from ...room.events import CallReceived, Checkpointed, User
from ..auth import user_of
from ..http_status import status_of
from ..mixins import extend, settled
from .trust_claims import claims_trust, may_claim_trust, may_claim_trust_now, refuse, without_claims

if TYPE_CHECKING:
    from ...host.host import Host
    from ...host.registry import Registry
    from .file_ids import FileIds


log = logging.getLogger(__name__)

CONTENTS_API = User("contents", "Contents API")
REQUEST_ABANDONED = 0
"""The ticket of a call whose result the caller does not need."""


BYPASS_ROOMS: ContextVar[bool] = ContextVar("AS_IT_WAS", default=False)
"""Whether a room reads or writes its file now; the manager's own calls then bypass the rooms."""
WRITES_PAUSED: ContextVar[bool] = ContextVar("IS_STILL", default=False)
"""Whether this request has paused the writes already, because `rename` calls `rename_file`."""


def api_path(path: str) -> str:
    return path.strip("/")


class _Rooms:
    """Access to the open rooms, for both kinds of manager; `install` sets the attributes."""

    _rooms: Registry
    _file_ids: FileIds

    def _moved(self, old_path: str, new_path: str) -> None:
        self._rooms.moved(api_path(old_path), api_path(new_path))
        with _told_in_the_log(old_path):
            self._file_ids.moved(api_path(old_path), api_path(new_path))

    def _deleted(self, path: str) -> None:
        self._rooms.deleted(api_path(path))
        with _told_in_the_log(path):
            self._file_ids.deleted(api_path(path))

    def _open_room(self, path: str, kind: str | None) -> Host | None:
        if BYPASS_ROOMS.get() or kind not in (None, "notebook"):
            return None
        return self._rooms.by_path(api_path(path))

    def _readable_room(self, path: str, kind: str | None) -> Host | None:
        """Return the open room of a notebook whose file exists."""
        host = self._open_room(path, kind)
        return None if host is None or host.missing else host

    def _written(self, model: dict[str, Any], path: str) -> Host | None:
        if model.get("type") != "notebook" or model.get("content") is None:
            return None
        return self._open_room(path, "notebook")

    def _trust(self, path: str) -> None:
        if (host := self._open_room(path, None)) is not None:
            rights = Permissions(write=True, execute=True)
            host.post(CallReceived(REQUEST_ABANDONED, "trust", {}, (), CONTENTS_API, rights))


@contextmanager
def _told_in_the_log(path: str) -> Iterator[None]:
    """Log a failure to move or delete a file id; the file itself is already moved or deleted."""
    try:
        yield
    except Exception:
        log.exception("The file id of %s was not updated with its file", path)


def caller() -> User:
    handler = CallContext.get(CallContext.JUPYTER_HANDLER)
    return CONTENTS_API if handler is None else user_of(handler)


def as_nbformat(model: dict[str, Any], trusted: list[bool]) -> Any:
    """Convert a model to nbformat's own type, with `trusted` metadata, for exporters and notaries.

    Raises an HTTP 400 error if the notebook is nested too deeply.
    """
    make: Any = nbformat.from_dict
    try:
        notebook = make(model)
    except RecursionError:
        raise HTTPError(400, "the notebook is nested too deeply for nbformat") from None
    for cell, is_trusted in zip(notebook.cells, trusted, strict=True):
        if cell.cell_type == "code":
            cell.metadata["trusted"] = is_trusted
    return notebook


@contextmanager
def as_http() -> Iterator[None]:
    """Turn this package's errors into the HTTP errors that the contents API answers with."""
    try:
        yield
    except RuntimedError as error:
        raise HTTPError(status_of(error), str(error), reason=error.code) from error


class RoomContents(_Rooms):
    """Mixin for managers whose methods are coroutines.

    Jupyter Server's own managers access files on the event loop, so a folder that does not respond
    would block the whole server. Each method first checks the folder in a thread, and answers with
    HTTP 503 if the folder does not respond.
    """

    async def _must_answer(self, *paths: str) -> None:
        with as_http(), suppress(NotFound):
            for path in filter(None, map(api_path, paths)):
                await self._rooms.must_answer(path)

    async def file_exists(self, path: str) -> Any:
        await self._must_answer(path)
        return await settled(super().file_exists(path))  # type: ignore[misc]

    async def dir_exists(self, path: str) -> Any:
        await self._must_answer(path)
        return await settled(super().dir_exists(path))  # type: ignore[misc]

    async def is_hidden(self, path: str) -> Any:
        await self._must_answer(path)
        return await settled(super().is_hidden(path))  # type: ignore[misc]

    async def get(
        self,
        path: str,
        content: Any = True,
        type: Any = None,  # noqa: A002 -- Jupyter Server's name
        format: Any = None,  # noqa: A002
        **more: Any,
    ) -> Any:
        await self._must_answer(path)
        host = self._readable_room(path, type) if content else None
        if content and type == "file":
            await self._up_to_date(path)
        if host is None:
            found = super().get(path, content, type, format, **more)  # type: ignore[misc]
            return await settled(found)
        model = await settled(
            super().get(path, False, "notebook", None, **more)  # type: ignore[misc]
        )
        trusted = host.trusted_cells()
        content = as_nbformat(await host.models.read(), trusted)
        return {**model, "content": content, "format": "json", "mimetype": None}

    async def save(self, model: dict[str, Any], path: str = "") -> Any:
        await self._must_answer(path)
        if claims_trust(model) and not await may_claim_trust(api_path(path)):
            model = without_claims(model)
        host = self._written(model, path)
        if host is None:
            return await settled(super().save(model, path))  # type: ignore[misc]
        with as_http():
            await host.models.put(model["content"])
        return await settled(super().get(path, False, "notebook"))  # type: ignore[misc]

    async def create_checkpoint(self, path: str) -> Any:
        await self._must_answer(path)
        host = self._open_room(path, None)
        if host is not None:
            with as_http():
                await host.call("save", {}, (), CONTENTS_API, Permissions(True, False))
        made = await settled(super().create_checkpoint(path))  # type: ignore[misc]
        if host is not None:
            host.post(Checkpointed(str(made["id"])))
        return made

    async def restore_checkpoint(self, checkpoint_id: str, path: str) -> Any:
        """Restore the notebook in every browser, as an edit of the caller.

        The room saves all edits first, so that no edit is merged into the restored notebook.
        """
        back = super().restore_checkpoint  # type: ignore[misc]
        host = self._open_room(path, None)
        if host is None:
            return await settled(back(checkpoint_id, path))
        with suppress(RuntimedError):
            await host.call("save", {}, (), CONTENTS_API, Permissions(True, False))

        async def restore() -> Any:
            before = BYPASS_ROOMS.set(True)
            try:
                return await settled(back(checkpoint_id, path))
            finally:
                BYPASS_ROOMS.reset(before)

        async with self._still(path):
            return await host.restored(restore, caller())

    async def _up_to_date(self, path: str) -> None:
        """Save unsaved edits before a download of the file, if autosave is on."""
        host = self._open_room(path, None)
        if host is not None and host.autosaves and host.unsaved:
            # The browsers show why a save failed; the download then gives the older file.
            with suppress(RuntimedError):
                await host.call("save", {}, (), CONTENTS_API, Permissions(True, False))

    async def trust_notebook(self, path: str) -> Any:
        await self._must_answer(path)
        if not await may_claim_trust(api_path(path)):
            raise refuse(path)
        result = await settled(super().trust_notebook(path))  # type: ignore[misc]
        self._trust(path)
        return result

    async def rename(self, old_path: str, new_path: str) -> Any:
        await self._must_answer(old_path, new_path)
        async with self._still(old_path):
            result = await settled(super().rename(old_path, new_path))  # type: ignore[misc]
            self._moved(old_path, new_path)
        return result

    async def rename_file(self, old_path: str, new_path: str) -> Any:
        async with self._still(old_path):
            result = await settled(super().rename_file(old_path, new_path))  # type: ignore[misc]
            self._rooms.moved(api_path(old_path), api_path(new_path))
        return result

    async def delete(self, path: str) -> Any:
        await self._must_answer(path)
        async with self._still(path):
            result = await settled(super().delete(path))  # type: ignore[misc]
            self._deleted(path)
        return result

    async def delete_file(self, path: str) -> Any:
        async with self._still(path):
            result = await settled(super().delete_file(path))  # type: ignore[misc]
            self._rooms.deleted(api_path(path))
        return result

    @asynccontextmanager
    async def _still(self, path: str) -> AsyncIterator[None]:
        """Pause the rooms' writes to files at or below `path`."""
        if WRITES_PAUSED.get():
            yield
            return
        async with self._rooms.pause_writes(api_path(path)):
            before = WRITES_PAUSED.set(True)
            try:
                yield
            finally:
                WRITES_PAUSED.reset(before)


class SyncRoomContents(_Rooms):
    """Mixin for managers with plain methods. `save` merges at once and writes the file later."""

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
        content = as_nbformat(host.models.read_now(), host.trusted_cells())
        return {**model, "content": content, "format": "json", "mimetype": None}

    def save(self, model: dict[str, Any], path: str = "") -> Any:
        if claims_trust(model) and not may_claim_trust_now(api_path(path)):
            model = without_claims(model)
        host = self._written(model, path)
        if host is None:
            return super().save(model, path)  # type: ignore[misc]
        with as_http():
            host.models.put_now(model["content"])
        return super().get(path, False, "notebook")  # type: ignore[misc]

    def restore_checkpoint(self, checkpoint_id: str, path: str) -> Any:
        before = BYPASS_ROOMS.set(True)
        try:
            result = super().restore_checkpoint(checkpoint_id, path)  # type: ignore[misc]
        finally:
            BYPASS_ROOMS.reset(before)
        if (host := self._open_room(path, None)) is not None:
            host.was_restored(caller())
        return result

    def trust_notebook(self, path: str) -> Any:
        if not may_claim_trust_now(api_path(path)):
            raise refuse(path)
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


def install(manager: Any, rooms: Registry, file_ids: FileIds) -> None:
    """Extend the contents manager, so that it reads and writes open notebooks through rooms."""
    kind = RoomContents if inspect.iscoroutinefunction(type(manager).get) else SyncRoomContents
    extend(manager, kind)
    manager._rooms = rooms  # noqa: SLF001 -- the mixin's own
    manager._file_ids = file_ids  # noqa: SLF001


class UnderlyingManager:
    """The configured manager without the mixin: reads and writes the file itself."""

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
        before = BYPASS_ROOMS.set(True)
        try:
            model: dict[str, Any] = await settled(own(*args, **how))
        finally:
            BYPASS_ROOMS.reset(before)
        return model
