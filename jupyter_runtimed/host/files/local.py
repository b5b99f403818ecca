"""Notebook files on a local disk, accessed in threads of the file's folder.

This module knows paths, read permissions, and error messages for people; `replacing` writes the
bytes. A write keeps mode, owner and extended attributes, and writes to the target of a symbolic
link.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from ...document.file_version import FileStamp
from ...errors import NotFound, SaveFailed, StorageError
from .atomic_replace import clear_leftovers, replace_file
from .file_access import exclusive
from .file_state import FileState, read_state
from .folder_threads import FolderThreads
from .overwrite import mend
from .port import Conflict, Render, Unwatch, stamp_of
from .root_mark import marked_path, root_mark, same_folder
from .watcher import Watcher
from .writable import why_read_only

T = TypeVar("T")
KEPT: Final = "the server keeps the notebook until then"
ANSWER_SECONDS: Final = 5.0
"""The timeout for a folder's response."""
TRIES: Final = 10
"""The number of attempts to write a file that another program changes at the same time."""


class LocalFiles:
    """`NotebookFiles` below `root`.

    `copies` is a folder for temporary copies during an overwrite in place, if no file can be
    created beside the notebook.
    """

    def __init__(self, root: Path, watcher: Watcher, copies: Path | None = None) -> None:
        self._root = root
        self._watcher = watcher
        self._lanes = FolderThreads()
        self._copies = copies
        self._mark = ""
        self._writing: set[Path] = set()
        self._cleared: set[Path] = set()

    async def read(self, path: str) -> tuple[bytes, FileStamp]:
        seen = await self.in_lane(path, partial(self._read, path))
        return seen.data, seen.stamp

    async def write(
        self, path: str, render: Render, expected: FileStamp | None
    ) -> FileStamp | Conflict:
        return await self.in_lane(path, partial(self._write, path, render, expected))

    async def root_mark(self) -> str:
        """Return the last known mark if the root folder does not answer."""
        self._mark = await self._mark_of(self._root) or self._mark
        return self._mark

    async def is_marked(self, mark: str) -> bool:
        return same_folder(await self._mark_of(marked_path(mark)), mark)

    async def _mark_of(self, folder: Path) -> str:
        """Return the mark of a folder; "" if it has none or does not answer."""
        # A separate thread, because files in the folder may hang while the folder answers.
        looking = self._lanes.run(f"{folder}\0mark", "mark", partial(root_mark, folder))
        try:
            return await asyncio.wait_for(looking, ANSWER_SECONDS)
        except (OSError, asyncio.TimeoutError):
            return ""

    async def answers(self, path: str) -> bool:
        place = self._below_root(path)
        looking = self._lanes.run(str(place.parent), f"{place} answers", partial(_touch, place))
        try:
            await asyncio.wait_for(looking, ANSWER_SECONDS)
        except asyncio.TimeoutError:
            return False
        return True

    async def why_read_only(self, path: str) -> str:
        return await self.in_lane(path, lambda: why_read_only(self.place(path)))

    def watch(self, path: str, changed: Callable[[], None]) -> Unwatch:
        return self._watcher.watch(self._below_root(path), changed)

    async def in_lane(self, path: str, work: Callable[[], T]) -> T:
        """Run blocking work on this file in a thread of its folder."""
        place = self._below_root(path)
        return await self._lanes.run(str(place.parent), str(place), work)

    def place(self, path: str) -> Path:
        """Return the file of an API path. Not for the event loop, because subclasses read the disk.

        Raises `NotFound` for a path outside the root.
        """
        return self._below_root(path)

    def _below_root(self, path: str) -> Path:
        parts = [part for part in path.split("/") if part]
        if not parts or ".." in parts or "\0" in path:
            raise NotFound(f"{path!r} is not below the root folder of this server; use one that is")
        return self._root.joinpath(*parts)

    # ------------------------------------------------------------ in a thread

    def _read(self, path: str) -> FileState:
        place = self.place(path)
        try:
            with exclusive(place):
                seen = read_state(place)
                if seen is not None and self._mend(place):
                    seen = read_state(place)
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror or error}") from error
        if seen is None:
            raise NotFound(f"the file {path} does not exist")
        return seen

    def _mend(self, place: Path) -> bool:
        """Complete an interrupted overwrite, unless this process is writing the file now."""
        target = Path(os.path.realpath(place))
        return target not in self._writing and mend(target, self._copies)

    def _write(self, path: str, render: Render, expected: FileStamp | None) -> FileStamp | Conflict:
        target = Path(os.path.realpath(self.place(path)))
        try:
            self._mend(target)
            self._writing.add(target)
            if target not in self._cleared:
                self._cleared.add(target)
                clear_leftovers(target)
            for _ in range(TRIES):
                written = self._attempt(path, target, render, expected)
                if written is not None:
                    return written
        except OSError as error:
            raise SaveFailed(f"{path} cannot be written: {_explain(error)}") from error
        finally:
            self._writing.discard(target)
        raise SaveFailed(
            f"{path} cannot be written, because another program keeps changing it; {KEPT}"
        )

    def _attempt(
        self, path: str, target: Path, render: Render, expected: FileStamp | None
    ) -> FileStamp | Conflict | None:
        """Try to write once; return None if the file changed during rendering."""
        before = read_state(target)
        if before is None and expected is not None:
            raise NotFound(f"{path} was deleted; save it again to restore it")
        if before is not None and (expected is None or before.stamp.hash != expected.hash):
            return Conflict(before.data, before.stamp)
        data = render(None if before is None else before.data)
        if before is not None and data == before.data:
            return before.stamp
        with exclusive(target):
            if not replace_file(target, data, before, self._copies):
                return None
            return stamp_of(data, _modified(target))


def _touch(place: Path) -> None:
    """Access a file; an error counts as a response."""
    with suppress(OSError):
        place.stat()


def _modified(target: Path) -> float:
    """Return the modification time in Unix seconds; the current time if it is unreadable.

    The file is already written, so an error here must not fail the write.
    """
    try:
        return target.stat().st_mtime
    except OSError:
        return time.time()


def _explain(error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"the disk is full; free some space; {KEPT}"
        case errno.EROFS:
            return f"the disk is read-only; {KEPT}"
        case errno.EACCES | errno.EPERM:
            return f"{error.strerror}; change its permissions; {KEPT}"
        case errno.ENOENT:
            return f"its folder is gone; {KEPT}"
        case _:
            return f"{error.strerror or error}; {KEPT}"
