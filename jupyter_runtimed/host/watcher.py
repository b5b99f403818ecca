"""One thread that watches the folders of all open notebooks, by the operating system's own events.

It says that a file may have changed; what is in it is for others to compare. It knows folders and
names, not notebooks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from watchfiles._rust_notify import RustNotify  # the public wrappers cannot change their folders

log = logging.getLogger(__name__)

GATHER_MS = 200
STEP_MS = 50
POLL_MS = 1000
"""Only where the system has no events to give (or no more watches)."""

Changed = Callable[[], None]
Sign: TypeAlias = tuple[int, ...] | None
"""Enough of a file's status to see that it is another one; None: there is none."""


_UNSEEN: Sign = (-1,)


class Watcher:
    """Reports on the loop on which it is first asked to watch."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched: dict[str, list[Changed]] = {}
        self._signs: dict[str, Sign] = {}
        self._lock = threading.Lock()
        self._renew = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def watch(self, file: Path, changed: Changed) -> Callable[[], None]:
        """Report from now on; also once at the beginning, for what happened just before."""
        self._loop = asyncio.get_running_loop()
        names = {os.path.abspath(file), os.path.realpath(file)}  # noqa: PTH100 -- links are kept
        with self._lock:
            for name in names:
                self._watched.setdefault(name, []).append(changed)
                self._signs.pop(name, None)
        self._refresh()

        def unwatch() -> None:
            with self._lock:
                for name in names:
                    known = self._watched.get(name, [])
                    if changed in known:
                        known.remove(changed)
                    if not known:
                        self._watched.pop(name, None)
                        self._signs.pop(name, None)
            self._refresh()

        return unwatch

    async def close(self) -> None:
        self._closed = True
        self._renew.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    # ------------------------------------------------------------ inside

    def _refresh(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="runtimed-watch", daemon=True)
            self._thread.start()
        self._renew.set()

    def _run(self) -> None:
        while True:
            # Cleared before anything is looked at: what is set after that is not missed.
            self._renew.clear()
            if self._closed:
                return
            folders = self._wanted()
            if not folders:
                self._report_unseen()
                self._renew.wait()
                continue
            try:
                self._watch_folders(folders)
            except (OSError, RuntimeError):
                log.exception("Watching the folders of open notebooks failed; starting again")
                self._renew.wait(1.0)

    def _wanted(self) -> list[str]:
        with self._lock:
            folders = {os.path.dirname(name) for name in self._watched}  # noqa: PTH120
        return sorted(folder for folder in folders if Path(folder).is_dir())

    def _watch_folders(self, folders: list[str]) -> None:
        notify = self._notify(folders)
        try:
            while not self._closed and self._wanted() == folders:
                self._report_unseen()
                found = notify.watch(GATHER_MS, STEP_MS, 0, self._renew)
                if isinstance(found, set):
                    self._report({path for _, path in found})
                self._renew.clear()
        finally:
            notify.close()

    def _notify(self, folders: list[str]) -> Any:
        try:
            return RustNotify(folders, False, False, POLL_MS, False, True)
        except OSError as error:
            log.warning("No more file system events to be had (%s); looking every second", error)
            return RustNotify(folders, False, True, POLL_MS, False, True)

    def _report_unseen(self) -> None:
        """What is watched for the first time, or changed while the set of folders was changed."""
        with self._lock:
            names = list(self._watched)
        self._report({name for name in names if self._signs.get(name, _UNSEEN) != _sign(name)})

    def _report(self, names: set[str]) -> None:
        with self._lock:
            calls = {call for name in names for call in self._watched.get(name, ())}
            self._signs.update({name: _sign(name) for name in names if name in self._watched})
        if not calls or self._closed or self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(_call_all, calls)
        except RuntimeError:
            self._closed = True


def _call_all(calls: set[Changed]) -> None:
    for call in calls:
        call()


def _sign(name: str) -> Sign:
    try:
        status = os.stat(name)  # noqa: PTH116 -- names are what the system reports
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
