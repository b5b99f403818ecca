"""Reasons of cancelled runs, as the runtime document stores them."""

from __future__ import annotations

from typing import Final

CANCELLED: Final = "cancelled"
INTERRUPTED: Final = "interrupted"
FAILED_BEFORE: Final = "an earlier cell failed"
DELETED: Final = "the cell was deleted"
SKIPPED: Final = "the kernel skipped it"
SKIPPED_AFTER_ERROR: Final = f"{SKIPPED} after an error"
EXPECTED: Final = frozenset(
    {CANCELLED, INTERRUPTED, FAILED_BEFORE, DELETED, SKIPPED, SKIPPED_AFTER_ERROR}
)
"""Reasons that a user caused or sees in another cell; clients show other reasons at the cell."""
