"""What can go wrong, by who is to blame.

Every error says what happened, to which thing, and what to do. `code` is what crosses the wire;
`server/` alone turns it into HTTP statuses and close codes.
"""

from __future__ import annotations


class RuntimedError(Exception):
    """Base of everything this package raises on purpose."""

    code = "error"


class PeerError(RuntimedError):
    """A client asked for something it may not have, or that makes no sense."""

    code = "bad-request"


class BadFrame(PeerError):
    """A frame that is not valid; the connection that sent it is closed."""

    code = "bad-frame"


class Forbidden(PeerError):
    code = "forbidden"


class NotFound(PeerError):
    code = "not-found"


class HeadsMissing(PeerError):
    """The edits that a call builds on did not arrive in time."""

    code = "heads-missing"


class TooLarge(PeerError):
    code = "too-large"


class Refused(PeerError):
    """A change that was not applied. `code` is one of the refusal codes of the protocol."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class DocumentError(RuntimedError):
    """Automerge bytes or a document are not what they should be."""

    code = "document"


class NotebookError(RuntimedError):
    """A file is not a notebook that can be opened; the file is left as it is."""

    code = "not-a-notebook"


class KernelError(RuntimedError):
    code = "kernel-failed"


class NoKernel(KernelError):
    code = "no-kernel"


class KernelDead(KernelError):
    code = "kernel-dead"


class StorageError(RuntimedError):
    """The store, the blobs or the file could not be read or written."""

    code = "storage"


class SaveFailed(StorageError):
    code = "save-failed"


class RoomElsewhere(StorageError):
    """Another server has this room open on the same store."""

    code = "conflict"


class Closing(RuntimedError):
    code = "closing"


class ClientError(RuntimedError):
    """A client of a server cannot go on."""

    code = "client"


class Unreachable(ClientError):
    """There is no server there, or it is not a Jupyter server with this extension."""

    code = "unreachable"


class NotDurable(ClientError):
    """Edits were made that are not known to be safe on the server."""

    code = "not-durable"
