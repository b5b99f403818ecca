"""Colours for users whose identity has none.

The colours are dark enough for white text, and the same in every theme.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

PALETTE = ("#c2410c", "#0f766e", "#7c3aed", "#be185d", "#1d4ed8", "#4d7c0f", "#a16207")


def choose(taken: Iterable[str | None]) -> str:
    """Return the first colour that the fewest present users have."""
    counts = Counter(taken)
    return min(PALETTE, key=lambda color: (counts[color], PALETTE.index(color)))
