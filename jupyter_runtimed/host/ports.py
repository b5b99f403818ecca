"""What a host needs from the world, in one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ..document.content import Content
from ..document.ipynb import Limits
from ..ids import CellId, NewId
from .blobs import Blobs
from .files import NotebookFiles
from .kernel_port import Kernels
from .store import Store


class Outlet(Protocol):
    """Where a session's frames go. Neither method waits or raises."""

    def send(self, data: bytes) -> None: ...

    def disconnect(self, code: int, reason: str) -> None:
        """Close with a code of the protocol; `leave` follows or not, both are fine."""


class Trust(Protocol):
    """Who vouches for notebooks on disk. Called in worker threads."""

    def trusted(self, data: bytes, content: Content) -> Iterable[CellId]:
        """The cells whose outputs may run script, in a file as it was read."""

    def sign(self, data: bytes) -> None:
        """Every cell of this file is trusted."""


class NoTrust:
    """A `Trust` that knows no signatures."""

    def trusted(self, data: bytes, content: Content) -> Iterable[CellId]:  # noqa: ARG002
        return ()

    def sign(self, data: bytes) -> None: ...


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Ports:
    store: Store
    blobs: Blobs
    files: NotebookFiles
    kernels: Kernels
    trust: Trust
    new_id: NewId
    limits: Limits
    clock: Callable[[], int] = wall_clock_ms
    """Milliseconds since the epoch."""
