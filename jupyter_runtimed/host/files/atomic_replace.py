"""Replaces the bytes of a file in the safest way that its folder allows.

    atomic replace: a synced temporary file with the old file's metadata, renamed over the file
      |  if no file can be created there, the owner or mode cannot be kept, the file has other
      |  hard links, renaming over a file fails (sshfs, SMB), or the file is a mount (Docker)
      v
    overwrite in place, with a copy beside the file or in the data folder; `mend` can finish it
      |  if writing in the middle of a file or truncating fails
      v
    overwrite in place from an empty file, with the same copy

Invariant: an error means that the file does not have the new bytes. So errors after the rename are
only logged. The old bytes are kept until the new bytes are complete in some file, and a failed
overwrite in place restores the old bytes.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

from ..fs_fallbacks import cannot, create, fill, log_once, remove, sync_folder
from .file_state import FileState, holds, is_unchanged, token
from .overwrite import write_in_place

WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
ACCESS_LIST = "system.posix_acl_access"
PRIVATE = 0o600
LEFTOVER_SECONDS = 3600.0
IN_PLACE = "overwriting the file in place, with a temporary copy"


def replace_file(target: Path, data: bytes, before: FileState | None, copies: Path | None) -> bool:
    """Write the file. Return False, without writing, if the file differs from `before`.

    `copies` is a folder for temporary copies if none can be created beside the file. Raises
    `OSError` if the file does not have the new bytes.
    """
    if before is not None:
        _check_writable(target, before.status)
        if before.status.st_nlink > 1:
            return write_in_place(target, data, before, copies)
    try:
        fresh = _write_temporary(target, data, before)
    except OSError as error:
        if not cannot(error):
            raise
        log_once(target.parent, "to make a new file", error, IN_PLACE)
        return write_in_place(target, data, before, copies)
    try:
        dressed = before is None or _copy_metadata(fresh, target, before.status)
        if dressed and not is_unchanged(target, before):
            return False
        renamed = dressed and _renamed(fresh, target, data)
    finally:
        remove(fresh)
    if not renamed:
        return write_in_place(target, data, before, copies)
    sync_folder(target.parent)
    return True


def _check_writable(target: Path, status: os.stat_result) -> None:
    """Raise `PermissionError` for a read-only file, because a rename would ignore its mode."""
    if not may_write(target, status.st_mode):
        raise PermissionError(errno.EACCES, "the file is read-only")


def may_write(target: Path, mode: int) -> bool:
    if not mode & WRITE_BITS:  # for root, `os.access` is always true
        return False
    if os.access(target, os.W_OK):
        return True
    # On some mounts `os.access` fails although writing works.
    with suppress(OSError):
        os.close(os.open(target, os.O_WRONLY))
        return True
    return False


def _renamed(fresh: Path, target: Path, data: bytes) -> bool:
    """Rename over the target; return False if the file system does not support this."""
    try:
        fresh.replace(target)
    except OSError as error:
        if holds(target, data):
            return True  # a network file system may report an error after it has renamed the file
        if not cannot(error):
            raise
        log_once(target.parent, "to rename over a file", error, IN_PLACE)
        return False
    return True


# ---------------------------------------------------------------- beside the file


def clear_leftovers(target: Path) -> None:
    """Remove temporary files of crashes; spare recent files, which another server may be using."""
    before = time.time() - LEFTOVER_SECONDS
    with suppress(OSError):
        for left in target.parent.glob(f".{token(target.name)}-*.saving"):
            if left.stat().st_mtime < before:
                remove(left)


def _write_temporary(target: Path, data: bytes, before: FileState | None) -> Path:
    """Write a durable temporary file beside the target; hidden, and not named like a notebook."""
    fresh = target.with_name(f".{token(target.name)}-{secrets.token_hex(4)}.saving")
    handle = _create_like(fresh, before)
    fill(handle, fresh, data)
    return fresh


def _create_like(fresh: Path, before: FileState | None) -> int:
    """Create the file with the old file's mode, because some mounts cannot change modes later."""
    if before is None:
        return create(fresh, 0o666)
    handle = create(fresh, stat.S_IMODE(before.status.st_mode) & 0o777)
    if _owner(os.fstat(handle)) == _owner(before.status):
        return handle
    # The new file has another owner, so its mode would let other users read it for a moment.
    os.close(handle)
    fresh.unlink()
    return create(fresh, PRIVATE)


def _owner(status: os.stat_result) -> tuple[int, int]:
    return status.st_uid, status.st_gid


def _copy_metadata(fresh: Path, target: Path, status: os.stat_result) -> bool:
    """Copy owner, mode and attributes from the old file to the new file.

    Return False if the new file would have other access permissions. Failures to copy other
    attributes are logged. The modification time is not copied.
    """
    if os.name == "nt":
        return True
    try:
        own = fresh.stat()
        if _owner(own) != _owner(status):
            os.chown(fresh, status.st_uid, status.st_gid)
            own = fresh.stat()
        if stat.S_IMODE(own.st_mode) != stat.S_IMODE(status.st_mode):
            fresh.chmod(stat.S_IMODE(status.st_mode))
    except OSError as error:
        log_once(target.parent, "to keep the owner and mode of a new file", error, IN_PLACE)
        return False
    _keep_flags(fresh, status)
    return _keep_attributes(fresh, target)


def _keep_attributes(fresh: Path, target: Path) -> bool:
    """Copy extended attributes; return False if the access control list cannot be copied."""
    if not hasattr(os, "listxattr"):
        return True
    try:
        names = os.listxattr(target)
    except OSError:
        return True  # a file system without attributes
    for name in names:
        try:
            os.setxattr(fresh, name, os.getxattr(target, name))
        except OSError as error:
            if name == ACCESS_LIST:
                log_once(target.parent, "to keep an access control list", error, IN_PLACE)
                return False
            if not name.startswith("security."):
                log_once(target.parent, "to keep the attribute " + name, error, "it is dropped")
    return True


def _keep_flags(fresh: Path, status: os.stat_result) -> None:
    flags = getattr(status, "st_flags", 0)
    if flags and hasattr(os, "chflags"):
        with suppress(OSError):
            os.chflags(fresh, flags)
