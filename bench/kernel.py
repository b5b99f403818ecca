"""Compare the cost of running cells with a bare kernel and plain JupyterLab. See README.md."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Callable
from statistics import median

from harness.figures import number, table, verdict
from harness.loads import LOADS, Cost, measured

SYSTEMS = ("bare", "lab", "room")
FLUSHES = "10,000 flushes"
LINES = "100,000 lines"
DISPLAYS = ("100 displays", "500 displays", "1000 displays")


class Costs:
    """The costs of each load on each system in every run; a failed run has none."""

    def __init__(self, runs: int, systems: list[str], loads: list[str]) -> None:
        self.systems = systems
        self.loads = loads
        self._found: dict[tuple[str, str], list[Cost]] = {}
        for run in range(runs):
            # Alternate the systems, so that other work of the machine affects all of them.
            for name in systems:
                try:
                    found = asyncio.run(measured(name, loads))
                except Exception as error:  # noqa: BLE001 - the other systems are still measured
                    print(
                        f"{name}, run {run + 1}: {type(error).__name__}: {error}", file=sys.stderr
                    )
                    continue
                for load, cost in found.items():
                    self._found.setdefault((name, load), []).append(cost)

    def of(self, name: str, load: str) -> list[Cost]:
        return self._found.get((name, load), [])

    def median(self, name: str, load: str, what: Callable[[Cost], float | None]) -> float | None:
        values = [value for cost in self.of(name, load) if (value := what(cost)) is not None]
        return median(values) if values else None


def row(costs: Costs, name: str, load: str) -> list[str]:
    found = costs.of(name, load)
    seconds = [cost.seconds for cost in found]
    kilobytes = costs.median(name, load, lambda c: c.received_bytes / 1000)
    served = name != "bare"
    return [
        load,
        name,
        f"{sum(cost.whole for cost in found)} of {len(found)}",
        number(median(seconds) * 1000),
        f"{number(min(seconds) * 1000)} to {number(max(seconds) * 1000)}",
        number(costs.median(name, load, lambda c: c.cpu_seconds)) if served else "-",
        number(costs.median(name, load, lambda c: c.shown_cpu_seconds)) if served else "-",
        number(kilobytes) if served else "-",
        number(costs.median(name, load, lambda c: c.changes)),
        number(costs.median(name, load, lambda c: c.changes / c.seconds)),
        number(costs.median(name, load, lambda c: c.elsewhere_ms)) if served else "-",
    ]


def difference(ours: float | None, theirs: float | None, by: float = 1) -> float | None:
    return None if ours is None or theirs is None else (ours - theirs) * 1000 / by


def ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None


def aims(costs: Costs) -> list[list[str]]:
    """Return rows for the project's aims about these loads."""
    lines: list[list[str]] = []

    def aim(name: str, value: float | None, limit: float, unit: str = "x") -> None:
        lines.append(list(verdict(name, value, limit, unit)))

    def seconds(name: str, load: str) -> float | None:
        return costs.median(name, load, lambda c: c.seconds)

    def of_lab(load: str, what: Callable[[Cost], float]) -> float | None:
        return ratio(costs.median("room", load, what), costs.median("lab", load, what))

    for load in costs.loads:
        room, bare = seconds("room", load), seconds("bare", load)
        if load == "1 + 1":
            aim("1 + 1, over the bare kernel", difference(room, bare), 10, "ms")
        elif load in DISPLAYS:
            each = difference(room, bare, int(load.split()[0]))
            aim(f"{load}, over the bare kernel, each", each, 1, "ms")
        elif load == LINES:
            aim(f"{load}: time to a bare client's", ratio(room, bare), 1.1)
            filed = of_lab(load, lambda c: c.cpu_seconds)
            aim(f"{load}: server CPU to plain JupyterLab's, both with the file", filed, 1)
            shown = of_lab(load, lambda c: c.shown_cpu_seconds)
            aim(f"{load}: the same without the file", shown, 1)
        elif load == FLUSHES:
            incomplete = float(sum(not cost.whole for cost in costs.of("room", load)))
            changes = costs.median("room", load, lambda c: c.changes / c.seconds)
            aim(f"{load}: runs with output missing", incomplete, 0, "runs")
            aim(f"{load}: changes", changes, 30, "a second")
            aim(
                f"{load}: bytes to plain JupyterLab's",
                of_lab(load, lambda c: c.received_bytes),
                0.25,
            )
        elsewhere = costs.median("room", load, lambda c: c.elsewhere_ms)
        aim(f"{load}: an edit elsewhere, p99", elsewhere, 30, "ms")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loads", nargs="*", help=f"any of: {'; '.join(LOADS)} (default: all)")
    parser.add_argument("--runs", type=int, default=5, help="each on fresh servers; medians")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="comma-separated")
    options = parser.parse_args()
    if unknown := set(options.loads) - set(LOADS):
        parser.error(f"no such load: {', '.join(sorted(unknown))}")
    load = os.getloadavg()[0]
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} before the "
        f"start; medians of {options.runs}.\n",
        flush=True,
    )
    costs = Costs(options.runs, options.systems.split(","), options.loads or list(LOADS))
    lines = [
        row(costs, name, load)
        for load in costs.loads
        for name in costs.systems
        if costs.of(name, load)
    ]
    head = [
        "load", "system", "whole", "ms", "from ... to", "server CPU s", "CPU s until shown",
        "received kB", "changes", "a second", "an edit elsewhere meanwhile, p99 ms",
    ]  # fmt: skip
    print(table("Runs: time from the request until a second client has all output", head, lines))
    print(table("Aims", ["what", "measured", "aim", ""], aims(costs)))


if __name__ == "__main__":
    main()
