"""Measure the store: time until an edit is durable, bytes on disk, time to open. One table.

    python bench/store.py           # a minute
    python bench/store.py --full    # a week of ten notebooks, 100,000 edits, 100 idle rooms

The rooms and the store are real and run in this process; `harness/pen.py` provides the clients and
kernels.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.figures import Spread, number, table, verdict
from harness.pen import Desk, Pen
from jupyter_runtimed import crdt
from jupyter_runtimed.cli import app, stored_rooms
from jupyter_runtimed.client.outputs import blobs_of
from jupyter_runtimed.document.schema import NOTEBOOK
from jupyter_runtimed.host.storage import room_log
from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.ids import CellId

LATER_SECONDS = 2 * room_log.KEPT_SECONDS
DAYS = 7


@dataclass(frozen=True)
class Scale:
    """Size of the benchmark; the aims refer to `--full`."""

    seconds: float
    keystrokes: int
    history: int
    notebooks: int
    week_keystrokes: int
    week_runs: int
    idle_rooms: int


QUICK = Scale(0.5, 300, 300, 1, 300, 10, 3)
SHORT = Scale(5, 5_000, 20_000, 2, 3_000, 120, 30)
FULL = Scale(30, 50_000, 100_000, 10, 50_000, 2_000, 100)


class Bench:
    def __init__(self, scale: Scale, folder: Path) -> None:
        self.scale = scale
        self.rows: list[list[str]] = []
        self._folder = folder

    def say(self, what: str, value: float, unit: str) -> None:
        self.rows.append([what, f"{number(value)} {unit}", "", ""])

    def aim(self, what: str, value: float, limit: float, unit: str) -> None:
        self.rows.append(list(verdict(what, value, limit, unit)))

    @contextlib.asynccontextmanager
    async def desk(self, name: str, **settings: object) -> AsyncIterator[Desk]:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        desk = Desk(folder, **settings)
        try:
            yield desk
        finally:
            await desk.close()

    # ------------------------------------------------------------ time to be durable

    async def durable(self) -> None:
        async with self.desk("durable") as desk:
            desk.put("a.ipynb", ["", ""])
            pen = await desk.open("a.ipynb")
            await _typed_at(pen, 100, self.scale.seconds)
            spread = Spread.of(pen.latencies)
            bare = await asyncio.to_thread(_bare_syncs, desk.data / "bare")
            self.say("a bare write and sync of 50 bytes, p99", bare.p99, "ms")
            self.say("100 edits/s: durable and acknowledged, p50", spread.p50, "ms")
            self.aim("100 edits/s: durable and acknowledged, p99", spread.p99, 10, "ms")
            pens = [await desk.open("a.ipynb", seed) for seed in range(10)]
            with _counted_syncs() as syncs:
                await asyncio.gather(*(_typed_at(it, 100, self.scale.seconds / 2) for it in pens))
            edits = sum(len(it.latencies) for it in pens)
            spread = Spread.of(x for it in pens for x in it.latencies)
            self.say("1000 edits/s of 10 clients: p99", spread.p99, "ms")
            self.say("1000 edits/s of 10 clients: edits to a sync", edits / syncs[0], "")
        async with self.desk("ten") as desk:
            for index in range(10):
                desk.put(f"{index}.ipynb", [""])
            pens = [await desk.open(f"{index}.ipynb", index) for index in range(10)]
            await asyncio.gather(*(_typed_at(it, 10, self.scale.seconds) for it in pens))
            spread = Spread.of(x for it in pens for x in it.latencies)
            self.aim("10 rooms, 10 edits/s each: p99", spread.p99, 10, "ms")

    # ------------------------------------------------------------ bytes

    async def bytes(self) -> None:
        count = self.scale.keystrokes
        async with self.desk("bytes", autosave=False) as desk:
            desk.put("a.ipynb", ["", ""])
            pen = await desk.open("a.ipynb")
            begun = _size(desk.data)
            for index in range(count):
                pen.keystroke("c0")
                if index % 30 == 29:  # the rate of autosave at six keystrokes a second
                    pen.call("save")
                    await pen.durable()
            await pen.durable()
            written = (_size(desk.data) - begun) / count
            self.aim("as written, saved every 30: a keystroke", written, 60, "bytes")
            data = DataDir(desk.data)
        kept_now = _after_a_while(data) / count
        self.say("closed, ten minutes later: a keystroke", kept_now, "bytes")
        _compacted(data)
        self.aim("compacted: a keystroke", _size(data.rooms) / count, 20, "bytes")
        (room,) = stored_rooms.rooms(data)
        history = len(room.document(NOTEBOOK).save()) / count
        self.say("the history alone, as Automerge saves it: a keystroke", history, "bytes")

    async def week(self) -> None:
        scale = self.scale
        async with self.desk("week", autosave=False, idle_ms=200) as desk:
            for index in range(scale.notebooks):
                path = f"{index}.ipynb"
                desk.put(path, [""] * 20)
                for day in range(DAYS):
                    pen = await desk.open(path, index * DAYS + day)
                    await _worked(pen, scale.week_keystrokes // DAYS, scale.week_runs // DAYS)
                    await desk.end_visit(path)
            data = DataDir(desk.data)
            rooms_bytes = _after_a_while(data)
            blobs_bytes = _size(data.blobs)
            await asyncio.to_thread(desk.swept)
            swept_bytes = _size(data.blobs)
            histories, live = _histories(data), _live_blobs(data)
            await asyncio.to_thread(_compacted, data)
            await asyncio.to_thread(desk.swept)
        what = f"a week of {scale.notebooks} notebooks"
        self.say(f"{what}: histories as Automerge saves them", sum(histories) / 2**20, "MiB")
        documents = len(histories) / scale.notebooks
        self.say(f"{what}: documents per notebook, with archived ones", documents, "each")
        self.say(f"{what}: live blobs", live / 2**20, "MiB")
        self.say(f"{what}: rooms on disk", rooms_bytes / 2**20, "MiB")
        self.say(f"{what}: blobs on disk, never swept", blobs_bytes / 2**20, "MiB")
        self.aim(f"{what}: rooms on disk, to the histories", rooms_bytes / sum(histories), 3, "x")
        store = (rooms_bytes + swept_bytes) / (sum(histories) + live)
        self.aim(f"{what}: rooms and swept blobs, to histories and live blobs", store, 3, "x")
        compact = _size(data.rooms) / sum(histories)
        self.say(f"{what}: rooms compacted, to the histories", compact, "x")
        both = (_size(data.rooms) + _size(data.blobs)) / (sum(histories) + live)
        self.say(f"{what}: both compacted, to histories and live blobs", both, "x")

    # ------------------------------------------------------------ opening

    async def opening(self) -> None:
        count = self.scale.history
        async with self.desk("old", autosave=False) as desk:
            desk.put("a.ipynb", ["", ""])
            pen = await desk.open("a.ipynb")
            for index in range(count):
                pen.keystroke(f"c{index % 2}")
                if index % 100 == 99:
                    await pen.durable()
            pen.call("save")
            await pen.durable()
            sources = [pen.peer.notebook.source(CellId(cell)) for cell in ("c0", "c1")]
        old = await self._opened("old", "a.ipynb")
        async with self.desk("fresh", autosave=False) as desk:
            desk.put("a.ipynb", sources)
            await desk.open("a.ipynb")
        fresh = await self._opened("fresh", "a.ipynb")
        async with self.desk("new", autosave=False) as desk:
            desk.put("a.ipynb", sources)
        new = await self._opened("new", "a.ipynb", times=1)
        for what, (server, client) in {"new": new, "fresh": fresh, f"{count:,} edits": old}.items():
            self.say(f"opening, {what}: server", server * 1000, "ms")
            self.say(f"opening, {what}: server and client", client * 1000, "ms")
        self.aim(f"opening {count:,} edits to a fresh one", old[1] / fresh[1], 1.5, "x")

    async def _opened(self, name: str, path: str, times: int = 5) -> tuple[float, float]:
        """Return the seconds until the room is open, and until a new client has the notebook."""
        server, client = [], []
        for _ in range(times):
            async with self.desk(name, autosave=False) as desk:
                begun = time.perf_counter()
                await desk.rooms.open(path)
                server.append(time.perf_counter() - begun)
                await desk.open(path)
                client.append(time.perf_counter() - begun)
        return statistics.median(server), statistics.median(client)

    # ------------------------------------------------------------ idle

    async def idle(self) -> None:
        process, count = psutil.Process(), self.scale.idle_rooms
        async with self.desk("idle", idle_ms=3_600_000) as desk:
            desk.put("warm.ipynb", ["x"])
            await desk.open("warm.ipynb")
            before = process.memory_info().rss
            for index in range(count):
                desk.put(f"{index}.ipynb", ["x = 1"] * 5)
                await desk.rooms.open(f"{index}.ipynb")
            await asyncio.sleep(3)
            used = sum(process.cpu_times()[:2])
            await asyncio.sleep(10)
            cpu = (sum(process.cpu_times()[:2]) - used) / 10 * 100
            memory = (process.memory_info().rss - before) / 2**20
        self.aim(f"{count} idle rooms: of one core", cpu * 100 / count, count / 100, "%")
        self.aim(f"{count} idle rooms: memory", memory, 60 * count / 100, "MiB")


async def _typed_at(pen: Pen, a_second: float, seconds: float) -> None:
    pen.latencies.clear()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for index in range(int(a_second * seconds)):
        await asyncio.sleep(max(begun + index / a_second - loop.time(), 0))
        pen.keystroke("c0")
    await pen.durable()


async def _worked(pen: Pen, keystrokes: int, runs: int) -> None:
    """Type, with occasional runs that draw a picture, and occasional saves."""
    each = keystrokes // runs
    for run in range(runs):
        cell = f"c{run % 20}"
        for _ in range(each):
            pen.keystroke(cell)
        await pen.durable()
        await pen.ran(cell)
        if run % 100 == 99:
            pen.call("save")
    await pen.durable()


def _bare_syncs(path: Path) -> Spread:
    """Measure plain syncs of a file at 100 a second: the limit of disk and machine."""
    seconds = []
    with path.open("wb", buffering=0) as file:
        for _ in range(300):
            time.sleep(0.01)
            begun = time.perf_counter()
            file.write(bytes(50))
            room_log._sync(file)
            seconds.append(time.perf_counter() - begun)
    path.unlink()
    return Spread.of(seconds)


@contextlib.contextmanager
def _counted_syncs() -> Iterator[list[int]]:
    count, real = [0], room_log._sync

    def sync(file: io.FileIO) -> None:
        count[0] += 1
        real(file)

    room_log._sync = sync
    try:
        yield count
    finally:
        room_log._sync = real


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _after_a_while(data: DataDir) -> int:
    """Return the bytes of the rooms after the removal of superseded segments."""
    for folder in data.rooms.iterdir():
        room_log.prune(folder, now=time.time() + LATER_SECONDS)
    return _size(data.rooms)


def _histories(data: DataDir) -> list[int]:
    """Return the saved size of every notebook document, including archived ones, in bytes."""
    return [
        len(document.save())
        for room in stored_rooms.rooms(data)
        for document in (
            room.document(NOTEBOOK),
            *(crdt.load(it.read_bytes(), actor=b"bench") for it in room_log.former(room.folder)),
        )
    ]


def _live_blobs(data: DataDir) -> int:
    """Return the bytes of all blobs that the notebooks show."""
    return sum(
        {
            blob.sha256: blob.size
            for room in stored_rooms.rooms(data)
            for outcome in room.runtime().outcomes().values()
            for blob in blobs_of(outcome.outputs)
        }.values()
    )


def _compacted(data: DataDir) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert app.main(["compact", "--data-dir", str(data.root)]) == 0


async def measure(scale: Scale, only: list[str], folder: Path) -> list[list[str]]:
    bench = Bench(scale, folder)
    for part in (bench.durable, bench.bytes, bench.opening, bench.idle, bench.week):
        if not only or part.__name__ in only:
            await part()
    return bench.rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="run at the size of the aims")
    parser.add_argument("--quick", action="store_true", help="only check that the benchmark works")
    parser.add_argument("parts", nargs="*", help="durable, bytes, opening, idle, week")
    beside = Path(__file__).parents[1] / "build"  # on a disk, because /tmp may be in memory
    parser.add_argument("--folder", type=Path, default=beside, help="folder on the measured disk")
    asked = parser.parse_args()
    beside.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        scale = FULL if asked.full else QUICK if asked.quick else SHORT
        rows = asyncio.run(measure(scale, asked.parts, Path(folder)))
    load = os.getloadavg()[0]
    print(table(f"The store (load {load:.1f})", ["what", "measured", "aim", ""], rows))


if __name__ == "__main__":
    main()
