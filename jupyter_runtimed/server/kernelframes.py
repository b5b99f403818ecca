"""Messages on a kernel's WebSocket, read as far as rooms need and written as the kernel would.

They come in Jupyter Server's two forms (one JSON text, or the parts of version 1), from a gateway
as JSON text, and from the kernel as ZeroMQ parts. Nothing here raises for what a client sends.
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


class About(NamedTuple):
    """What a message from the kernel is about; empty where it does not say."""

    session: str = ""
    parent_id: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class CellRequest:
    """A client asks the kernel to run a cell."""

    id: str
    cell_id: str
    code: str


def about(message: Any) -> About:
    """Of a message from the kernel, be it ZeroMQ parts or a gateway's JSON text."""
    try:
        if isinstance(message, (str, bytes)):
            whole = json.loads(message)
            header, parent = whole["header"], whole["parent_header"]
        else:
            at = [bytes(part) == b"<IDS|MSG>" for part in message[:8]].index(True)
            header = json.loads(bytes(message[at + 2]))
            parent = json.loads(bytes(message[at + 3]))
        return About(
            str(header.get("session", "")),
            str(parent.get("msg_id", "")),
            str(header.get("msg_type", "")),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return About()


def execute_request(message: Any) -> CellRequest | None:
    """A request to run a cell, as it came from a client; None for everything else."""
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
        raise ValueError("it names no cell")
    if int.from_bytes(message[:8], "little") > len(message) // 8:
        raise ValueError("it says that it has more parts than there is room for")
    _, parts = deserialize_msg_from_ws_v1(message)  # type: ignore[no-untyped-call]
    return json.loads(parts[0]), json.loads(parts[2]), json.loads(parts[3])


def comm_message(content: dict[str, Any], *, session: str, v1: bool) -> str | bytes:
    """A `comm_msg` on iopub, as from the kernel of this session."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "comm_msg",
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
