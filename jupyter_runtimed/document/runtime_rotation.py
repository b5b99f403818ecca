"""Decide when to rotate a runtime document.

A rotation replaces the document by a fresh one with the same content. It bounds the history of
outputs, which no client needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

HISTORY_FLOOR_BYTES: Final = 256 << 10
HISTORY_RATIO: Final = 4


def wants_rotation(history_bytes: int, content_bytes: int) -> bool:
    """Whether the history exceeds `HISTORY_RATIO` times the content, and the floor."""
    return history_bytes > max(HISTORY_FLOOR_BYTES, HISTORY_RATIO * content_bytes)


class HistoryMeter:
    """Counter of history bytes; measures the content only when the decision can change."""

    def __init__(self) -> None:
        self.history_bytes = 0
        self._next_look_bytes = HISTORY_FLOOR_BYTES

    def add(self, size_bytes: int) -> None:
        self.history_bytes += size_bytes

    def wants_rotation(self, content_bytes: Callable[[], int]) -> bool:
        if self.history_bytes <= self._next_look_bytes:
            return False
        weight = content_bytes()
        self._next_look_bytes = max(HISTORY_FLOOR_BYTES, HISTORY_RATIO * weight)
        return wants_rotation(self.history_bytes, weight)
