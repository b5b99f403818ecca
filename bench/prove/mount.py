"""A FUSE file system that passes everything through, but cannot fsync a folder.

It needs `/dev/fuse`, libfuse 2 (Debian: libfuse2) and fusepy; `unavailable` names a missing one.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import Any

from .systems import wait_for


def unavailable() -> str:
    """Return the missing requirement for a mount, or ""."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is not accessible"
    if find_library("fuse") is None:
        return "libfuse 2 is not installed (Debian: apt-get install libfuse2)"
    try:
        __import__("fuse")
    except (ImportError, OSError):
        return "fusepy is not installed (pip install fusepy)"
    return ""


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """Yield a folder on such a share."""
    below, mount = folder / "below", folder / "share"
    below.mkdir()
    mount.mkdir()
    daemon = subprocess.Popen([sys.executable, "-m", __spec__.name, str(below), str(mount)])
    try:
        wait_for(lambda: os.path.ismount(mount), "the share is mounted", 20)
        yield mount
    finally:
        daemon.terminate()
        daemon.wait()
        if os.path.ismount(mount):
            by_user, by_root = ["fusermount", "-u", "-z"], ["umount", "--lazy"]
            command = by_user if shutil.which("fusermount") else by_root
            subprocess.run([*command, str(mount)], check=False)


def serve(below: str, mount: str) -> None:
    """Run the file system in this process until it is unmounted."""
    import fuse

    class Share(fuse.Operations):  # type: ignore[misc]  # fusepy has no types
        use_ns = True

        def _at(self, path: str) -> str:
            return below + path

        def fsyncdir(self, path: str, datasync: int, handle: int) -> int:
            raise fuse.FuseOSError(errno.EINVAL)

        def getattr(self, path: str, handle: int | None = None) -> dict[str, int]:
            status = os.lstat(self._at(path))
            fields = ("mode", "nlink", "uid", "gid", "size", "ino")
            found = {f"st_{field}": getattr(status, f"st_{field}") for field in fields}
            times = ("atime", "mtime", "ctime")
            return found | {f"st_{field}": getattr(status, f"st_{field}_ns") for field in times}

        def access(self, path: str, mode: int) -> int:
            if not os.access(self._at(path), mode):
                raise fuse.FuseOSError(errno.EACCES)
            return 0

        def readdir(self, path: str, handle: int) -> list[str]:
            return [".", "..", *os.listdir(self._at(path))]

        def chmod(self, path: str, mode: int) -> None:
            os.chmod(self._at(path), mode)

        def chown(self, path: str, user: int, group: int) -> None:
            os.chown(self._at(path), user, group)

        def mkdir(self, path: str, mode: int) -> None:
            os.mkdir(self._at(path), mode)

        def rmdir(self, path: str) -> None:
            os.rmdir(self._at(path))

        def unlink(self, path: str) -> None:
            os.unlink(self._at(path))

        def rename(self, old: str, new: str) -> None:
            os.rename(self._at(old), self._at(new))

        def symlink(self, name: str, target: str) -> None:
            os.symlink(target, self._at(name))

        def readlink(self, path: str) -> str:
            return os.readlink(self._at(path))

        def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
            os.utime(self._at(path), ns=times or (time.time_ns(), time.time_ns()))

        def open(self, path: str, flags: int) -> int:
            return os.open(self._at(path), flags)

        def create(self, path: str, mode: int, info: Any = None) -> int:
            return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

        def read(self, path: str, size: int, offset: int, handle: int) -> bytes:
            return os.pread(handle, size, offset)

        def write(self, path: str, data: bytes, offset: int, handle: int) -> int:
            return os.pwrite(handle, data, offset)

        def truncate(self, path: str, length: int, handle: int | None = None) -> None:
            os.truncate(self._at(path), length)

        def fsync(self, path: str, datasync: int, handle: int) -> int:
            os.fsync(handle)
            return 0

        def release(self, path: str, handle: int) -> int:
            os.close(handle)
            return 0

        def statfs(self, path: str) -> dict[str, int]:
            status = os.statvfs(self._at(path))
            return {
                field: getattr(status, field) for field in dir(status) if field.startswith("f_")
            }

    fuse.FUSE(Share(), mount, foreground=True, nothreads=False)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
