"""A lock that gives one server exclusive use of a room, in a file that names the server.

The operating system releases the lock with its process, so a crash needs no cleanup. On a file
system without locks, the content of the file decides: a running process of this machine holds the
lock; an ended process, or a process of another machine (which cannot be checked), does not.

This module knows file locks, not their use.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import sys
import time
from pathlib import Path

from ...errors import RoomElsewhere, StorageError
from ...ids import RoomId
from ..fs_fallbacks import cannot, log_once

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}(~[0-9a-f]{8})?\Z")
"""A room's id; behind `~`, the place of the room."""

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30
    """The offset of the locked byte, behind the text, because Windows blocks reads of it."""

    def _lock(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class RoomLock:
    """A lock that lasts from `take` to `release`, or until the process ends."""

    def __init__(self, path: Path, handle: int, room: RoomId, holder: str) -> None:
        self._path = path
        self._handle: int | None = handle
        self._room = room
        self._holder = holder

    @classmethod
    def take(cls, folder: Path, room: RoomId, *, holder: str) -> RoomLock:
        """Lock a room. Raises `RoomElsewhere`, naming the holder, if another server has it.

        `holder` names this server in the messages of others. Raises `StorageError` for an error of
        the file system.
        """
        path = folder / f"{file_name(room)}.lock"
        return cls(path, _taken(path, room, holder), room, holder)

    def renew(self) -> None:
        """Lock again if the lock file was removed, for example with its folder.

        Raises `RoomElsewhere` if another server has locked the room since.
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
            # Remove the file while it is locked; a process that has opened it then tries again.
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
        os.close(handle)


def _taken(path: Path, room: RoomId, holder: str) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            if not _locked(handle, path):
                os.close(handle)
                raise _elsewhere(path, room)
            if _same_file(handle, path):
                break
            os.close(handle)  # the holder removed the file between our open and our lock
        about = json.dumps({"server": holder, **_this_process()}).encode()
        os.ftruncate(handle, 0)
        os.write(handle, about)
    except OSError as error:
        raise StorageError(f"the lock {path} cannot be taken: {error}") from error
    return handle


def _locked(handle: int, path: Path) -> bool:
    """Return whether we got the lock. Try for a moment, because `holder_of` locks it briefly."""
    for _ in range(5):
        try:
            _lock(handle)
        except (BlockingIOError, PermissionError):
            time.sleep(0.002)
        except OSError as error:
            if not cannot(error):
                os.close(handle)
                raise
            instead = "use this data folder on one machine only"
            log_once(path.parent, "to lock a file", error, instead)
            return not _is_held(path)
        else:
            return True
    return False


def _this_process() -> dict[str, object]:
    return {"pid": os.getpid(), "host": platform.node(), "started": _started(os.getpid())}


def _started(pid: int) -> str:
    """Return the start time of a process as the system reports it; "" if it does not.

    The start time distinguishes processes, because systems reuse ids, in containers very soon.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _is_held(path: Path) -> bool:
    """Return whether the process named in the file still runs on this machine."""
    try:
        about = json.loads(path.read_bytes())
        pid = int(about["pid"])
        if about["host"] != platform.node():
            return False
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return False
    return bool(about.get("started") == _started(pid))


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
    """Return a name for the server that has this room, for use in a sentence; "" if none has."""
    path = folder / f"{file_name(room)}.lock"
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return ""
    try:
        _lock(handle)
    except (BlockingIOError, PermissionError):
        return _who(path)
    except OSError:
        return _who(path) if _is_held(path) else ""
    finally:
        os.close(handle)
    return ""


def file_name(room: RoomId) -> str:
    """Return the file name of a room: its id, or a hash of an id with special characters."""
    return room if _PLAIN.match(room) else hashlib.sha256(room.encode()).hexdigest()
