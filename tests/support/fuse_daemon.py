"""A FUSE file system that passes everything through to a folder.

Usage: SOURCE MOUNT [OPERATION=ERROR ...]. Each named operation fails with its error; `rename` fails
only if it would replace a file. It runs in its own process, which tests stop and kill. It needs
libfuse 2 and `fusepy`.
"""

# ruff: noqa: PTH101, PTH110, PTH102, PTH104, PTH106, PTH108, PTH208

from __future__ import annotations

import errno
import os
import sys
from typing import Any

from fuse import FUSE, FuseOSError, Operations

STATUS = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino")
STATFS = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_files", "f_ffree", "f_namemax")


class PassThrough(Operations):
    use_ns = True

    def __init__(self, source: str, refused: dict[str, int]) -> None:
        self._source = source
        self._refused = refused

    def __call__(self, op: str, *args: Any) -> Any:
        error = self._refused.get(op)
        if error is not None and not (op == "rename" and not os.path.exists(self._at(args[1]))):
            raise FuseOSError(error)
        return super().__call__(op, *args)

    def _at(self, path: str) -> str:
        return self._source + path

    def getattr(self, path: str, fh: Any = None) -> dict[str, int]:
        status = os.lstat(self._at(path))
        times = {f"st_{when}": getattr(status, f"st_{when}_ns") for when in ("mtime", "atime")}
        return {name: getattr(status, name) for name in STATUS} | times

    def readdir(self, path: str, fh: Any) -> list[str]:
        return [".", "..", *os.listdir(self._at(path))]

    def statfs(self, path: str) -> dict[str, int]:
        status = os.statvfs(self._at(path))
        return {name: getattr(status, name) for name in STATFS}

    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: Any = None) -> None:
        os.truncate(self._at(path), length)

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        os.fsync(fh)
        return 0

    def rename(self, old: str, new: str) -> None:
        os.rename(self._at(old), self._at(new))

    def unlink(self, path: str) -> None:
        os.unlink(self._at(path))

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self._at(path), mode)

    def rmdir(self, path: str) -> None:
        os.rmdir(self._at(path))

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._at(path), mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        os.chown(self._at(path), uid, gid)

    def utimens(self, path: str, times: Any = None) -> None:
        os.utime(self._at(path), ns=times)

    def listxattr(self, path: str) -> list[str]:
        return []

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        raise FuseOSError(errno.ENODATA)


if __name__ == "__main__":
    source, mount, *refused = sys.argv[1:]
    errors = {name: getattr(errno, error) for name, error in (one.split("=") for one in refused)}
    FUSE(PassThrough(source, errors), mount, foreground=True, attr_timeout=0, entry_timeout=0)
