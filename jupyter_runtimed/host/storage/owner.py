"""Binds a data folder to one user, on any number of machines.

With one data folder, two users would get each other's rooms for notebooks with equal paths, or fail
because of file modes. So the file `owner` in the folder names its user, and servers of other users
refuse the folder. The check accepts the same user

- on another host, because the check ignores hosts;
- in a container with mapped user ids, because the owner of the file is mapped too;
- on a file system that sets the owner of files itself, because the recorded id is enough.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from ...errors import StorageError
from ..fs_fallbacks import rename_over
from .data_dir import OWNER, foreign, write_private

log = logging.getLogger(__name__)

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Owner:
    """A user. `uid` is None on systems without user ids; `hub_user` is a JupyterHub name, or ""."""

    uid: int | None
    hub_user: str = ""


def this_user(hub_user: str = "") -> Owner:
    """Return the user of this process."""
    return Owner(os.geteuid() if hasattr(os, "geteuid") else None, hub_user)


def claim(root: Path, user: Owner) -> None:
    """Bind the data folder to this user, or check that it is bound to this user.

    Raises `ForeignFolder` if it belongs to another user, `StorageError` if the file is unreadable.
    """
    path = root / OWNER
    try:
        _warn_of_writers(root)
        known = _recorded(path)
        if known is not None and (why := _foreign(known, user, path.stat().st_uid)):
            raise foreign(root, why)
        merged = Owner(user.uid, user.hub_user or ("" if known is None else known.hub_user))
        if known != merged:
            _record(path, merged)
    except PermissionError as error:
        raise foreign(root, "another user, whose files this server may not touch") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read or written: {error}") from error


def _recorded(path: Path) -> Owner | None:
    """Return the recorded user; None for a new folder, or a folder from an older version."""
    try:
        found = json.loads(path.read_bytes())
        uid, hub_user = found["uid"], found["hub_user"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return Owner(uid if isinstance(uid, int) else None, str(hub_user))


def _foreign(known: Owner, user: Owner, file_uid: int) -> str:
    """Return a description of the other user that the folder belongs to, or ""."""
    if known.hub_user and user.hub_user and known.hub_user != user.hub_user:
        return f"the user {known.hub_user} of JupyterHub, but this server runs for {user.hub_user}"
    if user.uid is None or user.uid in (known.uid, file_uid):
        return ""
    return f"the user with the id {known.uid}, but this server runs as {user.uid}"


def _record(path: Path, user: Owner) -> None:
    fresh = path.with_name(f".{OWNER}-{secrets.token_hex(4)}")
    write_private(fresh, json.dumps(asdict(user)).encode())
    rename_over(fresh, path)


def _warn_of_writers(root: Path) -> None:
    mode = root.stat().st_mode
    if os.name != "nt" and mode & OTHERS_WRITE:
        log.warning(
            "Other users can write to the data folder %s (mode %o), so they can read and change "
            "every notebook's room; run: chmod 700 %s",
            root,
            stat.S_IMODE(mode),
            root,
        )
