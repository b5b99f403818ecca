"""Names of things, as types. An id is opaque to everything but its maker."""

from __future__ import annotations

from collections.abc import Callable
from typing import NewType

CellId = NewType("CellId", str)
"""nbformat cell id: 1 to 64 of `[a-zA-Z0-9-_]`; stranger ones are kept if a file has them."""

RoomId = NewType("RoomId", str)
"""One open notebook, stable while the file lives, also when it is renamed."""

RunId = NewType("RunId", str)
"""One execution of one cell; also the `msg_id` of its execute request."""

SessionId = NewType("SessionId", str)
"""One connection."""

Epoch = NewType("Epoch", str)
"""One line of history of one document; two epochs are never merged."""

Sha256 = NewType("Sha256", str)
"""64 lower-case hex digits."""

NewId = Callable[[], str]
"""Makes a fresh unique id; random in production, seeded in tests."""
