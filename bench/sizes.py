"""Measure very large outputs: size in the document, on the wire, in memory and in the file."""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import jupyter_runtimed
from harness.figures import number, table
from harness.notebooks import write_notebook
from harness.process import TOKEN, Server, lab_argv
from jupyter_runtimed import LiveNotebook

MB = 1_000_000
DISPLAY = "from IPython.display import display\n"
BINARY = (
    "import base64, os\n"
    + DISPLAY
    + "display({{'image/png': base64.b64encode(os.urandom({size})).decode()}}, raw=True)"
)


@dataclass(frozen=True)
class Load:
    """A cell to run.

    `whole` checks the outputs in the file; the cell is interrupted after `seconds`, unless None.
    """

    code: str
    whole: Callable[[list[dict[str, object]]], bool]
    seconds: float | None = None


def printed(outputs: list[dict[str, object]]) -> str:
    parts = [output["text"] for output in outputs if output["output_type"] == "stream"]
    return "".join("".join(part) for part in parts)  # type: ignore[arg-type]


def counted(outputs: list[dict[str, object]]) -> bool:
    lines = printed(outputs).split("\n")[:-1]
    return lines == [str(i) for i in range(len(lines))]


def loads(part: float) -> dict[str, Load]:
    """Return the loads by name, at the fraction `part` of their full size."""
    lines, flushes, shown = int(1_250_000 * part), int(100_000 * part), int(10_000 * part)
    size = int(200 * MB * part)
    return {
        f"{lines:,} lines of 80 characters": Load(
            f"for i in range({lines}): print('%079d' % i)",
            lambda found: printed(found) == "".join(f"{i:079d}\n" for i in range(lines)),
        ),
        f"{flushes:,} flushes": Load(
            f"for i in range({flushes}): print(i, flush=True)",
            lambda found: counted(found) and printed(found).count("\n") == flushes,
        ),
        f"a binary display of {size:,} bytes": Load(
            BINARY.format(size=size),
            lambda found: len(found[0]["data"]["image/png"].strip()) == (size + 2) // 3 * 4,  # type: ignore[index]
        ),
        f"{shown:,} displays": Load(
            f"{DISPLAY}for i in range({shown}): display(i)",
            lambda found: (
                [o["data"]["text/plain"] for o in found]  # type: ignore[index]
                == [[str(i)] for i in range(shown)]
            ),
        ),
        f"an endless loop, {60 * part:.0f} s": Load(
            "i = 0\nwhile True:\n    print(i); i += 1", counted, seconds=60 * part
        ),
        "a traceback of 5,000,000 characters": Load(
            "raise ValueError('x' * 5_000_000)",
            lambda found: len(str(found[0]["evalue"])) == 5_000_000,
        ),
    }


@contextmanager
def watched(server: Server) -> Iterator[list[int]]:
    """Sample the server's memory every 20 ms; the yielded list holds the peak in bytes."""
    peak, over = [server.memory_bytes()], threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], server.memory_bytes())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


async def row(name: str, load: Load) -> list[str]:
    with Server(lab_argv()) as server:
        write_notebook(server.root / "run.ipynb", 0, first=["1 + 1", load.code])
        async with jupyter_runtimed.connect(server.url, "run.ipynb", token=TOKEN) as nb:
            await nb.run(nb.cells[0])
            before, received = server.memory_bytes(), nb.received_bytes
            with watched(server) as peak:
                await finished(nb, load.seconds)
                received = nb.received_bytes - received
                peak_running = peak[0] - before
                await nb.save()
            file = (server.root / "run.ipynb").read_bytes()
            blobs = [p for p in (server.folder / "data/runtimed/blobs").glob("*/*") if p.is_file()]
            figures = (
                received / 1000,
                sum(path.stat().st_size for path in blobs) / MB,
                len(file) / MB,
                peak_running / MB,
                (peak[0] - before) / MB,
            )
            whole = load.whole(json.loads(file)["cells"][1]["outputs"])
            await nb.shutdown()
    return [name, "yes" if whole else "no", str(len(blobs)), *map(number, figures)]


async def finished(nb: LiveNotebook, seconds: float | None) -> None:
    """Run the second cell, wait for its end, and fetch all its outputs once."""
    asked = asyncio.create_task(nb.run(nb.cells[1]))
    if seconds is not None:
        await asyncio.sleep(seconds)
        await nb.interrupt()
    await asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", type=float, default=1, help="of the full sizes")
    options = parser.parse_args()
    rows = [asyncio.run(row(name, load)) for name, load in loads(options.part).items()]
    head = [
        "a cell with", "file whole", "blobs", "received kB", "blobs MB", "file MB",
        "memory MB while running", "and while saving",
    ]  # fmt: skip
    print(table("Sizes of very large outputs", head, rows))


if __name__ == "__main__":
    main()
