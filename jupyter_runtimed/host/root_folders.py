"""Choose the place in the store that belongs to a room under the present root folder.

Two servers may have different root folders at one path (containers, volumes, a folder that was
replaced) and share a data folder. A room that one of them edits must not appear in the other. The
store therefore keeps with each room the mark of its root folder (`root_mark`), and a room has a
place in the store for each root folder:

    the mark of a place is that of the root folder, or not known,
      or the folder with that mark is still at its path          ---> that place
    it differs, but the file is the one that the room saved last ---> that place: the folder moved
    neither, for every place                                     ---> a new place, from the file

Nothing is removed, so a root folder that returns gets its former place.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import count
from typing import Protocol

from ..errors import RoomElsewhere
from ..ids import RoomId
from .files.root_mark import same_folder
from .storage.log_store import stored_name
from .storage.store import FIRST, Place, Store, StoredRoom

log = logging.getLogger(__name__)

_Looked = tuple[Place, StoredRoom]


class Roots(Protocol):
    """The part of `NotebookFiles` that recognises root folders."""

    async def is_marked(self, mark: str) -> bool: ...


async def claim_for(
    store: Store, room: RoomId, root: str, roots: Roots, file_hash: Callable[[], Awaitable[str]]
) -> StoredRoom | None:
    """Claim the place of a room for the root folder with this mark, and return its content.

    `file_hash` returns the SHA-256 of the notebook's file, "" if it cannot be read. If
    `RoomElsewhere` or `StorageError` is raised, no place is claimed.
    """

    async def is_ours(mark: str) -> bool:
        # Another server of this user may have a root folder above or below this one.
        return same_folder(mark, root) or await roots.is_marked(mark)

    if not root:
        store.lock(room)
        return await _loaded(store, room)
    others: list[_Looked] = []
    for place in await store.places(room):
        seen = await store.look(room, place)
        marked = "" if seen is None else seen.root
        # A place without a mark (rebuilt by hand) belongs to the root that it is named after.
        if await is_ours(marked) if marked else place == next(_names(root)):
            store.lock(room, place)
            return await _loaded(store, room)
        if seen is not None:
            others.append((place, seen))
    try:
        store.lock(room)
    except RoomElsewhere:
        first = await store.look(room, FIRST)
        if first is None or not first.root or await is_ours(first.root):
            raise
    else:
        first = await _loaded(store, room)
        if first is None or not first.root or await is_ours(first.root):
            return first
        await store.unlock(room)
    others.append((FIRST, first))
    return await _other(store, room, root, others, await file_hash())


async def _other(
    store: Store, room: RoomId, root: str, others: Sequence[_Looked], file_hash: str
) -> StoredRoom | None:
    """Claim the place of a folder that was copied to this path, else a new place."""
    for place, seen in others:
        if file_hash and file_hash in _saved(seen):
            try:
                store.lock(room, place)
            except RoomElsewhere:
                continue  # the other root folder is in use, so this one is no copy of it
            return await _loaded(store, room)
    taken = [place for place, _ in others]
    store.lock(room, next(place for place in _names(root) if place not in taken))
    names = [stored_name(room, place) for place in reversed(taken)]
    log.warning(
        "The stored room of %s (%s) was last open under another folder at the same path, so the "
        "notebook begins from its file; if you moved the folder and miss edits, write them to a "
        "file by: jupyter runtimed export '%s' -o edits.ipynb",
        others[-1][1].path,
        ", ".join(names),
        names[0],
    )
    return await _loaded(store, room)


def _names(root: str) -> Iterator[Place]:
    """Yield names for a place of this root folder, in the order of preference."""
    for number in count():
        yield Place(hashlib.sha256(f"{root} {number}".encode()).hexdigest()[:8])


def _saved(seen: StoredRoom) -> list[str]:
    """Return the hashes of the last saved file, and of a save that a crash interrupted."""
    return [version[1].hash for version in (seen.saved, seen.intended) if version is not None]


async def _loaded(store: Store, room: RoomId) -> StoredRoom | None:
    try:
        return await store.load(room)
    except BaseException:
        await store.unlock(room)
        raise
