"""A simulated server on which things break: the store, the file's disk, the clock, the process."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeAlias

from jupyter_runtimed.document.authority import Rights
from jupyter_runtimed.ids import SessionId
from jupyter_runtimed.room import events as ev
from jupyter_runtimed.room.room import Room

from .server import SimServer

INTEND_MS = 2_000
"""How long a save waits for a store that fails, as the host does."""


_Kept: TypeAlias = (
    "tuple[dict[str, tuple[str, list[bytes]]], ev.SavedState | None, ev.SavedState | None]"
)


class _Died(Exception):
    """The process ends between two effects."""


class FaultySimServer(SimServer):
    """`store_trouble` and `file_trouble`, while set, say why nothing can be written.

    `dies_in` counts down effects until the process is gone; `skew_ms` is how wrong its clock is.
    """

    store_trouble: str | None = None
    file_trouble: str | None = None
    dies_in: int | None = None
    skew_ms = 0
    saved_ahead = False
    """May the file ever have been saved with what the store does not have?"""
    lied = False
    """Has the disk ever lost what it said it had?"""
    built_on_a_lie = False
    """Has the document begun anew since then, perhaps without what somebody may still bring?"""
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
            # Without its first write a room begins anew from the file; nobody can know better.
            self.saved_ahead = self.lied = True
            self.disk.documents, self.disk.saved, self.disk.intended = self._before
        self._before = None

    # ------------------------------------------------------------ the process and its clock

    def connect(
        self, name: str, rights: Rights, outlet: Callable[[bytes], None], hangup: Callable[[], None]
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

    def _do(self, effect: ev.Effect) -> None:
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in < 0:
                raise _Died
        super()._do(effect)

    # ------------------------------------------------------------ the store

    def _commit(self) -> None:
        if self.store_trouble is None:
            self._before = copy.deepcopy((self.disk.documents, self.disk.saved, self.disk.intended))
            super()._commit()
            return
        self._early_in()
        self.post(ev.StoreFailed(self.store_trouble))
        self._again(self._commit, 500)

    def _again(self, call: Callable[[], None], delay_ms: int) -> None:
        life = self._life
        self.clock.after(delay_ms, lambda: call() if life == self._life else None)

    def _early_in(self) -> None:
        """Who waits for the store is let in when it fails."""
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
        if self.clock.random.random() < 0.2:
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

    def _write_file(self, effect: ev.SaveFile, expected: ev.Stamp, data: bytes) -> ev.Event | None:
        if self.file_trouble is not None:
            return ev.SaveFailed(effect.attempt, self.file_trouble)
        return super()._write_file(effect, expected, data)
