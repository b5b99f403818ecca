"""One server to a room: an operating-system lock on a file that says who holds it.

The lock dies with its process, so nothing has to be cleaned up after a crash. It knows file locks;
it does not know what is done under them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sys
import time
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

    def __init__(self, path: Path, handle: int, room: RoomId, holder: str) -> None:
        self._path = path
        self._handle: int | None = handle
        self._room = room
        self._holder = holder

    @classmethod
    def take(cls, folder: Path, room: RoomId, *, holder: str) -> Lease:
        """Raises `RoomElsewhere`, naming the holder, if another server has this room."""
        path = folder / f"{file_name(room)}.lock"
        return cls(path, _taken(path, room, holder), room, holder)

    def renew(self) -> None:
        """Hold it where others look for it, also if the folder was removed and made again.

        Raises `RoomElsewhere` if another server has taken the room meanwhile.
        """
        if self._handle is None or _same_file(self._handle, self._path):
            return
        former = self._handle
        self._handle = _taken(self._path, self._room, self._holder)
        os.close(former)

    def release(self) -> None:
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        if os.name != "nt" and _same_file(handle, self._path):
            # Removed while it is locked: who opened it meanwhile finds that out and starts anew.
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
        os.close(handle)


def _taken(path: Path, room: RoomId, holder: str) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            if not _locked(handle):
                os.close(handle)
                raise _elsewhere(path, room)
            if _same_file(handle, path):
                break
            os.close(handle)  # released and removed between our opening and locking it
        about = json.dumps({"server": holder, "pid": os.getpid()}).encode()
        os.ftruncate(handle, 0)
        os.write(handle, about)
    except OSError as error:
        raise StorageError(f"the lock {path} cannot be taken: {error}") from error
    return handle


def _locked(handle: int) -> bool:
    """Whether we got the lock. `holder_of` may have it for a moment, so a moment is waited."""
    for _ in range(5):
        try:
            _lock(handle)
        except (BlockingIOError, PermissionError):
            time.sleep(0.002)
        else:
            return True
    return False


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _who(path: Path) -> str:
    try:
        about = json.loads(path.read_bytes() or b"{}")
        return f"the server {about['server']} (process {about['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another server"


def _elsewhere(path: Path, room: RoomId) -> RoomElsewhere:
    return RoomElsewhere(
        f"room {room} is open in {_who(path)} on the same data folder; "
        "open the notebook there, or stop that server and try again"
    )


def holder_of(folder: Path, room: RoomId) -> str:
    """Who has this room now, as a sentence's subject; "" if nobody has."""
    path = folder / f"{file_name(room)}.lock"
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return ""
    try:
        _lock(handle)
    except OSError:
        return _who(path)
    finally:
        os.close(handle)
    return ""


def file_name(room: RoomId) -> str:
    """What a room is called in a folder: its id, unless that is no plain name."""
    return room if _PLAIN.match(room) else hashlib.sha256(room.encode()).hexdigest()
