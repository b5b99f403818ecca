"""Large outputs, as files by their SHA-256: `ab/cdef...`.

Written by the store's own thread, before the change that refers to them; readable from the moment
they are put. It does not know which documents refer to what: `sweep` is told, see `sweeping`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from pathlib import Path

from ..errors import NotFound, StorageError
from ..ids import RoomId, Sha256
from .datadir import sync_folder
from .writer import Write, Writer

GRACE_SECONDS = 24 * 3600.0
"""How long nothing must have needed a blob before it is removed."""
MARK = ".unneeded"
ASIDE = ".aside"
"""Endings of files beside a blob: found to be needed by nothing (since when: its time of change);
about to be removed.
"""


class Blobs:
    def __init__(self, folder: Path, writer: Writer) -> None:
        self._folder = folder
        self._writer = writer
        self._fresh: dict[Sha256, bytes] = {}

    def put(self, room: RoomId, sha256: Sha256, data: bytes) -> None:
        """Keep a blob on behalf of a room; on disk before anything the room stores after this."""
        self._fresh[sha256] = data
        self._writer.submit(
            Write(
                room,
                files=partial(self._write, sha256, data),
                done=lambda: self._forget(sha256),
            )
        )

    def keep(self, room: RoomId, data: bytes) -> Sha256:
        """Put what has no name yet; from any thread."""
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        self.put(room, sha256, data)
        return sha256

    def get(self, sha256: Sha256) -> bytes:
        """The bytes; reads a file, so not for the event loop. Raises `NotFound`, `StorageError`."""
        if (fresh := self._fresh.get(sha256)) is not None:
            return fresh
        try:
            data = self._read(self.path(sha256))
        except FileNotFoundError as error:
            raise NotFound(f"there is no blob {sha256}; run the cell again") from error
        except OSError as error:
            raise StorageError(f"the blob {sha256} cannot be read: {error}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StorageError(f"the blob {sha256} is damaged on disk; run the cell again")
        return data

    def path(self, sha256: Sha256) -> Path:
        """Where the blob lies, or will lie. Raises `NotFound` for what is not a SHA-256."""
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            raise NotFound("a blob is named by the 64 hex digits of its SHA-256")
        return self._folder / sha256[:2] / sha256[2:]

    def sweep(self, live: AbstractSet[Sha256], *, grace_seconds: float = GRACE_SECONDS) -> int:
        """Mark what nothing needs; remove what was marked long ago, and not put since; how many.

        `live` was gathered before this is called. Not for the event loop.
        """
        before = time.time() - grace_seconds
        swept = 0
        for folder in [folder for folder in self._folder.iterdir() if folder.is_dir()]:
            names = {path.name for path in folder.iterdir()}
            for name in names:
                # What is gone was put or removed just now, here or in another process.
                with suppress(FileNotFoundError):
                    self._clear(folder / name, before)
            for name in {name.partition(".")[0] for name in names} - {""}:
                with suppress(FileNotFoundError):
                    swept += self._look(folder / name, live, before)
        return swept

    def _clear(self, path: Path, before: float) -> None:
        """What a crash left: a blob that was being removed, or one that is half written."""
        if path.name.endswith(ASIDE):
            self._put_back(path)
        elif path.name.startswith(".") and path.stat().st_mtime < before:
            path.unlink()

    def _look(self, path: Path, live: AbstractSet[Sha256], before: float) -> bool:
        """One blob: needed, to be marked, or to be removed."""
        sha256, mark = Sha256(path.parent.name + path.name), _beside(path, MARK)
        if not path.exists() or sha256 in live or sha256 in self._fresh:
            mark.unlink(missing_ok=True)
        elif not mark.exists():
            mark.touch(mode=0o600)
        elif max(mark.stat().st_mtime, path.stat().st_mtime) < before:
            return self._remove(path)
        return False

    def _remove(self, path: Path) -> bool:
        """Remove a blob, unless somebody puts it at this moment, here or in another process.

        Who puts it makes it young if it is there, and writes it if it is not. So it is taken away
        first, and looked at once more then.
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
        try:
            if path.stat().st_size == len(data):
                os.utime(path)  # young again: a sweep that has begun leaves it
                _beside(path, MARK).unlink(missing_ok=True)
                return
        except FileNotFoundError:
            pass
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._folder)
        fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        try:
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
