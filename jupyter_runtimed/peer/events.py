"""The events of a peer: the results of each received frame, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..document.notebook import ChangedCells
from ..document.schema import DocName
from ..protocol.frames import Heads, Welcome
from .local_edits import LocalEdits
from .runtime_view import RuntimeTouched


@dataclass(frozen=True, slots=True)
class Connected:
    """The server accepted the connection; the documents follow."""

    welcome: Welcome


@dataclass(frozen=True, slots=True)
class Synced:
    """A document is in sync with the server. `replaced`: data read from the old one is invalid."""

    doc: DocName
    touched: ChangedCells | RuntimeTouched
    replaced: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """A live edit of another peer was applied."""

    doc: DocName
    touched: ChangedCells | RuntimeTouched


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The changes up to `heads` are durable; `unacked` local changes are not acknowledged yet."""

    doc: DocName
    heads: Heads
    unacked: int


@dataclass(frozen=True, slots=True)
class RefusedChange:
    """The server did not apply these changes. A `Rebased` event follows with the result."""

    doc: DocName
    hashes: tuple[str, ...]
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rebased:
    """The notebook was replaced by a fresh copy, and the pending changes were rebased onto it.

    `dropped` are the edits that were not applied: the role does not permit them, the server refused
    them twice, or their cell was deleted. `code` and `reason` are those of the refusal; both are
    empty if there was none, because the server has another history or lost changes.
    """

    applied: LocalEdits
    dropped: LocalEdits
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class CallReplied:
    """The reply to a call. `error` is `{code, message}`.

    The code `disconnected` means that the connection ended before the reply, so the call may or may
    not have taken effect.
    """

    id: int
    result: Any
    error: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """An event frame of the room: a hint; the documents hold every lasting fact."""

    name: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """The presence of a session changed; a `state` of None means that the session left."""

    session: str
    state: Mapping[str, Any] | None


PeerEvent: TypeAlias = (
    Connected
    | Synced
    | Changed
    | Acknowledged
    | RefusedChange
    | Rebased
    | CallReplied
    | RoomEvent
    | PresenceChanged
)
