"""The data folder: all data that must survive a restart of the server.

    DATA/
      rooms/ROOM/00000001.log    the store: a room's documents and changes; `room_log.py`
      rooms/ROOM~PLACE/...       the same room under another root folder; `root_folders.py`
      blobs/ab/cdef...           large outputs by SHA-256; `blobs.py`
      locks/ROOM.lock            the server that has the room open; `room_lock.py`
      copies/HASH.saving         copies of notebooks during an overwrite in place, if no copy can be
                                 created beside the notebook; `overwrite.py`
      secret                     the key that signs tickets, mode 0600
      owner                      the user of the folder; `owner.py`

An `.ipynb` can be read without any of this data. Lock files need no backup. DATA should be on a
local disk, because locks and syncs depend on the file system. On a file system without hard links,
syncs or locks the store works less safely and logs a warning.

A plain copy of DATA is a valid backup, even while servers use the folder: the copy has every change
acknowledged before the copy began. This holds because logs are append-only, readers skip a partly
copied record, a room's old segment stays for ten minutes after a new one replaced it, and a blob is
on disk before any reference to it.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ...errors import ForeignFolder, StorageError
from ..fs_fallbacks import create, fill, log_once, remove, rename_over

SECRET_BYTES = 32
OWNER = "owner"
"""The file that names the user of the data folder."""
COPIES = "copies"
"""The folder for copies during an overwrite in place; created at its first use."""


class DataDir:
    """The data folder, readable only by its owner; created if missing. Raises `StorageError`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rooms = root / "rooms"
        self.blobs = root / "blobs"
        self.locks = root / "locks"
        try:
            for folder in (root, self.rooms, self.blobs, self.locks):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            if isinstance(error, PermissionError) and (whose := _another_users(root)):
                raise foreign(root, whose) from error
            raise StorageError(
                f"the data folder {root} cannot be created or used ({error.strerror or error}); "
                "choose another folder with the setting RuntimedExtension.data_dir"
            ) from error

    def secret(self) -> bytes:
        """Return the random key that signs tickets, shared by all servers on this folder.

        Creates the key at the first call. Raises `StorageError`.
        """
        path = self.root / "secret"
        try:
            if (known := _read_if_there(path)) is not None and len(known) == SECRET_BYTES:
                return known
            fresh = path.with_name(f".secret-{secrets.token_hex(8)}")
            write_private(fresh, secrets.token_bytes(SECRET_BYTES))
            try:
                if known is None:
                    _first_of_several(fresh, path)
                else:
                    rename_over(fresh, path)
            finally:
                remove(fresh)
            return path.read_bytes()
        except OSError as error:
            raise StorageError(f"the key {path} cannot be read or created: {error}") from error


def foreign(root: Path, whose: str) -> ForeignFolder:
    return ForeignFolder(
        f"the data folder {root} belongs to {whose}; give each user a separate folder with the "
        f"setting RuntimedExtension.data_dir. If the folder is yours, change its owner and remove "
        f"{root / OWNER}"
    )


def _another_users(root: Path) -> str:
    """Return the folder's owner if the owner is another user, else ""."""
    try:
        uid = root.stat().st_uid
    except OSError:
        return ""
    ours = not hasattr(os, "geteuid") or uid == os.geteuid()
    return "" if ours else f"the user with the id {uid}, but this server runs as {os.geteuid()}"


def _first_of_several(fresh: Path, path: Path) -> None:
    """Rename the file to `path`, unless another server has created `path` at the same time."""
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        return
    except (OSError, NotImplementedError) as error:
        refused = error if isinstance(error, OSError) else OSError(str(error))
        log_once(path.parent, "to make a hard link", refused, "using a rename instead")
        if not path.exists():
            with suppress(FileExistsError):
                fresh.rename(path)


def _read_if_there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def write_private(path: Path, data: bytes) -> None:
    """Create a file that only its owner can read."""
    fill(create(path, 0o600), path, data)
