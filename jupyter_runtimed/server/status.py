"""HTTP statuses of the package's errors."""

from __future__ import annotations

from ..errors import (
    Closing,
    Forbidden,
    HeadsMissing,
    KernelError,
    NotebookError,
    NotFound,
    PeerError,
    RoomElsewhere,
    RuntimedError,
    StorageError,
    TooLarge,
)

STATUS: list[tuple[type[RuntimedError], int]] = [
    (Forbidden, 403),
    (NotFound, 404),
    (HeadsMissing, 409),
    (RoomElsewhere, 409),
    (TooLarge, 413),
    (NotebookError, 400),
    (PeerError, 400),
    (Closing, 503),
    (KernelError, 502),
    (StorageError, 503),
]
"""The first match counts."""


def status_of(error: RuntimedError) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)
