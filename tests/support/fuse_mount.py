"""A mount that can hang, die and come back: a real FUSE file system over a folder."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DAEMON = Path(__file__).with_name("fuse_daemon.py")
TIMEOUT_SECONDS = 30


class FuseMount:
    """Shows `source` at `point`. A write into `source` acts as a change by another machine."""

    def __init__(self, source: Path, point: Path, refused: tuple[str, ...] = ()) -> None:
        self.source = source
        self.point = point
        self._refused = refused
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when the file system is mounted."""
        self._daemon = subprocess.Popen(
            [sys.executable, DAEMON, self.source, self.point, *self._refused]
        )
        until = time.monotonic() + TIMEOUT_SECONDS
        while not self.point.is_mount():
            if self._daemon.poll() is not None:
                pytest.skip("this machine does not permit a FUSE mount")
            assert time.monotonic() < until, "the FUSE daemon mounts nothing"
            time.sleep(0.02)

    def hang(self) -> None:
        """Make every call into the mount wait."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGCONT)

    def die(self) -> None:
        """Make every call fail with "transport endpoint is not connected"."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait(TIMEOUT_SECONDS)
            self._daemon = None

    def unmount(self) -> None:
        """Detach the mount in any state."""
        self.resume()
        self.die()
        by_user, by_root = ["fusermount", "-u", "-z"], ["umount", "--lazy"]
        command = by_user if shutil.which("fusermount") else by_root
        subprocess.run([*command, self.point], capture_output=True, check=False)


@contextmanager
def fuse_mount(folder: Path, point: Path, *refused: str) -> Iterator[FuseMount]:
    """Create and mount `folder` at `point`; skip the test where FUSE cannot mount.

    `refused` names operations and errors: `chmod=EPERM`.
    """
    skip_without_fuse()
    for place in (folder, point):
        place.mkdir(parents=True, exist_ok=True)
    mount = FuseMount(folder, point, refused)
    try:
        mount.start()
        yield mount
    finally:
        mount.unmount()


def skip_without_fuse() -> None:
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("there is no /dev/fuse here")
    if ctypes.util.find_library("fuse") is None or importlib.util.find_spec("fuse") is None:
        pytest.skip("libfuse 2 or fusepy is not installed")
