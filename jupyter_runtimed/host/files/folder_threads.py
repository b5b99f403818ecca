"""Threads for blocking work on files: a few for each folder.

A call into a network mount whose server is down may never return. Such a call blocks one thread of
its folder; other folders have their own threads. The threads are daemons, so the process can exit
while a call hangs. Executors of `concurrent.futures` and anyio join their threads at exit.

A lane knows the names of folders and files and accesses neither.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

T = TypeVar("T")

MOST_THREADS: Final = 4
"""The limit per folder. Each file uses one thread at a time, so a hanging file leaves others."""
IDLE_SECONDS: Final = 5.0
"""A thread without work ends after this long."""


class FolderThreads:
    """One lane per folder, created at its first use."""

    def __init__(self) -> None:
        self._lanes: dict[str, _FolderPool] = {}

    async def run(self, folder: str, file: str, work: Callable[[], T]) -> T:
        """Run `work` in a thread of this folder and return its result.

        Work on the same file runs in the order of the calls, one call at a time. If the caller is
        cancelled, `work` is skipped if it has not started; otherwise it continues and its result is
        dropped.
        """
        return await asyncio.wrap_future(self.start(folder, file, work))

    def start(self, folder: str, file: str, work: Callable[[], T]) -> Future[T]:
        """Start `work` without waiting. Call always from the same thread."""
        lane = self._lanes.setdefault(folder, _FolderPool(folder))
        return lane.submit(file, work)


@dataclass(slots=True, eq=False)
class _Job:
    file: str
    work: Callable[[], Any]
    result: Future[Any] = field(default_factory=Future)

    def run(self) -> None:
        try:
            value = self.work()
        except BaseException as error:  # noqa: BLE001 -- passed to the caller
            self.result.set_exception(error)
        else:
            self.result.set_result(value)


class _FolderPool:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._busy: set[str] = set()
        self._threads = 0
        self._idle = 0

    def submit(self, file: str, work: Callable[[], Any]) -> Future[Any]:
        job = _Job(file, work)
        with self._changed:
            self._waiting.append(job)
            if len(self._waiting) > self._idle and self._threads < MOST_THREADS:
                self._threads += 1
                name = f"runtimed-files {self._folder}"
                threading.Thread(target=self._run, name=name, daemon=True).start()
            else:
                self._changed.notify()
        return job.result

    def _run(self) -> None:
        while (job := self._next()) is not None:
            job.run()
            with self._changed:
                self._busy.discard(job.file)
                self._changed.notify_all()

    def _next(self) -> _Job | None:
        """Return work on a file that no other thread uses; None if this thread should end."""
        with self._changed:
            while (job := self._free()) is None:
                self._idle += 1
                woken = self._changed.wait(IDLE_SECONDS)
                self._idle -= 1
                if not woken and not self._waiting:
                    self._threads -= 1
                    return None
            self._busy.add(job.file)
            return job

    def _free(self) -> _Job | None:
        for job in list(self._waiting):
            if job.file in self._busy:
                continue
            self._waiting.remove(job)
            if job.result.set_running_or_notify_cancel():
                return job
        return None
