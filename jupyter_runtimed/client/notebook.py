"""A live notebook in Python: read from the local copy, edited at once, run by the server.

Everything is on one event loop. Reading never waits; an edit is applied here and handed to the
socket in the same tick, and merged by the server with what others do. `connection` keeps the line,
`runs` waits for answers, `outputs` fetches what is large.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias

from ..crdt import holds
from ..document.content import Cell, CellType, to_json
from ..document.notebook import Notebook
from ..document.textdiff import Splice, splices
from ..errors import (
    ClientError,
    Forbidden,
    NotDurable,
    NotFound,
    PeerError,
    RuntimedError,
    Unreachable,
)
from ..ids import CellId
from ..protocol.frames import CHANGE_OPS, Heads, PeerKind
from ..protocol.happened import Happened, Told, Welcomed
from ..protocol.peer import Peer
from .address import Address
from .connection import Connection
from .news import News, within
from .outputs import Blobs, blobs_of, to_nbformat
from .reading import AnyCell, Reading
from .runs import Asking, RunResult

OPEN_SECONDS: Final = 60.0
CLOSE_SECONDS: Final = 10.0
PIECE: Final = CHANGE_OPS * 2 // 5
"""Characters that are inserted in one change, with as many taken away."""
Listener: TypeAlias = Callable[[Happened], None]
log = logging.getLogger(__name__)


class LiveNotebook(Reading):
    """One notebook of a server, opened by `jupyter_runtimed.open`."""

    def __init__(self, address: Address, path: str, *, name: str, kind: PeerKind) -> None:
        peer = Peer(name, kind)
        # Nobody is in a notebook unseen.
        peer.show({})
        connection = Connection(address, path, peer, self._happened)
        super().__init__(peer, connection, Blobs(address))
        self._news = News()
        self._asking = Asking(peer, self._news, connection.flush)
        self._listeners: list[Listener] = []
        self._file_heads: Heads | None = None
        self._closed = False

    async def start(self, *, timeout_seconds: float = OPEN_SECONDS) -> None:
        """Connect and fetch both documents. Raises what stands in the way."""
        try:
            await self._connection.start()
            await self._news.until(
                lambda: self._peer.live and self._peer.runtime is not None,
                timeout_seconds=timeout_seconds,
            )
        except BaseException as error:
            await self._connection.stop()
            if isinstance(error, TimeoutError):
                late = f"{self.path} did not come within {timeout_seconds} s; try again"
                raise Unreachable(late) from None
            raise

    # ------------------------------------------------------------ editing

    async def add(
        self,
        source: str = "",
        cell_type: CellType = "code",
        *,
        after: AnyCell | Literal["end"] | None = "end",
        metadata: dict[str, Any] | None = None,
    ) -> CellId:
        """Make a cell at the end, below another one, or (None) at the top; its id."""
        notebook = self._writable()
        cell_id = CellId(secrets.token_hex(6))
        entries = {key: to_json(value) for key, value in (metadata or {}).items()}
        text = _unicode(source)
        cell = Cell(cell_id, cell_type, text[:PIECE], entries)
        notebook.add_cell(cell, after=self._place(after))
        self._insert(cell_id, PIECE, text[PIECE:])
        await self._edited()
        return cell_id

    async def splice(self, cell: AnyCell, position: int, delete: int, text: str = "") -> None:
        """Change a source at a place: positions and lengths count code points."""
        cell_id = self._id(cell)
        length = len(self._writable().source(cell_id))
        if not (0 <= position <= length and 0 <= delete <= length - position):
            raise PeerError(f"cell {cell_id!r} has {length} characters: no place for this edit")
        self._splice(cell_id, Splice(position, delete, _unicode(text)))
        await self._edited()

    def _splice(self, cell_id: CellId, change: Splice) -> None:
        """In pieces, each a change of its own: the server takes only so much in one."""
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
        """Insert text and hand the change to the socket before returning; nothing is checked."""
        self._notebook.splice(CellId(str(cell)), position, 0, text)
        self._peer.edited(now_ms=int(time.time() * 1000))
        self._connection.flush()

    async def append(self, cell: AnyCell, text: str) -> None:
        """Add text at the end of a source."""
        await self.splice(cell, len(self.source(cell)), 0, text)

    async def replace(self, cell: AnyCell, text: str) -> None:
        """Turn a source into `text` by its smallest difference, so that others' typing stays."""
        cell_id = self._id(cell)
        before = self._writable().source(cell_id)
        if max(len(before), len(text)) <= PIECE:
            self._notebook.set_source(cell_id, _unicode(text))
        else:
            for change in reversed(splices(before, _unicode(text))):
                self._splice(cell_id, change)
        await self._edited()

    async def move(self, cell: AnyCell, *, after: AnyCell | Literal["end"] | None) -> None:
        """Put a cell below another one, at the end, or (None) at the top."""
        notebook, cell_id, place = self._writable(), self._id(cell), self._place(after)
        if place != cell_id:
            notebook.move_cell(cell_id, after=place)
            await self._edited()

    async def delete(self, cell: AnyCell) -> None:
        self._writable().delete_cell(self._id(cell))
        await self._edited()

    async def retype(self, cell: AnyCell, cell_type: CellType) -> None:
        self._writable().set_cell_type(self._id(cell), cell_type)
        await self._edited()

    async def set_metadata(self, cell: AnyCell | None, key: str, value: object) -> None:
        """Set one entry of a cell's metadata, or (cell None) of the notebook's; None removes it."""
        text = None if value is None else to_json(value)
        self._writable().set_metadata(None if cell is None else self._id(cell), key, text)
        await self._edited()

    async def acked(self, timeout_seconds: float | None = None) -> None:
        """Wait until every local edit is durable on the server. Raises `TimeoutError`."""
        await self._news.until(lambda: self.unacked == 0, timeout_seconds=timeout_seconds)

    async def saved(self, timeout_seconds: float | None = None) -> None:
        """Wait until the file holds the notebook as it is here. Raises `TimeoutError`."""
        await self._news.until(self._is_saved, timeout_seconds=timeout_seconds)

    # ------------------------------------------------------------ running

    async def run(
        self, cell: AnyCell, timeout_seconds: float | None = None, *, stop_on_error: bool = True
    ) -> RunResult:
        """Run a cell's text as it is here, and wait for what becomes of it.

        A lost connection is waited out. Raises `TimeoutError` (the run goes on), or the server's
        error if it could not be queued; an exception in the cell is a result: `state` "error".
        """
        cell_id = self._id(cell)
        args = {"cells": [cell_id], "stop_on_error": stop_on_error}
        results = await within(self._run("run", args, [cell_id]), timeout_seconds)
        return results[0] if results else RunResult(cell_id, "ok", [])

    async def run_all(self, timeout_seconds: float | None = None) -> list[RunResult]:
        """Run every code cell from top to bottom, and wait for all of them."""
        running = self._run("run_all", {}, self._notebook.order)
        return await within(running, timeout_seconds)

    async def interrupt(self) -> None:
        await self._asking.insist("interrupt")

    async def restart(self, *, clear: bool = False) -> None:
        """Restart the kernel, and wait until it is back."""
        await self._asking.insist("restart", {"clear": clear})

    async def shutdown(self) -> None:
        await self._asking.insist("shutdown")

    async def answer(self, cell: AnyCell, text: str) -> None:
        """Answer the question that a running cell asks."""
        prompt = self.prompts().get(self._id(cell))
        if prompt is None:
            raise NotFound(f"cell {str(cell)!r} asks nothing")
        await self._asking.call("answer", {"prompt": prompt.id, "text": text})

    async def clear(self, cells: Iterable[AnyCell] | None = None) -> None:
        """Remove outputs: of these cells, or of all."""
        chosen = self._notebook.order if cells is None else [self._id(cell) for cell in cells]
        await self._asking.insist("clear", {"cells": list(chosen)})

    async def save(self) -> None:
        """Have the file written now, and wait until it is. Raises `SaveFailed`."""
        await self._asking.insist("save")

    # ------------------------------------------------------------ others

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with whatever happens from now on; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def until(self, true: Callable[[], bool], timeout_seconds: float | None = None) -> None:
        """Wait until something is true of this notebook; looked at whenever something happened."""
        await self._news.until(true, timeout_seconds=timeout_seconds)

    def show(self, cell: AnyCell | None, doing: str = "") -> None:
        """Let others see where this peer is and what it does."""
        state = {"doing": doing} if doing else {}
        self._peer.show(state if cell is None else state | {"cell": self._id(cell)})
        self._connection.flush()

    async def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Wait until every edit is durable, then leave.

        Raises `NotDurable` if that did not happen in time; the connection is closed all the same.
        """
        if self._closed:
            return
        self._closed = True
        try:
            await self.acked(timeout_seconds)
        except (TimeoutError, RuntimedError) as error:
            raise NotDurable(
                f"{self.unacked} edits of {self.path} are not known to be on the server: "
                f"{str(error) or 'no answer in time'}"
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
        except NotDurable as lost:
            if error is None:
                raise
            log.warning("%s", lost)

    # ------------------------------------------------------------ inside

    def _writable(self) -> Notebook:
        if self._closed:
            raise ClientError(f"{self.path} was closed; open it again")
        if self._connection.failure is not None:
            raise self._connection.failure
        if self._peer.role == "viewer":
            raise Forbidden(f"you may read {self.path}, and not change it")
        return self._notebook

    def _place(self, after: AnyCell | Literal["end"] | None) -> CellId | None:
        if after == "end" and "end" not in self._notebook:
            order = self._notebook.order
            return order[-1] if order else None
        return None if after is None else self._id(after)

    async def _edited(self) -> None:
        self._peer.edited(now_ms=int(time.time() * 1000))
        self._connection.flush()
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
        heads, document = self._file_heads, self._notebook.document
        if heads is None or self.unacked:
            return False
        return holds(document, heads) and not document.changes_after(heads)

    def _happened(self, happened: Sequence[Happened]) -> None:
        self._asking.notice(happened)
        for event in happened:
            match event:
                case Welcomed(welcome=welcome):
                    self._connection.path = welcome.path
                    if welcome.saved and "notebook" in welcome.docs:
                        self._file_heads = welcome.docs["notebook"][1]
                case Told(name="saved", body={"heads": list(heads)}):
                    self._file_heads = tuple(heads)
                case Told(name="moved", body={"path": str(path)}):
                    self._connection.path = path
                case _:
                    pass
        self._news.failure = self._connection.failure
        self._news.tell()
        for event in happened:
            for listener in tuple(self._listeners):
                self._tell(listener, event)

    def _tell(self, listener: Listener, event: Happened) -> None:
        try:
            listener(event)
        except Exception:  # somebody else's code: it must not end the connection
            log.exception("a listener of %s failed", self.path)


def _unicode(text: str) -> str:
    """Text that every language can hold. Raises `PeerError` for lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PeerError("half of a surrogate pair is not text; decode it before") from None
    return text
