"""Measure edits of one notebook during work on a large file of another. See README.md."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import platform
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from harness.figures import Spread, median_of, number, table, verdict
from harness.notebooks import cell_id, source, write_notebook
from harness.room_system import RoomClient, RoomSystem
from harness.scenarios import Probe

Cell = dict[str, Any]
AIM_MS = 30.0
STEPS = ("nothing", "opened", "typed in and saved", "changed outside while typed in", "put")
now = time.perf_counter


def pictures(megabytes: float) -> Iterator[Cell]:
    """Yield cells with a picture of 100 kB each."""
    chance = random.Random(1)
    for index in range(max(3, round(megabytes * 10))):
        data = base64.b64encode(chance.randbytes(75_000)).decode()
        yield code(index, source(index, 100), display(data))


def texts(megabytes: float) -> Iterator[Cell]:
    """Yield cells with 20 kB of printed text each."""
    for index in range(max(3, round(megabytes * 50))):
        lines = [f"{index} {number} {number / 7}\n" for number in range(800)]
        output = {"output_type": "stream", "name": "stdout", "text": lines}
        yield code(index, source(index, 100), output)


def sources(megabytes: float) -> Iterator[Cell]:
    """Yield cells with 400 characters of source and no output; 2000 cells for 40 megabytes."""
    for index in range(max(3, round(megabytes * 50))):
        yield code(index, source(index))


KINDS: dict[str, Callable[[float], Iterator[Cell]]] = {
    "pictures": pictures,
    "texts": texts,
    "sources": sources,
}


def code(index: int, text: str, *outputs: Cell) -> Cell:
    return {
        "cell_type": "code",
        "id": cell_id(index),
        "metadata": {},
        "execution_count": None,
        "source": text.splitlines(keepends=True),
        "outputs": list(outputs),
    }


def display(data: str) -> Cell:
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": data}}


def written(path: Path, cells: Iterator[Cell]) -> float:
    """Write a notebook file; return its size in MB."""
    whole = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole, indent=1) + "\n")
    return path.stat().st_size / 1e6


def changed(path: Path) -> bytes:
    """Return the file's bytes after a formatter changed every third cell."""
    whole = json.loads(path.read_bytes())
    for cell in whole["cells"][::3]:
        cell["source"].append("# formatted\n")
    return (json.dumps(whole, indent=1) + "\n").encode()


class Measured:
    """One large notebook on one server; measures edits of another notebook during each step."""

    def __init__(self, system: RoomSystem) -> None:
        self.system = system
        self.edits: dict[str, Spread] = {}
        self.seconds: dict[str, float] = {}
        self._file = system.server.root / "large.ipynb"

    async def measure(self) -> None:
        await self._during("nothing", asyncio.sleep(1))
        client = await self._during("opened", self.system.open("large.ipynb"))
        await self._during("typed in and saved", self._type(client, 20))
        await self._during("changed outside while typed in", self._change_outside(client))
        await self._during("put", self._put(client))
        await client.close()

    async def _during(self, step: str, work: Any) -> Any:
        probe = await Probe.start(self.system, "other.ipynb")
        begun = now()
        result = await work
        self.seconds[step] = now() - begun
        rows = await probe.stop()
        self.edits[step] = Spread.of(seconds for _, seconds in rows)
        return result

    async def _type(self, client: RoomClient, count: int) -> None:
        for _ in range(count):
            await client.insert(1, 0, "x")
            await asyncio.sleep(0.05)
        await client.notebook.save()

    async def _change_outside(self, client: RoomClient) -> None:
        fresh = self._file.with_suffix(".new")
        await asyncio.to_thread(lambda: fresh.write_bytes(changed(self._file)))
        typing = asyncio.create_task(self._type(client, 40))
        fresh.replace(self._file)
        first = client.ids[0]
        await client.notebook.wait_for(lambda: "# formatted" in client.notebook.source(first), 60)
        await typing

    async def _put(self, client: RoomClient) -> None:
        await asyncio.to_thread(put, self.system, self._file)
        last = client.ids[2]
        await client.notebook.wait_for(lambda: "# put" in client.notebook.source(last), 60)


def put(system: RoomSystem, file: Path) -> None:
    content = json.loads(file.read_bytes())
    content["cells"][2]["source"].append("# put\n")
    body = {"type": "notebook", "format": "json", "content": content}
    headers = {"Authorization": "token bench"}
    url = f"{system.server.url}/api/contents/large.ipynb"
    with urlopen(Request(url, json.dumps(body).encode(), headers, method="PUT"), timeout=120):
        pass


def run(kind: str, megabytes: float) -> tuple[float, Measured]:
    with RoomSystem.launch() as server:
        size = written(server.root / "large.ipynb", KINDS[kind](megabytes))
        write_notebook(server.root / "other.ipynb", 3)
        measured = Measured(RoomSystem(server))
        asyncio.run(measured.measure())
        return size, measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=[], help=", ".join(KINDS))
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f} before the start; {options.runs} runs.\n",
        flush=True,
    )
    rows, aims = [], []
    for kind in options.kinds or KINDS:
        found = [run(kind, options.megabytes) for _ in range(options.runs)]
        for step in STEPS:
            edits = median_of([measured.edits[step] for _, measured in found])
            took = sorted(measured.seconds[step] for _, measured in found)[len(found) // 2]
            figures = (found[0][0], took, edits.p50, edits.p99, edits.worst)
            rows.append([kind, step, *map(number, figures)])
            if step == "typed in and saved":
                aims.append(verdict(f"{kind}: worst edit meanwhile", edits.worst, AIM_MS, "ms"))
    head = ["notebook", "step", "MB", "s", "p50 ms", "p99 ms", "worst ms"]
    print(table("Edits of another notebook during work on a large one", head, rows))
    print(table("Aims", ["what", "measured", "aim", ""], aims))


if __name__ == "__main__":
    main()
