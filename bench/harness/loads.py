"""The cells that `bench/kernel.py` runs, and the measurement of each cell on one system."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from harness.catalogue import SYSTEMS
from harness.notebooks import write_notebook
from harness.process import Server
from harness.scenarios import Probe, within
from harness.windows import BareWindow, LabWindow, RoomWindow, Window

now = time.perf_counter


class Load(NamedTuple):
    code: str
    shows: str
    times: int


def _displays(count: int) -> Load:
    # `display` is a builtin of the kernel, so the load measures only the displays.
    return Load(f"for i in range({count}): display(i)", "".join(map(str, range(count))), 3)


def _lines(count: int) -> str:
    return "".join(f"{i}\n" for i in range(count))


LOADS = {
    "1 + 1": Load("1 + 1", "2", 30),
    "100 displays": _displays(100),
    "500 displays": _displays(500),
    "1000 displays": _displays(1000),
    "100,000 lines": Load("for i in range(100_000): print(i)", _lines(100_000), 3),
    "10,000 flushes": Load("for i in range(10_000): print(i, flush=True)", _lines(10_000), 1),
}


@dataclass(frozen=True)
class Cost:
    """Cost of one run of a load, or the median of several runs.

    `cpu_seconds` is the server's CPU time until the file holds the outputs, `shown_cpu_seconds` the
    part until a second client holds them. `elsewhere_ms` is the p99 of the time for an edit of
    another notebook during the run (with plain JupyterLab: for a small request).
    """

    whole: bool
    seconds: float
    cpu_seconds: float
    shown_cpu_seconds: float
    received_bytes: float
    changes: float
    elsewhere_ms: float | None = None


async def measured(name: str, loads: list[str]) -> dict[str, Cost]:
    """Run each load on one fresh system: first alone, then during edits of another notebook."""
    sources = [LOADS[load].code for load in loads]
    async with _opened(name, sources) as (server, window):
        await window.run(0)
        costs = {load: await _cost(server, window, load, at) for at, load in enumerate(loads)}
        if server is None:
            return costs
        write_notebook(server.root / "other.ipynb", 10)
        probe = await Probe.start(SYSTEMS[name](server), "other.ipynb")
        spans = {}
        for at, load in enumerate(loads):
            await asyncio.sleep(1)
            start = now()
            for _ in range(LOADS[load].times):
                await window.run(at)
            spans[load] = (start, now())
        rows = await probe.stop()
        return {
            load: replace(cost, elsewhere_ms=_p99(rows, *spans[load]))
            for load, cost in costs.items()
        }


async def _cost(server: Server | None, window: Window, load: str, at: int) -> Cost:
    _, shows, times = LOADS[load]
    begun, shown_cpu = _cpu_seconds(server), 0.0
    received, changes, seconds, whole = window.received_bytes(), window.changes, [], True
    for _ in range(times):
        start = _cpu_seconds(server)
        took, text = await window.run(at)
        shown_cpu += _cpu_seconds(server) - start
        seconds.append(took)
        whole = whole and text == shows
        await window.filed()
    received, changes = window.received_bytes() - received, window.changes - changes
    # The work of the server after the reply to a save counts as well.
    await asyncio.sleep(0.5 if server is not None else 0)
    cpu = _cpu_seconds(server) - begun
    middle = statistics.median(seconds)
    return Cost(whole, middle, cpu / times, shown_cpu / times, received / times, changes / times)


def _cpu_seconds(server: Server | None) -> float:
    return 0.0 if server is None else server.cpu_seconds()


def _p99(rows: list[tuple[float, float]], start: float, stop: float) -> float | None:
    spread = within(rows, start, stop)
    return None if spread is None else spread.p99


@asynccontextmanager
async def _opened(name: str, sources: list[str]) -> AsyncIterator[tuple[Server | None, Window]]:
    if name == "bare":
        bare = await BareWindow.open(sources)
        yield None, bare
        await bare.close()
        return
    with SYSTEMS[name].launch() as server:
        write_notebook(Path(server.root) / "run.ipynb", 0, first=sources)
        window = await _window(name, server, sources)
        yield server, window
        await window.close()


async def _window(name: str, server: Server, sources: list[str]) -> Window:
    if name == "lab":
        return await LabWindow.open(server, "run.ipynb", sources)
    return await RoomWindow.open(server, "run.ipynb")
