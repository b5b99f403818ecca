"""Garbage collection of blobs: removes blobs without references, after a grace period.

References come from the outputs in every segment of every stored room (also superseded segments),
from the readable parts of damaged segments, and from every open room. The collector reads all
references first. `Blobs.sweep` then marks each unreferenced blob, and removes it only if a later
collection finds it still unreferenced after the grace period. So a blob survives for a browser that
was asleep, a repeated save, or another server on the same folder. If any stored document is
unreadable, its references are unknown, and the collector removes nothing.

    unreferenced ---> marked --- GRACE_SECONDS, still unreferenced ---> removed
       ^                |
       +-- put, or referenced again
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ... import crdt
from ...crdt import Change, engine_errors
from ...document.content import Blob, Content, DisplayOutput, ErrorOutput, Output, StreamOutput
from ...document.runtime import Runtime
from ...errors import DocumentError, StorageError
from ...ids import Sha256
from . import stored_outputs
from .blobs import Blobs

log = logging.getLogger(__name__)

FIRST_SECONDS: Final = 60.0
"""The delay between the opening of the first room and the first collection."""
AGAIN_SECONDS: Final = 6 * 3600.0
"""The interval of further collections."""
MOST_OPS: Final = 1 << 31
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class BlobCollector:
    """Collects the garbage among the blobs of one data folder, from `start` to `stop`.

    `rooms` is the folder of the stored rooms; `in_use` returns the references of the open rooms.
    """

    def __init__(self, rooms: Path, blobs: Blobs, in_use: Callable[[], Iterable[Sha256]]) -> None:
        self._rooms = rooms
        self._blobs = blobs
        self._in_use = in_use
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sweep blobs")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def sweep(self) -> int:
        """Run one collection; return the number of removed blobs."""
        # A blob put after this point is too young to be removed.
        live = set(self._in_use())
        return await asyncio.to_thread(self._sweep, live)

    def _sweep(self, live: set[Sha256]) -> int:
        try:
            live |= stored(self._rooms)
        except (DocumentError, StorageError) as error:
            log.warning(
                "Garbage collection of blobs is skipped, because a stored document cannot be read "
                "(%s); see `jupyter runtimed check`",
                error,
            )
            return 0
        return self._blobs.sweep(live)

    async def _run(self) -> None:
        pause = FIRST_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = AGAIN_SECONDS
            try:
                if removed := await self.sweep():
                    log.info("Removed %d blobs without references", removed)
            except OSError as error:
                log.warning("Garbage collection of blobs failed (%s); it runs again later", error)


def stored(rooms: Path) -> set[Sha256]:
    """Return the blobs that stored rooms refer to. Not for the event loop.

    Raises `DocumentError` or `StorageError` if a stored room is unreadable.
    """
    found: set[Sha256] = set()
    for data in stored_outputs.runtimes(rooms):
        found.update(shown(Runtime(crdt.load(data, actor=os.urandom(16)))))
    for data in stored_outputs.scraps(rooms):
        found.update(_hashes(data))
    return found


def _hashes(data: bytes) -> Iterator[Sha256]:
    """Yield every text in these changes that looks like a SHA-256.

    The readable parts of a damaged file are not a whole document, so references cannot be resolved.
    """
    with engine_errors("a damaged log has an invalid change"):
        changes = Change.decode_all(data, max_ops=MOST_OPS)
    for change in changes:
        for op in change.distinct_ops:
            if isinstance(op.value, str) and _SHA256.match(op.value):
                yield Sha256(op.value)


def shown(runtime: Runtime) -> Iterator[Sha256]:
    for run in runtime.runs():
        yield from of_outputs(runtime.outputs(run.id))


def of_content(content: Content) -> Iterator[Sha256]:
    for outcome in content.outcomes.values():
        yield from of_outputs(outcome.outputs)


def of_outputs(outputs: Iterable[Output]) -> Iterator[Sha256]:
    for output in outputs:
        match output:
            case StreamOutput():
                parts: Iterable[object] = output.chunks
            case DisplayOutput():
                parts = output.data.values()
            case ErrorOutput():
                parts = (output.evalue, *output.traceback)
            case _:
                continue
        yield from (part.sha256 for part in parts if isinstance(part, Blob))
