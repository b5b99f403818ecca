"""Batches kernel messages for the loop: few large batches, without a delay for the first message.

A message is due at once if the last batch was taken at least `PACE_SECONDS` ago, and else when this
time is over. A message that ends something (a reply, idle) is due at once, together with all
waiting messages. Consecutive text of one stream becomes one message. Input requests and replies use
other sockets than the output before them, and may arrive earlier. So an input request waits until
the output has paused for a moment, and a reply waits for the run's idle status, which follows all
of its output.

This module knows neither sockets nor clocks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from ...execution.messages import KernelMessage

PACE_SECONDS = 0.05
BURST_MESSAGES = 30
"""A burst is this many messages within `PACE_SECONDS`."""
FLOOD_CHARS = 64 << 10
FLOOD_SECONDS = 0.15
"""The slower pace while at least `FLOOD_CHARS` wait, because each delivery is expensive."""
MERGED_CHARS = 256 << 10
"""The size limit of merged text, so that one message does not hold the loop for long."""


QUIET_SECONDS = 0.03
"""An input request waits until the output has paused for this long."""
PATIENCE_SECONDS = 0.5
"""The longest wait of an input request."""
REPLY_SECONDS = 3.0
"""The longest wait of a reply for idle; a very large output takes about this long."""


class Batch:
    """Collects messages. `due(now)` returns the seconds until `take`; None for an empty batch."""

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


class Burst:
    """Counts messages, to recognise a kernel that sends many in a short time."""

    def __init__(self) -> None:
        self._count = 0
        self._since = 0.0

    def count(self) -> None:
        """Count one message."""
        self._count += 1

    def lasts(self, now_seconds: float) -> bool:
        """Return whether a burst arrives at this time."""
        if now_seconds - self._since > PACE_SECONDS:
            burst = self._count >= BURST_MESSAGES
            self._count, self._since = (BURST_MESSAGES - 1 if burst else 0), now_seconds
        return self._count >= BURST_MESSAGES


MESSAGE_WEIGHT = 10_000


def weight(message: KernelMessage) -> int:
    """Return the approximate cost of processing a message, in characters of stream text.

    The base cost of `MESSAGE_WEIGHT` is about a tenth of a millisecond.
    """
    text = message.content.get("text")
    return MESSAGE_WEIGHT + (len(text) if isinstance(text, str) else 0)


def _ends_something(message: KernelMessage) -> bool:
    return message.type in ("execute_reply", "shutdown_reply") or (
        message.type == "status" and message.content.get("execution_state") != "busy"
    )
