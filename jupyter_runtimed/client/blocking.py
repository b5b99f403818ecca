"""Live notebooks without asyncio: each notebook runs its own event loop in a thread.

Reads run on that loop too, so every thread may use a notebook.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Literal, TypeVar

from ..document.content import CellType
from ..errors import UnsavedEdits
from ..ids import CellId
from . import connect as connect_live
from .notebook import CLOSE_SECONDS, LiveNotebook
from .outputs import NbOutput
from .reader import AnyCell
from .runs import RunResult

T = TypeVar("T")


def connect(
    url: str, path: str, token: str | None = None, *, name: str = "agent"
) -> BlockingNotebook:
    """Open a notebook like `jupyter_runtimed.connect`, and wait until it has loaded."""

    async def opened() -> LiveNotebook:
        return await connect_live(url, path, token, name=name)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"runtimed {path}", daemon=True)
    thread.start()
    try:
        live = asyncio.run_coroutine_threadsafe(opened(), loop).result()
    except BaseException:
        _end(loop, thread)
        raise
    return BlockingNotebook(live, loop, thread)


open = connect  # noqa: A001 -- the same alias as of the asynchronous one


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class BlockingNotebook:
    """`LiveNotebook` with blocking methods; each method returns once its work is done."""

    def __init__(
        self, live: LiveNotebook, loop: asyncio.AbstractEventLoop, thread: threading.Thread
    ) -> None:
        self._live = live
        self._loop = loop
        self._thread = thread

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def _read(self, look: Callable[[LiveNotebook], T]) -> T:
        async def looked() -> T:
            return look(self._live)

        return self._do(looked())

    # ------------------------------------------------------------ reading

    @property
    def path(self) -> str:
        return self._live.path

    @property
    def file_problem(self) -> str | None:
        return self._read(lambda live: live.file_problem)

    @property
    def pending_edits(self) -> int:
        return self._read(lambda live: live.pending_edits)

    @property
    def waiting_for(self) -> str:
        """The reason for the missing connection, as text; "" while connected."""
        return self._read(lambda live: live.waiting_for)

    @property
    def cells(self) -> list[CellId]:
        """Cell ids from top to bottom."""
        return self._read(lambda live: [cell.id for cell in live.cells])

    @property
    def metadata(self) -> dict[str, Any]:
        return self._read(lambda live: live.metadata)

    def source(self, cell: AnyCell) -> str:
        return self._read(lambda live: live.source(cell))

    def cell_type(self, cell: AnyCell) -> str:
        return self._read(lambda live: live.cell(cell).cell_type)

    def execution_count(self, cell: AnyCell) -> int | None:
        return self._read(lambda live: live.execution_count(cell))

    def outputs(self, cell: AnyCell) -> list[NbOutput]:
        """Return the complete outputs in nbformat's form; fetches large outputs."""
        return self._do(self._live.fetch_outputs(cell))

    # ------------------------------------------------------------ editing

    def add_cell(
        self,
        source: str = "",
        cell_type: CellType = "code",
        *,
        after: AnyCell | Literal["end"] | None = "end",
        metadata: dict[str, Any] | None = None,
    ) -> CellId:
        return self._do(self._live.add_cell(source, cell_type, after=after, metadata=metadata))

    def splice(self, cell: AnyCell, position: int, delete: int, text: str = "") -> None:
        self._do(self._live.splice(cell, position, delete, text))

    def append(self, cell: AnyCell, text: str) -> None:
        self._do(self._live.append(cell, text))

    def replace(self, cell: AnyCell, text: str) -> None:
        self._do(self._live.replace(cell, text))

    def move_cell(self, cell: AnyCell, *, after: AnyCell | Literal["end"] | None) -> None:
        self._do(self._live.move_cell(cell, after=after))

    def delete_cell(self, cell: AnyCell) -> None:
        self._do(self._live.delete_cell(cell))

    def set_cell_type(self, cell: AnyCell, cell_type: CellType) -> None:
        self._do(self._live.set_cell_type(cell, cell_type))

    def set_metadata(self, cell: AnyCell | None, key: str, value: object) -> None:
        self._do(self._live.set_metadata(cell, key, value))

    def wait_acknowledged(self, timeout_seconds: float | None = None) -> None:
        self._do(self._live.wait_acknowledged(timeout_seconds))

    def wait_saved(self, timeout_seconds: float | None = None) -> None:
        self._do(self._live.wait_saved(timeout_seconds))

    # ------------------------------------------------------------ running

    def run(
        self, cell: AnyCell, timeout_seconds: float | None = None, *, stop_on_error: bool = True
    ) -> RunResult:
        return self._do(self._live.run(cell, timeout_seconds, stop_on_error=stop_on_error))

    def run_all(self, timeout_seconds: float | None = None) -> list[RunResult]:
        return self._do(self._live.run_all(timeout_seconds))

    def interrupt(self) -> None:
        self._do(self._live.interrupt())

    def restart(self, *, clear: bool = False) -> None:
        self._do(self._live.restart(clear=clear))

    def shutdown(self) -> None:
        self._do(self._live.shutdown())

    def answer_input(self, cell: AnyCell, text: str) -> None:
        self._do(self._live.answer_input(cell, text))

    def clear_outputs(self, cells: Iterable[AnyCell] | None = None) -> None:
        self._do(self._live.clear_outputs(cells))

    def save(self) -> None:
        self._do(self._live.save())

    # ------------------------------------------------------------ closing

    def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Wait until every edit is durable, then close.

        Raises `UnsavedEdits` if the server has not acknowledged every edit in time.
        """
        if self._loop.is_closed():
            return
        try:
            self._do(self._live.close(timeout_seconds))
        finally:
            _end(self._loop, self._thread)

    def __enter__(self) -> BlockingNotebook:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except UnsavedEdits:
            if error is None:
                raise
