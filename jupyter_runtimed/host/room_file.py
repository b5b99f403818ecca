"""The file of one room: writes it for the room, and reads it when it may have changed.

    changed ---> read ---> the bytes last seen: nothing
                       |-> another notebook: FileChanged
                       |-> half-written, or missing for a moment: read again soon
                       |-> missing, or invalid for some time: FileDeleted
                       +-> not readable, or no answer: FileUnreachable, and read again later

The file is not read during a save, because the save itself compares the file. If a save or a move
starts during a read, the result of the read is discarded, because it may be outdated. The module
knows bytes and stamps; the room interprets the content.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from ..document import ipynb
from ..document.content import Content
from ..document.file_version import FileStamp
from ..errors import NotebookError, NotFound, RuntimedError, SaveFailed, StorageError
from ..ids import RoomId
from ..room import effects as fx
from ..room import events as ev
from .files.port import Conflict, Render, Unwatch, no_answer
from .garbage import gc_paused
from .ports import Ports
from .tasks import Tasks

T = TypeVar("T")
log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.25
TRIES = 20
"""How often an invalid notebook file is read again before it is reported."""
HALF_WRITTEN_TRIES = 4
"""How often a save finds an invalid notebook file before the save fails."""
LOOK_AGAIN_SECONDS = 5.0
"""A file that could not be read is read again after this time."""
FIRST_LOOK_SECONDS = 1.0
LONGEST_LOOK_SECONDS = 60.0
"""A missing or read-only file is checked after `FIRST_LOOK_SECONDS`; each delay doubles.

