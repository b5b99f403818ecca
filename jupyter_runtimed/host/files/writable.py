"""Checks whether a local file can be written, without writing it."""

from __future__ import annotations

import os
from pathlib import Path

from .atomic_replace import may_write


def why_read_only(target: Path) -> str:
    """Return the reason why a file cannot be written; "" if no reason is known.

    A missing file is not read-only. The mode bits count for root too; otherwise root
    would overwrite files that their owners have protected.
    """
    try:
        mode = target.stat().st_mode
    except OSError:
        return ""
    if may_write(target, mode):
        return ""
    if _is_mounted_read_only(target):
        return "its disk is mounted read-only"
    return "the file is read-only; change its permissions to let the server write it"


def _is_mounted_read_only(target: Path) -> bool:
    try:
        return bool(os.statvfs(target).f_flag & os.ST_RDONLY)
    except (AttributeError, OSError):
        return False
