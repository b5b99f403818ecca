"""The scenarios. Each takes a running system and checks that the sent data arrived unchanged."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.figures import Spread
from harness.notebooks import write_notebook
from harness.systems import Client, Printer, System

now = time.perf_counter


async def until(holds: Callable[[], bool], timeout_seconds: float, what: str) -> None:
    """Poll until ``holds()``, because the systems have no common event; raise on timeout."""
    end = now() + timeout_seconds
    while not holds():
        if now() > end:
            raise TimeoutError(what)
        await asyncio.sleep(0.002)


# ---- typing


@dataclass(frozen=True)
class Typing:
    latency: Spread
    cpu_ms_per_edit: float


async def typed(writer: Client, reader: Client, cell: int, edits: int) -> list[float]:
    """Insert characters at random positions; return the seconds until ``reader`` holds each."""
    arrived = asyncio.Event()
    wanted, at = 0, 0.0

    def changed() -> None:
        nonlocal at
        if reader.length(cell) >= wanted:
            at = now()
            arrived.set()

    reader.on_change = changed
    chance, latencies = random.Random(11), []
    for i in range(edits):
        length = writer.length(cell)
        wanted = length + 1
        arrived.clear()
        start = now()
        await writer.insert(cell, chance.randrange(length), chr(97 + i % 26))
        await asyncio.wait_for(arrived.wait(), 30)
        latencies.append(at - start)
        if writer.source(cell) != reader.source(cell):
            raise AssertionError(f"copies differ after edit {i}")
        await asyncio.sleep(0.005)
    return latencies


async def typing(system: System, cells: int, edits: int) -> Typing:
    """Measure one client that types and one that watches."""
    write_notebook(system.server.root / "typing.ipynb", cells)
    writer, reader = await system.open("typing.ipynb"), await system.open("typing.ipynb")
    await typed(writer, reader, cells // 2, 30)
    before = system.server.cpu_seconds()
    latencies = await typed(writer, reader, cells // 2, edits)
    cpu = system.server.cpu_seconds() - before
    await writer.close()
    await reader.close()
    return Typing(Spread.of(latencies), cpu / edits * 1000)


# ---- readers


class Audience:
    """Many readers of one cell; records when each reader receives each edit."""

    def __init__(self, readers: list[Client], cell: int) -> None:
        self.sent: list[float] = []
        self.latencies: list[float] = []
        self.seen = [0] * len(readers)
        base = readers[0].length(cell)
        for index, reader in enumerate(readers):
            reader.on_change = self._watch(index, reader, cell, base)

    def _watch(self, index: int, reader: Client, cell: int, base: int) -> Callable[[], None]:
        def changed() -> None:
            time_seen, count = now(), reader.length(cell) - base
            for edit in range(self.seen[index], count):
                self.latencies.append(time_seen - self.sent[edit])
            self.seen[index] = max(self.seen[index], count)

        return changed


async def readers(system: System, count: int, edits: int, per_second: float = 20) -> Typing:
    """Measure one client that types at a steady rate and ``count`` readers, with 100 cells."""
    write_notebook(system.server.root / "readers.ipynb", 100)
    cell, writer = 50, await system.open("readers.ipynb")
    watching = [await system.open("readers.ipynb") for _ in range(count)]
    audience, chance = Audience(watching, cell), random.Random(13)
    length = writer.length(cell)
    before, start = system.server.cpu_seconds(), now()
    for i in range(edits):
        await asyncio.sleep(max(0.0, start + i / per_second - now()))
        audience.sent.append(now())
        await writer.insert(cell, chance.randrange(length + i), "x")
    await until(lambda: min(audience.seen) >= edits, 60, "an edit did not reach every reader")
    cpu = system.server.cpu_seconds() - before
    if any(reader.source(cell) != writer.source(cell) for reader in watching):
        raise AssertionError("copies differ")
    for client in [writer, *watching]:
        await client.close()
    return Typing(Spread.of(audience.latencies), cpu / edits * 1000)


# ---- opening


@dataclass(frozen=True)
class Opening:
    cold: Spread
    warm: Spread
    received_bytes: int
    file_bytes: int
    cpu_ms_per_open: float


async def opening(system: System, cells: int, files: int) -> Opening:
    """Measure the first opening of each file (cold) and the second (warm)."""
    root = system.server.root
    write_notebook(root / "first.ipynb", 1)
    await (await system.open("first.ipynb")).close()
    cold, warm, received, cpu = [], [], 0, 0.0
    for index in range(files):
        path = f"open-{index}.ipynb"
        sources = write_notebook(root / path, cells)
        clients = []
        for times in (cold, warm):
            before, start = system.server.cpu_seconds(), now()
            client = await system.open(path)
            times.append(now() - start)
            cpu += system.server.cpu_seconds() - before
            if [client.source(i) for i in range(cells)] != sources:
                raise AssertionError("the opened notebook is not the file")
            clients.append(client)
        received = clients[0].received_bytes()
        for client in clients:
            await client.close()
    size = (root / "open-0.ipynb").stat().st_size
    return Opening(Spread.of(cold), Spread.of(warm), received, size, cpu / files / 2 * 1000)


# ---- output

WORKLOADS = {
    "100,000 lines": ("for i in range(100000): print(i)", "".join(f"{i}\n" for i in range(100000))),
    "10,000 flushes": (
        "for i in range(10000): print(i, flush=True)",
        "".join(f"{i}\n" for i in range(10000)),
    ),
    "one 10 MB print": ("print('x' * 10_000_000, end='')", "x" * 10_000_000),
    "one 10 MB display": (
        "from IPython.display import display\ndisplay({'text/plain': 'y' * 10_000_000}, raw=True)",
        "y" * 10_000_000,
    ),
}


@dataclass(frozen=True)
class Output:
    whole: bool
    characters: int
    expected: int
    seconds: float | None
    cpu_seconds: float
    memory_growth_bytes: int
    quiet: Spread | None
    busy: Spread | None


async def output(system: System, workload: str, give_up_seconds: float = 60) -> Output:
    """Run one cell with much output; watch a second client, and edits of another notebook."""
    code, expected = WORKLOADS[workload]
    sources = write_notebook(system.server.root / "loud.ipynb", 10, first=["1 + 1", code])
    write_notebook(system.server.root / "other.ipynb", 10)
    printer = await system.printer("loud.ipynb", sources)
    await printer.run(0)
    await until(printer.finished, 60, "the first run does not end")
    if await whole(printer, 0, "2", now(), 20) is None:
        raise TimeoutError("the first output was not seen")
    probe = await Probe.start(system, "other.ipynb")
    await asyncio.sleep(1.5)
    cpu, memory = system.server.cpu_seconds(), system.server.memory_bytes()
    start = now()
    await printer.run(1)
    seconds = await whole(printer, 1, expected, start, give_up_seconds)
    stop = now()
    await asyncio.sleep(1)
    rows = await probe.stop()
    text = await printer.text(1)
    cpu = system.server.cpu_seconds() - cpu
    growth = system.server.memory_bytes() - memory
    await printer.close()
    return Output(
        text == expected, len(text), len(expected), seconds, cpu, growth,
        within(rows, 0, start), within(rows, start - 0.05, stop + 1),
    )  # fmt: skip


async def whole(
    printer: Printer, cell: int, expected: str, start: float, give_up_seconds: float
) -> float | None:
    """Return the seconds until the viewer holds all output; None after a stall or a timeout."""
    news, at = asyncio.Event(), now()
    news.set()  # Output may have arrived before the callback was set.

    def changed() -> None:
        nonlocal at
        at = now()
        news.set()

    printer.on_change = changed
    while now() - start < give_up_seconds:
        try:
            await asyncio.wait_for(news.wait(), 3)
        except asyncio.TimeoutError:
            if printer.finished():
                return None
            continue
        news.clear()
        seen, before = at, now()
        text = await printer.text(cell)
        took = now() - before
        if len(text) >= len(expected):
            # The viewer fetches large output on reading, so the time of the read counts.
            return seen - start + took
        # Frequent reads would add to the measured load.
        await asyncio.sleep(min(0.25, took * 4))
    return None


def within(rows: list[tuple[float, float]], low: float, high: float) -> Spread | None:
    """Return the latencies of the edits that were sent between two times."""
    latencies = [seconds for sent, seconds in rows if low <= sent <= high]
    return Spread.of(latencies) if latencies else None


class Probe:
    """A child process that edits another notebook (see ``probe.py``)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @staticmethod
    async def start(system: System, path: str) -> Probe:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "harness.probe", system.name, str(system.server.port), path,
            cwd=Path(__file__).parents[1], limit=1 << 26,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        if line.strip() != b"ready":
            raise RuntimeError("the probe did not start")
        return Probe(process)

    async def stop(self) -> list[tuple[float, float]]:
        """Stop the probe; return (time of sending, seconds) of each edit."""
        out, _ = await asyncio.wait_for(self._process.communicate(b"stop\n"), 60)
        return [(sent, seconds) for sent, seconds in json.loads(out)]


# ---- memory


@dataclass(frozen=True)
class Memory:
    megabytes_per_room: float
    idle_cpu_percent: float
    start_megabytes: float


async def memory(system: System, rooms: int, cells: int = 100) -> Memory:
    """Measure the server's resident memory per open room with one client."""
    warm = 20
    for index in range(rooms + warm):
        write_notebook(system.server.root / f"room-{index}.ipynb", cells)
    # The first rooms allocate shared memory, and temporary memory that stays resident.
    clients = [await system.open(f"room-{rooms + i}.ipynb") for i in range(warm)]
    await asyncio.sleep(2)
    before = system.server.memory_bytes()
    clients += [await system.open(f"room-{index}.ipynb") for index in range(rooms)]
    await asyncio.sleep(3)
    grown = system.server.memory_bytes() - before
    cpu = system.server.cpu_seconds()
    await asyncio.sleep(5)
    idle = (system.server.cpu_seconds() - cpu) / 5 * 100
    for client in clients:
        await client.close()
    return Memory(grown / rooms / 2**20, idle, before / 2**20)
