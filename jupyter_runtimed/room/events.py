"""What happens to a room, and what a room wants done: the two vocabularies of the core.

`Room.handle(event, now) -> effects`. The host turns the world into events and carries effects out;
neither side knows more of the other than these values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..crdt import Heads
from ..document.authority import Rights
from ..document.content import Content, Outcome
from ..document.notebook import Notebook, Touched
from ..document.schema import DocName
from ..execution.captures import WidgetAsked, WidgetShows
from ..execution.messages import KernelMessage
from ..ids import CellId, Epoch, RunId, SessionId, Sha256
from ..protocol.frames import Frame, Hello

NOTHING_TOUCHED = Touched()


@dataclass(frozen=True, slots=True)
class User:
    """Who is behind a connection, in the server's own knowledge."""

    username: str
    name: str
    color: str | None = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which state of the file was seen: hash of its bytes, and when it was last modified (ISO)."""

    hash: str
    last_modified: str


@dataclass(frozen=True, slots=True)
class SavedState:
    """What the file held when it was last read or written: the base of a three-way merge.

    `content` is None after a restart of the server; its cells are then read from the document at
    `heads`, and the outputs count as unchanged. `notebook` is a copy of the document at `heads`, to
    fork and never to change, where there is one: making it anew takes long. If `outside`, another
    program wrote this: `rewrote` has what it made of the cells that it added or whose source it
    changed, `removed` those that it took away. Otherwise it has all that had come in until then.
    """

    heads: Heads
    stamp: Stamp
    content: Content | None = None
    notebook: Notebook | None = None
    outside: bool = False
    rewrote: Mapping[CellId, str] = field(default_factory=dict)
    removed: frozenset[CellId] = frozenset()


@dataclass(frozen=True, slots=True)
class BegunAnew:
    """A notebook's next document, which holds what the former one, to be kept aside, ends with.

    `saved` is its version that the file holds.
    """

    former_epoch: Epoch
    former: bytes
    epoch: Epoch
    data: bytes
    saved: SavedState


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Joined:
    session: SessionId
    user: User
    rights: Rights


@dataclass(frozen=True, slots=True)
class Received:
    """A frame; `size` in bytes as it came; `rights` as the authorizer gives them now."""

    session: SessionId
    frame: Frame
    rights: Rights


@dataclass(frozen=True, slots=True)
class LookedBack:
    """The answer to `LookBack`: the last change by each actor in the document it asked for."""

    session: SessionId
    hello: Hello
    last: Mapping[bytes, str]


@dataclass(frozen=True, slots=True)
class Left:
    session: SessionId


@dataclass(frozen=True, slots=True)
class Called:
    """A call from outside any session (REST, another extension); answered by `Answered`."""

    ticket: int
    name: str
    args: Mapping[str, Any]
    heads: Heads
    user: User
    rights: Rights


@dataclass(frozen=True, slots=True)
class Put:
    """A whole notebook from a client of the contents API; answered by `Answered` when it is merged.

    It is merged as edits of what that client is most likely to have started from: a state that was
    handed out through the contents API, or one that the file had.
    """

    ticket: int
    content: Content


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything up to and including this append is durable."""

    number: int


@dataclass(frozen=True, slots=True)
class StoreFailed:
    message: str


@dataclass(frozen=True, slots=True)
class Saved:
    """The file was written from the state that `attempt` handed out."""

    attempt: int
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class SaveFailed:
    attempt: int
    message: str


@dataclass(frozen=True, slots=True)
class FileSeen:
    """The file on disk is not the one last saved or read; this is what it holds.

    `attempt` is set when that was found in place of writing: the answer to this `SaveFile`.
    """

    content: Content
    stamp: Stamp
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """The answer to `MergeFile`.

    `state` is what the file, or whoever put the notebook, has. `notebook` is `MergeFile.live`, no
    more at the version `since`: it holds what was found now, which is `changes`; None if nothing
    but outputs was changed. `ahead`: the room has more than the file, which is to be saved.
    """

    number: int
    since: Heads
    state: SavedState
    outcomes: Mapping[CellId, Outcome]
    notebook: Notebook | None = None
    touched: Touched = NOTHING_TOUCHED
    changes: bytes = b""
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class MergeFailed:
    """What `MergeFile` asked for cannot be done; nothing was changed."""

    number: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class FileMoved:
    path: str


@dataclass(frozen=True, slots=True)
class FileGone:
    """The file was deleted outside, or cannot be read."""

    message: str


