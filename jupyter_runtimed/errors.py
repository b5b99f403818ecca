"""The errors of the package, as a tree by the party at fault.

Every message says what happened, to which object, and what to do next. `code` is the error's name
in the protocol, and this module has all codes; only `server/` maps errors to HTTP statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

RefusalCode: TypeAlias = Literal[
    "read-only", "not-allowed", "foreign-actor", "gap", "malformed", "too-large"
]
"""The reason for which the server refuses a change, as a code in its `refuse` frame."""

REFUSALS: Final[Mapping[RefusalCode, str]] = {
    "read-only": "The user may read the notebook but not change it.",
    "not-allowed": "The change writes to an object, or in a way, that is reserved for the server.",
    "foreign-actor": "The change has an actor id of another connection.",
    "gap": "The change builds on changes or objects that the server does not have.",
    "malformed": "Automerge cannot read the change.",
    "too-large": "An entry of metadata or attachments is too long.",
}
"""The meaning of each refusal code."""


class RuntimedError(Exception):
    """Base class of all errors that this package raises on purpose."""

    code = "error"


class PeerError(RuntimedError):
    """A client sent an invalid request, or a request that it has no permission for."""

    code = "bad-request"


class BadFrame(PeerError):
    """A peer sent an invalid frame; its connection is closed."""

    code = "bad-frame"


class Forbidden(PeerError):
    """The user lacks the permission for the request."""

    code = "forbidden"


class LoggedOut(Forbidden):
    """The login behind a connection ended: logout, revoked token or deleted account."""

    code = "logged-out"


class NotFound(PeerError):
    """A request names a cell, run, file or version that does not exist."""

    code = "not-found"


class HeadsMissing(PeerError):
    """The edits that a call depends on did not arrive in time."""

    code = "heads-missing"


class TooLarge(PeerError):
    """A change or the arguments of a call exceed the size limit."""

    code = "too-large"


class TooMany(PeerError):
    """A connection or user exceeds the rate limit of calls."""

    code = "too-many"


class Refused(PeerError):
    """The server refused a change. `code` is one of the refusal codes of the protocol."""

    def __init__(self, code: RefusalCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class DocumentError(RuntimedError):
    """Automerge cannot read the bytes, or the document does not have the expected structure."""

    code = "document"


class NotebookError(RuntimedError):
    """A file is not a valid notebook; the file is left unchanged."""

    code = "not-a-notebook"


class KernelError(RuntimedError):
    """A kernel could not be started, or did not carry out a request."""

    code = "kernel-failed"


class NoKernel(KernelError):
    """The notebook has no kernel."""

    code = "no-kernel"


class KernelDead(KernelError):
    """The notebook's kernel died."""

    code = "kernel-dead"


class StorageError(RuntimedError):
    """The store, the blobs or the file could not be read or written."""

    code = "storage"


class SaveFailed(StorageError):
    """The notebook's file could not be written."""

    code = "save-failed"


class RoomElsewhere(StorageError):
    """Another server process has this room open in the same data folder."""

    code = "conflict"


class ForeignFolder(StorageError):
    """The data folder belongs to another user."""

    code = "conflict"


class ServerClosing(RuntimedError):
    """The server or the room is closing."""

    code = "closing"


class ClientError(RuntimedError):
    """Base class of the errors that only a client raises."""

    code = "client"


class ServerUnreachable(ClientError):
    """No Jupyter server with this extension answers at the URL."""

    code = "unreachable"


class NotThisExtension(ServerUnreachable):
    """A proxy, a Hub or a login page answered instead of this extension; try again later."""


class NoWebSocket(ServerUnreachable):
    """The network, a proxy or the server prevented a WebSocket connection."""


class LoginWanted(Forbidden):
    """A proxy or a Hub in front of the server requires a login; log in, or try again later."""


class Closed(ClientError):
    """The server closed a connection. `close_code` is the code of the WebSocket's close frame."""

    code = "closed"

    def __init__(self, message: str, close_code: int = 1006) -> None:
        super().__init__(message)
        self.close_code = close_code


class UnsavedEdits(ClientError):
    """The server has not acknowledged all local edits as durable."""

    code = "not-durable"


class Disconnected(ClientError):
    """The connection ended before the reply to a call, which may or may not have taken effect."""

    code = "disconnected"


def all_errors() -> list[type[RuntimedError]]:
    """Return the classes of the tree, each after its base class."""
    kinds = [RuntimedError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return kinds


def error_named(code: str, message: str) -> RuntimedError:
    """Return the error with this code of the protocol; of several classes, the most general."""
    for kind in all_errors():
        if kind.code == code and kind.__init__ is Exception.__init__:
            return kind(message)
    error = RuntimedError(message)
    error.code = code
    return error
