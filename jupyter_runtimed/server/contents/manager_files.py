"""Notebook files through the configured contents manager.

Jupyter Server's own file managers truncate the file in place and reformat its JSON. So with an
unmodified one of them, rooms write the file themselves: by atomic replace, and in the file's own
style. Any other manager (object storage, paired formats, a pre-save hook) reads and writes as
usual.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from functools import partial
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

from ...document.file_version import FileStamp
from ...errors import NotFound, RuntimedError, SaveFailed, StorageError
from ...host.files.local import LocalFiles
from ...host.files.port import Conflict, NotebookFiles, Render, Unwatch
from ...host.files.watcher import Watcher
from .room_contents import UnderlyingManager

OWN_SAVES = (
    FileContentsManager.save,
    AsyncFileContentsManager.save,
    LargeFileManager.save,
    AsyncLargeFileManager.save,
)
POLL_SECONDS = 5.0
log = logging.getLogger(__name__)


def notebook_files(manager: Any, *, copies: Path | None = None) -> NotebookFiles:
    """Return the access to the files of `manager`; `copies` is a folder for backup copies.

    Call before `install` extends the manager, because the manager's class decides.
    """
    plain_file = type(manager).save in OWN_SAVES and not getattr(manager, "_pre_save_hooks", None)
    if plain_file and getattr(manager, "pre_save_hook", None) is None:
        return HookedFiles(manager, Watcher(), copies)
    return ContentsFiles(manager)


class HookedFiles(LocalFiles):
    """Local files, with the manager's rules for hidden files and its post-save hooks."""

    def __init__(self, manager: Any, watcher: Watcher, copies: Path | None) -> None:
        super().__init__(Path(manager.root_dir), watcher, copies)
        self._manager = manager

    def place(self, path: str) -> Path:
        place = super().place(path)
        if not self._manager.allow_hidden and is_hidden(str(place), self._manager.root_dir):
            raise NotFound(f"{path} is hidden, and this server does not allow hidden files")
        return place

    async def write(
        self, path: str, render: Render, expected: FileStamp | None
    ) -> FileStamp | Conflict:
        written = await super().write(path, render, expected)
        if isinstance(written, Conflict) or (expected and expected.hash == written.hash):
            return written
        if getattr(self._manager, "_post_save_hooks", None):
            await self.in_lane(path, partial(self._hooks, path))
        return written

    def _hooks(self, path: str) -> None:
        model = {"type": "notebook", "path": path, "content": None, "format": None}
        try:
            self._manager.run_post_save_hooks(model, str(self.place(path)))
        except Exception:
            # The file itself is saved, so a failed hook is not a failed save.
            log.exception("A post-save hook failed for %s", path)


