"""A process that writes to a store until it is killed, and prints acknowledged numbers.

With `folding` it also compacts the log continuously.
"""

import asyncio
import sys
from pathlib import Path

from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.host.storage.log_store import LogStore
from jupyter_runtimed.ids import Epoch, RoomId


class Acknowledge:
    def __init__(self) -> None:
        self.wake = asyncio.Event()

    def on_durable(self, number: int) -> None:
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        self.wake.set()

    def on_failed(self, message: str) -> None:
        raise SystemExit(message)


async def main() -> None:
    folding = sys.argv[2:] == ["folding"]
    store = LogStore(DataDir(Path(sys.argv[1])), server="writer", fold=bytes)
    listener = Acknowledge()
    store.lock(RoomId("room"))
    store.listen(RoomId("room"), listener)
    number = 0
    while True:
        for _ in range(7):
            number += 1
            store.append(RoomId("room"), number, "notebook", Epoch("e"), b"%d," % number)
        if folding:
            store._start_folding(RoomId("room"))
        listener.wake.clear()
        await listener.wake.wait()


asyncio.run(main())
