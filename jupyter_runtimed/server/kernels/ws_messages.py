"""Reads and writes messages on a kernel's WebSocket.

Clients use Jupyter Server's two formats (one JSON text, or the binary parts of version 1), a
gateway sends JSON text, and the kernel sends ZeroMQ parts. Malformed messages raise nothing here.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NamedTuple

from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)


class MessageHeader(NamedTuple):
    """Header fields of a message from the kernel; "" for a missing field."""

    session: str = ""
    parent_id: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class CellRequest:
    """A client's request to run a cell."""

    id: str
    cell_id: str
    code: str


def message_header(message: Any) -> MessageHeader:
    """Return the header fields of a kernel's message: ZeroMQ parts or a gateway's JSON text."""
    try:
        if isinstance(message, (str, bytes)):
            whole = json.loads(message)
            header, parent = whole["header"], whole["parent_header"]
        else:
            at = [bytes(part) == b"<IDS|MSG>" for part in message[:8]].index(True)
            header = json.loads(bytes(message[at + 2]))
            parent = json.loads(bytes(message[at + 3]))
        return MessageHeader(
            str(header.get("session", "")),
            str(parent.get("msg_id", "")),
            str(header.get("msg_type", "")),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return MessageHeader()


def says_idle(status: Any) -> bool:
    """Return whether this `status` message, in one of the forms of `about`, says "idle"."""
    try:
        if isinstance(status, (str, bytes)):
            content = json.loads(status)["content"]
        else:
            at = [bytes(part) == b"<IDS|MSG>" for part in status[:8]].index(True)
            content = json.loads(bytes(status[at + 5]))
        return bool(content["execution_state"] == "idle")
    except (ValueError, KeyError, IndexError, TypeError):
        return False


def execute_request(message: Any) -> CellRequest | None:
    """Return a client's request to run a cell; None for every other message."""
    try:
        header, metadata, content = _parts(message)
        if header["msg_type"] != "execute_request" or content.get("silent"):
            return None
        found = CellRequest(header["msg_id"], metadata["cellId"], content["code"])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None
    whole = all(isinstance(text, str) for text in (found.id, found.cell_id, found.code))
    return found if whole and found.id else None


def _parts(message: Any) -> tuple[Any, Any, Any]:
    if isinstance(message, str):
        whole = json.loads(message) if "cellId" in message else {}
        return whole["header"], whole["metadata"], whole["content"]
    if b"cellId" not in message:
        raise ValueError("the message names no cell")
    if int.from_bytes(message[:8], "little") > len(message) // 8:
        raise ValueError("the message announces more parts than its bytes can hold")
    _, parts = deserialize_msg_from_ws_v1(message)  # type: ignore[no-untyped-call]
    return json.loads(parts[0]), json.loads(parts[2]), json.loads(parts[3])


def iopub_message(msg_type: str, content: dict[str, Any], *, session: str, v1: bool) -> str | bytes:
    """Return an iopub message with the kernel's `session`; `v1` selects the binary format."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": msg_type,
        "username": "server",
        "session": session,
        "date": datetime.now(timezone.utc).isoformat(),
        "version": "5.3",
    }
    if v1:
        parts = [json.dumps(part).encode() for part in (header, {}, {}, content)]
        return bytes(serialize_msg_to_ws_v1(parts, "iopub"))  # type: ignore[no-untyped-call]
    return json.dumps(
        {
            "header": header,
            "msg_id": header["msg_id"],
            "msg_type": header["msg_type"],
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "iopub",
            "buffers": [],
        }
    )
