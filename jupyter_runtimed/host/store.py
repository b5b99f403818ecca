"""What a store promises, and what it gives back.

A store keeps, for each room, its two documents (a whole one and the changes since), the file's path
and which version that file was last saved from. What it reports as durable is there after a crash
of the process, the machine or the disk's cache. What it cannot write it keeps in memory, says so,
and writes later.

It does not know what the bytes mean. Every implementation passes `tests/host/test_store.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from ..crdt import Heads
from ..document.schema import DocName
from ..ids import Epoch, RoomId
from ..room.events import BegunAnew, Stamp
from ..room.filing import PAST_MS

MOST_KEPT: Final = 32
"""What a store remembers of a file's former versions; to read one takes long if it is large."""


class Listener(Protocol):
    """Who wrote, called on the loop."""

    def on_durable(self, number: int) -> None:
        """Everything up to and including this number is durable."""

    def on_failed(self, message: str) -> None:
        """Writes wait in memory, for this reason; `on_durable` says when that is over."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """Chunks in the order in which they were stored: the whole document first, then changes."""

    epoch: Epoch
    chunks: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)


FormerlySaved = tuple[int, Heads, Stamp]
"""When (in ms) another one took its place, the version that was saved, and what file that made."""
_Former = TypeVar("_Former", bound=tuple[Any, ...])


def recent(former: Sequence[_Former], at: int) -> list[_Former]:
    """Those that somebody may still work on; each begins with the time when it was saved over."""
    return [one for one in former if one[0] >= at - PAST_MS][-MOST_KEPT:]


@dataclass(frozen=True, slots=True)
class StoredRoom:
    """What is known of a room.

    `former`: what was saved before and somebody may still work on, oldest first. `damage`: a
    sentence for each thing that could not be read.
    """

    path: str
    documents: dict[DocName, StoredDocument]
    saved: tuple[Heads, Stamp] | None = None
    intended: tuple[Heads, Stamp] | None = None
    former: tuple[FormerlySaved, ...] = ()
    damage: tuple[str, ...] = field(default=())


class Store(Protocol):
    """Writes return at once, in order; `number` is what the listener hears when it is durable."""

    def claim(self, room: RoomId) -> None:
        """Become the only writer of a room, anywhere. Raises `RoomElsewhere`."""

    def listen(self, room: RoomId, listener: Listener) -> None:
        """Say who hears what becomes of this room's writes."""

    async def load(self, room: RoomId) -> StoredRoom | None:
        """What is stored, or None if nothing is. Raises `StorageError` if it cannot be read."""

    def append(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        """Keep change chunks, after everything kept for this document before."""

    def replace(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        """Keep a whole document in place of all that was kept for it."""

    def remember(self, room: RoomId, number: int, heads: Heads, stamp: Stamp, at: int) -> None:
        """Keep which version was last saved, what file that made, and when (in ms)."""

    async def intend(self, room: RoomId, heads: Heads, stamp: Stamp) -> None:
        """Keep which version is about to be saved, until `remember` says that it was; durable on
        return. A crash in between leaves a file that is known all the same.
        """

    def locate(self, room: RoomId, path: str) -> None:
        """Keep where the room's file is."""

    async def begin_anew(self, room: RoomId, anew: BegunAnew) -> None:
        """Keep the notebook's former document aside and its new one in its place: both, or nothing.

        Nothing else may be under way for the room. Durable on return; raises `StorageError` if
        everything is as it was.
        """

    async def former(self, room: RoomId, epoch: Epoch) -> bytes | None:
        """A former document of the notebook; None if there is none. Raises `StorageError`."""

    async def release(self, room: RoomId) -> None:
        """Let others have the room, after everything written for it is durable."""

    async def close(self) -> None:
        """Write everything, then stop. Raises `StorageError` naming what could not be written."""
