"""Reads the stored rooms of a data folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import crdt
from ..client.outputs import blobs_of
from ..crdt import Document
from ..document.content import Output
from ..document.notebook import Notebook
from ..document.runtime import Runtime
from ..document.schema import NOTEBOOK, RUNTIME, DocName
from ..errors import DocumentError, NotFound, PeerError, StorageError
from ..host.storage import room_log
from ..host.storage.data_dir import DataDir
from ..host.storage.room_lock import holder_of
from ..host.storage.room_log import RoomSnapshot
from ..ids import RoomId, Sha256
from .history import History


@dataclass(frozen=True, slots=True)
class StoredRoom:
    """A stored room. `changed` is a Unix time; `holder` is the server with the room open, or ""."""

    room: RoomId
    path: str
    folder: Path
    reading: RoomSnapshot
    size_bytes: int
    changed: float
    holder: str

    def document(self, doc: DocName) -> Document:
        """Load a document. Raises `DocumentError` if it is missing or damaged."""
        if doc not in self.reading.state.documents:
            raise DocumentError(f"the {doc} document is missing")
        _, chunks = self.reading.state.documents[doc]
        return crdt.load(b"".join(chunks), actor=os.urandom(16))

    def notebook(self) -> Notebook:
        return Notebook(self.document(NOTEBOOK))

    def history(self) -> tuple[History, list[str]]:
        """Return the current and archived documents, and a message for each unreadable archive.

        Raises `DocumentError` if the current document is unreadable.
        """
        found, damaged = [self.document(NOTEBOOK)], []
        epoch, _ = self.reading.state.documents[NOTEBOOK]
        for path in room_log.former(self.folder):
            if path.stem == epoch:
                continue  # a crash during rotation: the archived document is still the current one
            try:
                found.append(crdt.load(path.read_bytes(), actor=os.urandom(16)))
            except (OSError, DocumentError) as error:
                damaged.append(f"the archived history {path} cannot be read: {error}")
        return History(found), damaged

    def runtime(self) -> Runtime:
        return Runtime(self.document(RUNTIME))


def rooms(data: DataDir) -> Iterator[StoredRoom]:
    """Yield every room, sorted by its notebook's path.

    Raises `StorageError` for an unreadable room, or a room from a newer version of this package.
    """
    found = [read_room(data, folder) for folder in data.rooms.iterdir() if _is_room(folder)]
    yield from sorted((it for it in found if it is not None), key=lambda it: (it.path, it.room))


def _is_room(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(".")


def read_room(data: DataDir, folder: Path) -> StoredRoom | None:
    """Read a room's folder; return None if the folder has no log. Raises `StorageError`."""
    try:
        reading = room_log.read(folder)
    except OSError as error:
        raise StorageError(f"{folder} cannot be read: {error}") from error
    if reading is None:
        return None
    room = RoomId(str(reading.state.facts.get("room", folder.name)))
    stats = [path.stat() for path in folder.iterdir()]
    return StoredRoom(
        room,
        reading.state.path,
        folder,
        reading,
        sum(stat.st_size for stat in stats),
        max(stat.st_mtime for stat in stats),
        holder_of(data.locks, room),
    )


def find(data: DataDir, name: str) -> StoredRoom:
    """Return the room with this path, end of a path, id, or beginning of an id.

    Raises `NotFound`, or `PeerError` if several rooms match.
    """
    every = list(rooms(data))
    name = name.strip("/")
    for fits in (
        [it for it in every if name in (it.path, it.room)],
        [it for it in every if it.path.endswith(f"/{name}") or it.room.startswith(name)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            them = ", ".join(f"{it.room} ({it.path})" for it in fits)
            raise PeerError(f"{name} matches several rooms; use the id: {them}")
    raise NotFound(f"{name} has no room here; `jupyter runtimed rooms` lists the rooms")


def select(data: DataDir, names: Sequence[str]) -> list[StoredRoom]:
    """Return the named rooms; all rooms if `names` is empty. Raises like `find`."""
    return [find(data, name) for name in names] if names else list(rooms(data))


def blob(data: DataDir, sha256: Sha256) -> bytes:
    """Return the bytes of a large output. Raises `NotFound`, `StorageError` (damaged)."""
    path = data.blobs / sha256[:2] / sha256[2:]
    try:
        found = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"the large output {sha256} is missing") from error
    except OSError as error:
        raise StorageError(f"the large output {sha256} cannot be read: {error}") from error
    if hashlib.sha256(found).hexdigest() != sha256:
        raise StorageError(f"the large output {sha256} is damaged")
    return found


def check_outputs(data: DataDir, outputs: Iterable[Output]) -> list[str]:
    """Return a message for each missing or damaged blob of these outputs."""
    found = []
    for sha256 in dict.fromkeys(it.sha256 for it in blobs_of(outputs)):
        try:
            blob(data, sha256)
        except (NotFound, StorageError) as error:
            found.append(str(error))
    return found
