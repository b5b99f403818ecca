"""The blobs that each room refers to, so that only readers of its notebook can download them.

A page downloads a blob some time after it received the reference, and a run may have replaced the
output by then. So recent references count too.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from .storage.blob_gc import of_content, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..crdt import Heads
    from ..ids import RoomId, Sha256
    from .host import Host

MOST_RECENT: Final = 4096
"""The number of remembered blobs per room, whether or not the room still shows them."""


class BlobRefs:
    """The references of all rooms of one data folder. Only `put` may be called in any thread."""

    def __init__(self) -> None:
        self._recent: dict[RoomId, dict[Sha256, None]] = {}
        self._shown: dict[RoomId, tuple[Heads, frozenset[Sha256]]] = {}
        self._lock = threading.Lock()

    def put(self, room: RoomId, sha256: Sha256) -> None:
        """Record that a room stores a blob and will refer to it."""
        with self._lock:
            recent = self._recent.setdefault(room, {})
            recent.pop(sha256, None)
            recent[sha256] = None
            if len(recent) > MOST_RECENT:
                del recent[next(iter(recent))]

    def look(self, host: Host) -> None:
        """Read the references of an open room, if its runtime document has changed."""
        heads = host.room.runtime.heads
        known = self._shown.get(host.room_id)
        if known is None or known[0] != heads:
            self._shown[host.room_id] = (heads, frozenset(needed(host)))

    def has(self, room: RoomId, sha256: Sha256) -> bool:
        """Return whether a room referred to a blob at its last `look`, or put the blob recently."""
        shown = self._shown.get(room)
        return sha256 in self._recent.get(room, ()) or (shown is not None and sha256 in shown[1])

    def forget(self, room: RoomId) -> None:
        self._shown.pop(room, None)
        with self._lock:
            self._recent.pop(room, None)


def needed(host: Host) -> Iterator[Sha256]:
    """Yield the blobs that an open room refers to, including changes that are not stored yet."""
    yield from shown(host.room.runtime)
    saved = host.room.filing.versions.present
    if saved is not None and saved.content is not None:
        yield from of_content(saved.content)