@dataclass(frozen=True, slots=True)
class KernelSaid:
    """A batch of messages, in the order in which the kernel sent them."""

    messages: tuple[KernelMessage, ...]


@dataclass(frozen=True, slots=True)
class Overheard:
    """Somebody else asks the kernel to run a cell, with a request of this id."""

    run: RunId
    cell: CellId
    code: str
    by: str


@dataclass(frozen=True, slots=True)
class KernelIs:
    """The kernel's own state changed: attached, ready, restarting, died, gone."""

    state: str
    id: str = ""
    name: str = ""
    display_name: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KernelFailed:
    """A kernel could not be started; or, with a ticket, what was asked of it could not be done."""

    message: str
    ticket: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """An effect with a ticket (interrupt, restart, shutdown) was carried out."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Tick:
    """The time that a `WakeAt` asked for has come."""


@dataclass(frozen=True, slots=True)
class Closing:
    """The server is about to close: save, and say goodbye."""

    message: str


Event: TypeAlias = (
    Joined | Received | LookedBack | Left | Called | Put | Stored | StoreFailed | Saved | SaveFailed
    | FileSeen | Merged | MergeFailed | FileMoved | FileGone
    | KernelSaid | Overheard | KernelIs | KernelFailed | Done | Tick | Closing
)  # fmt: skip

# ---------------------------------------------------------------- effects


@dataclass(frozen=True, slots=True)
class Send:
    """The same bytes to each of these sessions."""

    sessions: tuple[SessionId, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class LookBack:
    """Somebody greets with a former document: look what was in it before they are answered."""

    session: SessionId
    hello: Hello
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Append:
    """Store change chunks; answered by `Stored(number)` once they are durable."""

    number: int
    doc: DocName
    epoch: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class Replace:
    """Store a whole document in place of everything stored for it before."""

    number: int
    doc: DocName
    epoch: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class Remember:
    """Store which version was last saved to the file, which file that made, and when (in ms)."""

    number: int
    heads: Heads
    stamp: Stamp
    at: int


@dataclass(frozen=True, slots=True)
class PutBlob:
    sha256: Sha256
    data: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """Something for who reads the server's log; each is said once."""

    text: str


@dataclass(frozen=True, slots=True)
class SaveFile:
    """Write the notebook, if the file is still what `expected` says; else report `FileSeen`.

    Before the file is touched, the store must durably know that it is about to hold `heads`: after
    a crash in between, the file's changes are else compared with the wrong version.
    """

    attempt: int
    heads: Heads
    content: Content
    trusted: frozenset[CellId]
    expected: Stamp | None


@dataclass(frozen=True, slots=True)
class MergeFile:
    """Find what `theirs` changed in that one of `bases` in which it changed least, and merge it.

    It takes long (`merging.merge` does it), so it is done beside the loop, with documents that
    nobody else has: `live` is a copy of the notebook as it is now, which None among the bases
    stands for. `outcomes` are what a base shows whose content is not known. Answered by `Merged`
    or `MergeFailed`.
    """

    number: int
    bases: tuple[SavedState | None, ...]
    theirs: Content
    stamp: Stamp
    live: Notebook
    outcomes: Mapping[CellId, Outcome]
    actor: bytes
    now_ms: int


@dataclass(frozen=True, slots=True)
class StartKernel:
    """Make sure that there is a kernel for this notebook; `name` is a kernelspec, or "" for any."""

    name: str


@dataclass(frozen=True, slots=True)
class Execute:
    run: RunId
    cell: CellId
    code: str
    stop_on_error: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a kernel's `input_request`."""

    text: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    ticket: int


@dataclass(frozen=True, slots=True)
class Restart:
    ticket: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    ticket: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    session: SessionId
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to `Called`: a result, or an error's code and message."""

    ticket: int
    result: Any = None
    error: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send `Tick` at this time (ms); replaces an earlier wish."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class CloseRoom:
    """Nobody is here, nothing runs, everything is stored and saved: the room may be dropped."""


Effect: TypeAlias = (
    Send | LookBack | Append | Replace | Remember | PutBlob | Note | SaveFile | MergeFile
    | StartKernel | Execute | Reply | Interrupt | Restart | Shutdown | Disconnect
    | Answered | WakeAt | CloseRoom | WidgetShows | WidgetAsked
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """A room's own settings; times in milliseconds."""

    quiet_ms: int = 1000
    longest_ms: int = 5000
    idle_ms: int = 60_000
    autosave: bool = True
    heads_ms: int = 10_000
    inline_chars: int = 8192
    change_bytes: int = 64 << 20
    history_changes: int = 10_000
