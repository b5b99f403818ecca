"""Finds the mount of a path, and whether other machines can write to it.

Reads the kernel's table of mounts and never the path itself, because a mount whose server is down
does not respond. Only Linux has this table; on other systems every path is on one local mount.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TABLE: Final = Path("/proc/self/mountinfo")
REMOTE: Final = frozenset(
    {
        "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "drvfs", "fuse", "gfs", "gfs2",
        "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs",
        "prl_fs", "pvfs2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "wekafs",
    }
)  # fmt: skip
"""Types of file systems that report only changes made through this mount."""


@dataclass(frozen=True, slots=True)
class Mount:
    point: str
    kind: str
    """The type of the file system, or "" if unknown."""

    @property
    def remote(self) -> bool:
        """Whether another machine or system may change files here without an event."""
        return self.kind in REMOTE or self.kind.startswith("fuse.")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the content of a mount comes from.

    `folder` is the folder of the file system that is mounted, `source` the device, share or
    server, `options` are those of the file system.
    """

    folder: str
    source: str
    options: tuple[str, ...]


class Mounts:
    """The mounts of a system. `kinds` maps each mount point to the type of its file system."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = kinds

    def of(self, path: str) -> Mount:
        """Return the mount of an absolute path without symbolic links."""
        point = path
        while point not in self._kinds:
            above = point.rpartition("/")[0] or "/"
            if above == point or not point.startswith("/"):
                return Mount("", "")
            point = above
        return Mount(point, self._kinds[point])


def read_mounts() -> Mounts:
    """Read the current mounts of this process."""
    return Mounts(dict(entry for line in _lines() if (entry := _entry(line))))


def origin_of(point: str) -> Origin | None:
    """Return the origin of the mount at this mount point; of several, the topmost one."""
    found = [_origin(line) for line in _lines() if (entry := _entry(line)) and entry[0] == point]
    return found[-1] if found else None


def _lines() -> list[str]:
    try:
        return TABLE.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []


def _entry(line: str) -> tuple[str, str] | None:
    """Parse a line of mountinfo into mount point (field 5) and type (after " - "). See proc(5)."""
    before, _, after = line.partition(" - ")
    fields, kind = before.split(" "), after.split(" ")[0]
    if len(fields) < 5 or not kind:
        return None
    return _plain(fields[4]), kind


def _origin(line: str) -> Origin:
    """Field 4 and, behind the type, source and options of the file system. See proc(5)."""
    before, _, after = line.partition(" - ")
    _, source, options, *_ = [*after.split(" "), "", ""]
    return Origin(_plain(before.split(" ")[3]), _plain(source), tuple(options.split(",")))


def _plain(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)
