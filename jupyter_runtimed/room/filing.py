"""What the file holds, and how the file and the room take in each other's changes.

The base of every merge is the state last saved: what is in the file is compared with *that*, never
with the live document, so nothing typed meanwhile is undone. `Saving` says when; this says what.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import partial

from ..crdt import Heads, changes_between, own_errors
from ..document import merge
from ..document.content import Content
from ..document.notebook import Notebook
from ..ids import NewId
from ..protocol.tickets import prefix_of
from . import events as ev
from .running import Running
from .saving import Saving

READERS = 4
"""How many of the states that clients of the contents API have are remembered."""


class Filing:
    def __init__(
        self,
        notebook: Notebook,
        running: Running,
        out: list[ev.Effect],
        *,
        saved: ev.SavedState | None,
        settings: ev.Settings,
        new_id: NewId,
    ) -> None:
        self._notebook = notebook
        self._running = running
        self._out = out
        self._saved = saved
        self._lost: ev.SavedState | None = None
        self._handed: deque[ev.SavedState] = deque(maxlen=READERS)
        self._writing: tuple[int, Heads, Content] | None = None
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
    def unsaved(self) -> bool:
        return self.saving.unsaved and not self._gone

    def content(self) -> Content:
        return replace(self._notebook.content(), outcomes=self._running.runtime.outcomes())

    def hand_out(self) -> Content:
        """The content as a client of the contents API gets it, remembered as its base."""
        content = self.content()
        self._hand(self._notebook.heads, content)
        return content

    def _hand(self, heads: Heads, content: Content) -> None:
        if self._saved is not None:
            self._handed.append(ev.SavedState(heads, self._saved.stamp, content))

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

    def compare(self, file: Content, now: int) -> None:
        """On reopening: the store may hold what did not reach the file any more."""
        ahead = self._saved is None or self._saved.heads != self._notebook.heads
        if ahead or merge.edits(file, self.content()):
            self.saving.edited(now)

    def ask(self) -> None:
        self._gone = False
        self.saving.ask()

    def wake_at(self) -> int | None:
        return None if self._gone else self.saving.wake_at()

    def save_when_due(self, now: int) -> None:
        if self._gone or not self.saving.due(now):
            return
        content = self.content()
        attempt = self.saving.start()
        self._writing = (attempt, self._notebook.heads, content)
        trusted = frozenset(c.id for c in content.cells if self._running.runtime.trusted(c.id))
        self._out.append(ev.SaveFile(attempt, self._notebook.heads, content, trusted, self.stamp))

    def saved(self, event: ev.Saved, now: int) -> Heads | None:
        """The file was written; the heads that it now holds."""
        if self._writing is None or self._writing[0] != event.attempt:
            return None
        _, heads, content = self._writing
        self._writing = None
        self._saved, self._lost = ev.SavedState(heads, event.stamp, content), None
        self.saving.saved(event.attempt, now)
        return heads

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

    def seen(self, event: ev.FileSeen, now: int) -> Heads | None:
        """The file is another than the one last saved; merge it. The heads that the file holds."""
        if event.attempt is not None:
            self._writing = None
            self.saving.void(event.attempt, now)
        if self.stamp is not None and event.stamp.hash == self.stamp.hash:
            return None
        self._gone = False
        heads, merged = self._merge(self._base(), event.content, now)
        self._saved, self._lost = ev.SavedState(heads, event.stamp, merged), None
        if self._notebook.heads != heads:
            self.saving.edited(now)
        return heads

    def put(self, content: Content, now: int) -> None:
        """A client of the contents API wrote the notebook: merge what it changed, and save.

        It does not say what it had read, and saves again what it wrote before. So its base is the
        state, of those that such clients have, to which it did the least.
        """
        known = [state for state in (*self._handed, self._base()) if state is not None]
        base = min(reversed(known), key=partial(_work, theirs=content), default=None)
        heads, merged = self._merge(base, content, now)
        self._hand(heads, merged)
        self.ask()

    def _base(self) -> ev.SavedState | None:
        """The state last saved, with its content read back if it is not at hand.

        That of a file that was gone counts too: it may come back as it was.
        """
        saved = self._saved or self._lost
        if saved is None or saved.content is not None:
            return saved
        content = self._notebook.content_at(saved.heads)
        return replace(saved, content=replace(content, outcomes=self._running.runtime.outcomes()))

    def _merge(
        self, base: ev.SavedState | None, theirs: Content, now: int
    ) -> tuple[Heads, Content]:
        """Apply to a fork of `base` what makes it `theirs`, and merge the fork.

        The version that the fork ends at, and what it holds: `theirs`, with the cell ids of the
        room where the file has none.
        """
        document = self._notebook.document
        before = self._notebook.heads
        heads = before if base is None else base.heads
        was = self.content() if base is None or base.content is None else base.content
        edits = merge.edits(was, theirs)
        with own_errors("the file's changes cannot be merged"):
            # Going back in history builds the document anew, which takes long if it is large.
            actor = prefix_of(self._new_id())
            unchanged = set(heads) == set(before)
            fork = Notebook(
                document.fork(actor=actor)
                if unchanged
                else document.fork_at(list(heads), actor=actor)
            )
            outcomes = merge.apply(fork, edits)
            fork.commit(now_ms=now)
        if fork.heads != heads:
            touched = self._notebook.merge(fork.document)
            self.wrote(changes_between(document, before))
            gone = [cell_id for cell_id in touched.cells if cell_id not in self._notebook]
            self._running.cells_gone(gone, now)
        for cell_id, outcome in outcomes.items():
            if cell_id in self._notebook:
                self._running.import_outcome(cell_id, outcome, now)
        return fork.heads, merge.applied(was, edits)


def _work(base: ev.SavedState, theirs: Content) -> int:
    """How much somebody who had read `base` did to it, roughly in characters."""
    edits = () if base.content is None else merge.edits(base.content, theirs)
    return sum(_size(edit) for edit in edits if not isinstance(edit, merge.SetOutcome))


def _size(edit: merge.Edit) -> int:
    match edit:
        case merge.EditSource():
            return sum(splice.delete + len(splice.insert) for splice in edit.splices)
        case merge.AddCell():
            return 1 + len(edit.cell.source)
        case _:
            return 1
