"""A live notebook in Python: reads and edits a local copy, and runs cells on the server.

Everything runs on one event loop. Reading never waits. An edit changes the local copy and goes to
the socket in the same tick; the server merges it with the edits of others. `connection` keeps the
peer connected, `runs` waits for results, `outputs` downloads large outputs.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias

from ..crdt import has_heads
from ..document.content import Cell, CellType, JsonText, to_json
from ..document.diff.text_diff import Splice, splices
from ..document.notebook import Notebook
from ..errors import (
    ClientError,
    DocumentError,
    Forbidden,
    NotFound,
    PeerError,
    RuntimedError,
    SaveFailed,
    ServerUnreachable,
    UnsavedEdits,
)
from ..ids import CellId
from ..peer.events import Connected, PeerEvent, RoomEvent
from ..peer.peer import Peer
from ..protocol.frames import CHANGE_OPS, PeerKind
from .address import Address
from .connection import Connection
from .file_state import FileState
from .outputs import Blobs, blobs_of, to_nbformat
from .presence import PresenceSender
from .reader import AnyCell, NotebookReader
from .runs import CallClient, RunResult
from .waiter import Waiter, within

OPEN_SECONDS: Final = 60.0
CLOSE_SECONDS: Final = 10.0
PIECE: Final = CHANGE_OPS * 2 // 5
"""The largest number of characters that one change inserts, and that it deletes."""
Listener: TypeAlias = Callable[[PeerEvent], None]
log = logging.getLogger(__name__)


class LiveNotebook(NotebookReader):
    """One notebook of a server, opened by `jupyter_runtimed.connect`."""

    def __init__(self, address: Address, path: str, *, name: str, kind: PeerKind) -> None:
        peer = Peer(name, kind)
        connection = Connection(address, path, peer, self._happened)
        super().__init__(peer, connection, Blobs(address))
        self._news = Waiter()
        self._asking = CallClient(peer, self._news, connection.flush)
        self._listeners: list[Listener] = []
        self._file = FileState()
        self._showing = PresenceSender(peer, connection.flush)
        self._closed = False

    async def start(self, *, timeout_seconds: float = OPEN_SECONDS) -> None:
        """Connect and download both documents.

        Raises `ServerUnreachable` after `timeout_seconds`, and each error that ends the connection.
        """
        try:
            await self._connection.start()
            await self._news.until(
                lambda: self._peer.live and self._peer.runtime is not None,
                timeout_seconds=timeout_seconds,
            )
        except BaseException as error:
            await self._connection.stop()
            if isinstance(error, TimeoutError):
                late = f"{self.path} did not load within {timeout_seconds} s; try again"
                raise ServerUnreachable(late) from None
            raise

    # ------------------------------------------------------------ editing

    async def add_cell(
        self,
        source: str = "",
        cell_type: CellType = "code",
        *,
        after: AnyCell | Literal["end"] | None = "end",
        metadata: dict[str, Any] | None = None,
    ) -> CellId:
        """Add a cell and return its id.

        `after` is the cell above the new cell, "end", or None for the top. Raises `NotFound`,
        `Forbidden`, or `DocumentError` for metadata that JSON cannot represent.
        """
        notebook = self._writable()
        cell_id = CellId(secrets.token_hex(6))
        entries = {key: _json(key, value) for key, value in (metadata or {}).items()}
        text = _unicode(source)
        cell = Cell(cell_id, cell_type, text[:PIECE], entries)
        notebook.add_cell(cell, after=self._place(after))
        self._insert(cell_id, PIECE, text[PIECE:])
        await self._edited(cell_id, len(text))
        return cell_id

    async def splice(self, cell: AnyCell, position: int, delete: int, text: str = "") -> None:
        """Replace `delete` characters of a source at `position` with `text`.

        `position` and `delete` count code points. Raises `PeerError` outside of the source,
        `NotFound`, `Forbidden`.
        """
        cell_id = self._id(cell)
        length = len(self._writable().source(cell_id))
        if not (0 <= position <= length and 0 <= delete <= length - position):
            raise PeerError(
                f"cell {cell_id!r} has {length} characters; the edit at {position} that deletes "
                f"{delete} is outside of it"
            )
        self._splice(cell_id, Splice(position, delete, _unicode(text)))
        await self._edited(cell_id, position + len(text))

    def _splice(self, cell_id: CellId, change: Splice) -> None:
        """Apply a splice in several changes, because the server limits the size of a change."""
        position, delete, text = change
        while delete > PIECE:
            self._notebook.splice(cell_id, position, PIECE, "")
            self._peer.edited(now_ms=int(time.time() * 1000))
            delete -= PIECE
        self._notebook.splice(cell_id, position, delete, text[:PIECE])
        self._insert(cell_id, position + PIECE, text[PIECE:])

    def _insert(self, cell_id: CellId, position: int, text: str) -> None:
        for start in range(0, len(text), PIECE):
            self._peer.edited(now_ms=int(time.time() * 1000))
            self._notebook.splice(cell_id, position + start, 0, text[start : start + PIECE])

    def insert_now(self, cell: AnyCell, position: int, text: str) -> None:
        """Insert text and send the change before returning.

        Unlike `splice`, check neither permissions, position nor size.
        """
        self._notebook.splice(CellId(str(cell)), position, 0, text)
        self._peer.edited(now_ms=int(time.time() * 1000))
        self._connection.flush()

    async def append(self, cell: AnyCell, text: str) -> None:
        """Append text to a source."""
        await self.splice(cell, len(self.source(cell)), 0, text)

    async def replace(self, cell: AnyCell, text: str) -> None:
        """Replace a source with `text`, as a minimal diff that preserves concurrent edits."""
        cell_id = self._id(cell)
        before = self._writable().source(cell_id)
        if max(len(before), len(text)) <= PIECE:
            self._notebook.set_source(cell_id, _unicode(text))
        else:
            for change in reversed(splices(before, _unicode(text))):
                self._splice(cell_id, change)
        await self._edited(cell_id, _end_of_change(before, text))

    async def move_cell(self, cell: AnyCell, *, after: AnyCell | Literal["end"] | None) -> None:
        """Move a cell below the cell `after`, to the "end", or to the top (None)."""
        notebook, cell_id, place = self._writable(), self._id(cell), self._place(after)
        if place != cell_id:
            notebook.move_cell(cell_id, after=place)
            await self._edited(cell_id)

    async def delete_cell(self, cell: AnyCell) -> None:
        """Delete a cell with its outputs. Raises `NotFound`, `Forbidden`."""
        self._writable().delete_cell(self._id(cell))
        await self._edited()

    async def set_cell_type(self, cell: AnyCell, cell_type: CellType) -> None:
        """Make a cell a code, markdown or raw cell. Raises `NotFound`, `Forbidden`."""
        self._writable().set_cell_type(self._id(cell), cell_type)
        await self._edited(self._id(cell))

    async def set_metadata(self, cell: AnyCell | None, key: str, value: object) -> None:
        """Set one metadata entry of a cell, or of the notebook if `cell` is None.

        The value None removes the entry. Raises `DocumentError` for a value that JSON cannot
        represent.
        """
        text = None if value is None else _json(key, value)
        self._writable().set_metadata(None if cell is None else self._id(cell), key, text)
        await self._edited()

    async def wait_acknowledged(self, timeout_seconds: float | None = None) -> None:
        """Wait until the server has acknowledged every local edit. Raises `TimeoutError`."""
        await self._news.until(lambda: self.pending_edits == 0, timeout_seconds=timeout_seconds)

    async def wait_saved(self, timeout_seconds: float | None = None) -> None:
        """Wait until the file has the current local notebook.

        Raises `SaveFailed` if the server cannot write the file: at once without `timeout_seconds`,
        otherwise after that time. Raises `TimeoutError` if the server can write the file, but has
        not done so in time.
        """
        patient = timeout_seconds is not None
        try:
            await self._news.until(
                lambda: self._is_saved() or not (patient or self.file_problem is None),
                timeout_seconds=timeout_seconds,
            )
        except TimeoutError:
            if self.file_problem is None:
                raise
        if not self._is_saved():
            raise SaveFailed(f"{self.file_problem}")

    @property
    def file_problem(self) -> str | None:
        """The reason why the server cannot write the file, or None.

        Examples: the file was deleted or is read-only, or the disk is full. `save` restores a
        deleted file.
        """
        return self._file.problem

    # ------------------------------------------------------------ running

    async def run(
        self, cell: AnyCell, timeout_seconds: float | None = None, *, stop_on_error: bool = True
    ) -> RunResult:
        """Run a cell with its current local source, and wait for the result.

        After a lost connection, wait until the client has reconnected. An exception in the cell is
        a result with `state` "error". Raises `TimeoutError` (the run continues), or the server's
        error if the server cannot queue the run.
        """
        cell_id = self._id(cell)
        args = {"cells": [cell_id], "stop_on_error": stop_on_error}
        results = await within(self._run("run", args, [cell_id]), timeout_seconds)
        return results[0] if results else RunResult(cell_id, "ok", [])

    async def run_all(self, timeout_seconds: float | None = None) -> list[RunResult]:
        """Run every code cell from top to bottom, and wait for all results."""
        running = self._run("run_all", {}, self._notebook.order)
        return await within(running, timeout_seconds)

    async def interrupt(self) -> None:
        """Interrupt the kernel. Raises `NoKernel`, `Forbidden`."""
        await self._asking.call_with_retry("interrupt")

    async def restart(self, *, clear: bool = False) -> None:
        """Restart the kernel, and wait until it is ready; `clear` also clears all outputs."""
        await self._asking.call_with_retry("restart", {"clear": clear})

    async def shutdown(self) -> None:
        """Shut down the kernel. Raises `NoKernel`, `Forbidden`."""
        await self._asking.call_with_retry("shutdown")

    async def answer_input(self, cell: AnyCell, text: str) -> None:
        """Answer the input request of a running cell. Raises `NotFound` if none is pending."""
        prompt = self.prompts().get(self._id(cell))
        if prompt is None:
            raise NotFound(f"cell {str(cell)!r} waits for no input; see `prompts()`")
        await self._asking.call("answer", {"prompt": prompt.id, "text": text})

    async def clear_outputs(self, cells: Iterable[AnyCell] | None = None) -> None:
        """Clear the outputs of these cells, or of all cells."""
        chosen = self._notebook.order if cells is None else [self._id(cell) for cell in cells]
        await self._asking.call_with_retry("clear", {"cells": list(chosen)})

    async def save(self) -> None:
        """Ask the server to write the file now, and wait for the result. Raises `SaveFailed`."""
        await self._asking.call_with_retry("save")

    # ------------------------------------------------------------ others

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every further event; return a function that unsubscribes."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def wait_for(
        self, true: Callable[[], bool], timeout_seconds: float | None = None
    ) -> None:
        """Wait until `true()` returns True, checking after each event. Raises `TimeoutError`."""
        await self._news.until(true, timeout_seconds=timeout_seconds)

    def set_presence(self, cell: AnyCell | None, doing: str = "") -> None:
        """Show other peers the cell that this client works on, and its activity `doing`."""
        self._showing.show(None if cell is None else self._id(cell), doing)

    async def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Wait until the server has acknowledged every edit, then close the connection.

        Raises `UnsavedEdits` if the server has not done so in time; the connection closes anyway.
        """
        if self._closed:
            return
        self._closed = True
        self._showing.stop()
        try:
            await self.wait_acknowledged(timeout_seconds)
        except (TimeoutError, RuntimedError) as error:
            raise UnsavedEdits(
                f"the server has not acknowledged {self.pending_edits} edits of {self.path}: "
                f"{str(error) or 'no answer in time'}; open the notebook and check them"
            ) from error
        finally:
            await self._connection.stop()

    async def __aenter__(self) -> LiveNotebook:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except UnsavedEdits as lost:
            if error is None:
                raise
            log.warning("%s", lost)

    # ------------------------------------------------------------ inside

    def _writable(self) -> Notebook:
        if self._closed:
            raise ClientError(f"{self.path} is closed; open it again")
        if self._connection.failure is not None:
            raise self._connection.failure
        if self._peer.role == "viewer":
            raise Forbidden(f"you may only read {self.path}; ask for write permission")
        return self._notebook

    def _place(self, after: AnyCell | Literal["end"] | None) -> CellId | None:
        if after == "end" and "end" not in self._notebook:
            order = self._notebook.order
            return order[-1] if order else None
        return None if after is None else self._id(after)

    async def _edited(self, cell: CellId | None = None, position: int | None = None) -> None:
        """Send the edit; show `cell` and `position` of the edit as this client's presence."""
        self._peer.edited(now_ms=int(time.time() * 1000))
        self._connection.flush()
        if cell is not None and cell in self._notebook:
            self._showing.edited(cell, position)
        await self._connection.drained()

    async def _run(
        self, name: str, args: dict[str, Any], cells: Sequence[CellId]
    ) -> list[RunResult]:
        results = []
        for run, outputs in await self._asking.run(name, args, cells):
            shown = to_nbformat(outputs, await self._blobs.fetch(blobs_of(outputs)))
            results.append(RunResult.of(run, shown))
        return results

    def _is_saved(self) -> bool:
        heads, document = self._file.heads, self._notebook.document
        if heads is None or self.pending_edits:
            return False
        return has_heads(document, heads) and not document.changes_after(heads)

    def _happened(self, happened: Sequence[PeerEvent]) -> None:
        self._asking.notice(happened)
        self._file.take(happened)
        for event in happened:
            match event:
                case Connected(welcome=welcome):
                    self._connection.path = welcome.path
                case RoomEvent(name="moved", body={"path": str(path)}):
                    self._connection.path = path
                case _:
                    pass
        self._news.failure = self._connection.failure
        self._news.tell()
        for event in happened:
            for listener in tuple(self._listeners):
                self._tell(listener, event)

    def _tell(self, listener: Listener, event: PeerEvent) -> None:
        try:
            listener(event)
        except Exception:  # third-party code must not end the connection
            log.exception("A listener of %s failed", self.path)


def _end_of_change(before: str, after: str) -> int:
    """Return where in `after` the part that differs from `before` ends."""
    most = min(len(before), len(after))
    same = next((i for i in range(most) if before[-1 - i] != after[-1 - i]), most)
    return len(after) - same


def _unicode(text: str) -> str:
    """Return `text`. Raises `PeerError` for lone surrogates, which UTF-8 cannot encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PeerError("the text has a lone surrogate; decode the text before") from None
    return text


def _json(key: str, value: object) -> JsonText:
    """Return a value as JSON text. Raises `DocumentError` if JSON cannot represent the value."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError(
            f"the metadata {key!r} cannot be written as JSON ({error}); give it as text, or as None"
        ) from error
    return to_json(value)
