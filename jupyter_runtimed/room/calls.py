"""What peers ask for: parsed, checked against their rights, made to wait for the edits they need.

A call that depends on content names the heads that it needs; it waits here until the room has them
and fails closed when they do not come. Each call is answered exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..crdt import Heads, holds
from ..document import ipynb
from ..document.authority import Rights
from ..document.content import NOTHING, Cell, Outcome, from_json, to_json
from ..document.notebook import Notebook
from ..errors import Forbidden, HeadsMissing, NotFound, PeerError, RuntimedError
from ..ids import CellId, RunId, SessionId
from ..protocol import frames
from . import events as ev
from .filing import Filing
from .running import Code, Running


@dataclass(frozen=True, slots=True)
class Asker:
    """Who waits for the answer: a call of a session, or a ticket of the host."""

    session: SessionId | None = None
    call: int = 0
    ticket: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    asker: Asker
    name: str
    args: Mapping[str, Any]
    heads: Heads
    user: ev.User
    rights: Rights
    deadline_ms: int


EXECUTE: Final = frozenset(
    {"run", "run_all", "cancel", "interrupt", "restart", "shutdown", "answer", "trust"}
)
WRITE: Final = frozenset({"clear", "import_outputs", "save"})
MOST_PARKED: Final = 256
"""Calls that may wait for edits at one time; more are refused."""


class Calls:
    def __init__(
        self,
        running: Running,
        filing: Filing,
        notebook: Notebook,
        out: list[ev.Effect],
        *,
        settings: ev.Settings,
    ) -> None:
        self._running = running
        self._filing = filing
        self._notebook = notebook
        self._out = out
        self._settings = settings
        self._parked: list[_Call] = []
        self._saves: list[tuple[int, Asker]] = []
        self._tickets: dict[int, Asker] = {}
        self._ticket = 0
        self._does: dict[str, Callable[[_Call, int], object]] = {
            "run": self._run,
            "run_all": self._run_all,
            "cancel": self._cancel,
            "interrupt": self._interrupt,
            "restart": self._restart,
            "shutdown": self._shutdown,
            "answer": self._answer_prompt,
            "clear": self._clear,
            "import_outputs": self._import_outputs,
            "trust": self._trust,
            "save": self._save,
        }

    @property
    def waiting(self) -> bool:
        return bool(self._parked or self._saves or self._tickets)

    def wake_at(self) -> int | None:
        return min((call.deadline_ms for call in self._parked), default=None)

    # ------------------------------------------------------------ asking

    def ask(
        self,
        asker: Asker,
        name: str,
        args: Mapping[str, Any],
        heads: Heads,
        user: ev.User,
        rights: Rights,
        now: int,
    ) -> None:
        try:
            if name not in self._does:
                raise PeerError(f"there is no call {name[:40]!r}; please reload")
            if (name in EXECUTE and not rights.execute) or (name in WRITE and not rights.write):
                wanted = "run code in" if name in EXECUTE else "change"
                raise Forbidden(f"you may not {wanted} this notebook")
            if len(self._parked) >= MOST_PARKED:
                raise PeerError("too many calls wait for edits that are not here; try again later")
        except PeerError as error:
            self._fail(asker, error)
            return
        call = _Call(asker, name, args, heads, user, rights, now + self._settings.heads_ms)
        self._parked.append(call)

    def advance(self, now: int) -> None:
        """Do what has all that it needs; give up on what has waited too long."""
        for call in list(self._parked):
            if holds(self._notebook.document, call.heads):
                self._parked.remove(call)
                self._do(call, now)
            elif now >= call.deadline_ms:
                self._parked.remove(call)
                wait = self._settings.heads_ms / 1000
                reason = f"the edits that this {call.name} builds on did not arrive in {wait:g} s"
                self._fail(call.asker, HeadsMissing(f"{reason}; try again when they are saved"))

    def forget(self, session: SessionId) -> None:
        """A session left: what it asked for still happens, but nobody waits for the answer."""
        self._saves = [saver for saver in self._saves if saver[1].session != session]
        for ticket, asker in list(self._tickets.items()):
            if asker.session == session:
                del self._tickets[ticket]

    # ------------------------------------------------------------ answers from outside

    def saved(self, attempt: int, stamp: Mapping[str, str]) -> None:
        """Answer who asked before this attempt began; who asked later waits for the next one."""
        waiting, self._saves = self._saves, []
        for needed, asker in waiting:
            if needed <= attempt:
                self._reply(asker, dict(stamp))
            else:
                self._saves.append((needed, asker))

    def not_saved(self, message: str) -> None:
        waiting, self._saves = self._saves, []
        for _, asker in waiting:
            self._error(asker, "save-failed", message)

    def done(self, ticket: int) -> None:
        if (asker := self._tickets.pop(ticket, None)) is not None:
            self._reply(asker, {})

    def kernel_failed(self, ticket: int, message: str) -> None:
        if (asker := self._tickets.pop(ticket, None)) is not None:
            self._error(asker, "kernel-failed", message)

    # ------------------------------------------------------------ doing

    def _do(self, call: _Call, now: int) -> None:
        try:
            result = self._does[call.name](call, now)
        except RuntimedError as error:
            self._fail(call.asker, error)
            return
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            # Arguments of shapes that nobody meant; whoever sent them hears of it, and nobody else.
            self._fail(
                call.asker, PeerError(f"{call.name}: these arguments make no sense: {error}")
            )
            return
        if result is not None:
            self._reply(call.asker, result)

    def _run(self, call: _Call, now: int) -> object:
        cells = [CellId(cell) for cell in _strings(call, "cells")]
        for cell_id in cells:
            if cell_id not in self._notebook:
                raise NotFound(f"cell {cell_id!r} is not in this notebook any more")
        return self._start(call, cells, now)

    def _run_all(self, call: _Call, now: int) -> object:
        return self._start(call, list(self._notebook.order), now)

    def _start(self, call: _Call, cells: list[CellId], now: int) -> object:
        stop = bool(call.args.get("stop_on_error", True))
        timed = call.args.get("record_timing") is True
        code = [
            Code(cell.id, cell.source, stop and not _may_raise(cell), timed)
            for cell in map(self._notebook.cell, cells)
            if cell.cell_type == "code"
        ]
        runs = self._running.run(code, by=call.user.name, now=now)
        return {"runs": list(runs)}

    def _cancel(self, call: _Call, now: int) -> object:
        self._running.cancel([RunId(run) for run in _strings(call, "runs")], now)
        return {}

    def _interrupt(self, call: _Call, now: int) -> None:
        self._running.interrupting(now)
        self._out.append(ev.Interrupt(self._wait(call)))

    def _restart(self, call: _Call, now: int) -> None:
        self._running.need_kernel()
        if call.args.get("clear"):
            self._running.clear(list(self._notebook.order), now)
        self._out.append(ev.Restart(self._wait(call)))

    def _shutdown(self, call: _Call, _now: int) -> None:
        self._running.need_kernel()
        self._out.append(ev.Shutdown(self._wait(call)))

    def _answer_prompt(self, call: _Call, _now: int) -> object:
        text = call.args.get("text")
        prompt = call.args.get("prompt")
        if not isinstance(text, str) or not isinstance(prompt, str):
            raise PeerError("answer needs a prompt's id and a text")
        self._running.answer(prompt, text)
        return {}

    def _clear(self, call: _Call, now: int) -> object:
        cells = [CellId(cell) for cell in _strings(call, "cells")]
        self._running.clear([cell for cell in cells if self._is_as_seen(call, cell)], now)
        return {}

    def _import_outputs(self, call: _Call, now: int) -> object:
        cell_id = CellId(str(call.args.get("cell", "")))
        if cell_id not in self._notebook:
            raise NotFound(f"cell {cell_id!r} is not in this notebook any more")
        outcome = self._read_outcome(cell_id, call.args)
        # Who could have run the cell may vouch for its outputs, and makes no cell less trusted.
        vouched = True if call.args.get("trusted") is True else None
        trusted = vouched if call.rights.execute else False
        if self._is_as_seen(call, cell_id):
            self._running.import_outcome(cell_id, outcome, now, trusted=trusted)
        return {}

    def _is_as_seen(self, call: _Call, cell_id: CellId) -> bool:
        """Whether the cell was not run since what the caller saw of it, where that is said.

        Who clears old outputs means those: an executor that does it before it runs the cell over
        the kernel's socket may be heard after what that run printed.
        """
        seen = call.args.get("seen", {})
        if not isinstance(seen, dict):
            raise PeerError(f"{call.name} needs `seen` as a map of cells to the runs they showed")
        run = self._running.runtime.run_of(cell_id)
        if run is None or not run.source_hash:
            return True  # what somebody put there is nobody's run
        return bool(seen.get(cell_id, run.id) == run.id)

    def _read_outcome(self, cell_id: CellId, args: Mapping[str, Any]) -> Outcome:
        """Outputs as nbformat JSON, read as if a file with this one cell had brought them."""
        try:
            outputs = from_json(to_json(args.get("outputs", [])))
        except (TypeError, ValueError, RecursionError) as error:
            raise PeerError(f"import_outputs needs outputs in nbformat's JSON: {error}") from error
        cell = {
            "id": cell_id,
            "cell_type": "code",
            "source": "",
            "metadata": {},
            "outputs": outputs,
            "execution_count": args.get("execution_count"),
        }
        found = ipynb.from_model(
            {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]},
            new_id=self._running.new_id,
            put_blob=self._running.put_blob,
        )
        return found.content.outcomes.get(cell_id, NOTHING)

    def _trust(self, _call: _Call, _now: int) -> object:
        for cell_id in self._notebook.order:
            self._running.runtime.set_trusted(cell_id, True)
        return {}

    def _save(self, call: _Call, _now: int) -> None:
        self._filing.ask()
        self._saves.append((self._filing.saving.attempt + 1, call.asker))

    # ------------------------------------------------------------ replies

    def _wait(self, call: _Call) -> int:
        self._ticket += 1
        self._tickets[self._ticket] = call.asker
        return self._ticket

    def _fail(self, asker: Asker, error: RuntimedError) -> None:
        self._error(asker, error.code, str(error))

    def _error(self, asker: Asker, code: str, message: str) -> None:
        self._answer(asker, None, {"code": code, "message": message})

    def _reply(self, asker: Asker, result: object) -> None:
        self._answer(asker, result, None)

    def _answer(self, asker: Asker, result: object, error: dict[str, str] | None) -> None:
        if asker.session is None:
            self._out.append(ev.Answered(asker.ticket, result, error))
        else:
            data = frames.encode(frames.Reply(asker.call, result, error))
            self._out.append(ev.Send((asker.session,), data))


def _may_raise(cell: Cell) -> bool:
    """nbformat's tag for cells whose exceptions are wanted."""
    try:
        tags = from_json(cell.metadata.get("tags", to_json([])))
    except (ValueError, RecursionError):
        return False
    return isinstance(tags, list) and "raises-exception" in tags


def _strings(call: _Call, key: str) -> list[str]:
    value = call.args.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise PeerError(f"{call.name} needs {key}: a list of ids")
    return value
