"""Child process of the output scenario: edits another notebook of the same server every 20 ms.

``python -m harness.probe SYSTEM PORT PATH`` prints ``ready``, and after a line on standard input
``[[when sent, seconds], ...]``. Plain JupyterLab does not share edits, so the probe measures a
small request to its server instead, which waits for the same event loop.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

from tornado.httpclient import AsyncHTTPClient

from harness.catalogue import SYSTEMS
from harness.process import Attached
from harness.systems import System

now = time.perf_counter


async def editing(system: System, path: str) -> Callable[[], Awaitable[float]]:
    """Return a function that makes one edit and returns the seconds until another client has it."""
    writer, reader = await system.open(path), await system.open(path)
    arrived = asyncio.Event()
    wanted, at = 0, 0.0

    def changed() -> None:
        nonlocal at
        if reader.length(0) >= wanted:
            at = now()
            arrived.set()

    async def edit() -> float:
        nonlocal wanted
        wanted = writer.length(0) + 1
        arrived.clear()
        await writer.insert(0, 0, "z")
        await arrived.wait()
        return at

    reader.on_change = changed
    return edit


async def asking(system: System) -> Callable[[], Awaitable[float]]:
    """Return a function that makes one small request and returns its seconds."""

    async def ask() -> float:
        await AsyncHTTPClient().fetch(f"{system.server.url}/api")
        return now()

    return ask


async def main(name: str, port: int, path: str) -> None:
    system = SYSTEMS[name](Attached(port))
    act = await asking(system) if name == "lab" else await editing(system, path)
    await act()
    print("ready", flush=True)
    line = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    rows: list[tuple[float, float]] = []
    while not line.done():
        sent = now()
        rows.append((sent, await act() - sent))
        await asyncio.sleep(0.02)
    print(json.dumps(rows), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
