"""What a peer learns from the wire, as values: the answer to each frame that came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..document.notebook import Touched
from ..document.schema import DocName
from .frames import Heads, Welcome
from .intent import Intent
from .runtime_view import RuntimeTouched


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The server took the connection; the documents follow."""

    welcome: Welcome


@dataclass(frozen=True, slots=True)
class Synced:
    """A document is where the server is. `replaced`: what was read from the old one is void."""

    doc: DocName
    touched: Touched | RuntimeTouched
    replaced: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """Somebody else's live edit was applied."""

    doc: DocName
    touched: Touched | RuntimeTouched


@dataclass(frozen=True, slots=True)
class Acked:
    """The server will not lose what it has up to here; `unacked` own changes are still in doubt."""

    doc: DocName
    heads: Heads
    unacked: int


@dataclass(frozen=True, slots=True)
class RefusedChange:
    """The server did not apply these changes. `Rebased` follows and says what became of them."""

    doc: DocName
    hashes: tuple[str, ...]
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rebased:
    """The notebook was fetched anew, and what had not reached the server was put on top of it.

    `dropped` is what was not: the role does not allow it, the server refused it twice, or the cell
    is gone. `code` and `reason` are the refusal's, or empty when the server has another history.
    """

    applied: Intent
    dropped: Intent
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Replied:
    """The answer to a call. `error` is `{code, message}`; `disconnected` means nobody knows."""

    id: int
    result: Any
    error: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the protocol: a hint, never the only carrier of a fact."""

    name: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """Somebody moved, or (None) left."""

    session: str
    state: Mapping[str, Any] | None


Happened: TypeAlias = (
    Welcomed | Synced | Changed | Acked | RefusedChange | Rebased | Replied | Told | PresenceChanged
)
