"""Blobs that nothing needs any more are removed: when that is certain, and not before.

What needs a blob: what every stored room shows, in the newest generation of its log and in those
that were superseded; whatever can be read of a damaged one; and every open room. All that is read
first; `Blobs.sweep` then marks what is not needed, and removes what it has found marked,
and still not needed, much later. In between a browser that was asleep, a save that is tried again
or another server on the same folder finds what it still refers to. While a stored document cannot
be read nobody knows what it needs, and nothing is removed.

    unneeded ---> marked --- GRACE_SECONDS, still unneeded ---> removed
       ^            |
       +-- put, or needed again
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

from .. import crdt
from ..crdt import Change, own_errors
from ..document.content import Blob, Content, Display, ErrorOutput, Output, Stream
from ..document.runtime import Runtime
from ..errors import DocumentError, StorageError
from ..ids import Sha256
from . import stored_outputs
from .blobs import Blobs
from .host import Host

log = logging.getLogger(__name__)

FIRST_SECONDS: Final = 60.0
"""How long after the first room was opened the folder is looked at..."""
AGAIN_SECONDS: Final = 6 * 3600.0
"""...and how often from then on."""
MOST_OPS: Final = 1 << 31
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class Sweeper:
    """Looks after the blobs of one data folder, from `start` to `stop`.

    `rooms` is the folder of the stored ones, `hosts` are the open ones.
    """

    def __init__(
        self,
        rooms: Path,
        blobs: Blobs,
        hosts: Callable[[], Iterable[Host]],
    ) -> None:
        self._rooms = rooms
        self._blobs = blobs
        self._hosts = hosts
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sweep blobs")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def sweep(self) -> int:
        """Look once; how many blobs were removed."""
        # What is put from here on is young, and young blobs stay.
        live = {sha256 for host in self._hosts() for sha256 in needed(host)}
        return await asyncio.to_thread(self._sweep, live)

    def _sweep(self, live: set[Sha256]) -> int:
        try:
            live |= stored(self._rooms)
        except (DocumentError, StorageError) as error:
            log.warning("No blob is removed: a stored document cannot be read (%s)", error)
            return 0
        return self._blobs.sweep(live)

    async def _run(self) -> None:
        pause = FIRST_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = AGAIN_SECONDS
            try:
                if removed := await self.sweep():
                    log.info("%d large outputs that nothing shows any more were removed", removed)
            except OSError as error:
                log.warning("The blobs cannot be swept (%s); it is tried again later", error)


def stored(rooms: Path) -> set[Sha256]:
    """What stored rooms refer to. Raises `DocumentError`, `StorageError` if that cannot be known.

    Not for the event loop.
    """
    found: set[Sha256] = set()
    for data in stored_outputs.runtimes(rooms):
        found.update(shown(Runtime(crdt.load(data, actor=os.urandom(16)))))
    for data in stored_outputs.scraps(rooms):
        found.update(_hashes(data))
    return found


def _hashes(data: bytes) -> Iterator[Sha256]:
    """Any text in these changes that looks like a hash: of scraps no document can be made."""
    with own_errors("it holds no changes"):
        changes = Change.decode_all(data, max_ops=MOST_OPS)
    for change in changes:
        for op in change.distinct_ops:
            if isinstance(op.value, str) and _SHA256.match(op.value):
                yield Sha256(op.value)


def needed(host: Host) -> Iterator[Sha256]:
    """What an open room refers to: also what could not be stored yet."""
    yield from shown(host.room.runtime)
    saved = host.room.filing.state
    if saved is not None and saved.content is not None:
        yield from of_content(saved.content)


def shown(runtime: Runtime) -> Iterator[Sha256]:
    for run in runtime.runs():
        yield from of_outputs(runtime.outputs(run.id))


def of_content(content: Content) -> Iterator[Sha256]:
    for outcome in content.outcomes.values():
        yield from of_outputs(outcome.outputs)


def of_outputs(outputs: Iterable[Output]) -> Iterator[Sha256]:
    for output in outputs:
        match output:
            case Stream():
                parts: Iterable[object] = output.chunks
            case Display():
                parts = output.data.values()
            case ErrorOutput():
                parts = (output.evalue, *output.traceback)
            case _:
                continue
        yield from (part.sha256 for part in parts if isinstance(part, Blob))
