"""The interface of a store, and the data that a store returns.

For each room, a store keeps two documents (a snapshot and the incremental changes after it), the
path of the file, and the version that the room saved last. Writes reported as durable survive a
crash of the process or the machine, and the loss of the disk's cache. Failed writes stay in memory;
the store reports the failure and tries again.

A store does not interpret the bytes. Every implementation passes `tests/host/test_store.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NewType, Protocol, TypeVar

from ...crdt import Heads
from ...document.file_version import PAST_MS, FileStamp, RotatedNotebook
from ...document.schema import DocName
from ...ids import Epoch, RoomId

Place = NewType("Place", str)
"""One of the places of a room: each holds the room as it is under another root folder."""
FIRST: Final = Place("")
"""The place of a room that was never under another root folder."""
MOST_TRIED: Final = 8
"""The number of remembered save attempts with an unknown result."""
MOST_KEPT: Final = 32
"""The number of remembered earlier versions of the file; reading a large version takes long."""


class Listener(Protocol):
    """Receives the reports about a room's writes, on the loop."""

    def on_durable(self, number: int) -> None:
        """Handle that all writes up to and including this number are durable."""

    def on_failed(self, message: str) -> None:
        """Handle that writes failed and wait in memory; `on_durable` reports the end of this."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document's chunks in the order of storing: the snapshot first, then incremental changes."""

    epoch: Epoch
    chunks: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)


FormerlySaved = tuple[int, Heads, FileStamp]
"""The time (in ms) of the save that replaced a version, the version's heads, and its file stamp."""
_Former = TypeVar("_Former", bound=tuple[Any, ...])


_Version = TypeVar("_Version", bound=Sequence[Any])


def unseen(
    tried: Sequence[_Version], intended: _Version | None, saved: _Version | None
) -> list[_Version]:
    """Return the save attempts with an unknown result, oldest first.

    The attempt `intended` has ended, because another attempt follows or because the file has the
    version `saved`. Versions are pairs of heads and stamp. A save that reported an error may have
    written the file, so the attempt stays in the list until the file has its version.
    """
    known = [] if saved is None else [_hash_in(saved)]
    kept: dict[Any, _Version] = {}
    for version in (*tried, *([] if intended is None else [intended])):
        kept.pop(_hash_in(version), None)
        kept[_hash_in(version)] = version
    return [version for name, version in kept.items() if name not in known][-MOST_TRIED:]


def _hash_in(version: Sequence[Any]) -> Any:
    stamp = version[1]
    return stamp.hash if isinstance(stamp, FileStamp) else stamp


def recent(former: Sequence[_Former], at: int) -> list[_Former]:
    """Return the versions replaced within `PAST_MS` before `at`, at most `MOST_KEPT`.

    Each version begins with the time (in ms) of the save that replaced it. Other programs may still
    edit these versions.
    """
    return [one for one in former if one[0] >= at - PAST_MS][-MOST_KEPT:]


@dataclass(frozen=True, slots=True)
class StoredRoom:
    """The stored state of a room.

    `saved` is the version in the file; `intended` is the version of a save in progress. `tried` has
    earlier save attempts with an unknown result, oldest first. `former` has recently replaced
    versions that other programs may still edit, oldest first. `damage` has a message for each
    unreadable part. `root` is the mark of the root folder under which the room was last open, or
    "".
    """

    path: str
    documents: dict[DocName, StoredDocument]
    saved: tuple[Heads, FileStamp] | None = None
    intended: tuple[Heads, FileStamp] | None = None
    tried: tuple[tuple[Heads, FileStamp], ...] = ()
    former: tuple[FormerlySaved, ...] = ()
    damage: tuple[str, ...] = field(default=())
    root: str = ""


class Store(Protocol):
    """Durable storage of rooms.

    Write methods return at once and keep their order. `Listener.on_durable` reports the `number` of
    a write once the write is durable.
    """

    def lock(self, room: RoomId, place: Place = FIRST) -> None:
        """Lock one place of a room for writing by this store only. Raises `RoomElsewhere`.

        Until the room is released, all other methods use this place.
        """

    async def places(self, room: RoomId) -> Sequence[Place]:
        """Return the places besides `FIRST` in which the room is stored. Raises `StorageError`."""

    async def look(self, room: RoomId, place: Place) -> StoredRoom | None:
        """Return the content of a place, claimed or not, or None. Raises `StorageError`."""

    def listen(self, room: RoomId, listener: Listener) -> None:
        """Register the listener for this room's writes."""

    async def load(self, room: RoomId) -> StoredRoom | None:
        """Return the stored room; None if none is stored. Raises `StorageError` if unreadable."""

    def append(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        """Append incremental changes to a document."""

    def replace(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        """Replace a document with a snapshot."""

    def finish_save(
        self, room: RoomId, number: int, heads: Heads, stamp: FileStamp, at: int
    ) -> None:
        """Record a finished save: the version, the stamp of its file, and the time (in ms)."""

    async def begin_save(self, room: RoomId, heads: Heads, stamp: FileStamp) -> None:
        """Record the start of a save; durable on return.

        So the room recognises its own file after a crash during the save, and after a save that
        reported an error.
        """

    def set_path(self, room: RoomId, path: str) -> None:
        """Record the path of the room's file."""

    def bind(self, room: RoomId, root: str) -> None:
        """Keep the mark of the root folder under which the room is open."""

    async def rotate(self, room: RoomId, anew: RotatedNotebook) -> None:
        """Archive the notebook's old document and store its new document, atomically.

        No other write of the room may be pending. Durable on return. Raises `StorageError` if
        nothing has changed.
        """

    async def former(self, room: RoomId, epoch: Epoch) -> bytes | None:
        """Return the archived document of this epoch, or None. Raises `StorageError`.

        The documents in the other places of the room count as archived.
        """

    async def unlock(self, room: RoomId) -> None:
        """Unlock the room once all its writes are durable."""

    async def close(self) -> None:
        """Write all pending data, then stop. Raises `StorageError` naming the rooms that failed."""
