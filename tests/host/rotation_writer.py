"""A process that rotates a document and is killed; it prints the acknowledged changes."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from jupyter_runtimed.host.storage import room_log

from .conftest import Place, notebook
from .test_rotation_faults import WORDS, run_at, type_words


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Patched:
    """The part of pytest's monkeypatch that `run_at` needs."""

    setattr = staticmethod(setattr)


async def main() -> None:
    place = Place(Path(sys.argv[1]))
    place.put("a.ipynb", notebook("begin: "))
    server, ana = await type_words(place, *WORDS)
    sys.stdout.write(ana.source("c0"))
    sys.stdout.flush()
    run_at(Patched, sys.argv[2], die)
    await server.close_all()
    assert room_log.former(place.data / "rooms" / "a-ipynb"), "the rotation was not killed"


asyncio.run(main())
