"""Kernel messages on their way to the loop: few and large batches, without waiting for the first.

             message                     message, and its pace over
    QUIET ------------> deliver, PACED ---------------------------------> deliver, PACED
      ^                                                                        |
      +------------------- PACE_SECONDS over, nothing came --------------------+

What ends something (a reply, idle) goes at once and takes along what waits. Text of one
stream becomes one message. A question and a reply come by another way than the output that was made
before them, and may be sooner: a question waits until nothing has been printed for a moment, a
reply for the run's idle, which comes after all of its output.

It knows no sockets and no clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from ..execution.messages import KernelMessage

PACE_SECONDS = 0.05
FLOOD_CHARS = 64 << 10
FLOOD_SECONDS = 0.15
"""The pace where so much text waits: nobody reads it line by line, and each delivery costs."""
MERGED_CHARS = 256 << 10
"""Merged text is cut here, so that nothing that is handed over is too large to be taken in turn."""


QUIET_SECONDS = 0.03
"""How long nothing may have been printed before a question is passed on..."""
PATIENCE_SECONDS = 0.5
"""...and how long it waits for that at most."""
REPLY_SECONDS = 3.0
"""How long a reply waits for its idle: as long as a very large output may take to come."""


class Batch:
    """Collects; `due(now)` says in how many seconds it has to be taken (None: it is empty)."""

    def __init__(self) -> None:
        self._messages: list[KernelMessage] = []
        self._text: list[str] = []
        self._chars = self._waiting_chars = 0
        self._urgent = False
        self._taken_at = float("-inf")
        self._questions: list[KernelMessage] = []
        self._ask_at = self._ask_by = 0.0
        self._replies: list[KernelMessage] = []
        self._reply_by = 0.0
        self._idle_of: deque[str] = deque(maxlen=64)

    def add(self, message: KernelMessage, now_seconds: float) -> None:
        if message.channel == "stdin":
            self._questions.append(message)
            self._ask_at = now_seconds + QUIET_SECONDS
            self._ask_by = now_seconds + PATIENCE_SECONDS
            return
        if self._questions and message.channel == "iopub":
            self._ask_at = min(now_seconds + QUIET_SECONDS, self._ask_by)
        if message.type == "execute_reply" and message.parent_id not in self._idle_of:
            self._replies.append(message)
            self._reply_by = now_seconds + REPLY_SECONDS
            return
        self._append(message)
        if message.type == "status" and message.content.get("execution_state") == "idle":
            self._idle_of.append(message.parent_id)
            self._release([m for m in self._replies if m.parent_id == message.parent_id])

    def _append(self, message: KernelMessage) -> None:
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
        self._waiting_chars += len(text)

    def due(self, now_seconds: float) -> float | None:
        waits = []
        if self._messages:
            pace = FLOOD_SECONDS if self._waiting_chars >= FLOOD_CHARS else PACE_SECONDS
            waits.append(0.0 if self._urgent else self._taken_at + pace - now_seconds)
        if self._questions:
            waits.append(self._ask_at - now_seconds)
        if self._replies:
            waits.append(self._reply_by - now_seconds)
        return max(min(waits), 0.0) if waits else None

    def take(self, now_seconds: float) -> list[KernelMessage]:
        if now_seconds >= self._reply_by:
            self._release(list(self._replies))
        self._settle()
        taken, self._messages = self._messages, []
        if now_seconds >= self._ask_at:
            taken += self._questions
            self._questions = []
        self._urgent = False
        self._waiting_chars = 0
        self._taken_at = now_seconds
        return taken

    def _release(self, replies: list[KernelMessage]) -> None:
        for reply in replies:
            self._replies.remove(reply)
            self._append(reply)

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


MESSAGE_WEIGHT = 10_000


def weight(message: KernelMessage) -> int:
    """Roughly, how long a message keeps whoever takes it in, in characters of stream text: one with
    a display as long as ten thousand, a tenth of a millisecond.
    """
    text = message.content.get("text")
    return MESSAGE_WEIGHT + (len(text) if isinstance(text, str) else 0)


def _ends_something(message: KernelMessage) -> bool:
    return message.type in ("execute_reply", "shutdown_reply") or (
        message.type == "status" and message.content.get("execution_state") != "busy"
    )
