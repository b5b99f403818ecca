"""File operations with fallbacks for file systems that do not support every step.

Notebooks and the data folder may be on network shares, FUSE, vfat, or in containers, where any step
of a durable write may be unsupported. There are two kinds of error: an unsupported operation, for
which a fallback exists; and a full, failing or missing disk, for which none exists.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

CANNOT: Final = frozenset({
    errno.EPERM, errno.EACCES, errno.EROFS, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP,
    errno.EOPNOTSUPP, errno.EXDEV, errno.EBUSY, errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR,
    errno.ETXTBSY, errno.EMLINK, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTTY, errno.ENOLCK,
})  # fmt: skip

_logged: set[tuple[str, str]] = set()


def cannot(error: OSError) -> bool:
    """Return whether a fallback may work; False for a full, failing or missing disk."""
    return error.errno in CANNOT


def log_once(folder: Path, refused: str, error: OSError, instead: str) -> None:
    """Log a fallback, once per folder and operation.

    `refused` is the operation ("to sync a file"); `instead` is the fallback or the consequence.
    """
    key = (str(folder), refused)
    if key not in _logged:
        _logged.add(key)
        log.warning(
            "In %s it is not possible %s (%s); %s",
            folder,
            refused,
            error.strerror or error,
            instead,
        )


def sync_file(handle: int, folder: Path, *, data_only: bool = False) -> None:
    """Make a file's bytes durable. Raises `OSError` if the disk fails."""
    sync = os.fdatasync if data_only and hasattr(os, "fdatasync") else os.fsync
    try:
        sync(handle)
    except OSError as error:
        if not cannot(error):
            raise
        log_once(folder, "to sync a file", error, "a crash of the machine may lose recent edits")


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder durable, if the file system supports this. Never raises.

    The caller has already renamed the file, so an error here must not make the caller report that
    the rename failed.
    """
    if os.name == "nt":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        log_once(folder, "to sync the folder", error, "a crash of the machine may undo a rename")


def remove(path: Path) -> None:
    """Remove an unneeded file; log a failure. Never raises."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log_once(path.parent, "to remove a file", error, f"{path.name} remains there")


def rename_over(fresh: Path, path: Path) -> None:
    """Rename over a file that may exist; where this is unsupported, remove the file first."""
    try:
        fresh.replace(path)
    except OSError as error:
        if not cannot(error) or not path.exists():
            raise
        log_once(path.parent, "to rename over a file", error, "removing the file first")
        path.unlink()
        fresh.replace(path)


def create(path: Path, mode: int) -> int:
    """Create a file and open it for writing; no other program may use its name."""
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(path, flags | os.O_EXCL, mode)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        log_once(path.parent, "to create a file exclusively", error, "creating it without O_EXCL")
        return os.open(path, flags, mode)


def write_all(handle: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def fill(handle: int, path: Path, data: bytes) -> None:
    """Write all bytes to a new file, sync and close it; remove it after an error."""
    try:
        try:
            write_all(handle, data)
            sync_file(handle, path.parent)
        finally:
            os.close(handle)
    except BaseException:
        remove(path)
        raise