class ContentsFiles:
    """`NotebookFiles` for any contents manager, through its `get` and `save`."""

    def __init__(self, manager: Any) -> None:
        self._plain = UnderlyingManager(manager)
        self._ids: dict[str, tuple[str, list[Any]]] = {}
        """By path: the hash of the notebook without cell ids, and the cell ids."""
        self._writable: dict[str, bool] = {}
        """By path: the manager's `writable` at the last read."""

    async def read(self, path: str) -> tuple[bytes, FileStamp]:
        try:
            model = await self._plain.get(path, content=True, type="notebook")
        except HTTPError as error:
            # Managers answer with different statuses if a file does not exist.
            if error.status_code == 404 or not await self._plain.exists(path):
                raise NotFound(f"the file {path} does not exist") from error
            raise StorageError(f"{path} cannot be read: {_says(error)}") from error
        except Exception as error:
            raise StorageError(f"{path} cannot be read: {_named(error)}") from error
        self._writable[path] = model.get("writable") is not False
        return await asyncio.to_thread(self._bytes_of, path, model)

    def _bytes_of(self, path: str, model: dict[str, Any]) -> tuple[bytes, FileStamp]:
        """Return the notebook as nbformat's JSON, without the `trusted` marks of the manager."""
        content = model["content"]
        for cell in content.get("cells", []):
            cell.get("metadata", {}).pop("trusted", None)
        self._keep_ids(path, content)
        data = _dumped(content) + b"\n"
        return data, FileStamp(
            hashlib.sha256(data).hexdigest(), str(model.get("last_modified", ""))
        )

    def _keep_ids(self, path: str, content: dict[str, Any]) -> None:
        """Keep the cell ids of an unchanged notebook.

        A manager of a format without cell ids makes new ids at each read.
        """
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

    async def write(
        self, path: str, render: Render, expected: FileStamp | None
    ) -> FileStamp | Conflict:
        try:
            before, stamp = await self.read(path)
        except NotFound:
            if expected is not None:
                raise _deleted(path) from None
            before, stamp = None, None
        other = stamp is not None and (expected is None or expected.hash != stamp.hash)
        if before is not None and stamp is not None and other:
            return Conflict(before, stamp)
        data = await asyncio.to_thread(render, before)
        if data == before and stamp is not None:
            return stamp
        model = await asyncio.to_thread(self._model_of, path, data)
        # A manager with plain methods renames and deletes while the threads work.
        if before is not None and not await self._plain.exists(path):
            raise _deleted(path)
        try:
            saved = await self._plain.save(model, path)
        except Exception as error:
            says = _says(error) if isinstance(error, HTTPError) else _named(error)
            stamp = await self._stamp_if_saved(path, data)
            if stamp is None:
                raise SaveFailed(f"{path} cannot be written: {says}") from error
            log.warning("%s was saved, but its contents manager then failed: %s", path, says)
            return stamp
        return await self._stamp_of_saved(path, data, saved)

    async def _stamp_if_saved(self, path: str, data: bytes) -> FileStamp | None:
        """Return the file's stamp if the file has this notebook despite the manager's error.

        A failed post-save hook or a lost response does not mean that the file was not saved.
        """
        try:
            now, stamp = await self.read(path)
        except RuntimedError:
            return None
        return stamp if now == await asyncio.to_thread(_as_read, data) else None

    async def _stamp_of_saved(self, path: str, data: bytes, saved: Any) -> FileStamp:
        try:
            return (await self.read(path))[1]
        except RuntimedError as error:
            log.warning("%s was saved, but cannot be read back: %s", path, error)
        said = saved.get("last_modified", "") if isinstance(saved, dict) else ""
        expected = await asyncio.to_thread(_as_read, data)
        return FileStamp(hashlib.sha256(expected).hexdigest(), str(said))

    def _model_of(self, path: str, data: bytes) -> dict[str, Any]:
        """Return the contents model to save; remember its cell ids for the next read."""
        self._keep_ids(path, json.loads(data))
        return {"type": "notebook", "format": "json", "content": json.loads(data)}

    async def root_mark(self) -> str:
        """None: such a manager may have no folder at all."""
        return ""

    async def is_marked(self, mark: str) -> bool:  # noqa: ARG002
        return False

    async def answers(self, path: str) -> bool:  # noqa: ARG002
        """Return True, because only the manager knows where its files are."""
        return True

    async def why_read_only(self, path: str) -> str:
        return "" if self._writable.get(path, True) else "the server may not write it"

    def watch(self, path: str, changed: Callable[[], None]) -> Unwatch:
        """Poll the file while the room is open, because a manager reports no changes."""
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
            self._writable.pop(path, None)

        return unwatch


def _as_read(data: bytes) -> bytes:
    """Return the bytes that `read` returns for a notebook saved as `data`."""
    return _dumped(json.loads(data)) + b"\n"


def _dumped(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _deleted(path: str) -> NotFound:
    return NotFound(f"{path} was deleted; save it again to restore it")


def _says(error: HTTPError) -> str:
    return str(error.log_message or error.reason or error)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}; see the server's log for details"
