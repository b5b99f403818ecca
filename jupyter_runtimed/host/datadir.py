"""Where the server keeps what must survive it.

    DATA/
      rooms/ROOM/00000001.log    the store: a room's documents and changes; `room_log.py`
      blobs/ab/cdef...           large outputs by SHA-256; `blobs.py`
      locks/ROOM.lock            who has which room open; `lease.py`
      secret                     the key of tickets, mode 0600
      rooms-1.db                 after an upgrade: the store as it was before; `sqlite_import.py`

Nothing else is kept, and nothing of it is needed to read an `.ipynb`. Locks hold nothing worth
keeping. DATA should be on a disk of this machine: over a network file system locks and syncs are as
good as that makes them.

A plain copy of DATA, taken at any moment and while servers use it, is a valid backup: it holds
everything that was acknowledged before the copy began. Logs are only appended to, a record that was
copied half is left out, and a room's former log stays for ten minutes after a new one took its
place. A blob is on disk before anything that refers to it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ..errors import StorageError

SECRET_BYTES = 32


class DataDir:
    """The folder, made when needed, readable by its owner only."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rooms = root / "rooms"
        self.blobs = root / "blobs"
        self.locks = root / "locks"
        try:
            for folder in (root, self.rooms, self.blobs, self.locks):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the data folder {root} cannot be made ({error.strerror or error}); "
                "choose another one in the settings"
            ) from error

    def secret(self) -> bytes:
        """The key of tickets: random, made once, the same for every server on this folder."""
        path = self.root / "secret"
        try:
            if (known := _read_if_there(path)) is not None and len(known) == SECRET_BYTES:
                return known
            fresh = path.with_name(f".secret-{secrets.token_hex(8)}")
            _write_private(fresh, secrets.token_bytes(SECRET_BYTES))
            try:
                if known is None:
                    # Only one of several servers that start at once may win.
                    path.hardlink_to(fresh)
                else:
                    fresh.replace(path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink(missing_ok=True)
            return path.read_bytes()
        except OSError as error:
            raise StorageError(f"the secret in {path} cannot be read or made: {error}") from error


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder durable, where the platform lets a folder be synced."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_if_there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write_private(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
