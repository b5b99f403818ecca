"""Reads a room's archived documents, for clients that reconnect with one of them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping

from .. import crdt
from ..errors import RuntimedError
from ..ids import Epoch, RoomId
from .garbage import gc_paused
from .storage.store import Store

log = logging.getLogger(__name__)


class ArchivedDocuments:
    """A cache of the latest archive, so that simultaneous reconnections read it once."""

    def __init__(self, room: RoomId, store: Store) -> None:
        self._room = room
        self._store = store
        self._known: dict[Epoch, asyncio.Task[Mapping[bytes, str]]] = {}

    async def last(self, epoch: Epoch) -> Mapping[bytes, str]:
        """Return the hash of the last change by each actor in the archive of this epoch.

        Return an empty mapping if the archive is missing or damaged.
        """
        if epoch not in self._known:
            self._known.clear()  # reconnecting clients usually share the latest archive
            self._known[epoch] = asyncio.create_task(self._read(epoch))
        return await asyncio.shield(self._known[epoch])

    async def _read(self, epoch: Epoch) -> Mapping[bytes, str]:
        try:
            data = await self._store.former(self._room, epoch)
            return {} if data is None else await asyncio.to_thread(last_changes_by_actor, data)
        except RuntimedError as error:
            log.warning("An archived document of room %s cannot be read (%s)", self._room, error)
            return {}


@gc_paused()
def last_changes_by_actor(data: bytes) -> dict[bytes, str]:
    """Return the hash of the last change by each actor of a document. Raises `DocumentError`."""
    document = crdt.load(data, actor=os.urandom(16))
    return {change.actor: change.hash for change in document.changes_after([])}
