"""What a room's former documents held, for who comes back with one of them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping

from .. import crdt
from ..errors import RuntimedError
from ..ids import Epoch, RoomId
from .garbage import garbage_put_off
from .store import Store

log = logging.getLogger(__name__)


class Formers:
    """Each is read once, however many come back at the same time."""

    def __init__(self, room: RoomId, store: Store) -> None:
        self._room = room
        self._store = store
        self._known: dict[Epoch, asyncio.Task[Mapping[bytes, str]]] = {}

    async def last(self, epoch: Epoch) -> Mapping[bytes, str]:
        """The last change by each actor; nothing if there is no such document, or it is damaged."""
        if epoch not in self._known:
            self._known.clear()  # one is enough: everybody was here at the same time
            self._known[epoch] = asyncio.create_task(self._read(epoch))
        return await asyncio.shield(self._known[epoch])

    async def _read(self, epoch: Epoch) -> Mapping[bytes, str]:
        try:
            data = await self._store.former(self._room, epoch)
            return {} if data is None else await asyncio.to_thread(last_changes, data)
        except RuntimedError as error:
            log.warning("A former document of room %s cannot be read (%s)", self._room, error)
            return {}


@garbage_put_off()
def last_changes(data: bytes) -> dict[bytes, str]:
    """The last change by each actor of a document. Raises `DocumentError`."""
    document = crdt.load(data, actor=os.urandom(16))
    return {change.actor: change.hash for change in document.changes_after([])}
