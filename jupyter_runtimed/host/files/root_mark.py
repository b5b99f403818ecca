"""The mark of a root folder, which distinguishes it from another folder at the same path.

Two containers, two volumes or two mount namespaces may have different folders at one path. A folder
keeps its mark when the machine or the container restarts. The mark consists of

- the inode of the folder and the id of its file system (`f_fsid`);
- the source of the mount, such as `server:/export`, if the file system has no id (NFS, FUSE);
- if inodes change at each mount (FUSE, FAT), the path on the file system instead of the inode;
- on overlayfs, the upper folder of the container, because all containers of an image share inodes;
- behind a space, the path of the folder.

`st_dev` is unsuitable, because it changes when the machine restarts.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from .mounts import Mount, origin_of, read_mounts

NUMBERED_AGAIN: Final = frozenset({"fuse", "fuseblk", "vfat", "msdos", "exfat"})
"""Types of file systems that number their folders again at every mount."""
OVERLAY: Final = "overlay"
UPPER: Final = "upperdir="


def root_mark(root: Path) -> str:
    """Return the mark of the folder at this path now, and the path; "" if no mark is possible.

    Raises `OSError` if the folder is not there. Not for the event loop.
    """
    if not hasattr(os, "statvfs"):
        return ""
    place = os.path.realpath(root)
    number, system = Path(place).stat().st_ino, os.statvfs(place).f_fsid
    mount = read_mounts().of(place)
    parts = [mount.kind, *_of_mount(mount, place, number, system)]
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:32]
    return f"{digest} {place.encode(errors='surrogateescape').decode(errors='replace')}"


def same_folder(one: str, two: str) -> bool:
    """Return whether two marks are those of one folder, perhaps at two paths."""
    return one.partition(" ")[0] == two.partition(" ")[0]


def marked_path(mark: str) -> Path:
    """Return where the folder with this mark was."""
    return Path(mark.partition(" ")[2])


def _of_mount(mount: Mount, place: str, number: int, system: int) -> list[str]:
    origin = origin_of(mount.point) if mount.kind else None
    if origin is None:
        # Elsewhere than on Linux the id of a file system may change at a restart.
        return [str(number)]
    parts = [str(system) if system else origin.source]
    if mount.kind in NUMBERED_AGAIN or mount.kind.startswith("fuse."):
        parts += [origin.folder, os.path.relpath(place, mount.point)]
    else:
        parts.append(str(number))
    if mount.kind == OVERLAY:
        parts += [option for option in origin.options if option.startswith(UPPER)]
    return parts
