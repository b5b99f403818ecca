"""Sends calls, queues runs, and waits for their results.

The result of a run comes from the runtime document, never from an event, so a lost connection
delays a result but does not lose it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..document.content import FINISHED, Output, Run
from ..errors import Disconnected, error_named
from ..ids import CellId, RunId
from ..peer.events import CallReplied, Changed, PeerEvent, Synced
from ..peer.peer import Peer
from ..peer.runtime_view import RuntimeTouched
from .outputs import NbOutput, text_of
from .waiter import Waiter


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of one cell's run.

    `state` is `ok`, `error`, `cancelled` or `lost`; `reason` explains the last two. A cell without
    code, or of another type, has the state `ok` and no outputs.
    """

    cell: CellId
    state: str
    outputs: list[NbOutput]
    """The complete outputs in nbformat's form."""
    execution_count: int | None = None
    run: RunId | None = None
    """The id of the run; None if the cell has no code."""
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
            else "another run replaced this run, or the cell was deleted",
        )

    @property
    def ok(self) -> bool:
        """Whether the code ended without an exception."""
        return self.state == "ok"

    @property
    def text(self) -> str:
        """The outputs as a terminal shows them."""
        return text_of(self.outputs)


@dataclass(slots=True)
class _Watched:
    """The last known state of an awaited run; `gone`: the run was removed from the document."""

    run: Run | None = None
    outputs: tuple[Output, ...] = ()
    gone: bool = False

    @property
    def over(self) -> bool:
        return self.gone or (self.run is not None and self.run.state in FINISHED)


class CallClient:
    """The pending calls and the awaited runs of one live notebook."""

    def __init__(self, peer: Peer, news: Waiter, flush: Callable[[], None]) -> None:
        self._peer = peer
        self._news = news
        self._flush = flush
        self._answers: dict[int, CallReplied | None] = {}
        self._starting: set[int] = set()
        self._watched: dict[RunId, _Watched] = {}
        self._syncs = 0

    def notice(self, happened: Sequence[PeerEvent]) -> None:
        for event in happened:
            match event:
                case CallReplied() if event.id in self._answers:
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
        """Send a call and return its result; raises the server's error."""
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

    async def call_with_retry(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        """Send an idempotent call; repeat it if the connection broke before the reply."""
        while True:
            try:
                return await self.call(name, args)
            except Disconnected:
                continue

    async def run(
        self, name: str, args: Mapping[str, Any], cells: Sequence[CellId]
    ) -> list[tuple[Run, tuple[Output, ...]]]:
        """Queue runs with the call `name`, and wait until all of them have finished.

        For a run that was removed before its end, return its last known state.
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
            except Disconnected:
                pass
            else:
                return [RunId(str(run_id)) for run_id in result["runs"]]
            # After the next sync, the document shows whether the server queued the run before the
            # connection broke.
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
