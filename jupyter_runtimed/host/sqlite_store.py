"""The store that comes with the package: SQLite, one writer thread, group commit.

Several servers may use one file: each room belongs to one of them at a time (`lease`), and SQLite
orders their transactions. Changes that outgrow their document are folded into it now and then, from
what is stored, so that a room is never asked and never waits. Where things lie is in `datadir`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .. import crdt
from ..crdt import Heads
from ..document.schema import NOTEBOOK, RUNTIME, DocName
from ..errors import DocumentError, StorageError
from ..ids import Epoch, RoomId
from ..room.events import Stamp
from . import sqlite_rows as rows
from .datadir import DataDir
from .lease import Lease
from .sqlite_schema import BUSY_SECONDS, connect, prepare
from .store import Listener, StoredRoom
from .writer import Write, Writer

log = logging.getLogger(__name__)

WAL_BYTES = 32 << 20
"""How far the log grows before it is copied into the database."""


RELEASE_SECONDS = 10.0


def fold(data: bytes) -> bytes:
    """Whole document and changes as one whole document. Raises `DocumentError`."""
    return crdt.load(data, actor=os.urandom(16)).save()


@dataclass(slots=True)
class _Growth:
    """What has come since the whole document was stored."""

    whole_bytes: int = 0
    changes: int = 0
    bytes: int = 0

    @property
    def due(self) -> bool:
        """Folding costs as much as the document is large, so a large one has to wait longer."""
        return self.bytes >= max(256 << 10, self.whole_bytes) or self.changes >= max(
            1000, self.whole_bytes >> 10
        )

    @property
    def worth_it(self) -> bool:
        """At the end: would the next opening be quicker for it?"""
        return self.changes >= 100


class SqliteStore:
    """A `Store` in a data folder, made on the loop that it reports to. `server` names this process
    to others that want the same room.
    """

    def __init__(
        self, folder: DataDir, *, server: str, fold: Callable[[bytes], bytes] = fold
    ) -> None:
        prepare(folder.database)
        self._folder = folder
        self._server = server
        self._fold = fold
        self._leases: dict[RoomId, Lease] = {}
        self._listeners: dict[RoomId, Listener] = {}
        self._growth: dict[tuple[RoomId, DocName], _Growth] = {}
        self._folding: dict[tuple[RoomId, DocName], asyncio.Task[None]] = {}
        self._trouble: dict[RoomId, str] = {}
        self.writer = Writer(
            partial(connect, folder.database),
            durable=self._durable,
            failed=self._failed,
            committed=self._checkpoint_when_due,
        )

    # ------------------------------------------------------------ rooms

    def claim(self, room: RoomId) -> None:
        if room in self._leases and room not in self._listeners:
            return  # its last writes still wait, so it was never given up
        self._leases[room] = Lease.take(self._folder.locks, room, holder=self._server)

    def listen(self, room: RoomId, listener: Listener) -> None:
        self._listeners[room] = listener

    async def load(self, room: RoomId) -> StoredRoom | None:
        try:
            stored, cuts = await asyncio.to_thread(self._load, room)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"room {room} cannot be read from the store {self._folder.database} ({error}); "
                "the notebook's file is untouched"
            ) from error
        for doc, cut in cuts.items():
            whole = len(cut.chunks[0]) if cut.chunks else 0
            rest = sum(map(len, cut.chunks[1:]))
            self._growth[room, doc] = _Growth(whole, max(len(cut.chunks) - 1, 0), rest)
            if cut.damaged:
                aside = partial(rows.set_aside, room=room, doc=doc, cut=cut)
                self.writer.submit(Write(room, rows=aside))
        for line in stored.damage if stored is not None else ():
            log.error("Room %s: %s", room, line)
        return stored

    async def release(self, room: RoomId) -> None:
        self._listeners.pop(room, None)
        settling = asyncio.create_task(self._settle(room), name=f"settle {room}")
        done, _ = await asyncio.wait({settling}, timeout=RELEASE_SECONDS)
        if done:
            settling.result()
            self._let_go(room)
        else:
            settling.cancel()
            log.error("Room %s stays with this server: its last edits are not written yet", room)

    async def _settle(self, room: RoomId) -> None:
        await self.writer.flush(room)
        for doc in (NOTEBOOK, RUNTIME):
            await self._folded_by_now(room, doc)
            growth = self._growth.get((room, doc))
            if growth is not None and growth.worth_it:
                # The one that was under way may have begun before the last changes came.
                await self.writer.flush(room)
                self._start_folding(room, doc)
                await self._folded_by_now(room, doc)
            self._growth.pop((room, doc), None)
        await self.writer.flush(room)

    async def close(self) -> None:
        for task in list(self._folding.values()):
            await task
        try:
            await self.writer.close()
        finally:
            for room in list(self._leases):
                self._let_go(room)

    def _let_go(self, room: RoomId) -> None:
        self._listeners.pop(room, None)
        self._trouble.pop(room, None)
        if (lease := self._leases.pop(room, None)) is not None:
            lease.release()

    # ------------------------------------------------------------ writing

    def append(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        growth = self._growth.setdefault((room, doc), _Growth())
        growth.changes += 1
        growth.bytes += len(data)
        do = partial(rows.append, room=room, doc=doc, epoch=epoch, data=data)
        self.writer.submit(Write(room, number, rows=do))

    def replace(self, room: RoomId, number: int, doc: DocName, epoch: Epoch, data: bytes) -> None:
        self._growth[room, doc] = _Growth(len(data))
        do = partial(rows.replace, room=room, doc=doc, epoch=epoch, data=data)
        self.writer.submit(Write(room, number, rows=do))

    def remember(self, room: RoomId, number: int, heads: Heads, stamp: Stamp) -> None:
        do = partial(rows.remember, room=room, heads=heads, stamp=stamp)
        self.writer.submit(Write(room, number, rows=do))

    async def intend(self, room: RoomId, heads: Heads, stamp: Stamp) -> None:
        do = partial(rows.intend, room=room, heads=heads, stamp=stamp)
        self.writer.submit(Write(room, rows=do))
        await self.writer.flush(room)

    def locate(self, room: RoomId, path: str) -> None:
        self.writer.submit(Write(room, rows=partial(rows.locate, room=room, path=path)))

    # ------------------------------------------------------------ what the writer says

    def _durable(self, numbers: dict[RoomId, int]) -> None:
        for room, number in numbers.items():
            self._trouble.pop(room, None)
            if (listener := self._listeners.get(room)) is not None:
                listener.on_durable(number)
            for doc in (NOTEBOOK, RUNTIME):
                if (growth := self._growth.get((room, doc))) is not None and growth.due:
                    self._start_folding(room, doc)

    def _failed(self, affected: frozenset[RoomId], message: str) -> None:
        fresh = [room for room in affected if self._trouble.get(room) != message]
        if fresh:
            log.error("The store cannot be written (%s); it goes on trying", message)
        for room in fresh:
            self._trouble[room] = message
            if (listener := self._listeners.get(room)) is not None:
                listener.on_failed(
                    f"the store {self._folder.database} cannot be written ({message}); edits are "
                    "kept in memory and written as soon as that is possible"
                )

    # ------------------------------------------------------------ housekeeping

    async def _folded_by_now(self, room: RoomId, doc: DocName) -> None:
        if (task := self._folding.get((room, doc))) is not None:
            await asyncio.shield(task)

    def _start_folding(self, room: RoomId, doc: DocName) -> None:
        if (room, doc) in self._folding:
            return
        task = asyncio.create_task(self._fold_changes(room, doc), name=f"fold {doc} of {room}")
        self._folding[room, doc] = task
        task.add_done_callback(lambda _: self._folding.pop((room, doc), None))

    async def _fold_changes(self, room: RoomId, doc: DocName) -> None:
        growth = self._growth.setdefault((room, doc), _Growth())
        try:
            cut, data = await asyncio.to_thread(self._folded, room, doc)
        except (sqlite3.Error, OSError, DocumentError) as error:
            log.warning("The changes of room %s are left as they are (%s)", room, error)
            cut = None
        if cut is None:
            # What cannot be folded is left alone until as much has come again.
            growth.changes = growth.bytes = 0
            return
        growth.whole_bytes = len(data)
        growth.changes -= len(cut.chunks) - 1
        growth.bytes -= sum(map(len, cut.chunks[1:]))
        do = partial(rows.compact, room=room, doc=doc, cut=cut, data=data)
        self.writer.submit(Write(room, rows=do))

    def _folded(self, room: RoomId, doc: DocName) -> tuple[rows.Cut | None, bytes]:
        with closing(connect(self._folder.database)) as db:
            cut = rows.read_document(db, room, doc)
        if cut is None or cut.damaged or len(cut.chunks) < 2:
            return None, b""
        return cut, self._fold(b"".join(cut.chunks))

    def _load(self, room: RoomId) -> tuple[StoredRoom | None, dict[DocName, rows.Cut]]:
        with closing(connect(self._folder.database)) as db:
            return rows.load(db, room)

    def _checkpoint_when_due(self, db: sqlite3.Connection) -> None:
        log_file = self._folder.database.with_name(f"{self._folder.database.name}-wal")
        if log_file.exists() and log_file.stat().st_size >= WAL_BYTES:
            # Not worth waiting for: whoever reads just now is gone at one of the next commits.
            db.execute("PRAGMA busy_timeout = 0")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    async def backup(self, to: Path) -> None:
        """Copy the store to a new file, consistently, while it is in use."""

        def copy() -> None:
            with (
                closing(connect(self._folder.database)) as source,
                closing(sqlite3.connect(to)) as target,
            ):
                source.backup(target)

        try:
            await asyncio.to_thread(copy)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"the store cannot be copied to {to}: {error}") from error
