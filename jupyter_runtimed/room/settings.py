"""The settings of a room, which the server's configuration sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a room; times are in milliseconds."""

    quiet_ms: int = 1000
    longest_ms: int = 5000
    idle_ms: int = 60_000
    autosave: bool = True
    heads_ms: int = 10_000
    inline_chars: int = 8192
    change_bytes: int = 64 << 20
    history_changes: int = 10_000
    history_bytes: int = 8 << 20