The check polls, because the file watcher does not report a recreated folder or new permissions.
"""
SILENT_SECONDS = 10.0
"""A read or a write that takes longer is reported; it continues, and its result still counts."""
INTEND_SECONDS = 2.0
"""How long a save waits for the store; the file is saved even if the store fails."""


class RoomFile:
    """The file of a room.

    `known` returns the stamp of the file that the room last read or wrote; `post` sends an event to
    the room.
    """

    def __init__(
        self,
        room: RoomId,
        path: str,
        ports: Ports,
        tasks: Tasks,
        *,
        known: Callable[[], FileStamp | None],
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
        self._writer = ipynb.IncrementalWriter(get_blob=ports.blobs.get, limits=ports.limits)
        self.still = asyncio.Lock()
        """Held during a write of the file, and by callers that move or delete the file."""
        self._saves = 0
        """Number of running saves; a save may start before the previous one has ended."""
        self._looking = False
        self._again = False
        self._said_gone = False
        self._closed = False
        self._trouble = ""
        self._restored_by: ev.User | None = None
        self._read_only = ""
        """The last reported reason why the file is read-only, or ""."""
        self._look_seconds = FIRST_LOOK_SECONDS
        self._look_later: asyncio.TimerHandle | None = None
        self._overtaken = 0
        """Number of saves, moves and deletions, to detect that a read is outdated."""

    def watch(self) -> None:
        self.unwatch()
        self._unwatch = self._ports.files.watch(self.path, self.changed)

    def unwatch(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        if self._look_later is not None:
            self._look_later.cancel()
            self._look_later = None

    def close(self) -> None:
        """Release the file; a save that still waits does not write it any more."""
        self._closed = True
        self.unwatch()

    def move(self, path: str) -> None:
        self.path = path
        self._overtaken += 1
        self._said_gone = False
        self.watch()

    # ------------------------------------------------------------ saving

    def save(self, effect: fx.SaveFile) -> None:
        self._saves += 1
        self._overtaken += 1
        self._tasks.start(self._save(effect), f"save {self.path}")

    async def _save(self, effect: fx.SaveFile) -> None:
        made: list[bytes] = []
        render = partial(self._render, effect, made)
        try:
            written = await self._written_or_read(render, effect)
            if isinstance(written, ev.FileChanged):
                self._post(written)
            else:
                if made and effect.trusted.issuperset(_code_cells(effect.content)):
                    await asyncio.to_thread(self._sign, made[0])
                self._said_gone = False
                self._post(ev.Saved(effect.attempt, written))
                if self._read_only:
                    await self._tell_if_read_only()
        except RuntimedError as error:
            self._post(ev.FileSaveFailed(effect.attempt, str(error)))
            self._again = True  # the file may have become read-only
            if isinstance(error, NotFound):
                # Report the missing file again, because the room assumed that the file exists.
                self._said_gone = False
                self.gone(ev.FileDeleted(str(error)))
        except Exception as error:
            log.exception("Saving %s failed", self.path)
            self._post(
                ev.FileSaveFailed(effect.attempt, f"{self.path} could not be saved: {error}")
            )
        finally:
            self._saves -= 1
            if self._again:
                self.changed()

    async def _written_or_read(
        self, render: Render, effect: fx.SaveFile
    ) -> FileStamp | ev.FileChanged:
        """Write the file, or read it if it changed; retry while another program writes it."""
        tries = 0
        while True:
            written = await self._write(render, effect.expected)
            if isinstance(written, FileStamp):
                return written
            try:
                content = await asyncio.to_thread(self._read, written.data)
            except NotebookError as error:
                tries += 1
                if tries < HALF_WRITTEN_TRIES:
                    await asyncio.sleep(AGAIN_SECONDS)
                    continue
                self._again = True
                raise StorageError(
                    f"another program changed {self.path}, which is not a valid notebook now "
                    f"({error}); the file is left unchanged, repair or delete it"
                ) from error
            return ev.FileChanged(content, written.stamp, effect.attempt)

    async def _write(self, render: Render, expected: FileStamp | None) -> FileStamp | Conflict:
        """Write the file, also if it is moved during the write.

        After a move the result at the new path counts. The report of a move may arrive after the
        move itself, so a missing file is retried once.
        """
        missed = False
        while True:
            try:
                async with self.still:
                    path = self.path
                    written = await self._attended(self._ports.files.write(path, render, expected))
            except RuntimedError as error:
                if path == self.path:
                    if missed or not isinstance(error, NotFound):
                        raise
                    missed = True
                    await asyncio.sleep(AGAIN_SECONDS)
            else:
                if path == self.path:
                    return written
                if isinstance(written, FileStamp):
                    expected = written

    def _sign(self, data: bytes) -> None:
        """Sign the written file as trusted. A failure is logged, because the save succeeded.

        Runs in a worker thread.
        """
        try:
            self._ports.trust.sign(data)
        except Exception as error:  # noqa: BLE001 -- foreign code, and a database
            log.warning("%s is saved, but could not be signed as trusted: %r", self.path, error)

    def _render(self, effect: fx.SaveFile, made: list[bytes], like: bytes | None) -> bytes:
        """Return the bytes to write, after the store recorded them. Runs in a worker thread.

        Raises `SaveFailed` if the room closed while the folder did not answer. Another server may
        then have opened the room, and would take these bytes for another program's edits.
        """
        with gc_paused():
            data = self._writer.write(effect.content, like)
        made[:] = [data]
        if data != like:
            stamp = FileStamp(hashlib.sha256(data).hexdigest(), "")
            # Precedes the write, so that the room knows these bytes before the result of the save.
            rendered = ev.Rendered(effect.heads, effect.content, stamp)
            self._loop.call_soon_threadsafe(self._post, rendered)
            self._intend(effect, stamp)
        return data

    def _intend(self, effect: fx.SaveFile, stamp: FileStamp) -> None:
        message = f"{self.path} was not written, because its room was closed; open it again"
        if self._closed:
            raise SaveFailed(message)
        durable = asyncio.run_coroutine_threadsafe(
            self._ports.store.begin_save(self._room, effect.heads, stamp), self._loop
        )
        try:
            durable.result(INTEND_SECONDS)
        except (concurrent.futures.TimeoutError, StorageError):
            durable.cancel()
            if self._closed:
                raise SaveFailed(message) from None
            log.warning("%s is saved, although the store could not record the save", self.path)

    # ------------------------------------------------------------ reading

    def changed(self) -> None:
        """Check the file, because it may have changed."""
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
        """Read the file once; return False if it must be read again soon."""
        overtaken = self._overtaken
        try:
            found = await self._found()
        except NotebookError as error:
            message = (
                f"{self.path} is not a valid notebook now ({error}); the file is left unchanged, "
                "and the room keeps its content"
            )
            found, patience = ev.FileDeleted(message, "not-a-notebook"), TRIES
        except NotFound as error:
            found, patience = ev.FileDeleted(str(error)), 1
        except StorageError as error:
            self.trouble(str(error))
            return True
        if overtaken != self._overtaken:
            self._again = True
        elif isinstance(found, ev.FileDeleted):
            if tries < patience:
                return False
            self.gone(found)
        else:
            self._said_gone = False
            by, self._restored_by = self._restored_by, None
            if found is not None:
                self._post(replace(found, by=by))
            await self._tell_if_read_only()
        return True

    async def _tell_if_read_only(self) -> None:
        """Report whether the file is read-only, so that users know before they edit."""
        path = self.path
        try:
            why = await self._ports.files.why_read_only(path)
        except RuntimedError:
            return  # the next read reports the problem
        if path == self.path and why != self._read_only:
            self._read_only = why
            self._look_seconds = FIRST_LOOK_SECONDS
            self._post(ev.FileWritability(why))
        if why:
            self._look_ever_later()

    def _look_ever_later(self) -> None:
        if self._unwatch is None:
            return
        if self._look_later is not None:
            self._look_later.cancel()
        self._look_later = self._loop.call_later(self._look_seconds, self.changed)
        self._look_seconds = min(2 * self._look_seconds, LONGEST_LOOK_SECONDS)

    async def restored(self, restore: Callable[[], Awaitable[T]], by: ev.User) -> T:
        """Restore an older version of the file with `restore`, and merge it as this user's edit."""
        self._saves += 1
        self._overtaken += 1
        try:
            result = await restore()
            found = await self._found()
            if isinstance(found, ev.FileChanged):
                self._post(replace(found, by=by))
            return result
        finally:
            self._saves -= 1
            self._overtaken += 1
            if self._again:
                self.changed()

    def was_restored(self, by: ev.User) -> None:
        """Note that this user has just restored an older version of the file; merge it."""
        self._restored_by = by
        self._overtaken += 1
        self.changed()

    async def _found(self) -> ev.FileChanged | ev.FileDeleted | None:
        """Read the file; None if the room knows its bytes.

        Raises `NotFound`, `NotebookError`, `StorageError`.
        """
        data, stamp = await self._attended(self._ports.files.read(self.path))
        known = self._known()
        if known is not None and known.hash == stamp.hash:
            return None
        return ev.FileChanged(await asyncio.to_thread(self._read, data), stamp)

    async def _attended(self, work: Awaitable[T]) -> T:
        """Await a read or a write of the file; report the file as unreachable if it takes long."""
        silent = self._loop.call_later(SILENT_SECONDS, self._say, no_answer(self.path))
        try:
            result = await work
        except NotFound:
            self._say("")
            raise
        except SaveFailed:
            if self._trouble == no_answer(self.path):
                self._say("")  # the folder answers; the room reports the error of the save
            raise
        finally:
            silent.cancel()
        self._say("")
        return result

    def trouble(self, message: str) -> None:
        """Report that the file cannot be reached, and check it again later."""
        self._say(message)
        if self._look_later is not None:
            self._look_later.cancel()
        self._look_later = self._loop.call_later(LOOK_AGAIN_SECONDS, self.changed)

    def _say(self, trouble: str) -> None:
        if self._trouble != trouble:
            self._trouble = trouble
            self._post(ev.FileUnreachable(trouble))

    def deleted(self) -> None:
        """Note that this server deleted the file; a read that began before is outdated."""
        self._overtaken += 1
        self.gone(ev.FileDeleted(f"{self.path} was deleted; save it to put it back"))

    def gone(self, event: ev.FileDeleted) -> None:
        """Report once that the file is missing or invalid, and check it again from time to time."""
        if not self._said_gone:
            self._said_gone = True
            self._look_seconds = FIRST_LOOK_SECONDS
            self._post(event)
        self._look_ever_later()

    def _read(self, data: bytes) -> Content:
        """Parse the file. Runs in a worker thread.

        Raises `NotebookError`, also for an empty file, because a program is about to write it.
        """
        with gc_paused():
            found = ipynb.read(
                data,
                new_id=self._ports.new_id,
                put_blob=partial(self._ports.blobs.keep, self._room),
                limits=self._ports.limits,
            )
        if found.blank:
            raise NotebookError("the file is empty")
        return found.content


def _code_cells(content: Content) -> set[str]:
    return {cell.id for cell in content.cells if cell.cell_type == "code"}
