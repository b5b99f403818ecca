"""Asking for calls and runs, and waiting for what becomes of them.

What a run became is read in the runtime document and never taken from an event, so a connection
that is lost in the middle costs nothing but time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..document.content import FINISHED, Output, Run
from ..errors import RuntimedError
from ..ids import CellId, RunId
from ..protocol.happened import Changed, Happened, Replied, Synced
from ..protocol.peer import Peer
from ..protocol.questions import DISCONNECTED
from ..protocol.runtime_view import RuntimeTouched
from .address import error_named
from .news import News
from .outputs import NbOutput, text_of


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of one cell's run.

    `state`: `ok`, `error`, `cancelled` or `lost`; `reason` says why for the last two. A cell that
    is not code, or holds none, is `ok` without outputs.
    """

    cell: CellId
    state: str
    outputs: list[NbOutput]
    execution_count: int | None = None
    run: RunId | None = None
    reason: str = ""

    @staticmethod
    def of(run: Run, outputs: list[NbOutput]) -> RunResult:
        over = run.state in FINISHED
        return RunResult(
            cell=run.cell_id,
            state=run.state if over else "lost",
            outputs=outputs,
            execution_count=run.execution_count,
            run=run.id,
            reason=(run.reason or "")
            if over
            else "another run took its place, or the cell is gone",
        )

    @property
    def ok(self) -> bool:
        return self.state == "ok"

    @property
    def text(self) -> str:
        """What a terminal would show."""
        return text_of(self.outputs)


@dataclass(slots=True)
class _Watched:
    """A run that somebody waits for, as it was last seen; `gone`: it will not be again."""

    run: Run | None = None
    outputs: tuple[Output, ...] = ()
    gone: bool = False

    @property
    def over(self) -> bool:
        return self.gone or (self.run is not None and self.run.state in FINISHED)


class Asking:
    """The calls and the runs of one live notebook."""

    def __init__(self, peer: Peer, news: News, flush: Callable[[], None]) -> None:
        self._peer = peer
        self._news = news
        self._flush = flush
        self._answers: dict[int, Replied | None] = {}
        self._starting: set[int] = set()
        self._watched: dict[RunId, _Watched] = {}
        self._syncs = 0

    def notice(self, happened: Sequence[Happened]) -> None:
        for event in happened:
            match event:
                case Replied() if event.id in self._answers:
                    self._answers[event.id] = event
                    if event.id in self._starting and event.error is None:
                        self._watch(event.result["runs"])
                case Synced(doc="runtime"):
                    self._syncs += 1
                    for run_id in self._watched:
                        self._look(run_id, absent_is_gone=True)
                case Changed(touched=RuntimeTouched(runs=runs)):
                    for run_id in runs & self._watched.keys():
                        self._look(run_id, absent_is_gone=False)
                case _:
                    pass

    async def call(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        """The result of a call, when it is there; raises the error that the server answered."""
        return await self._answer(self._peer.call(name, args))

    async def _answer(self, asked: int) -> Any:
        self._answers[asked] = None
        self._flush()
        try:
            await self._news.until(lambda: self._answers[asked] is not None)
            answer = self._answers[asked]
        finally:
            del self._answers[asked]
            self._starting.discard(asked)
        if answer is not None and answer.error is not None:
            raise error_named(answer.error["code"], answer.error["message"])
        return None if answer is None else answer.result

    async def insist(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        """A call that may be made twice: made again when the connection took the answer along."""
        while True:
            try:
                return await self.call(name, args)
            except RuntimedError as error:
                if error.code != DISCONNECTED:
                    raise

    async def run(
        self, name: str, args: Mapping[str, Any], cells: Sequence[CellId]
    ) -> list[tuple[Run, tuple[Output, ...]]]:
        """Queue runs by the call `name`, and wait until all of them are over.

        What was removed before it was over comes as it was last seen.
        """
        runs = await self._start(name, args, cells)
        try:
            await self._news.until(lambda: all(self._watched[run_id].over for run_id in runs))
            seen = [self._watched[run_id] for run_id in runs]
        finally:
            for run_id in runs:
                self._watched.pop(run_id, None)
        return [(one.run, one.outputs) for one in seen if one.run is not None]

    async def _start(
        self, name: str, args: Mapping[str, Any], cells: Sequence[CellId]
    ) -> list[RunId]:
        before = self._shown(cells)
        while True:
            asked = self._peer.call(name, args)
            self._starting.add(asked)
            syncs = self._syncs
            try:
                result = await self._answer(asked)
            except RuntimedError as error:
                if error.code != DISCONNECTED:
                    raise
            else:
                return [RunId(str(run_id)) for run_id in result["runs"]]
            # Was it queued before the connection went? The document says, once it is here again.
            await self._next_sync(syncs)
            if queued := [run_id for run_id in self._shown(cells) if run_id not in before]:
                self._watch(queued)
                return queued

    async def _next_sync(self, syncs: int) -> None:
        await self._news.until(lambda: self._syncs > syncs)

    def _shown(self, cells: Sequence[CellId]) -> list[RunId]:
        view = self._peer.runtime
        runs = [view.run_of(cell_id) for cell_id in cells] if view is not None else []
        return [run.id for run in runs if run is not None]

    def _watch(self, run_ids: Sequence[str]) -> None:
        for run_id in map(RunId, run_ids):
            self._watched[run_id] = _Watched()
            self._look(run_id, absent_is_gone=False)

    def _look(self, run_id: RunId, *, absent_is_gone: bool) -> None:
        view, watched = self._peer.runtime, self._watched[run_id]
        if watched.over or view is None:
            return
        run = view.run(run_id)
        if run is None:
            watched.gone = absent_is_gone or watched.run is not None
            return
        watched.run = run
        if run.state in FINISHED:
            watched.outputs = tuple(view.outputs(run_id))
