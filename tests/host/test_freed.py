"""Memory that opening a room used and freed returns to the system."""

import asyncio
import sys

import pytest

from jupyter_runtimed.host import memory

from .conftest import notebook


@pytest.fixture
async def trims(monkeypatch):
    """Record each trim of the memory."""
    seen = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def trim(_pad):
        loop.call_soon_threadsafe(seen.put_nowait, True)
        return 1

    monkeypatch.setattr(memory, "_malloc_trim", lambda: trim)
    monkeypatch.setattr(memory, "SOON_SECONDS", 0)
    return seen


async def test_memory_is_trimmed_after_rooms_were_opened(trims, place):
    place.put("a.ipynb", notebook("x"))
    await place.server().open("a.ipynb")
    assert await asyncio.wait_for(trims.get(), 30)


async def test_many_trim_requests_are_one_trim(trims):
    freed = memory.MemoryTrimmer()
    for _ in range(10):
        freed.trim_soon()
    assert await asyncio.wait_for(trims.get(), 30)
    freed.trim_soon()
    assert await asyncio.wait_for(trims.get(), 30)
    assert trims.empty()


async def test_no_trim_happens_after_close(trims):
    freed = memory.MemoryTrimmer()
    freed.trim_soon()
    freed.close()
    await asyncio.sleep(0)
    await asyncio.to_thread(int)
    assert trims.empty()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_trimming_works_with_glibc():
    trim = memory._malloc_trim()
    assert trim is None or trim(0) in (0, 1)
