"""Calls of peers: check the permissions, wait for the required edits, execute, reply.

A call that depends on content names the heads that it requires. It waits until the room has these
heads, and fails if they do not arrive in time. Each call is answered exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..crdt import Heads, has_heads
from ..document import ipynb
from ..document.content import NOTHING, Cell, CellOutputs, from_json, to_json
from ..document.json_text import finite
from ..document.notebook import Notebook
from ..document.permissions import Permissions
from ..errors import (
    Forbidden,
    HeadsMissing,
    KernelError,
    NotFound,
    PeerError,
    RuntimedError,
    SaveFailed,
    TooLarge,
    TooMany,
)
from ..ids import CellId, RunId, SessionId
from ..protocol import frames
from . import effects as fx
from . import events as ev
from .file.file_sync import FileSync
from .rate_limit import CALL, CALLS_PER_SECOND, RateLimit
from .runs import Code, RoomRuns
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Caller:
    """The receiver of the reply: a call of a session, or a ticket of the host."""

    session: SessionId | None = None
    call: int = 0
    ticket: int = 0


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A permitted call that waits for the edits that it requires."""

    asker: Caller
    name: str
    args: Mapping[str, Any]
    heads: Heads
    user: ev.User
    rights: Permissions
    deadline_ms: int


EXECUTE: Final = frozenset(
    {"run", "run_all", "cancel", "interrupt", "restart", "shutdown", "answer", "trust"}
)
WRITE: Final = frozenset({"clear", "import_outputs", "save", "preview_revert", "undo_revert"})
KERNELS: Final = frozenset({"interrupt", "restart"})
SESSIONS: Final = frozenset({"shutdown"})
MAX_WAITING: Final = 256
"""Most calls that may wait for edits at one time."""
MAX_IDS: Final = 20_000
"""Most cells or runs that one call may name; duplicates count once."""
MAX_OUTPUTS: Final = 2_000
"""Most outputs that one call may import."""
MAX_CALLERS: Final = 1_000
"""Most users without a connection whose rate limits are remembered."""


