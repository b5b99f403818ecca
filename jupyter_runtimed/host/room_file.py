"""The file of one open notebook: saved when the room says so, looked at when it may have changed.

    changed ---> look ---> the bytes last seen: nothing
                       |-> another notebook: FileSeen
                       |-> half-written, or gone for a moment: look again soon
                       +-> gone, or no notebook for long: FileGone

While a save is under way nobody looks: the save compares for itself. A look that a save or a move
overtook says nothing: what it found may be older than what the room knows. It knows bytes and
stamps; what a change means is the room's business.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import logging
from collections.abc import Callable
from functools import partial

from ..document import ipynb
from ..document.content import Content
from ..errors import NotebookError, NotFound, RuntimedError, StorageError
from ..ids import RoomId
from ..room import events as ev
from .files import Conflict, Render, Unwatch
from .garbage import garbage_put_off
from .ports import Ports
from .tasks import Tasks

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.25
TRIES = 20
"""How often a file that is no notebook is looked at again before that is said."""
INTEND_SECONDS = 2.0
"""How long a save waits for the store; a store that fails is no reason not to save."""


class RoomFile:
    """`known` says which file the room last read or wrote; `post` takes events."""

    def __init__(
        self,
        room: RoomId,
        path: str,
        ports: Ports,
        tasks: Tasks,
        *,
        known: Callable[[], ev.Stamp | None],
        post: Callable[[ev.Event], None],
    ) -> None:
        self.path = path
        self._room = room
        self._ports = ports
        self._tasks = tasks
        self._known = known
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._unwatch: Unwatch | None = None
        self._writer = ipynb.Again(get_blob=ports.blobs.get, limits=ports.limits)
        self.still = asyncio.Lock()
        """Held while the file is written, and by who moves or deletes it."""
        self._saves = 0
        """How many are under way: one may follow another before that has come to its end."""
        self._looking = False
        self._again = False
        self._said_gone = False
        self._overtaken = 0
        """Counts saves and moves."""

    def watch(self) -> None:
        self.unwatch()
        self._unwatch = self._ports.files.watch(self.path, self.changed)

    def unwatch(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def move(self, path: str) -> None:
        self.path = path
        self._overtaken += 1
        self._said_gone = False
        self.watch()

    # ------------------------------------------------------------ saving

    def save(self, effect: ev.SaveFile) -> None:
        self._saves += 1
        self._overtaken += 1
        self._tasks.start(self._save(effect), f"save {self.path}")

    async def _save(self, effect: ev.SaveFile) -> None:
        made: list[bytes] = []
        render = partial(self._render, effect, made)
        try:
            written = await self._write(render, effect.expected)
            if isinstance(written, Conflict):
                await self._take_conflict(written, effect.attempt)
            else:
                if made and effect.trusted.issuperset(_code_cells(effect.content)):
                    await asyncio.to_thread(self._sign, made[0])
                self._said_gone = False
                self._post(ev.Saved(effect.attempt, written))
        except RuntimedError as error:
            self._post(ev.SaveFailed(effect.attempt, str(error)))
            if isinstance(error, NotFound):
                # Whatever was said before, the room took the file for being there.
                self._said_gone = False
                self.gone(str(error))
        except Exception as error:
            log.exception("Saving %s failed", self.path)
            self._post(ev.SaveFailed(effect.attempt, f"{self.path} could not be saved: {error}"))
        finally:
            self._saves -= 1
            if self._again:
                self.changed()

    async def _write(self, render: Render, expected: ev.Stamp | None) -> ev.Stamp | Conflict:
        """Write where the file is, also if it goes elsewhere meanwhile.

        What counts then is what is at the new place. Who moved the file may say so a moment later.
        """
        missed = False
        while True:
            try:
                async with self.still:
                    path = self.path
                    written = await self._ports.files.write(path, render, expected)
            except RuntimedError as error:
                if path == self.path:
                    if missed or not isinstance(error, NotFound):
                        raise
                    missed = True
                    await asyncio.sleep(AGAIN_SECONDS)
            else:
                if path == self.path:
                    return written
                if isinstance(written, ev.Stamp):
                    expected = written

    def _sign(self, data: bytes) -> None:
        """In a worker thread. The file is written: that nobody vouches for it is no failed save."""
        try:
            self._ports.trust.sign(data)
        except Exception as error:  # noqa: BLE001 -- other people's code, and a database
            log.warning("%s is saved, but not signed as trusted: %r", self.path, error)

    async def _take_conflict(self, found: Conflict, attempt: int) -> None:
        try:
            content = await asyncio.to_thread(self._read, found.data)
        except NotebookError as error:
            self._again = True
            raise StorageError(
                f"{self.path} was changed outside and is not a notebook now ({error}); "
                "it is left as it is"
            ) from error
        self._post(ev.FileSeen(content, found.stamp, attempt))

    def _render(self, effect: ev.SaveFile, made: list[bytes], like: bytes | None) -> bytes:
        """In a worker thread: the bytes to write; the store knows of them before anybody else."""
        with garbage_put_off():
            data = self._writer.write(effect.content, like)
        made[:] = [data]
        if data != like:
            self._intend(effect, ev.Stamp(hashlib.sha256(data).hexdigest(), ""))
        return data

    def _intend(self, effect: ev.SaveFile, stamp: ev.Stamp) -> None:
        durable = asyncio.run_coroutine_threadsafe(
            self._ports.store.intend(self._room, effect.heads, stamp), self._loop
        )
        try:
            durable.result(INTEND_SECONDS)
        except (concurrent.futures.TimeoutError, StorageError):
            durable.cancel()
            log.warning("%s is saved while the store cannot be written", self.path)

    # ------------------------------------------------------------ looking

    def changed(self) -> None:
        """The file may be another one."""
        self._again = True
        if not self._looking and not self._saves:
            self._looking = True
            self._tasks.start(self._look(), f"look at {self.path}")

    async def _look(self) -> None:
        tries = 0
        try:
            while self._again and not self._saves:
                self._again = False
                if await self._settled(tries):
                    tries = 0
                else:
                    tries += 1
                    self._again = True
                    await asyncio.sleep(AGAIN_SECONDS)
        finally:
            self._looking = False

    async def _settled(self, tries: int) -> bool:
        """Look once; False if it is worth another look soon."""
        overtaken = self._overtaken
        try:
            found = await self._found()
        except NotebookError as error:
            found = (
                f"{self.path} is not a notebook now ({error}); it is left as it is, and the room "
                "keeps what it has"
            )
            patience = TRIES
        except (NotFound, StorageError) as error:
            found = str(error)
            patience = 1
        if overtaken != self._overtaken:
            self._again = True
        elif isinstance(found, str):
            if tries < patience:
                return False
            self.gone(found)
        else:
            self._said_gone = False
            if found is not None:
                self._post(found)
        return True

    async def _found(self) -> ev.FileSeen | str | None:
        """The file, if it is not the one that the room knows. Raises what is wrong with it."""
        data, stamp = await self._ports.files.read(self.path)
        known = self._known()
        if known is not None and known.hash == stamp.hash:
            return None
        return ev.FileSeen(await asyncio.to_thread(self._read, data), stamp)

    def gone(self, message: str) -> None:
        """Say once that the file is not there, or is no notebook."""
        if not self._said_gone:
            self._said_gone = True
            self._post(ev.FileGone(message))

    def _read(self, data: bytes) -> Content:
        """In a worker thread. An empty file is one that somebody is about to write."""
        with garbage_put_off():
            found = ipynb.read(
                data,
                new_id=self._ports.new_id,
                put_blob=partial(self._ports.blobs.keep, self._room),
                limits=self._ports.limits,
            )
        if found.blank:
            raise NotebookError("it is empty")
        return found.content


def _code_cells(content: Content) -> set[str]:
    return {cell.id for cell in content.cells if cell.cell_type == "code"}
