"""Watches the files of all open notebooks, with one thread per mount.

A hanging mount blocks only its own thread, and the thread of a lost mount keeps looking for it. The
watcher reports that a file may have changed; the receiver compares the content. This module knows
files and folders, not notebooks.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .folder_threads import FolderThreads
from .mount_watcher import MountWatcher
from .mounts import read_mounts

Changed = Callable[[], None]

JOIN_SECONDS = 1.0
"""The wait for each thread at the end; a hanging thread is abandoned."""


@dataclass(slots=True, eq=False)
class _Watch:
    changed: Changed
    names: set[str] = field(default_factory=set)
    ended: bool = False


class Watcher:
    """Reports changes on the loop of the first call of `watch`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes = FolderThreads()
        self._lock = threading.Lock()
        self._watched: dict[str, list[_Watch]] = {}
        self._mounts: dict[str, MountWatcher] = {}
        self._closed = False

    def watch(self, file: Path, changed: Changed) -> Callable[[], None]:
        """Call `changed` when the file may have changed; return a function that ends this.

        Also calls `changed` once at the start, for changes just before.
        """
        self._loop = asyncio.get_running_loop()
        watch = _Watch(changed)
        # Resolve symbolic links in a thread, because that may hang.
        self._lanes.start(str(file.parent), str(file), partial(self._begin, watch, file))
        return partial(self._end, watch)

    async def close(self) -> None:
        self._closed = True
        with self._lock:
            mounts = list(self._mounts.values())
        for mount in mounts:
            mount.renew()
        await asyncio.gather(*(asyncio.to_thread(mount.join, JOIN_SECONDS) for mount in mounts))

    # ------------------------------------------------------------ in other threads

    def _begin(self, watch: _Watch, file: Path) -> None:
        """Watch the file and a symbolic link to it, because either may be replaced."""
        folder = os.path.realpath(file.parent)
        link = os.path.join(folder, file.name)  # noqa: PTH118 -- names are what the system reports
        with self._lock:
            if watch.ended:
                return
            watch.names = {link, os.path.realpath(link)}
            for name in watch.names:
                self._watched.setdefault(name, []).append(watch)
        self.names()
        self._renew(watch)

    def _end(self, watch: _Watch) -> None:
        with self._lock:
            watch.ended = True
            for name in watch.names:
                known = self._watched.get(name, [])
                if watch in known:
                    known.remove(watch)
                if not known:
                    self._watched.pop(name, None)
        self._renew(watch)

    def _renew(self, watch: _Watch) -> None:
        with self._lock:
            mounts = list(self._mounts.values())
        for mount in mounts:
            mount.renew(unseen=watch.names)

    def names(self) -> dict[str, set[str]]:
        """Return the watched files by current mount point; start a thread for each new mount."""
        table = read_mounts()
        found: dict[str, set[str]] = {}
        with self._lock:
            for name in self._watched:
                mount = table.of(name)
                found.setdefault(mount.point, set()).add(name)
                if mount.point not in self._mounts and not self._closed:
                    self._mounts[mount.point] = MountWatcher(mount, self)
        return found

    def done(self, point: str) -> bool:
        """Return whether the thread of this mount should end; forget the thread if so."""
        table = read_mounts()
        with self._lock:
            idle = self._closed or all(table.of(name).point != point for name in self._watched)
            if idle:
                self._mounts.pop(point, None)
            return idle

    def report(self, names: set[str]) -> None:
        """Report on the loop that these files may have changed."""
        with self._lock:
            calls = {watch.changed for name in names for watch in self._watched.get(name, ())}
        if not calls or self._closed or self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(_call_all, calls)
        except RuntimeError:
            self._closed = True


def _call_all(calls: set[Changed]) -> None:
    for call in calls:
        call()
