"""Large outputs (blobs), stored as files named by their SHA-256: `ab/cdef...`.

The store's thread writes each blob before the change that refers to it; `get` works immediately
after `put`. This module does not know the references to blobs; `sweeping` passes them to `sweep`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from pathlib import Path

from ...errors import NotFound, StorageError
from ...ids import RoomId, Sha256
from ..fs_fallbacks import cannot, create, fill, log_once, remove, rename_over, sync_folder
from .commit_thread import CommitThread, Write

GRACE_SECONDS = 24 * 3600.0
"""Garbage collection removes a blob after this long without references."""
MARK = ".unneeded"
"""The suffix of a marker beside an unreferenced blob; its modification time is the mark's time."""
ASIDE = ".aside"
"""The suffix of a blob that is about to be removed."""


class Blobs:
    """The blobs of one data folder. Calls `told` in any thread with room and hash of each put."""

    def __init__(
        self,
        folder: Path,
        writer: CommitThread,
        *,
        told: Callable[[RoomId, Sha256], None] = lambda _room, _sha256: None,
    ) -> None:
        self._folder = folder
        self._writer = writer
        self._told = told
        self._fresh: dict[Sha256, bytes] = {}

    def put(self, room: RoomId, sha256: Sha256, data: bytes) -> None:
        """Store a blob; it is durable before any later write of the room."""
        self._fresh[sha256] = data
        self._told(room, sha256)
        self._writer.submit(
            Write(
                room,
                before_commit=partial(self._write, sha256, data),
                done=lambda: self._forget(sha256),
            )
        )

    def keep(self, room: RoomId, data: bytes) -> Sha256:
        """Store a blob and return its SHA-256. May be called in any thread."""
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        self.put(room, sha256, data)
        return sha256

    def get(self, sha256: Sha256) -> bytes:
        """Return the bytes of a blob. Not for the event loop, because it reads a file.

        Raises `NotFound`, or `StorageError` for a damaged or unreadable blob.
        """
        if (fresh := self._fresh.get(sha256)) is not None:
            return fresh
        try:
            data = self._read(self.path(sha256))
        except FileNotFoundError as error:
            raise NotFound(f"the blob {sha256} does not exist; run the cell again") from error
        except OSError as error:
            raise StorageError(f"the blob {sha256} cannot be read: {error}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StorageError(f"the blob {sha256} is damaged on disk; run the cell again")
        return data

    def path(self, sha256: Sha256) -> Path:
        """Return the path of a blob, which may not exist. Raises `NotFound` for an invalid hash."""
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            raise NotFound(f"{sha256!r} is not a SHA-256; a blob is named by 64 hex digits")
        return self._folder / sha256[:2] / sha256[2:]

    def sweep(self, live: AbstractSet[Sha256], *, grace_seconds: float = GRACE_SECONDS) -> int:
        """Mark unreferenced blobs; remove blobs marked before the grace period and not put since.

        Return the number of removed blobs. `live` has all referenced blobs. Not for the event loop.
        """
        before = time.time() - grace_seconds
        swept = 0
        for folder in [folder for folder in self._folder.iterdir() if folder.is_dir()]:
            names = {path.name for path in folder.iterdir()}
            for name in names:
                # A missing file was put or removed at this moment, here or in another process.
                with suppress(FileNotFoundError):
                    self._clear(folder / name, before)
            for name in {name.partition(".")[0] for name in names} - {""}:
                with suppress(FileNotFoundError):
                    swept += self._look(folder / name, live, before)
        return swept

    def _clear(self, path: Path, before: float) -> None:
        """Restore a blob whose removal was interrupted; remove an old partly written blob."""
        if path.name.endswith(ASIDE):
            self._put_back(path)
        elif path.name.startswith(".") and path.stat().st_mtime < before:
            path.unlink()

    def _look(self, path: Path, live: AbstractSet[Sha256], before: float) -> bool:
        """Unmark, mark or remove one blob; return whether the blob was removed."""
        sha256, mark = Sha256(path.parent.name + path.name), _beside(path, MARK)
        if not path.exists() or sha256 in live or sha256 in self._fresh:
            mark.unlink(missing_ok=True)
        elif not mark.exists():
            mark.touch(mode=0o600)
        elif max(mark.stat().st_mtime, path.stat().st_mtime) < before:
            return self._remove(path)
        return False

    def _remove(self, path: Path) -> bool:
        """Remove a blob, unless this or another process puts it at this moment.

        A put updates the modification time of an existing blob, or writes a missing blob. So rename
        the blob first, and then check its modification time again.
        """
        seen, aside = path.stat().st_mtime, _beside(path, ASIDE)
        path.replace(aside)
        if aside.stat().st_mtime != seen:
            self._put_back(aside)
            return False
        _beside(path, MARK).unlink(missing_ok=True)
        aside.unlink()
        return True

    def _put_back(self, aside: Path) -> None:
        aside.replace(aside.with_name(aside.name.removesuffix(ASIDE)))

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return _beside(path, ASIDE).read_bytes()

    def _forget(self, sha256: Sha256) -> None:
        self._fresh.pop(sha256, None)

    def _write(self, sha256: Sha256, data: bytes) -> None:
        path = self.path(sha256)
        if self._made_young(path, len(data)):
            return
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._folder)
        fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        fill(create(fresh, 0o666), fresh, data)
        try:
            rename_over(fresh, path)
        except BaseException:
            remove(fresh)
            raise
        sync_folder(path.parent)

    def _made_young(self, path: Path, size: int) -> bool:
        """Update the blob's modification time, which protects it from a collection in progress.

        Return False if the blob must be written.
        """
        try:
            if path.stat().st_size != size:
                return False
            os.utime(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            if not cannot(error):
                raise
            log_once(path.parent, "to set a file's time", error, "writing the file again")
            return False
        _beside(path, MARK).unlink(missing_ok=True)
        return True


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
