"""The ports of a host: its access to store, files, kernels, trust, ids and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ..document.content import Content
from ..document.ipynb import Limits
from ..ids import CellId, NewId
from .files.port import NotebookFiles
from .kernels.port import Kernels
from .storage.blobs import Blobs
from .storage.store import Store


class SessionSink(Protocol):
    """Receives the frames for one session's client. Neither method waits or raises."""

    def send(self, data: bytes) -> None: ...

    def disconnect(self, code: int, reason: str) -> None:
        """Close with a code of the protocol. A following `Host.leave` is allowed, not required."""


class Trust(Protocol):
    """Checks and signs notebook files. The methods run in worker threads."""

    def trusted(self, data: bytes, content: Content) -> Iterable[CellId]:
        """Return the cells whose outputs may run script, for a file with these bytes."""

    def sign(self, data: bytes) -> None:
        """Sign a file whose cells are all trusted."""


class NoTrust:
    """A `Trust` without signatures: trusts no cell."""

    def trusted(self, data: bytes, content: Content) -> Iterable[CellId]:  # noqa: ARG002
        return ()

    def sign(self, data: bytes) -> None: ...


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Ports:
    """The implementations of all ports of a host."""

    store: Store
    blobs: Blobs
    files: NotebookFiles
    kernels: Kernels
    trust: Trust
    new_id: NewId
    limits: Limits
    clock: Callable[[], int] = wall_clock_ms
    """Milliseconds since the epoch."""
