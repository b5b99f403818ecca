"""One document of a room, with its epoch, and the sync frames for its peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..crdt import Document, Heads, changes_between, has_heads, heads_of
from ..document.schema import DocName
from ..ids import Epoch
from ..protocol.frames import Sync

STALE_PART = 4
"""The cached bytes of a document are encoded again when later changes exceed 1/4 of them."""


@dataclass(slots=True)
class Replica:
    """A document of the room.

    `document` returns the present document; it is a function because rotation replaces documents.
    """

    name: DocName
    epoch: Epoch
    document: Callable[[], Document]
    _kept: tuple[Heads, bytes] | None = field(default=None)

    @property
    def heads(self) -> Heads:
        return heads_of(self.document())

    def renewed(self, epoch: Epoch) -> None:
        """Note that a document of another epoch replaced this one."""
        self.epoch = epoch
        self._kept = None

    def whole(self) -> bytes:
        """Return the whole document as chunks; the encoded bytes are cached for further peers."""
        if self._kept is None:
            return self._encode()
        heads, data = self._kept
        since = changes_between(self.document(), heads)
        return data + since if len(since) * STALE_PART <= len(data) else self._encode()

    def sync_for(self, held: tuple[Epoch, Heads] | None) -> Sync:
        """Return the sync frame for a peer that holds `held`, the epoch and heads of its copy.

        The frame has the missing changes, or the whole document if the peer has no usable copy.
        """
        document, heads = self.document(), self.heads
        if held is not None and held[0] == self.epoch and held[1] and has_heads(document, held[1]):
            missing = changes_between(document, held[1])
            return Sync(self.name, self.epoch, full=False, data=missing, heads=heads)
        return Sync(self.name, self.epoch, full=True, data=self.whole(), heads=heads)

    def _encode(self) -> bytes:
        document = self.document()
        data = document.save()
        self._kept = (self.heads, data)
        return data
