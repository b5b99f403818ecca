"""A process that has a document begin anew, and is killed then; what it says is acknowledged."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from jupyter_runtimed.host import room_log

from .conftest import Place, notebook
from .test_anew_faults import WORDS, at, typed


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Patched:
    """What `at` needs of pytest's."""

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
