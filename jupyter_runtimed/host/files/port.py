"""The port to notebook files: reading, conditional writing, and watching.

Paths are paths of the contents API: relative to the server's root, with `/` between parts. An
implementation may use a disk (`local_files`), object storage, or another contents manager.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from ...document.file_version import FileStamp

Render = Callable[[bytes | None], bytes]
"""Returns the new bytes from the file's current bytes (None: no file), in a worker thread."""

Unwatch = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Conflict:
    """The actual state of a file that was not written, because it is not the expected one."""

    data: bytes
    stamp: FileStamp


class NotebookFiles(Protocol):
    """Access to notebook files by path."""

    async def read(self, path: str) -> tuple[bytes, FileStamp]:
        """Read the file. Raises `NotFound` if it does not exist, `StorageError` if unreadable."""

    async def write(
        self, path: str, render: Render, expected: FileStamp | None
    ) -> FileStamp | Conflict:
        """Write the file completely or not at all, and only if it matches `expected`.

        `expected=None` means that the file must not exist. Equal bytes are not written. Return a
        `Conflict` if the file has other bytes. Raises `NotFound` if the expected file is missing,
        `SaveFailed` for any other failure.
        """

    async def root_mark(self) -> str:
        """Return what tells the root folder from others at its path; "" where nothing does.

        Never blocks the loop.
        """

    async def is_marked(self, mark: str) -> bool:
        """Whether the folder that was a root folder with this mark is still at its path."""

    async def answers(self, path: str) -> bool:
        """Return whether the folder of this file responds within some seconds."""

    async def why_read_only(self, path: str) -> str:
        """Return the reason why the file cannot be written; "" if no reason is known."""

    def watch(self, path: str, changed: Callable[[], None]) -> Unwatch:
        """Call `changed` on the loop when the file may have changed; extra calls are allowed."""


def no_answer(path: str) -> str:
    return (
        f"the folder of {path} does not answer; the server keeps trying and keeps all changes "
        "until then"
    )


def stamp_of(data: bytes, modified_seconds: float) -> FileStamp:
    """Return the stamp of a file; `last_modified` has the format of the contents API."""
    when = datetime.fromtimestamp(modified_seconds, timezone.utc)
    text = when.isoformat().replace("+00:00", "Z")
    return FileStamp(hashlib.sha256(data).hexdigest(), text)
