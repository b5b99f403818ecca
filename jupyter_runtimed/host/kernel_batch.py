"""Kernel messages on their way to the loop: few and large batches, without waiting for the first.

             message                     message, or PACE_SECONDS over
    QUIET ------------> deliver, PACED ---------------------------------> deliver, PACED
      ^                                                                        |
      +------------------- PACE_SECONDS over, nothing came --------------------+

What ends something (a reply, idle, a question) goes at once and takes along what waits. Text of one
stream becomes one message. It knows no sockets and no clock.
"""

from __future__ import annotations

from dataclasses import replace

from ..execution.messages import KernelMessage

PACE_SECONDS = 0.05
MERGED_CHARS = 256 << 10
"""Merged text is cut here, so that nothing that is handed over is too large to be taken in turn."""


class Batch:
    """Collects; `due(now)` says in how many seconds it has to be taken (None: it is empty)."""

    def __init__(self) -> None:
        self._messages: list[KernelMessage] = []
        self._text: list[str] = []
        self._chars = 0
        self._urgent = False
        self._taken_at = float("-inf")

    def add(self, message: KernelMessage) -> None:
        self._urgent = self._urgent or _ends_something(message)
        text = message.content.get("text") if message.type == "stream" else None
        if not isinstance(text, str) or message.channel != "iopub":
            self._settle()
            self._messages.append(message)
            return
        if not self._continues(message):
            self._settle()
            self._messages.append(message)
        self._text.append(text)
        self._chars += len(text)

    def due(self, now_seconds: float) -> float | None:
        if not self._messages:
            return None
        if self._urgent:
            return 0.0
        return max(self._taken_at + PACE_SECONDS - now_seconds, 0.0)

    def take(self, now_seconds: float) -> list[KernelMessage]:
        self._settle()
        taken, self._messages = self._messages, []
        self._urgent = False
        self._taken_at = now_seconds
        return taken

    def _continues(self, message: KernelMessage) -> bool:
        if not self._text or self._chars >= MERGED_CHARS:
            return False
        last = self._messages[-1]
        return (
            last.parent_id == message.parent_id
            and last.content.get("name") == message.content.get("name")
            and last.metadata == message.metadata
        )

    def _settle(self) -> None:
        if len(self._text) > 1:
            last = self._messages[-1]
            content = {**last.content, "text": "".join(self._text)}
            self._messages[-1] = replace(last, content=content)
        self._text.clear()
        self._chars = 0


def weight(message: KernelMessage) -> int:
    """Roughly, how long a message keeps whoever takes it in: characters."""
    text = message.content.get("text")
    return 500 + (len(text) if isinstance(text, str) else 1000)


def _ends_something(message: KernelMessage) -> bool:
    return message.type in ("execute_reply", "input_request", "shutdown_reply") or (
        message.type == "status" and message.content.get("execution_state") != "busy"
    )
