"""Blocking work in one folder delays neither other folders nor the exit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from jupyter_runtimed.host.files.folder_threads import MOST_THREADS, FolderThreads


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """An event on which hanging work waits until the test ends."""
    event = threading.Event()
    yield event
    event.set()


async def test_work_returns_its_result_and_raises_its_error() -> None:
    lanes = FolderThreads()
    assert await lanes.run("a", "x", lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await lanes.run("a", "x", lambda: 1 // 0)


async def test_a_hanging_folder_does_not_delay_other_folders(hung: threading.Event) -> None:
    lanes = FolderThreads()
    stuck = [
        asyncio.ensure_future(lanes.run("hung", f"{n}.ipynb", hung.wait))
        for n in range(10 * MOST_THREADS)
    ]
    assert await lanes.run("local", "a.ipynb", lambda: "done") == "done"
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("runtimed-files hung") == MOST_THREADS
    hung.set()
    assert all(await asyncio.gather(*stuck))


async def test_a_hanging_file_leaves_threads_to_its_folder(hung: threading.Event) -> None:
    lanes = FolderThreads()
    stuck = [
        asyncio.ensure_future(lanes.run("here", "link.ipynb", hung.wait))
        for _ in range(2 * MOST_THREADS)
    ]
    assert await lanes.run("here", "a.ipynb", lambda: "done") == "done"
    hung.set()
    await asyncio.gather(*stuck)


async def test_work_on_one_file_runs_in_order(hung: threading.Event) -> None:
    lanes = FolderThreads()
    done: list[int] = []

    def first() -> None:
        hung.wait()
        done.append(0)

    work = [lanes.run("a", "x", first)]
    work += [lanes.run("a", "x", lambda n=n: done.append(n)) for n in range(1, 20)]  # type: ignore[misc]
    tasks = [asyncio.ensure_future(one) for one in work]
    await lanes.run("a", "y", lambda: None)
    assert done == []
    hung.set()
    await asyncio.gather(*tasks)
    assert done == list(range(20))


async def test_work_of_a_cancelled_caller_is_skipped(hung: threading.Event) -> None:
    lanes = FolderThreads()
    done: list[str] = []
    first = asyncio.ensure_future(lanes.run("a", "x", hung.wait))
    second = asyncio.ensure_future(lanes.run("a", "x", lambda: done.append("second")))
    await lanes.run("a", "y", lambda: None)
    second.cancel()
    await asyncio.wait({second})
    hung.set()
    await first
    await lanes.run("a", "x", lambda: done.append("third"))
    assert done == ["third"]


HANGS = """
import asyncio, threading
from jupyter_runtimed.host.files.folder_threads import FolderThreads

async def main():
    asyncio.ensure_future(FolderThreads().run("a", "x", threading.Event().wait))
    await FolderThreads().run("b", "x", lambda: None)

asyncio.run(main())
print("the end")
"""


def test_a_process_ends_while_work_hangs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "the end\n"
