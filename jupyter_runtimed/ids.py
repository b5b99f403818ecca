"""Types of ids. Only the code that makes an id interprets its characters."""

from __future__ import annotations

from collections.abc import Callable
from typing import NewType

CellId = NewType("CellId", str)
"""nbformat cell id: 1 to 64 of `[a-zA-Z0-9-_]`; other ids in a file are kept as they are."""

RoomId = NewType("RoomId", str)
"""One notebook's room; the id stays the same when the file is renamed or moved."""

RunId = NewType("RunId", str)
"""One execution of one cell; also the `msg_id` of its execute request."""

SessionId = NewType("SessionId", str)
"""One connection."""

Epoch = NewType("Epoch", str)
"""One history of one document; documents of different epochs are never merged."""

Sha256 = NewType("Sha256", str)
"""64 lower-case hex digits."""

NewId = Callable[[], str]
"""A function that returns a new unique id; random in production, seeded in tests."""
