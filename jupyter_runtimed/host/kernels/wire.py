"""The wire format of kernel messages on ZeroMQ sockets: signed JSON parts.

The headers are decoded first, so that unwanted messages are dropped without decoding their content.
Malformed messages and wrong signatures raise `ValueError`. This module does not know sockets.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Any, Final, cast

from jupyter_client.session import Session

from ...execution.messages import Channel, KernelMessage
from .port import RunPredicate

_PARTS: Final = 5


class Wire:
    """Encodes and decodes the messages of one kernel, with its key.

    The parts of a message are: identities, delimiter, signature, header, parent, metadata, content,
    buffers.
    """

    def __init__(self, key: bytes, signature_scheme: str) -> None:
        self.session = Session(key=key, signature_scheme=signature_scheme or "hmac-sha256")
        self.sender = ""
        """The session id of the last message's sender; each kernel process has its own."""

    def read(
        self, channel: Channel, parts: list[bytes], wanted: RunPredicate
    ) -> KernelMessage | None:
        """Decode a message; return None if it is not wanted. Raises `ValueError`.

        Empties `parts`, so that a large message is not in memory twice.
        """
        session = self.session
        try:
            _, rest = session.feed_identities(parts)
            parts.clear()
            if len(rest) < _PARTS:
                raise ValueError(f"the message has only {len(rest)} parts")
            header, parent = session.unpack(rest[1]), session.unpack(rest[2])
            if not wanted(_text(header, "msg_type"), _text(parent, "msg_id")):
                return None
            if not is_of_output_widgets(_text(header, "msg_type"), cast(bytes, rest[4])):
                return None
            signature = cast(bytes, rest[0])
            if session.auth is not None and not compare_digest(signature, session.sign(rest[1:5])):
                raise ValueError("its signature does not match this kernel's key")
            message = {
                "header": header,
                "parent_header": parent,
                "metadata": session.unpack(rest[3]),
                "buffers": rest[_PARTS:],
                "content": session.unpack(rest.pop(4)),
            }
            self.sender = _text(header, "session")
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"not a message of this kernel: {error}") from error
        return KernelMessage.of(channel, message)

    def write(
        self,
        message_type: str,
        content: dict[str, Any],
        *,
        message_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> list[bytes]:
        header = self.session.msg_header(message_type)
        if message_id is not None:
            header["msg_id"] = message_id
        message = self.session.msg(message_type, content, header=header, metadata=metadata)
        return self.session.serialize(message)


def is_of_output_widgets(message_type: str, content: bytes) -> bool:
    """Return False for comm messages that cannot concern output widgets, else True.

    Widgets talk to browsers over the kernel's own WebSocket, and their traffic can be large. So
    rooms drop it without decoding, except for messages of output widgets.
    """
    match message_type:
        case "comm_open":
            return b'"OutputModel"' in content
        case "comm_msg":
            return b'"msg_id"' in content or b'"outputs"' in content
        case _:
            return True


def execute_content(code: str, *, stop_on_error: bool) -> dict[str, Any]:
    return {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": True,
        "stop_on_error": stop_on_error,
    }


def _text(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
