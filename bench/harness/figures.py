"""Percentiles, medians and markdown tables."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Latencies of one run, in milliseconds."""

    p50: float
    p99: float
    worst: float
    count: int

    @staticmethod
    def of(seconds: Iterable[float]) -> Spread:
        """Summarise latencies in seconds. Raises ``ValueError`` without any."""
        rows = sorted(s * 1000 for s in seconds)
        if not rows:
            raise ValueError("nothing was measured")
        return Spread(at(rows, 0.5), at(rows, 0.99), rows[-1], len(rows))


def at(rows: Sequence[float], quantile: float) -> float:
    """Return the nearest-rank quantile of sorted ``rows``."""
    return rows[max(0, math.ceil(quantile * len(rows)) - 1)]


def median_of(spreads: Sequence[Spread]) -> Spread:
    """Combine several runs: the median of each figure, and the maximum of the worst."""
    return Spread(
        statistics.median(s.p50 for s in spreads),
        statistics.median(s.p99 for s in spreads),
        max(s.worst for s in spreads),
        sum(s.count for s in spreads),
    )


def number(value: float | None) -> str:
    """Format a number with three significant figures and no exponent; None as a dash."""
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with a title."""
    lines = [f"### {title}", "", row_of(head), row_of(["---"] * len(head))]
    return "\n".join([*lines, *(row_of(r) for r in rows), ""])


def row_of(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def verdict(name: str, value: float | None, limit: float, unit: str = "x") -> Sequence[str]:
    """Return one row of the table of aims."""
    if value is None:
        return [name, "-", f"at most {number(limit)} {unit}", "not measured"]
    met = "met" if value <= limit else "missed"
    return [name, f"{number(value)} {unit}", f"at most {number(limit)} {unit}", met]
