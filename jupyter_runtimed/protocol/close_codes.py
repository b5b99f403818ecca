"""The close codes of a connection, each with its meaning.

Codes from 4000 are the protocol's own; codes below are those of a WebSocket (RFC 6455).
`docs/reference/errors.md` has the same table.
"""

from __future__ import annotations

from enum import IntEnum

from typing_extensions import Self


class CloseCode(IntEnum):
    """The reason for the end of a connection, as a number in a WebSocket's close frame."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Return the member for a pair of code and meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    LOST = 1006, "The connection ended without a close frame. The client reconnects."
    SERVER_FAILED = 1011, "The server raised an unexpected error. The client reconnects."
    OFFLINE = 4000, "The browser is offline, and closes its own connection."
    BAD_FRAME = 4400, "The client sent an invalid frame. The client gives up after a few tries."
    LOGGED_OUT = 4401, "The login ended. The client waits for a new login."
    FORBIDDEN = 4403, "The user may not read the notebook. The client gives up."
    NO_SUCH_ROOM = 4404, "The room is not open. The client opens the room again by its path."
    EXPIRED = 4408, "The client sent no request over HTTP for a long time. The client reconnects."
    OTHER_PROTOCOL = (
        4409,
        "The server has another version of the protocol. The page must be reloaded.",
    )
    TOO_SLOW = 4429, "The client reads too slowly, or sends too many frames. The client reconnects."
    CLOSING = 4503, "The server is stopping. The client reconnects when the server is back."
