"""Input and output values of the queue: requested runs, and steps for the room to take."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

from ..document.content import RunState
from ..ids import CellId, RunId


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A requested run of a cell, with its present source; `run_id` is new."""

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
    """A run is over. The document may no longer hold the run, if its cell was deleted."""

    run_id: RunId
    cell_id: CellId
    state: RunState


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Call `wake` at `at_ms`; an earlier call returns this step again."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Interrupt the kernel, because its run waits for an input that no client can give."""


Step: TypeAlias = SendExecute | Finished | WakeAt | Interrupt


def source_hash(code: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of the source in UTF-8."""
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()[:16]
