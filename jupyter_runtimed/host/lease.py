"""One server to a room: an operating-system lock on a file that says who holds it.

The lock dies with its process, so nothing has to be cleaned up after a crash. It knows file locks;
it does not know what is done under them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path

from ..errors import RoomElsewhere, StorageError
from ..ids import RoomId

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30
    """Locked bytes cannot be read by others, so one behind the text is locked."""

    def _lock(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lease:
    """Held from `take` to `release`, or until the process ends."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle: int | None = handle

    @classmethod
    def take(cls, folder: Path, room: RoomId, *, holder: str) -> Lease:
        """Raises `RoomElsewhere`, naming the holder, if another server has this room."""
        path = folder / f"{_file_name(room)}.lock"
        try:
            while True:
                handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    _lock(handle)
                except (BlockingIOError, PermissionError) as error:
                    os.close(handle)
                    raise _elsewhere(path, room) from error
                if _same_file(handle, path):
                    break
                os.close(handle)  # released and removed between our opening and locking it
            about = json.dumps({"server": holder, "pid": os.getpid()}).encode()
            os.ftruncate(handle, 0)
            os.write(handle, about)
        except OSError as error:
            raise StorageError(f"the lock {path} cannot be taken: {error}") from error
        return cls(path, handle)

    def release(self) -> None:
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        if os.name != "nt":
            # Removed while it is locked: who opened it meanwhile finds that out and starts anew.
            self._path.unlink(missing_ok=True)
        os.close(handle)


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _elsewhere(path: Path, room: RoomId) -> RoomElsewhere:
    try:
        about = json.loads(path.read_bytes() or b"{}")
        who = f"the server {about['server']} (process {about['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another server"
    return RoomElsewhere(
        f"room {room} is open in {who} on the same data folder; "
        "open the notebook there, or stop that server and try again"
    )


def _file_name(room: RoomId) -> str:
    return room if _PLAIN.match(room) else hashlib.sha256(room.encode()).hexdigest()
