"""Memory that opening a room took and freed does not stay with the process."""

import asyncio
import sys

import pytest

from jupyter_runtimed.host import freed

from .conftest import notebook


@pytest.fixture
async def trims(monkeypatch):
    """Each time that memory was given back."""
    seen = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def trim(_pad):
        loop.call_soon_threadsafe(seen.put_nowait, True)
        return 1

    monkeypatch.setattr(freed, "_malloc_trim", lambda: trim)
    monkeypatch.setattr(freed, "SOON_SECONDS", 0)
    return seen


async def test_it_is_given_back_after_rooms_were_opened(trims, place):
    place.put("a.ipynb", notebook("x"))
    await place.server().open("a.ipynb")
    assert await asyncio.wait_for(trims.get(), 30)


async def test_many_wishes_are_one(trims):
    memory = freed.Freed()
    for _ in range(10):
        memory.give_back_soon()
    assert await asyncio.wait_for(trims.get(), 30)
    memory.give_back_soon()
    assert await asyncio.wait_for(trims.get(), 30)
    assert trims.empty()


async def test_nothing_happens_after_the_end(trims):
    memory = freed.Freed()
    memory.give_back_soon()
    memory.close()
    await asyncio.sleep(0)
    await asyncio.to_thread(int)
    assert trims.empty()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_where_glibc_is_it_can_be_asked():
    trim = freed._malloc_trim()
    assert trim is None or trim(0) in (0, 1)
