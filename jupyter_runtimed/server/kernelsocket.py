"""The kernel's WebSocket to browsers, without the output that rooms already deliver."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from .compose import extended

if TYPE_CHECKING:
    from collections.abc import Callable

WRITTEN = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"}
)
"""Messages that go into the runtime document when they belong to a run of a room."""


class RoomKernelSocket:
    """Drops what a room has written; everything else passes as ever."""

    is_run: Callable[[str], bool]

    def handle_outgoing_message(self, *args: Any) -> None:
        if not self._written(args[-1]):
            super().handle_outgoing_message(*args)  # type: ignore[misc]

    def _written(self, message: Any) -> bool:
        parent, kind = _parent_of(message)
        return kind in WRITTEN and type(self).is_run(parent)


def socket_class(configured: type, is_run: Callable[[str], bool]) -> type:
    """The configured connection class, extended; its configuration stays under its own name."""
    made: Any = extended(configured, RoomKernelSocket)
    made.is_run = staticmethod(is_run)
    return cast("type", made)


def _parent_of(message: Any) -> tuple[str, str]:
    """(parent's `msg_id`, type) of a message, be it ZMQ parts or a gateway's JSON text."""
    try:
        if isinstance(message, (str, bytes)):
            whole = json.loads(message)
            header, parent = whole["header"], whole["parent_header"]
        else:
            at = _delimiter(message)
            header = json.loads(bytes(message[at + 2]))
            parent = json.loads(bytes(message[at + 3]))
        return str(parent.get("msg_id", "")), str(header.get("msg_type", ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "", ""


def _delimiter(parts: list[Any]) -> int:
    return [bytes(part) == b"<IDS|MSG>" for part in parts[:8]].index(True)