class Calls:
    """The pending calls of a room, and the functions that execute them."""

    def __init__(
        self,
        running: RoomRuns,
        filing: FileSync,
        notebook: Notebook,
        out: list[fx.Effect],
        *,
        settings: Settings,
        announce: Callable[[ev.KernelAction, ev.User], None],
    ) -> None:
        """`announce` reports a user's action on the kernel to other users."""
        self._announce = announce
        self._running = running
        self._filing = filing
        self._notebook = notebook
        self._out = out
        self._settings = settings
        self._parked: list[PendingCall] = []
        self._budgets: dict[str, RateLimit] = {}
        self._saves: list[tuple[int, Caller]] = []
        self._tickets: dict[int, Caller] = {}
        self._ticket = 0
        self._does: dict[str, Callable[[PendingCall, int], object]] = {
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

    def offer(self, name: str, do: Callable[[PendingCall, int], object]) -> None:
        """Register the function `do` for calls of this name."""
        self._does[name] = do

    @property
    def waiting(self) -> bool:
        return bool(self._parked or self._saves or self._tickets)

    def wake_at(self) -> int | None:
        return min((call.deadline_ms for call in self._parked), default=None)

    # ------------------------------------------------------------ incoming calls

    def submit(
        self,
        asker: Caller,
        name: str,
        args: Mapping[str, Any],
        heads: Heads,
        user: ev.User,
        rights: Permissions,
        now: int,
        budget: RateLimit | None = None,
    ) -> None:
        """Check a call and queue it.

        `heads` are the edits that it requires. `budget` is the rate limit of the session; without a
        session the rate limit of the user applies.
        """
        try:
            if not (budget or self._budget_of(user)).spend(CALL, now):
                raise TooMany(f"more than {CALLS_PER_SECOND} calls a second; try again in a moment")
            if name not in self._does:
                raise PeerError(f"there is no call {name[:40]!r}; please reload")
            check_rights(name, rights)
            if len(self._parked) >= MAX_WAITING:
                raise PeerError("too many calls wait for edits to arrive; try again later")
        except PeerError as error:
            self._fail(asker, error)
            return
        if asker.session is not None:
            # The client asks again if the edits of its first call were refused.
            self._parked = [call for call in self._parked if call.asker != asker]
        call = PendingCall(asker, name, args, heads, user, rights, now + self._settings.heads_ms)
        self._parked.append(call)

    def _budget_of(self, user: ev.User) -> RateLimit:
        if user.username not in self._budgets and len(self._budgets) >= MAX_CALLERS:
            self._budgets.pop(next(iter(self._budgets)))
        return self._budgets.setdefault(user.username, RateLimit())

    def run_ready(self, now: int) -> None:
        """Execute the calls whose edits have arrived; fail those that waited too long."""
        for call in list(self._parked):
            if has_heads(self._notebook.document, call.heads):
                self._parked.remove(call)
                self._do(call, now)
            elif now >= call.deadline_ms:
                self._parked.remove(call)
                wait = self._settings.heads_ms / 1000
                reason = f"the edits that this {call.name} requires did not arrive in {wait:g} s"
                self._fail(call.asker, HeadsMissing(f"{reason}; try again when they are saved"))

    def drop_session(self, session: SessionId) -> None:
        """Drop the replies for a session that left; its calls are still executed."""
        self._saves = [saver for saver in self._saves if saver[1].session != session]
        for ticket, asker in list(self._tickets.items()):
            if asker.session == session:
                del self._tickets[ticket]

    # ------------------------------------------------------------ results of effects

    def saved(self, attempt: int, stamp: Mapping[str, str]) -> None:
        """Reply to callers whose request preceded this save; later callers wait for the next."""
        waiting, self._saves = self._saves, []
        for needed, asker in waiting:
            if needed <= attempt:
                self._reply(asker, dict(stamp))
            else:
                self._saves.append((needed, asker))

    def not_saved(self, message: str) -> None:
        waiting, self._saves = self._saves, []
        for _, asker in waiting:
            self._fail(asker, SaveFailed(message))

    def done(self, ticket: int) -> None:
        if (asker := self._tickets.pop(ticket, None)) is not None:
            self._reply(asker, {})

    def kernel_failed(self, ticket: int, message: str) -> None:
        if (asker := self._tickets.pop(ticket, None)) is not None:
            self._fail(asker, KernelError(message))

    # ------------------------------------------------------------ execution

    def _do(self, call: PendingCall, now: int) -> None:
        try:
            result = self._does[call.name](call, now)
        except RuntimedError as error:
            self._fail(call.asker, error)
            return
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            # Arguments of an unexpected type are the caller's fault and must not harm the room.
            self._fail(call.asker, PeerError(f"{call.name} got invalid arguments: {error}"))
            return
        if result is not None:
            self._reply(call.asker, result)

    def _run(self, call: PendingCall, now: int) -> object:
        cells = [CellId(cell) for cell in _strings(call, "cells")]
        for cell_id in cells:
            if cell_id not in self._notebook:
                raise NotFound(f"cell {cell_id!r} is not in this notebook any more")
        return self._start(call, cells, now)

    def _run_all(self, call: PendingCall, now: int) -> object:
        return self._start(call, list(self._notebook.order), now)

    def _start(self, call: PendingCall, cells: list[CellId], now: int) -> object:
        stop = bool(call.args.get("stop_on_error", True))
        timed = call.args.get("record_timing") is True
        code = [
            Code(cell.id, cell.source, stop and not _may_raise(cell), timed)
            for cell in map(self._notebook.cell, cells)
            if cell.cell_type == "code"
        ]
        if code and self._running.must_start_kernel and not call.rights.sessions:
            raise Forbidden(
                "this notebook has no kernel, and you may not start one; ask the server's "
                "administrator, or wait until another user has started the kernel"
            )
        runs = self._running.run(code, by=call.user.name, now=now)
        return {"runs": list(runs)}

    def _cancel(self, call: PendingCall, now: int) -> object:
        self._running.cancel([RunId(run) for run in _strings(call, "runs")], now)
        return {}

    def _interrupt(self, call: PendingCall, now: int) -> None:
        self._running.interrupting(now)
        self._announce("interrupt", call.user)
        self._out.append(fx.InterruptKernel(self._wait(call)))

    def _restart(self, call: PendingCall, now: int) -> None:
        self._running.need_kernel()
        if call.args.get("clear"):
            self._running.clear(list(self._notebook.order), now)
        self._announce("restart", call.user)
        self._out.append(fx.RestartKernel(self._wait(call)))

    def _shutdown(self, call: PendingCall, _now: int) -> None:
        self._running.need_kernel()
        self._announce("shutdown", call.user)
        self._out.append(fx.ShutdownKernel(self._wait(call)))

    def _answer_prompt(self, call: PendingCall, _now: int) -> object:
        text = call.args.get("text")
        prompt = call.args.get("prompt")
        if not isinstance(text, str) or not isinstance(prompt, str):
            raise PeerError("answer needs a prompt's id and a text")
        self._running.answer(prompt, text)
        return {}

    def _clear(self, call: PendingCall, now: int) -> object:
        cells = [CellId(cell) for cell in _strings(call, "cells")]
        self._running.clear([cell for cell in cells if self._is_as_seen(call, cell)], now)
        return {}

    def _import_outputs(self, call: PendingCall, now: int) -> object:
        cell_id = CellId(str(call.args.get("cell", "")))
        if cell_id not in self._notebook:
            raise NotFound(f"cell {cell_id!r} is not in this notebook any more")
        run = self._running.runtime.run_of(cell_id)
        if run is not None and run.id == call.args.get("unless_run"):
            return {}  # a restored cell has its run again, with newer outputs
        outcome = self._read_outcome(cell_id, call.args)
        # A caller with execute permission may mark outputs as trusted, but never as untrusted.
        vouched = True if call.args.get("trusted") is True else None
        trusted = vouched if call.rights.execute else False
        if self._is_as_seen(call, cell_id):
            self._running.import_outcome(cell_id, outcome, now, trusted=trusted)
        return {}

    def _is_as_seen(self, call: PendingCall, cell_id: CellId) -> bool:
        """Whether the cell still shows the run that the caller saw, if the call names this run.

        An executor that sends cells over the kernel's WebSocket clears the old outputs first. Its
        call may arrive after the new run's first outputs, and must not clear those.
        """
        seen = call.args.get("seen", {})
        if not isinstance(seen, dict):
            raise PeerError(f"{call.name} needs `seen` as a map of cells to the runs they showed")
        run = self._running.runtime.run_of(cell_id)
        if run is None or not run.source_hash:
            return True  # the outputs were imported, so no run produced them
        return bool(seen.get(cell_id, run.id) == run.id)

    def _read_outcome(self, cell_id: CellId, args: Mapping[str, Any]) -> CellOutputs:
        """Parse outputs in nbformat's JSON like those of a file with this one cell."""
        brought = args.get("outputs", [])
        if isinstance(brought, list) and len(brought) > MAX_OUTPUTS:
            raise TooLarge(
                f"import_outputs got {len(brought)} outputs; one call may import {MAX_OUTPUTS}"
            )
        try:
            outputs = finite(from_json(to_json(brought)))
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

    def _trust(self, _call: PendingCall, _now: int) -> object:
        for cell_id in self._notebook.order:
            self._running.runtime.set_trusted(cell_id, True)
        return {}

    def _save(self, call: PendingCall, _now: int) -> None:
        self._filing.request_save()
        self._saves.append((self._filing.saving.attempt + 1, call.asker))

    # ------------------------------------------------------------ replies

    def _wait(self, call: PendingCall) -> int:
        self._ticket += 1
        self._tickets[self._ticket] = call.asker
        return self._ticket

    def _fail(self, asker: Caller, error: RuntimedError) -> None:
        self._answer(asker, None, error)

    def _reply(self, asker: Caller, result: object) -> None:
        self._answer(asker, result, None)

    def _answer(self, asker: Caller, result: object, error: RuntimedError | None) -> None:
        if asker.session is None:
            self._out.append(fx.CallResult(asker.ticket, result, error))
        else:
            told = None if error is None else {"code": error.code, "message": str(error)}
            data = frames.encode(frames.Reply(asker.call, result, told))
            self._out.append(fx.Send((asker.session,), data))


def check_rights(name: str, rights: Permissions) -> None:
    """Raise `Forbidden` if these permissions do not include the call of this name."""
    if name in EXECUTE and not rights.execute:
        raise Forbidden("you may not run code in this notebook")
    if name in WRITE and not rights.write:
        raise Forbidden("you may not change this notebook")
    if name in KERNELS and not rights.kernels:
        raise Forbidden(f"you may not {name} kernels on this server")
    if name in SESSIONS and not rights.sessions:
        raise Forbidden(f"you may not {name} kernels on this server")


def _may_raise(cell: Cell) -> bool:
    """Whether the cell has nbformat's tag for expected exceptions."""
    try:
        tags = from_json(cell.metadata.get("tags", to_json([])))
    except (ValueError, RecursionError):
        return False
    return isinstance(tags, list) and "raises-exception" in tags


def _strings(call: PendingCall, key: str) -> list[str]:
    value = call.args.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise PeerError(f"{call.name} needs {key}: a list of ids")
    ids = list(dict.fromkeys(value))
    if len(ids) > MAX_IDS:
        raise TooLarge(f"{call.name} names {len(ids)} {key}; one call may name {MAX_IDS}")
    return ids
