"""What goes into the queue, and what is to be done after it: plain values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

from ..document.content import RunState
from ..ids import CellId, RunId


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cell to run, with the source that it has now; `run_id` is new."""

    run_id: RunId
    cell_id: CellId
    code: str


@dataclass(frozen=True, slots=True)
class SendExecute:
    run_id: RunId
    cell_id: CellId
    code: str
    stop_on_error: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """A run is over; also told of runs whose cell is gone and that are in no document any more."""

    run_id: RunId
    cell_id: CellId
    state: RunState


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Call `wake` at this time, or sooner: then it is wished again."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Interrupt the kernel: what it has asks a question that nobody can be shown."""


Step: TypeAlias = SendExecute | Finished | WakeAt | Interrupt


def source_hash(code: str) -> str:
    """The first 16 hex digits of SHA-256 of the source's UTF-8."""
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()[:16]
