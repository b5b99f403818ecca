"""A simulated server with faults of the store, the file's disk, the clock and the process."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeAlias

from jupyter_runtimed.document.file_version import (
    FileStamp,
    FileVersion,
)
from jupyter_runtimed.document.permissions import Permissions
from jupyter_runtimed.ids import SessionId
from jupyter_runtimed.room import effects as fx
from jupyter_runtimed.room import events as ev
from jupyter_runtimed.room.room import Room

from .server import SimServer

INTEND_MS = 2_000
"""How long a save waits for a failing store, as in the host."""


_Kept: TypeAlias = (
    "tuple[dict[str, tuple[str, list[bytes]]], FileVersion | None, FileVersion | None, "
    "list[FileVersion]]"
)


class _Died(Exception):
    """The process ends between two effects."""


class FaultySimServer(SimServer):
    """`store_trouble` and `file_trouble`, while set, are the reason why writes fail.

    `dies_in` counts down effects until the process ends; `skew_ms` is the error of its clock.
    """

    store_trouble: str | None = None
    file_trouble: str | None = None
    file_lands = False
    """Whether the file is written although the write reports a failure."""
    dies_in: int | None = None
    dies_while_archiving = True
    """Whether the process sometimes ends between the two writes of a rotation."""
    skew_ms = 0
    saved_ahead = False
    """Whether the file may have been saved with edits that the store lacks."""
    lied = False
    """Whether the disk has lost data that it reported as written."""
    built_on_a_lie = False
    """Whether the document was rotated since, perhaps without edits that a client still has."""
    _before: _Kept | None = None

    def write_torn(self, data: bytes, whole_after_ms: int) -> None:
        """Another program writes the file in place, in two parts."""
        self.write_outside(data[: len(data) // 2])
        self.clock.after(whole_after_ms, lambda: self.write_outside(data))

    def crash(self, *, lost_fsync: bool = False) -> None:
        super().crash()
        self._inbox.clear()
        self.dies_in = None
        if lost_fsync and self._before is not None and "notebook" in self._before[0]:
            # Without its first write a room is made from the file again.
            self.saved_ahead = self.lied = True
            (
                self.disk.documents, self.disk.saved, self.disk.intended, self.disk.tried
            ) = self._before  # fmt: skip
        self._before = None

    # ------------------------------------------------------------ the process and its clock

    def connect(
        self,
        name: str,
        rights: Permissions,
        outlet: Callable[[bytes], None],
        hangup: Callable[[], None],
    ) -> SessionId:
        try:
            return super().connect(name, rights, outlet, hangup)
        except _Died:
            self.crash()
            return SessionId("")

    def _now(self) -> int:
        return self.clock.now + self.skew_ms

    def post(self, event: ev.Event) -> None:
        try:
            super().post(event)
        except _Died:
            self.crash()

    def _do(self, effect: fx.Effect) -> None:
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in < 0:
                raise _Died
        super()._do(effect)

    # ------------------------------------------------------------ the store

    def _commit(self) -> None:
        if self.store_trouble is None:
            disk = self.disk
            self._before = copy.deepcopy((disk.documents, disk.saved, disk.intended, disk.tried))
            super()._commit()
            return
        self._early_in()
        self.post(ev.StoreFailed(self.store_trouble))
        self._again(self._commit, 500)

    def _again(self, call: Callable[[], None], delay_ms: int) -> None:
        life = self._life
        self.clock.after(delay_ms, lambda: call() if life == self._life else None)

    def _early_in(self) -> None:
        """Connect waiting clients when the store fails."""
        early, self._early = self._early, []
        for event in early:
            self.post(event)

    def _when_kept(self, event: ev.Event) -> None:
        if self.store_trouble is None:
            super()._when_kept(event)
        else:
            self.post(event)

    def _put_away(self, room: Room) -> None:
        if self.store_trouble is None:
            before = self.disk.documents["notebook"]
            super()._put_away(room)
            if self.disk.documents["notebook"] is not before:
                self.built_on_a_lie = self.lied

    def _kept_aside(self) -> None:
        if self.dies_while_archiving and self.clock.random.random() < 0.2:
            raise _Died

    # ------------------------------------------------------------ the file

    def _intend_and(self, intended: Callable[[], None], write: Callable[[], None]) -> None:
        done: list[bool] = []

        def go() -> None:
            if not done:
                done.append(True)
                write()

        def kept() -> None:
            if not done:
                intended()
            go()

        def waited() -> None:
            if not done and self.store_trouble is not None:
                self.saved_ahead = True
                go()

        self._submit(kept)
        self._again(waited, INTEND_MS)

    def _write_file(self, effect: fx.SaveFile, expected: FileStamp, data: bytes) -> ev.Event | None:
        if self.file_trouble is not None:
            if self.file_lands:
                super()._write_file(effect, expected, data)
            return ev.FileSaveFailed(effect.attempt, self.file_trouble)
        return super()._write_file(effect, expected, data)
