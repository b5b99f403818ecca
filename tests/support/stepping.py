"""A simulated server whose disk fails after any single step of writing the file.

This is the worst disk that keeps its promises: every failure is reported as a failed save, also a
failure after the step that put the new bytes in place. The next read of the file completes an
interrupted overwrite in place from the whole copy beside it, as `LocalFiles` does.
"""

from __future__ import annotations

from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.file_version import FileStamp
from jupyter_runtimed.room import effects as fx
from jupyter_runtimed.room import events as ev

from .faults import FaultySimServer

REPLACING = ("create", "write", "fsync", "chmod", "chown", "utime", "rename", "sync folder", "stat")
IN_PLACE = (
    "copy",
    "open",
    "first half",
    "second half",
    "truncate",
    "fsync in place",
    "remove copy",
)
LATE = "late"
"""Let the write hang, report it as failed, and complete it a while later."""
LATE_MS = 7_000


class SteppingSimServer(FaultySimServer):
    """`fails_at`, while set, is the last completed step of a write; `fails` counts failures.

    `dies`: the process ends there too. `spare` is the whole copy beside the file.
    """

    fails_at: str | None = None
    fails = 0
    dies = False
    _spare: bytes | None = None

    def _write_file(self, effect: fx.SaveFile, expected: FileStamp, data: bytes) -> ev.Event | None:
        if self.fails_at is None or self.disk.stamp() != expected:
            return super()._write_file(effect, expected, data)
        self.fails += 1
        before = self.disk.file
        if self.fails_at == LATE:
            self.clock.after(LATE_MS, lambda: self._arrive(expected, data))
        steps = IN_PLACE if self.fails_at in IN_PLACE else REPLACING
        done = steps[: steps.index(self.fails_at) + 1] if self.fails_at in steps else ()
        for step in done:
            self._do_step(step, before, data)
        if self.dies:
            self.crash()
            return None
        return ev.FileSaveFailed(effect.attempt, f"{self.fails_at} failed")

    def _do_step(self, step: str, before: bytes, data: bytes) -> None:
        half = len(data) // 2
        match step:
            case "rename" | "truncate":
                self.disk.file = data
            case "copy":
                self._spare = data
            case "first half":
                self.disk.file = b"~" + data[1:half] + before[half:]
            case "second half":
                self.disk.file = b"~" + data[1:] + before[len(data) :]
            case "remove copy":
                self._spare = None

    def _arrive(self, expected: FileStamp, data: bytes) -> None:
        if self.disk.stamp() == expected:
            self.write_outside(data)

    def _read_file(self) -> ipynb.FileContent | None:
        found = super()._read_file()
        if found is None and self._spare is not None:
            self.disk.file = self._spare
            found = super()._read_file()
        if found is not None:
            self._spare = None
        return found
