"""Reads the state of a file, and checks later whether the file is unchanged."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ...document.file_version import FileStamp
from .port import stamp_of

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FileState:
    """The bytes and the status of a file at one moment."""

    data: bytes
    status: os.stat_result

    @property
    def stamp(self) -> FileStamp:
        return stamp_of(self.data, self.status.st_mtime)


def read_state(place: Path) -> FileState | None:
    """Read the file; return None if it does not exist. Raises `OSError`."""
    try:
        with open(place, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            return FileState(file.read(), status)
    except FileNotFoundError:
        return None


def _without_waiting(name: str, flags: int) -> int:
    """Open without blocking, because the path may be a pipe without a writer."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def holds(target: Path, data: bytes) -> bool:
    try:
        found = read_state(target)
    except OSError:
        return False
    return found is not None and found.data == data


def is_unchanged(target: Path, before: FileState | None) -> bool:
    try:
        now = target.stat()
    except FileNotFoundError:
        return before is None
    if before is None:
        return False
    was = before.status
    same = (now.st_ino, now.st_size, now.st_mtime_ns) == (was.st_ino, was.st_size, was.st_mtime_ns)
    if same and now.st_mtime_ns % SECOND_NS:
        return True
    # Some file systems change inode numbers or have times of whole seconds, so compare the bytes.
    return holds(target, before.data)


def token(name: str) -> str:
    """Return a short hash of a file name, for temporary files beside a name of maximal length."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
