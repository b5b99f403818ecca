"""Compare latency, output and memory with a bare relay and plain JupyterLab. See README.md."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from statistics import median
from typing import TypeVar

from harness import scenarios
from harness.catalogue import SYSTEMS
from harness.figures import median_of, number, table, verdict
from harness.scenarios import Memory, Opening, Output, Typing
from harness.systems import System

T = TypeVar("T")
Measure = Callable[[System], Awaitable[T]]


class Bench:
    """Runner of scenarios on fresh servers; prints a table for each and collects the aims."""

    def __init__(self, runs: int, quick: bool, systems: list[str], cells: list[int]) -> None:
        self.runs = runs
        self.cells = cells
        self.quick = quick
        self.systems = systems
        self.aims: list[list[str]] = []

    def names(self, *names: str) -> list[str]:
        return [name for name in names if name in self.systems]

    def of(self, name: str, measure: Measure[T]) -> list[T]:
        """Return one result for each run; a failed run prints its error and has no result."""
        results = []
        for run in range(self.runs):
            try:
                with SYSTEMS[name].launch() as server:
                    results.append(asyncio.run(_one(SYSTEMS[name](server), measure)))
            except Exception as error:  # noqa: BLE001 - the other systems are still measured
                print(f"{name}, run {run + 1}: {type(error).__name__}: {error}", file=sys.stderr)
        return results

    def aim(self, name: str, value: float | None, limit: float, unit: str = "x") -> None:
        self.aims.append(list(verdict(name, value, limit, unit)))


async def _one(system: System, measure: Measure[T]) -> T:
    return await measure(system)


def ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None


def typing_rows(rows: dict[str, list[Typing]], label: str) -> list[list[str]]:
    lines = []
    for name, results in rows.items():
        if results:
            spread = median_of([r.latency for r in results])
            cpu = median(r.cpu_ms_per_edit for r in results)
            figures = (spread.p50, spread.p99, spread.worst, cpu)
            lines.append([label, name, str(len(results)), *map(number, figures)])
    return lines


def compare_typing(bench: Bench, rows: dict[str, list[Typing]], label: str, p50: float) -> None:
    """Add the ratios of the room to the relay to the aims."""
    if not (rows.get("room") and rows.get("relay")):
        return
    room = median_of([r.latency for r in rows["room"]])
    relay = median_of([r.latency for r in rows["relay"]])
    bench.aim(f"{label}: p50 to the relay's", ratio(room.p50, relay.p50), p50)
    if p50 < 2:
        bench.aim(f"{label}: p99 to the relay's", ratio(room.p99, relay.p99), 4)


HEAD = ["system", "runs", "p50 ms", "p99 ms", "worst ms", "server CPU ms per edit"]


def typing(bench: Bench) -> None:
    edits, lines = (100 if bench.quick else 400), []
    for cells in bench.cells:
        rows = {
            name: bench.of(name, lambda s, n=cells: scenarios.typing(s, n, edits))  # type: ignore[misc]
            for name in bench.names("room", "relay")
        }
        lines += typing_rows(rows, str(cells))
        compare_typing(bench, rows, f"typing, {cells} cells", 1.5)
    title = "Time from a keystroke until another client applied it"
    print(table(title, ["cells", *HEAD], lines), flush=True)


def readers(bench: Bench) -> None:
    edits, lines = (60 if bench.quick else 200), []
    for count in (10, 100):
        rows = {
            name: bench.of(name, lambda s, n=count: scenarios.readers(s, n, edits))  # type: ignore[misc]
            for name in bench.names("room", "relay")
        }
        lines += typing_rows(rows, str(count))
        compare_typing(bench, rows, f"{count} readers", 2)
    title = "Time from a keystroke until every reader applied it, 100 cells, 20 a second"
    print(table(title, ["readers", *HEAD], lines), flush=True)


def opening(bench: Bench) -> None:
    files, rows = (3 if bench.quick else 7), {}
    for name in bench.names("room", "lab"):
        rows[name] = bench.of(name, lambda s: scenarios.opening(s, 1000, files))
    head = ["system", "runs", "cold ms", "warm ms", "received kB", ".ipynb kB", "server CPU ms"]
    print(table("Opening 1000 cells of 400 characters", head, opening_rows(rows)), flush=True)
    if rows.get("room") and rows.get("lab"):
        for kind in ("cold", "warm"):
            ours, theirs = (
                median_of([getattr(r, kind) for r in rows[n]]).p50 for n in ("room", "lab")
            )
            bench.aim(
                f"opening 1000 cells {kind}, to plain JupyterLab's fetch", ratio(ours, theirs), 1
            )


def opening_rows(rows: dict[str, list[Opening]]) -> list[list[str]]:
    lines = []
    for name, results in rows.items():
        if results:
            times = (median_of([getattr(r, k) for r in results]).p50 for k in ("cold", "warm"))
            kilobytes = (results[0].received_bytes / 1000, results[0].file_bytes / 1000)
            cpu = median(r.cpu_ms_per_open for r in results)
            lines.append([name, str(len(results)), *map(number, (*times, *kilobytes, cpu))])
    return lines


def output(bench: Bench) -> None:
    lines = []
    for workload in scenarios.WORKLOADS:
        for name in bench.names("room", "lab"):
            results = bench.of(name, lambda s, w=workload: scenarios.output(s, w))  # type: ignore[misc]
            if results:
                lines.append(output_row(workload, name, results))
            if name == "room" and results:
                output_aims(bench, workload, results)
    head = [
        "workload", "system", "whole", "characters", "seconds", "server CPU s", "memory MB",
        "others' edits p99/worst ms, before", "meanwhile",
    ]  # fmt: skip
    print(table("Output: time until a second client has all of it", head, lines), flush=True)


def output_row(workload: str, name: str, results: list[Output]) -> list[str]:
    seconds = [r.seconds for r in results if r.seconds is not None]
    return [
        workload,
        name,
        f"{sum(r.whole for r in results)} of {len(results)}",
        f"{min(r.characters for r in results):,} of {results[0].expected:,}",
        number(median(seconds)) if seconds else "never",
        number(median(r.cpu_seconds for r in results)),
        number(median(r.memory_growth_bytes for r in results) / 2**20),
        *(stall(results, when) for when in ("quiet", "busy")),
    ]


def stall(results: list[Output], when: str) -> str:
    spreads = [getattr(r, when) for r in results if getattr(r, when) is not None]
    return (
        f"{number(median_of(spreads).p99)} / {number(median_of(spreads).worst)}" if spreads else "-"
    )


def output_aims(bench: Bench, workload: str, results: list[Output]) -> None:
    lost = max(1 - r.characters / r.expected if not r.whole else 0.0 for r in results)
    bench.aim(f"{workload}: output that is missing", lost * 100, 0, "%")
    spreads = [r.busy for r in results if r.busy is not None]
    worst = median(s.worst for s in spreads) if spreads else None
    bench.aim(f"{workload}: longest wait of an edit elsewhere", worst, 50, "ms")


def memory(bench: Bench) -> None:
    rooms = 50 if bench.quick else 100
    results: list[Memory] = bench.of("room", lambda s: scenarios.memory(s, rooms))
    if results:
        per_room = median(r.megabytes_per_room for r in results)
        figures = (
            per_room,
            median(r.idle_cpu_percent for r in results),
            results[0].start_megabytes,
        )
        line = ["room", str(rooms), str(len(results)), *map(number, figures)]
        head = ["system", "rooms", "runs", "MB per room", "idle CPU %", "MB at the start"]
        print(
            table("Server memory of open 100-cell rooms, one client in each", head, [line]),
            flush=True,
        )
        bench.aim("memory of an open 100-cell room", per_room, 1, "MB")


PARTS = {
    "typing": typing, "readers": readers, "open": opening, "output": output, "memory": memory,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="each on a fresh server; medians")
    parser.add_argument("--quick", action="store_true", help="fewer edits, files and rooms")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="comma-separated")
    parser.add_argument("--cells", default="10,100,1000", help="sizes of notebook for typing")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    cells = [int(count) for count in options.cells.split(",")]
    bench = Bench(options.runs, options.quick, options.systems.split(","), cells)
    load = os.getloadavg()[0]
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} before the "
        f"start; medians of {options.runs}.\n"
    )
    for part in options.parts or PARTS:
        PARTS[part](bench)
    if bench.aims:
        print(table("Aims", ["what", "measured", "aim", ""], bench.aims))


if __name__ == "__main__":
    main()
