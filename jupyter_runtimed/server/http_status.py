"""The HTTP status of each of the package's errors."""

from __future__ import annotations

from ..errors import (
    Forbidden,
    ForeignFolder,
    HeadsMissing,
    KernelError,
    NotebookError,
    NotFound,
    PeerError,
    RoomElsewhere,
    RuntimedError,
    ServerClosing,
    StorageError,
    TooLarge,
    TooMany,
)

STATUS: list[tuple[type[RuntimedError], int]] = [
    (Forbidden, 403),
    (NotFound, 404),
    (HeadsMissing, 409),
    (RoomElsewhere, 409),
    (ForeignFolder, 409),
    (TooLarge, 413),
    (TooMany, 429),
    (NotebookError, 400),
    (PeerError, 400),
    (ServerClosing, 503),
    (KernelError, 502),
    (StorageError, 503),
]
"""Pairs of error class and status; the first class that matches decides."""


def status_of(error: RuntimedError) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)
