"""The rooms of a data folder, read as they are now."""

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
from ..host import room_log
from ..host.datadir import DataDir
from ..host.lease import holder_of
from ..host.room_log import Reading
from ..ids import RoomId, Sha256
from .versions import History


@dataclass(frozen=True, slots=True)
class Kept:
    """A room's folder. `holder`: the server that has it open, or ""."""

    room: RoomId
    path: str
    folder: Path
    reading: Reading
    size_bytes: int
    changed: float
    holder: str

    def document(self, doc: DocName) -> Document:
        """Raises `DocumentError` if it is not there, or damaged."""
        if doc not in self.reading.state.documents:
            raise DocumentError(f"the {doc} document is not there")
        _, chunks = self.reading.state.documents[doc]
        return crdt.load(b"".join(chunks), actor=os.urandom(16))

    def notebook(self) -> Notebook:
        return Notebook(self.document(NOTEBOOK))

    def history(self) -> tuple[History, list[str]]:
        """Every document that the notebook had, and what cannot be read of them.

        Raises `DocumentError` for the one that it has now.
        """
        found, damaged = [self.document(NOTEBOOK)], []
        epoch, _ = self.reading.state.documents[NOTEBOOK]
        for path in room_log.former(self.folder):
            if path.stem == epoch:
                continue  # a crash: it was kept aside, and is still the one that there is
            try:
                found.append(crdt.load(path.read_bytes(), actor=os.urandom(16)))
            except (OSError, DocumentError) as error:
                damaged.append(f"the history in {path} cannot be read: {error}")
        return History(found), damaged

    def runtime(self) -> Runtime:
        return Runtime(self.document(RUNTIME))


def rooms(data: DataDir) -> Iterator[Kept]:
    """Every room, by the path of its notebook. Raises `StorageError` for a newer version's."""
    found = [kept(data, folder) for folder in data.rooms.iterdir() if _is_room(folder)]
    yield from sorted((it for it in found if it is not None), key=lambda it: (it.path, it.room))


def _is_room(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(".")


def kept(data: DataDir, folder: Path) -> Kept | None:
    """None if there is nothing in the folder."""
    try:
        reading = room_log.read(folder)
    except OSError as error:
        raise StorageError(f"{folder} cannot be read: {error}") from error
    if reading is None:
        return None
    room = RoomId(str(reading.state.facts.get("room", folder.name)))
    stats = [path.stat() for path in folder.iterdir()]
    return Kept(
        room,
        reading.state.path,
        folder,
        reading,
        sum(stat.st_size for stat in stats),
        max(stat.st_mtime for stat in stats),
        holder_of(data.locks, room),
    )


def find(data: DataDir, name: str) -> Kept:
    """The one room that is meant: a notebook's path, or its end, or the beginning of an id.

    Raises `NotFound`, or `PeerError` if several are meant.
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
            raise PeerError(f"{name} may be any of these; use the id: {them}")
    raise NotFound(f"{name} is not kept here; `jupyter runtimed rooms` lists what is")


def chosen(data: DataDir, names: Sequence[str]) -> list[Kept]:
    """Those that are named; all of them if none is."""
    return [find(data, name) for name in names] if names else list(rooms(data))


def blob(data: DataDir, sha256: Sha256) -> bytes:
    """A large output. Raises `NotFound`, `StorageError`."""
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


def troubles(data: DataDir, outputs: Iterable[Output]) -> list[str]:
    """What is wrong with the large ones among these outputs."""
    found = []
    for sha256 in dict.fromkeys(it.sha256 for it in blobs_of(outputs)):
        try:
            blob(data, sha256)
        except (NotFound, StorageError) as error:
            found.append(str(error))
    return found
