"""Notebook files, as the host needs them: read, written if nobody else wrote, and watched.

Paths are those of the contents API: relative to the server's root, parts joined by `/`. What holds
the files (a disk, a bucket, another contents manager) is behind this port; `local_files` is a disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from ..room.events import Stamp

Render = Callable[[bytes | None], bytes]
"""Makes the new bytes from those that are there (None: no file). Runs in a worker thread."""

Unwatch = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was written: the file is not the expected one, but this."""

    data: bytes
    stamp: Stamp


class NotebookFiles(Protocol):
    async def read(self, path: str) -> tuple[bytes, Stamp]:
        """Raises `NotFound` if there is no such file, `StorageError` if it cannot be read."""

    async def write(self, path: str, render: Render, expected: Stamp | None) -> Stamp | Conflict:
        """Write the file whole or not at all, and only if its bytes are those of `expected`.

        None expects that there is no file. If the bytes would be the same nothing is written.
        Raises `NotFound` if the expected file is gone, `SaveFailed` with what to do.
        """

    def watch(self, path: str, changed: Callable[[], None]) -> Unwatch:
        """Call `changed` on the loop whenever the file may be another one (also too often)."""


def stamp_of(data: bytes, modified_seconds: float) -> Stamp:
    """`last_modified` has the form in which the contents API gives it."""
    when = datetime.fromtimestamp(modified_seconds, timezone.utc)
    text = when.isoformat().replace("+00:00", "Z")
    return Stamp(hashlib.sha256(data).hexdigest(), text)
