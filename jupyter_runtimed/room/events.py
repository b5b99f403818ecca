"""The events that a room handles, as values.

The host translates input into events, and calls `Room.handle(event, now) -> effects`. The module
`effects` has the effects, `settings` the settings of a room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..crdt import Heads
from ..document.content import CellOutputs, Content
from ..document.file_version import FileStamp, FileVersion
from ..document.notebook import ChangedCells, Notebook
from ..document.permissions import Permissions
from ..errors import RuntimedError
from ..execution.messages import KernelMessage
from ..ids import CellId, RunId, SessionId
from ..protocol.frames import Frame, Hello

NOTHING_TOUCHED = ChangedCells()
DeletionReason: TypeAlias = Literal["deleted", "not-a-notebook"]


@dataclass(frozen=True, slots=True)
class User:
    """The user of a connection, as the server authenticated it."""

    username: str
    name: str
    color: str | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """A connection was opened; its handshake follows."""

    session: SessionId
    user: User
    rights: Permissions


@dataclass(frozen=True, slots=True)
class Received:
    """A frame came from a session; `rights` are its present permissions."""

    session: SessionId
    frame: Frame
    rights: Permissions


@dataclass(frozen=True, slots=True)
class RightsChanged:
    """The present permissions of a session, checked without a frame from it."""

    session: SessionId
    rights: Permissions


@dataclass(frozen=True, slots=True)
class ArchiveRead:
    """The result of `ReadArchive`: the last change by each actor in the archived document."""

    session: SessionId
    hello: Hello
    last: Mapping[bytes, str]


@dataclass(frozen=True, slots=True)
class Left:
    """A connection ended."""

    session: SessionId


@dataclass(frozen=True, slots=True)
class CallReceived:
    """A call without a session (REST or another extension); `CallResult` has the result."""

    ticket: int
    name: str
    args: Mapping[str, Any]
    heads: Heads
    user: User
    rights: Permissions


@dataclass(frozen=True, slots=True)
class ContentsPut:
    """A whole notebook that a client of the contents API wrote; `CallResult` follows its merge.

    The merge base is selected among the versions that the contents API handed out and the recent
    versions of the file.
    """

    ticket: int
    content: Content


@dataclass(frozen=True, slots=True)
class Stored:
    """All writes up to and including this number are durable."""

    number: int


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """The store cannot write at present; the message gives the reason."""

    message: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The room's `content`, rendered as the bytes of `stamp.hash`, is about to be written.

    The event precedes the first written byte, so that the room recognises the bytes in the file
    even if the save reports an error.
    """

    heads: Heads
    content: Content
    stamp: FileStamp


@dataclass(frozen=True, slots=True)
class Saved:
    """The save `attempt` wrote the file."""

    attempt: int
    stamp: FileStamp


@dataclass(frozen=True, slots=True)
class FileSaveFailed:
    """The save `attempt` failed; the message gives the reason."""

    attempt: int
    message: str


@dataclass(frozen=True, slots=True)
class FileChanged:
    """The file on disk differs from the version that the room last read or wrote.

    `content` is the file's content. `attempt` is set if a `SaveFile` found the difference and
    therefore wrote nothing.
    """

    content: Content
    stamp: FileStamp
    attempt: int | None = None
    by: User | None = None
    """The user who restored a checkpoint; None if another program wrote the file."""


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """The contents manager made a checkpoint of the last saved version."""

    checkpoint: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of `MergeFile`.

    `state` is the version of the file, or of the notebook that a client wrote. `notebook` is
    `MergeFile.live` with the merged `changes`, which follow the version `since`; None if the merge
    changed nothing but outputs. `outcomes` are the new outputs of cells. `ahead` states that the
    room has edits that the file lacks, so a save must follow.
    """

    number: int
    since: Heads
    state: FileVersion
    outcomes: Mapping[CellId, CellOutputs]
    notebook: Notebook | None = None
    touched: ChangedCells = NOTHING_TOUCHED
    changes: bytes = b""
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class MergeFailed:
    """The merge of `MergeFile` failed; nothing was changed."""

    number: int
    error: RuntimedError


@dataclass(frozen=True, slots=True)
class FileMoved:
    """The file was renamed or moved; `path` is its new path."""

    path: str


@dataclass(frozen=True, slots=True)
class FileDeleted:
    """Another program deleted the file, or the file is not a valid notebook any longer."""

    message: str
    why: DeletionReason = "deleted"


@dataclass(frozen=True, slots=True)
class FileUnreachable:
    """The file cannot be reached, for this reason; "" means that it can be reached again.

    Until then the file counts as unchanged, and a running save continues.
    """

    message: str


@dataclass(frozen=True, slots=True)
class FileWritability:
    """Whether the file is writable, as far as a check without a write can tell.

    `message` is the reason why the file is not writable, or "".
    """

    message: str


@dataclass(frozen=True, slots=True)
class KernelMessages:
    """A batch of kernel messages, in the order in which the kernel sent them."""

    messages: tuple[KernelMessage, ...]


@dataclass(frozen=True, slots=True)
class ExternalRunStarted:
    """An external run: another client sent the execute request `run` for a cell of this room."""

    run: RunId
    cell: CellId
    code: str
    by: str


@dataclass(frozen=True, slots=True)
class KernelStatusChanged:
    """The state of the kernel changed: attached, ready, restarting, died, gone.

    `language` comes from the kernelspec, `language_info` from the kernel's `kernel_info_reply`;
    either may be empty.
    """

    state: str
    id: str = ""
    name: str = ""
    display_name: str = ""
    reason: str = ""
    language: str = ""
    language_info: Mapping[str, object] = field(default_factory=dict)


KernelAction: TypeAlias = Literal["restart", "interrupt", "shutdown"]


@dataclass(frozen=True, slots=True)
class KernelActionRequested:
    """A user restarts, interrupts or shuts down the kernel through Jupyter's REST API."""

    action: KernelAction
    user: User


@dataclass(frozen=True, slots=True)
class KernelFailed:
    """A kernel could not be started; with a ticket, the effect with this ticket failed."""

    message: str
    ticket: int | None = None


@dataclass(frozen=True, slots=True)
class KernelActionDone:
    """The effect with this ticket (interrupt, restart, shutdown) was executed."""

    ticket: int


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time of the last `SetTimer` has come."""


@dataclass(frozen=True, slots=True)
class ServerClosing:
    """The server is about to stop, so the room saves and notifies its sessions."""

    message: str


ConnectionEvent: TypeAlias = Joined | Received | RightsChanged | ArchiveRead | Left
StoreEvent: TypeAlias = Stored | StoreFailed
FileEvent: TypeAlias = (
    ContentsPut
    | Rendered
    | Saved
    | FileSaveFailed
    | FileChanged
    | Checkpointed
    | Merged
    | MergeFailed
    | FileMoved
    | FileDeleted
    | FileUnreachable
    | FileWritability
)
KernelEvent: TypeAlias = (
    KernelMessages
    | ExternalRunStarted
    | KernelStatusChanged
    | KernelActionRequested
    | KernelFailed
    | KernelActionDone
)
Event: TypeAlias = (
    ConnectionEvent
    | StoreEvent
    | FileEvent
    | KernelEvent
    | CallReceived
    | TimerFired
    | ServerClosing
)
