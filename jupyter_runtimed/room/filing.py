"""What the file holds, and how the file and the room take in each other's changes.

The base of every merge is the state last saved: what is in the file is compared with *that*, never
with the live document, so nothing typed meanwhile is undone. `Saving` says when; this says what;
`merging` does what takes long, on copies, while everybody goes on typing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..crdt import Heads, holds
from ..document import merge
from ..document.content import Content
from ..document.notebook import Notebook, Touched
from ..ids import NewId
from ..protocol.tickets import prefix_of
from . import events as ev
from . import trifles
from .running import Running
from .saving import Saving

READERS = 32
"""How many of the states that clients of the contents API have are remembered."""
COPIES = 4
"""How many of them with a copy of the document: made anew it takes longer."""
NO_FILE = ev.Stamp("", "")
PAST_MS = 600_000
"""How long a state of the file that was saved over may still be what somebody had read.

A program that works on a file for a while writes what it made of an older state. What was typed
since would count as deleted by it, if that were compared with the state last saved.
"""
MOST_PAST = 200
Past = tuple[int, ev.SavedState]
"""A state of the file, and when it was saved over, in milliseconds."""


class Filing:
    def __init__(
        self,
        notebook: Notebook,
        running: Running,
        out: list[ev.Effect],
        *,
        saved: ev.SavedState | None,
        past: Iterable[Past] = (),
        settings: ev.Settings,
        new_id: NewId,
    ) -> None:
        self._notebook = notebook
        self._running = running
        self._out = out
        if saved is not None and set(saved.heads) == set(notebook.heads):
            saved = replace(saved, content=self.content(), notebook=notebook.fork())
        self._saved = saved
        self._past: deque[Past] = deque(
            (state for state in past if holds(notebook.document, state[1].heads)), maxlen=MOST_PAST
        )
        self._lost: ev.SavedState | None = None
        self._handed: deque[ev.SavedState] = deque(maxlen=READERS)
        self._writing: tuple[int, Notebook, Content] | None = None
        self._taking: ev.FileSeen | None = None
        self._next: ev.FileSeen | None = None
        self._puts: dict[int, int] = {}
        self._number = 0
        self._changes: list[bytes] = []
        self._gone = False
        self._new_id = new_id
        self.saving = Saving(settings.quiet_ms, settings.longest_ms, settings.autosave)

    # ------------------------------------------------------------ reading

    @property
    def stamp(self) -> ev.Stamp | None:
        """Which file the room last read or wrote."""
        return None if self._saved is None else self._saved.stamp

    @property
    def state(self) -> ev.SavedState | None:
        """What the file held when the room last read or wrote it."""
        return self._saved

    @property
    def past(self) -> tuple[Past, ...]:
        """What the file held before, oldest first: what programs may still be working on."""
        return tuple(self._past)

    @property
    def unsaved(self) -> bool:
        return self.saving.unsaved and not self._gone

    @property
    def missing(self) -> bool:
        """The file is not there."""
        return self._gone

    @property
    def merging(self) -> bool:
        """Somebody's work is being merged, and is not in the notebook yet."""
        return self._taking is not None or bool(self._puts)

    def content(self) -> Content:
        return replace(self._notebook.content(), outcomes=self._running.runtime.outcomes())

    def hand_out(self) -> Content:
        """The content as a client of the contents API gets it, remembered as its base."""
        content, copy = self.content(), self._notebook.fork()
        self._hand(ev.SavedState(copy.heads, NO_FILE, content, copy))
        return content

    def _hand(self, state: ev.SavedState) -> None:
        last = self._handed[-1] if self._handed else None
        if last is not None and not state.outside and last.heads == state.heads:
            self._handed.pop()
        self._handed.append(state)
        if len(self._handed) > COPIES:
            older = self._handed[-1 - COPIES]
            self._handed[-1 - COPIES] = replace(older, notebook=None)

    def wrote(self, changes: bytes | None) -> None:
        """The server itself has changed the notebook."""
        if changes is not None:
            self._changes.append(changes)

    def take_changes(self) -> bytes:
        """The notebook changes that the server has made since this was last asked."""
        changes = b"".join(self._changes)
        self._changes.clear()
        return changes

    # ------------------------------------------------------------ writing

    def edited(self, now: int, *, output_only: bool = False) -> None:
        self.saving.edited(now, output_only=output_only)

    def noticed(self, touched: Touched, now: int) -> ev.Stamp | None:
        """Somebody edited the notebook; the file, if it has all of that which counts."""
        if touched.cells or touched.structure or self.saving.unsaved or not self._is_trifle():
            self.saving.edited(now)
            return None
        return self.stamp

    def _is_trifle(self) -> bool:
        """Whether the notebook's own entries are those of the file in all that counts."""
        saved = None if self._saved is None else self._saved.content
        here = self._notebook.content()
        return (
            saved is not None
            and trifles.only_of_the_kernel(saved.metadata, here.metadata)
            and (saved.extra, saved.nbformat_minor) == (here.extra, here.nbformat_minor)
        )

    def compare(self, file: Content, now: int) -> None:
        """Save if this is not what the file holds: the store may be ahead of it, or the room."""
        here = self.content()
        edits = merge.edits(file, here)
        if not trifles.are_trifles(edits, file, here):
            self.saving.edited(now)

    def ask(self) -> None:
        self._gone = False
        self.saving.ask()

    def wake_at(self) -> int | None:
        return None if self._gone or self._taking else self.saving.wake_at()

    def save_when_due(self, now: int) -> None:
        if self._gone or self._taking or not self.saving.due(now):
            return
        content = self.content()
        attempt = self.saving.start()
        self._writing = (attempt, self._notebook.fork(), content)
        trusted = frozenset(c.id for c in content.cells if self._running.runtime.trusted(c.id))
        self._out.append(ev.SaveFile(attempt, self._notebook.heads, content, trusted, self.stamp))

    def saved(self, event: ev.Saved, now: int) -> Heads | None:
        """The file was written; the heads that it now holds."""
        if self._writing is None or self._writing[0] != event.attempt:
            return None
        _, copy, content = self._writing
        self._writing = None
        self._holds(ev.SavedState(copy.heads, event.stamp, content, copy), now)
        self.saving.saved(event.attempt, now)
        return copy.heads

    def failed(self, event: ev.SaveFailed, now: int) -> None:
        self._writing = None
        self.saving.failed(event.attempt, now)

    def gone(self) -> None:
        """The file is not there any more; nothing is written until somebody asks for it."""
        self._gone = True
        self._lost = self._saved or self._lost
        self._saved = None

    def moved(self) -> None:
        """The file is somewhere else; if it was missed there, it is found."""
        if self._gone:
            self._gone = False
            self._saved, self._lost = self._lost, None

    # ------------------------------------------------------------ taking in

    def seen(self, event: ev.FileSeen, now: int) -> None:
        """The file is another than the one last saved: what is new in it is to be merged."""
        if event.attempt is not None:
            self._writing = None
            self.saving.void(event.attempt, now)
        newest = self._next or self._taking
        known = self.stamp if newest is None else newest.stamp
        if known is not None and event.stamp.hash == known.hash:
            return
        self._gone = False
        self._next = event
        self._take_next(now)

    def put(self, event: ev.Put, now: int) -> None:
        """A client of the contents API wrote the notebook: merge what it changed, and save.

        It does not say what it had read, and saves again what it wrote before. So its base is the
        state, of those that such clients and the file had, to which it did the least.
        """
        others = (*reversed(self._handed), *self._before(now))
        known = [state for state in (self._base(), *others) if state is not None]
        self._puts[self._merge(known or [None], event.content, None, now)] = event.ticket

    def merged(self, event: ev.Merged, now: int) -> ev.SavedState | None:
        """Take over what was merged; the file's new state, if it was the file."""
        if event.notebook is not None:
            event.notebook.apply(self._notebook.document.changes_after(event.since))
            self._notebook.become(event.notebook)
            self.wrote(event.changes)
            gone = [cell_id for cell_id in event.touched.cells if cell_id not in self._notebook]
            self._running.cells_gone(gone, now)
        for cell_id, outcome in event.outcomes.items():
            if cell_id in self._notebook:
                self._running.import_outcome(cell_id, outcome, now)
        if (ticket := self._puts.pop(event.number, None)) is not None:
            self._hand(event.state)
            self.ask()
            self._out.append(ev.Answered(ticket, {}))
            return None
        return self._file_merged(event.state, now, ahead=event.ahead)

    def _file_merged(self, state: ev.SavedState, now: int, *, ahead: bool) -> ev.SavedState | None:
        self._taking = None
        if self._gone:
            self._lost = state
        else:
            self._holds(state, now)
        if ahead:
            self.saving.edited(now)
        elif set(self._notebook.heads) != set(state.heads) and state.content is not None:
            self.compare(state.content, now)
        self._take_next(now)
        return state

    def merge_failed(self, event: ev.MergeFailed, now: int) -> bool:
        """Nothing came of it; whether it was the file."""
        if (ticket := self._puts.pop(event.number, None)) is not None:
            error = {"code": event.code, "message": event.message}
            self._out.append(ev.Answered(ticket, error=error))
            return False
        self._taking = None
        self.saving.blocked(now)
        self._take_next(now)
        return True

    def _take_next(self, now: int) -> None:
        """One state of the file after another: each is the base of what comes after it."""
        if self._taking is None and self._next is not None:
            self._taking, self._next = self._next, None
            stamp = self._taking.stamp
            self._merge(self._bases(stamp, now), self._taking.content, stamp, now)

    def _holds(self, state: ev.SavedState, now: int) -> None:
        """The file holds this now."""
        if (before := self._saved) is not None:
            self._past.append((now, replace(before, notebook=None)))
        self._saved, self._lost = state, None

    def _bases(self, stamp: ev.Stamp, now: int) -> list[ev.SavedState | None]:
        """What the file may have been made from, newest first."""
        past = self._before(now)
        if any(state.stamp.hash == stamp.hash for state in past):
            # Nobody's work on an older state, but that state itself: somebody goes back to it.
            past = []
        return [self._base(), *past]

    def _before(self, now: int) -> list[ev.SavedState]:
        """The states that the file had in the last ten minutes, newest first."""
        while self._past and self._past[0][0] < now - PAST_MS:
            self._past.popleft()
        return [state for _, state in reversed(self._past)]

    def _base(self) -> ev.SavedState | None:
        """The state last saved. That of a file that was gone counts too: it may come back."""
        return self._saved or self._lost

    def _merge(
        self,
        bases: Sequence[ev.SavedState | None],
        theirs: Content,
        stamp: ev.Stamp | None,
        now: int,
    ) -> int:
        self._number += 1
        live = self._notebook.fork(actor=prefix_of(self._new_id()))
        outcomes = self._running.runtime.outcomes()
        actor = prefix_of(self._new_id())
        self._out.append(
            ev.MergeFile(
                self._number, tuple(bases), theirs, stamp or NO_FILE, live, outcomes, actor, now
            )
        )
        return self._number
