"""One document as the room keeps it: its epoch, and what a peer lacks of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..crdt import Document, Heads, changes_between, heads_of, holds
from ..document.schema import DocName
from ..ids import Epoch
from ..protocol.frames import Sync

STALE_PART = 4
"""The kept bytes of a whole document are made anew when what follows them exceeds 1/4 of them."""


@dataclass(slots=True)
class Replica:
    """`document` is asked for anew each time, because the runtime document is replaced at times."""

    name: DocName
    epoch: Epoch
    document: Callable[[], Document]
    _kept: tuple[Heads, bytes] | None = field(default=None)

    @property
    def heads(self) -> Heads:
        return heads_of(self.document())

    def renewed(self, epoch: Epoch) -> None:
        """Another document stands here now."""
        self.epoch = epoch
        self._kept = None

    def whole(self) -> bytes:
        """The whole document as chunks; encoded once for all who open the notebook."""
        if self._kept is None:
            return self._encode()
        heads, data = self._kept
        since = changes_between(self.document(), heads)
        return data + since if len(since) * STALE_PART <= len(data) else self._encode()

    def sync_for(self, held: tuple[Epoch, Heads] | None) -> Sync:
        """What brings a peer that holds `held` to where the room is."""
        document, heads = self.document(), self.heads
        if held is not None and held[0] == self.epoch and held[1] and holds(document, held[1]):
            missing = changes_between(document, held[1])
            return Sync(self.name, self.epoch, full=False, data=missing, heads=heads)
        return Sync(self.name, self.epoch, full=True, data=self.whole(), heads=heads)

    def _encode(self) -> bytes:
        document = self.document()
        data = document.save()
        self._kept = (self.heads, data)
        return data
