"""Notebook files on a disk of this machine; everything in worker threads.

A file is replaced, never truncated: a temporary file beside it is written, synced and renamed over
it, so that it is whole at every moment. Mode, owner, extended attributes stay; a symbolic link
stays one, its target is replaced. Where renaming would change what the file is (other hard links
to it, an owner that cannot be kept, a folder where nothing may be made) it is written in place,
with a whole copy beside it meanwhile where that is possible.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import NotFound, SaveFailed, StorageError
from ..room.events import Stamp
from .datadir import sync_folder
from .files import Conflict, Render, Unwatch, stamp_of
from .watcher import Watcher

WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class _Seen:
    data: bytes
    status: os.stat_result

    @property
    def stamp(self) -> Stamp:
        return stamp_of(self.data, self.status.st_mtime)


class LocalFiles:
    """`NotebookFiles` below `root`."""

    def __init__(self, root: Path, watcher: Watcher) -> None:
        self._root = root
        self._watcher = watcher

    async def read(self, path: str) -> tuple[bytes, Stamp]:
        seen = await asyncio.to_thread(self._read, path)
        return seen.data, seen.stamp

    async def write(self, path: str, render: Render, expected: Stamp | None) -> Stamp | Conflict:
        return await asyncio.to_thread(self._write, path, render, expected)

    def watch(self, path: str, changed: Callable[[], None]) -> Unwatch:
        return self._watcher.watch(self.place(path), changed)

    def place(self, path: str) -> Path:
        """Where a path of the contents API lies. Raises `NotFound` for one outside of the root."""
        parts = [part for part in path.split("/") if part]
        if not parts or ".." in parts or "\0" in path:
            raise NotFound(f"{path!r} is not a file below the root folder of this server")
        return self._root.joinpath(*parts)

    # ------------------------------------------------------------ in a thread

    def _read(self, path: str) -> _Seen:
        try:
            seen = _look(self.place(path))
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror or error}") from error
        if seen is None:
            raise NotFound(f"there is no file {path}")
        return seen

    def _write(self, path: str, render: Render, expected: Stamp | None) -> Stamp | Conflict:
        target = Path(os.path.realpath(self.place(path)))
        try:
            before = _look(target)
            if before is None and expected is not None:
                raise NotFound(f"{path} is gone; save it again to put it back")
            if before is not None and (expected is None or before.stamp.hash != expected.hash):
                return Conflict(before.data, before.stamp)
            data = render(None if before is None else before.data)
            if before is not None and data == before.data:
                return before.stamp
            if not _put(target, data, before):
                return self._write(path, render, expected)
            return stamp_of(data, _modified(target))
        except OSError as error:
            raise SaveFailed(f"{path} cannot be written: {_advice(error)}") from error


def _look(place: Path) -> _Seen | None:
    """The file's bytes and its status at one moment; None if there is none."""
    try:
        with open(place, "rb", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            return _Seen(file.read(), status)
    except FileNotFoundError:
        return None


def _at_once(name: str, flags: int) -> int:
    """A pipe that somebody put there would be waited for without end."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _put(target: Path, data: bytes, before: _Seen | None) -> bool:
    """Write the file; False, and nothing written, if it is not what it was `before`."""
    if before is not None:
        # Checked by hand: root may write to everything, and renaming over it needs no right at all.
        if not before.status.st_mode & WRITE_BITS or not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "it is read-only")
        if before.status.st_nlink > 1:
            return _put_in_place(target, data, before)
    try:
        fresh = _beside(target, data, private=before is not None)
    except PermissionError:
        if before is None:
            raise
        return _put_in_place(target, data, before)
    try:
        if before is not None and not _dress(fresh, target, before.status):
            return _put_in_place(target, data, before)
        if not _still(target, before):
            return False
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    with suppress(FileNotFoundError):  # it is written, and was moved away at once
        sync_folder(target.parent)
    return True


def _modified(target: Path) -> float:
    """Seconds since the epoch. What has just been written may have been moved away already."""
    try:
        return target.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _put_in_place(target: Path, data: bytes, before: _Seen) -> bool:
    try:
        spare: Path | None = _beside(target, data, private=True)
    except OSError:
        spare = None
    if not _still(target, before):
        if spare is not None:
            spare.unlink()
        return False
    with target.open("r+b") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    if spare is not None:
        spare.unlink()
    return True


def _beside(target: Path, data: bytes, *, private: bool) -> Path:
    """A new file with these bytes, on the disk, in the same folder; hidden, and no notebook."""
    token = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    fresh = target.with_name(f".{token}-{secrets.token_hex(4)}.saving")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return fresh


def _dress(fresh: Path, target: Path, status: os.stat_result) -> bool:
    """Give a new file the mode, owner and attributes of the old one; False if that cannot be."""
    if os.name != "nt":
        try:
            own = fresh.stat()
            if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
                os.chown(fresh, status.st_uid, status.st_gid)
        except PermissionError:
            return False
    shutil.copystat(target, fresh)
    os.utime(fresh)
    return True


def _still(target: Path, before: _Seen | None) -> bool:
    try:
        now = target.stat()
    except FileNotFoundError:
        return before is None
    if before is None:
        return False
    was = before.status
    return (now.st_ino, now.st_size, now.st_mtime_ns) == (was.st_ino, was.st_size, was.st_mtime_ns)


def _advice(error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "the disk is full; free some space, the notebook is kept meanwhile"
        case errno.EROFS:
            return "the disk is read-only; the notebook is kept meanwhile"
        case errno.EACCES | errno.EPERM:
            return f"{error.strerror}; change its permissions, the notebook is kept meanwhile"
        case errno.ENOENT:
            return "its folder is gone; the notebook is kept meanwhile"
        case _:
            return f"{error.strerror or error}; the notebook is kept meanwhile"
