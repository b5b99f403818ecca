"""Notebook files through the contents manager that is configured.

Jupyter Server's own file managers truncate a file in place and write it in their own style; where
one of these is used as it is, the room writes the file itself, whole and byte-stable. Any other
manager (a bucket, a paired format, one with hooks on saving) is asked to read and write, as ever.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_core.paths import is_hidden
from jupyter_server.services.contents.filemanager import (
    AsyncFileContentsManager,
    FileContentsManager,
)
from jupyter_server.services.contents.largefilemanager import (
    AsyncLargeFileManager,
    LargeFileManager,
)
from tornado.web import HTTPError

from ..errors import NotFound, SaveFailed, StorageError
from ..host.files import Conflict, NotebookFiles, Render, Unwatch
from ..host.local_files import LocalFiles
from ..host.watcher import Watcher
from ..room.events import Stamp
from .contents import Plain

OWN_SAVES = (
    FileContentsManager.save,
    AsyncFileContentsManager.save,
    LargeFileManager.save,
    AsyncLargeFileManager.save,
)
POLL_SECONDS = 5.0
log = logging.getLogger(__name__)


def notebook_files(manager: Any) -> NotebookFiles:
    """Files as the configured manager has them; asked before it is extended: its class decides."""
    plain_file = type(manager).save in OWN_SAVES and not getattr(manager, "_pre_save_hooks", None)
    if plain_file and getattr(manager, "pre_save_hook", None) is None:
        return HookedFiles(manager, Watcher())
    return ContentsFiles(manager)


class HookedFiles(LocalFiles):
    """Local files, with the manager's own idea of paths and its hooks after saving."""

    def __init__(self, manager: Any, watcher: Watcher) -> None:
        super().__init__(Path(manager.root_dir), watcher)
        self._manager = manager

    def place(self, path: str) -> Path:
        place = super().place(path)
        if not self._manager.allow_hidden and is_hidden(str(place), self._manager.root_dir):
            raise NotFound(f"{path} is hidden, and this server shows no hidden files")
        return place

    async def write(self, path: str, render: Render, expected: Stamp | None) -> Stamp | Conflict:
        written = await super().write(path, render, expected)
        if isinstance(written, Conflict) or (expected and expected.hash == written.hash):
            return written
        if getattr(self._manager, "_post_save_hooks", None):
            await asyncio.to_thread(self._hooks, path)
        return written

    def _hooks(self, path: str) -> None:
        model = {"type": "notebook", "path": path, "content": None, "format": None}
        try:
            self._manager.run_post_save_hooks(model, str(self.place(path)))
        except Exception:
            # The file is written all the same, and trying again would not help.
            log.exception("A hook after saving %s failed", path)


class ContentsFiles:
    """`NotebookFiles` over any contents manager, through its own `get` and `save`."""

    def __init__(self, manager: Any) -> None:
        self._plain = Plain(manager)
        self._ids: dict[str, tuple[str, list[Any]]] = {}
        """Of each watched path the hash of all but the cells' ids, and these ids."""

    async def read(self, path: str) -> tuple[bytes, Stamp]:
        try:
            model = await self._plain.get(path, content=True, type="notebook")
        except HTTPError as error:
            # Managers differ in what they answer when there is nothing.
            if error.status_code == 404 or not await self._plain.exists(path):
                raise NotFound(f"there is no file {path}") from error
            raise StorageError(f"{path} cannot be read: {_says(error)}") from error
        except Exception as error:
            raise StorageError(f"{path} cannot be read: {_named(error)}") from error
        return await asyncio.to_thread(self._bytes_of, path, model)

    def _bytes_of(self, path: str, model: dict[str, Any]) -> tuple[bytes, Stamp]:
        """The bytes as nbformat would write them, less what the manager added in reading."""
        content = model["content"]
        for cell in content.get("cells", []):
            cell.get("metadata", {}).pop("trusted", None)
        self._keep_ids(path, content)
        data = _dumped(content) + b"\n"
        return data, Stamp(hashlib.sha256(data).hexdigest(), str(model.get("last_modified", "")))

    def _keep_ids(self, path: str, content: dict[str, Any]) -> None:
        """Some formats have no place for ids: the manager makes new ones each time it reads."""
        cells = content.get("cells", [])
        ids = [cell.pop("id", None) for cell in cells]
        bare = hashlib.sha256(_dumped(content)).hexdigest()
        known, kept = self._ids.get(path, ("", []))
        if known == bare:
            ids = kept
        self._ids[path] = (bare, ids)
        for cell, cell_id in zip(cells, ids, strict=True):
            if cell_id is not None:
                cell["id"] = cell_id

    async def write(self, path: str, render: Render, expected: Stamp | None) -> Stamp | Conflict:
        try:
            before, stamp = await self.read(path)
        except NotFound:
            if expected is not None:
                raise NotFound(f"{path} is gone; save it again to put it back") from None
            before, stamp = None, None
        other = stamp is not None and (expected is None or expected.hash != stamp.hash)
        if before is not None and stamp is not None and other:
            return Conflict(before, stamp)
        data = await asyncio.to_thread(render, before)
        if data == before and stamp is not None:
            return stamp
        model = await asyncio.to_thread(self._model_of, path, data)
        try:
            await self._plain.save(model, path)
        except HTTPError as error:
            raise SaveFailed(f"{path} cannot be written: {_says(error)}") from error
        except Exception as error:
            raise SaveFailed(f"{path} cannot be written: {_named(error)}") from error
        return (await self.read(path))[1]

    def _model_of(self, path: str, data: bytes) -> dict[str, Any]:
        """The model to save; what is read next is compared with it."""
        self._keep_ids(path, json.loads(data))
        return {"type": "notebook", "format": "json", "content": json.loads(data)}

    def watch(self, path: str, changed: Callable[[], None]) -> Unwatch:
        """Such a manager tells nothing by itself: look now and then while the room is open."""
        loop = asyncio.get_running_loop()
        handle: asyncio.TimerHandle

        def look() -> None:
            nonlocal handle
            changed()
            handle = loop.call_later(POLL_SECONDS, look)

        handle = loop.call_later(POLL_SECONDS, look)

        def unwatch() -> None:
            handle.cancel()
            self._ids.pop(path, None)

        return unwatch


def _dumped(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _says(error: HTTPError) -> str:
    return str(error.log_message or error.reason or error)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}; the server's log may say more"
