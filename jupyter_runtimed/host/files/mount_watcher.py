"""The thread that watches the files of one mount.

The thread receives the operating system's events, and also polls every file now and then, because a
lost folder may come back. On a network file system the thread only polls, for two reasons: such a
file system reports no changes of other machines, and `RustNotify` holds Python's interpreter lock
while it subscribes, so a folder that does not respond would block the whole process. Any other call
here may hang or fail, which affects only this mount.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Iterable
from typing import Any, Final, Protocol, TypeAlias

from watchfiles._rust_notify import RustNotify  # the public API has a fixed set of folders

from .mounts import Mount

log = logging.getLogger(__name__)

GATHER_MS: Final = 200
STEP_MS: Final = 50
LOOK_SECONDS: Final = 3.0
"""The polling interval on a file system with events."""
REMOTE_SECONDS: Final = 2.0
"""The polling interval on a network file system."""
POLL_SECONDS: Final = 1.0
"""The polling interval if the system provides no events (or no more watches)."""

Sign: TypeAlias = tuple[int, ...] | None
"""Fields of a file's status that change when the file changes; None for a missing file."""
Folders: TypeAlias = dict[str, tuple[int, int] | None]
"""Device and inode by folder, to detect a replaced folder; None for a missing folder."""

_UNSEEN: Final[Sign] = (-1,)


class Names(Protocol):
    """The part of `Watcher` that the thread calls."""

    def names(self) -> dict[str, set[str]]: ...
    def report(self, names: set[str]) -> None: ...
    def done(self, point: str) -> bool: ...


class MountWatcher:
    """Starts its thread at once; the thread ends when no file on the mount is watched."""

    def __init__(self, mount: Mount, watcher: Names) -> None:
        self._mount = mount
        self._watcher = watcher
        self._signs: dict[str, Sign] = {}
        self._unseen: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._changed = threading.Event()
        self._complaint = ""
        name = f"runtimed-watch {mount.point}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def renew(self, unseen: Iterable[str] = ()) -> None:
        """Reload the list of watched files; report the files in `unseen` once."""
        for name in unseen:
            self._unseen.put(name)
        self._changed.set()

    def join(self, timeout_seconds: float) -> None:
        self._thread.join(timeout_seconds)

    # ------------------------------------------------------------ in the thread

    def _run(self) -> None:
        while not self._watcher.done(self._mount.point):
            # Clear before reading the folders, so that a later `set` is not missed.
            self._changed.clear()
            try:
                self._watch(self._folders())
            except Exception as error:  # noqa: BLE001 -- the thread must survive any error
                self._complain(error)
                self._changed.wait(POLL_SECONDS)

    def _watch(self, folders: Folders) -> None:
        """Watch these folders until the set of folders changes."""
        notify = self._notify([folder for folder, number in folders.items() if number])
        try:
            while folders and self._folders() == folders:
                self._report_other()
                self._wait(notify)
                self._changed.clear()
        finally:
            if notify is not None:
                notify.close()

    def _wait(self, notify: Any) -> None:
        if notify is None:
            self._changed.wait(REMOTE_SECONDS if self._mount.remote else POLL_SECONDS)
            return
        found = notify.watch(GATHER_MS, STEP_MS, int(LOOK_SECONDS * 1000), self._changed)
        if isinstance(found, set):
            self._report({path for _, path in found})

    def _notify(self, folders: list[str]) -> Any:
        """Return a source of events; None if the mount has none."""
        if not folders or self._mount.remote:
            return None
        try:
            return RustNotify(folders, False, False, 0, False, True)
        except OSError as error:
            self._complain(error)
            return None

    def _complain(self, error: Exception) -> None:
        if str(error) != self._complaint:
            self._complaint = str(error)
            where = self._mount.point or "this machine"
            log.warning("No file events on %s (%r); polling every second", where, error)

    def _names(self) -> set[str]:
        return self._watcher.names().get(self._mount.point, set())

    def _folders(self) -> Folders:
        return {folder: _number(folder) for folder in {os.path.dirname(n) for n in self._names()}}  # noqa: PTH120

    def _report_other(self) -> None:
        """Report every file whose status differs from the last poll."""
        names = self._names()
        while not self._unseen.empty():
            self._signs.pop(self._unseen.get(), None)
        for gone in self._signs.keys() - names:
            self._signs.pop(gone)
        self._report({n for n in names if self._signs.get(n, _UNSEEN) != self._sign(n)})

    def _report(self, names: set[str]) -> None:
        self._signs.update({name: self._sign(name) for name in names & self._names()})
        self._watcher.report(names)

    def _sign(self, name: str) -> Sign:
        try:
            status = _fresh_status(name) if self._mount.remote else os.stat(name)  # noqa: PTH116
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns


def _fresh_status(name: str) -> os.stat_result:
    """Open the file for its status, because NFS and SMB cache attributes until a file is opened."""
    try:
        handle = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except PermissionError:
        return os.stat(name)  # noqa: PTH116
    try:
        return os.fstat(handle)
    finally:
        os.close(handle)


def _number(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)  # noqa: PTH116 -- raises for a disconnected mount too
    except OSError:
        return None
    return status.st_dev, status.st_ino
