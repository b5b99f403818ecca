"""A process that rotates a document and is killed; it prints the acknowledged changes."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from jupyter_runtimed.host.storage import room_log

from .conftest import Place, notebook
from .test_anew_faults import WORDS, at, typed


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Patched:
    """The part of pytest's monkeypatch that `at` needs."""

    setattr = staticmethod(setattr)


async def main() -> None:
    place = Place(Path(sys.argv[1]))
    place.put("a.ipynb", notebook("begin: "))
    server, ana = await typed(place, *WORDS)
    sys.stdout.write(ana.source("c0"))
    sys.stdout.flush()
    at(Patched, sys.argv[2], die)
    await server.close_all()
    assert room_log.former(place.data / "rooms" / "a-ipynb"), "it was to be killed"


asyncio.run(main())
