"""The effects that a room returns, as values.

The host executes the effects of an event in order. The module `events` has the events that report
their results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..crdt import Heads
from ..document.content import CellOutputs, Content
from ..document.file_version import FileStamp, FileVersion
from ..document.notebook import Notebook
from ..document.schema import DocName
from ..errors import RuntimedError
from ..execution.output_widgets import RequestWidgetState, ShowWidget
from ..ids import CellId, Epoch, RunId, SessionId, Sha256
from ..protocol.close_codes import CloseCode
from ..protocol.frames import Hello


@dataclass(frozen=True, slots=True)
class Send:
    """Send the same bytes to each of these sessions."""

    sessions: tuple[SessionId, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class ReadArchive:
    """Read the archived document `epoch`, because a client's hello named it.

    The room answers the hello after `ArchiveRead`.
    """

    session: SessionId
    hello: Hello
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Append:
    """Store change chunks; `Stored(number)` follows once they are durable."""

    number: int
    doc: DocName
    epoch: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class Replace:
    """Store a snapshot of a document in place of everything stored for this document."""

    number: int
    doc: DocName
    epoch: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class RecordFileVersion:
    """Store the version of the document that the file holds, its stamp, and the time (ms)."""

    number: int
    heads: Heads
    stamp: FileStamp
    at: int


@dataclass(frozen=True, slots=True)
class PutBlob:
    """Store a large output under its hash."""

    sha256: Sha256
    data: bytes


@dataclass(frozen=True, slots=True)
class LogWarning:
    """Log a warning for the administrator of the server."""

    text: str


@dataclass(frozen=True, slots=True)
class SaveFile:
    """Write the notebook if the file is still the version `expected`; else report `FileChanged`.

    Before the first byte is written, the host reports `Rendered` to the room and durably records in
    the store that the file is about to hold `heads`. Otherwise, after a crash, the file would be
    merged with the wrong base.
    """

    attempt: int
    heads: Heads
    content: Content
    trusted: frozenset[CellId]
    expected: FileStamp | None


@dataclass(frozen=True, slots=True)
class MergeFile:
    """Merge `theirs` as edits of the best candidate in `bases`, newest first.

    The host runs `merging.merge` outside the event loop, because it is slow. `live` is a private
    copy of the notebook; None in `bases` stands for its version. `outcomes` are the outputs to
    assume for a base without content. `Merged` or `MergeFailed` follows.
    """

    number: int
    bases: tuple[FileVersion | None, ...]
    theirs: Content
    stamp: FileStamp
    live: Notebook
    outcomes: Mapping[CellId, CellOutputs]
    actor: bytes
    now_ms: int


@dataclass(frozen=True, slots=True)
class StartKernel:
    """Start a kernel unless the notebook has one; `name` is a kernelspec, "" the default."""

    name: str


@dataclass(frozen=True, slots=True)
class ExecuteCell:
    """Send an `execute_request` for a cell to the kernel."""

    run: RunId
    cell: CellId
    code: str
    stop_on_error: bool


@dataclass(frozen=True, slots=True)
class AnswerInput:
    """Send an `input_reply` to the kernel."""

    text: str


@dataclass(frozen=True, slots=True)
class InterruptKernel:
    """Interrupt the kernel; `KernelActionDone` or `KernelFailed` follows."""

    ticket: int


@dataclass(frozen=True, slots=True)
class RestartKernel:
    """Restart the kernel; `KernelActionDone` or `KernelFailed` follows."""

    ticket: int


@dataclass(frozen=True, slots=True)
class ShutdownKernel:
    """Shut down the kernel; `KernelActionDone` or `KernelFailed` follows."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close a connection with this close code and reason."""

    session: SessionId
    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer to `CallReceived` or `ContentsPut`: a result, or the error to raise."""

    ticket: int
    result: Any = None
    error: RuntimedError | None = None


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send `TimerFired` at this time (ms); the effect replaces an earlier `SetTimer`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class CloseRoom:
    """The room may be closed: no sessions, no runs, and everything is stored and saved."""


Effect: TypeAlias = (
    Send
    | ReadArchive
    | Append
    | Replace
    | RecordFileVersion
    | PutBlob
    | LogWarning
    | SaveFile
    | MergeFile
    | StartKernel
    | ExecuteCell
    | AnswerInput
    | InterruptKernel
    | RestartKernel
    | ShutdownKernel
    | Disconnect
    | CallResult
    | SetTimer
    | CloseRoom
    | ShowWidget
    | RequestWidgetState
)
