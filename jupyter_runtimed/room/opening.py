"""Making a room: from a file that was never open here, or from what the store has kept.

The store is the truth where there is one; the file is merged in by the room itself, as a change
like any other, when it is not the file that was last saved. Only the server turns an `.ipynb` into
a document, and loading changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..crdt import Document, holds, load
from ..document import merge, seeds
from ..document.content import FINISHED, Content, RunState
from ..document.notebook import Notebook
from ..document.runtime import KernelStatus, Runtime
from ..errors import DocumentError
from ..execution.others import UNHEARD
from ..ids import CellId, Epoch, NewId, RoomId, RunId
from ..protocol.tickets import prefix_of
from . import events as ev
from .filing import Past
from .room import Room


@dataclass(frozen=True, slots=True)
class Kept:
    """One document as the store has it."""

    epoch: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class Making:
    """What every room needs that is not in a document or a file."""

    room_id: RoomId
    path: str
    settings: ev.Settings
    secret: bytes
    new_id: NewId
    server: str
    past: tuple[Past, ...] = ()
    """What the file held before, if it was not long ago: somebody may still work on it."""

    def actor(self) -> bytes:
        return prefix_of(self.new_id())


def create(
    making: Making, content: Content, stamp: ev.Stamp, *, trusted: Iterable[CellId], now_ms: int
) -> tuple[Room, list[ev.Effect]]:
    """A room for a file that has none yet; the effects store both documents whole."""
    notebook = Notebook(seeds.empty_notebook(making.actor()))
    notebook.fill(content)
    # Nobody has the document yet, so nobody needs this change's bytes by themselves.
    notebook.document.commit(time=now_ms // 1000)
    runtime = _runtime_of(making, content, trusted, now_ms)
    saved = ev.SavedState(notebook.heads, stamp, None)
    room = _room(making, notebook, runtime, Epoch(making.new_id()), saved)
    effects = room.store_whole()
    effects += room.remember_saved(now_ms)
    return room, effects


def reopen(
    making: Making,
    notebook: Kept,
    runtime: Kept | None,
    bases: Sequence[ev.SavedState],
    *,
    file: Content | None,
    stamp: ev.Stamp | None,
    trusted: Iterable[CellId],
    now_ms: int,
) -> tuple[Room, list[ev.Effect]]:
    """A room from its store.

    `file` and `stamp` are what the file holds now (None: it is not there). `bases` are the versions
    that it may have been written from: the one last saved, and the one that was being saved when
    the server went. `file` also gives the outputs if the runtime document was lost.
    """
    document = Notebook(load(notebook.data, actor=making.actor()))
    kept = _reopened_runtime(making, runtime, now_ms) if runtime is not None else None
    fresh = kept is None
    if kept is None:
        content = file if file is not None else document.content()
        kept = _runtime_of(making, content, trusted, now_ms)
    known = [base for base in bases if holds(document.document, base.heads)]
    base = _base_of(document, known, file, stamp)
    overtaken = base is not None and base != bases[0]
    if overtaken:
        making = replace(making, past=(*making.past, (now_ms, bases[0])))
    room = _room(making, document, kept, notebook.epoch, base)
    effects = room.store_whole(only_runtime=True) if fresh else []
    if overtaken:
        # The next intention takes the place of this one, though its file may never be written.
        effects += room.remember_saved(now_ms)
    if file is not None and stamp is not None:
        effects += room.found_file(file, stamp, now_ms)
    return room, effects


def _base_of(
    notebook: Notebook,
    known: Sequence[ev.SavedState],
    file: Content | None,
    stamp: ev.Stamp | None,
) -> ev.SavedState | None:
    """The version that the file was made from: the one it is, or else the one it is most like."""
    for base in known:
        if stamp is not None and base.stamp.hash == stamp.hash:
            return base
    if file is None or len(known) < 2:
        return known[0] if known else None
    cells = replace(file, outcomes={})
    return min(known, key=lambda base: len(merge.edits(notebook.content_at(base.heads), cells)))


def _room(
    making: Making, notebook: Notebook, runtime: Runtime, epoch: Epoch, saved: ev.SavedState | None
) -> Room:
    notebook.content()  # read where nobody waits, not at the first save
    return Room(
        making.room_id,
        making.path,
        notebook=notebook,
        runtime=runtime,
        notebook_epoch=epoch,
        saved=saved,
        past=making.past,
        settings=making.settings,
        secret=making.secret,
        new_id=making.new_id,
        server=making.server,
    )


def _runtime_of(
    making: Making, content: Content, trusted: Iterable[CellId], now_ms: int
) -> Runtime:
    """A runtime document with the outputs that came with the file."""
    runtime = Runtime.create(Epoch(making.new_id()), making.actor())
    for cell_id, outcome in content.outcomes.items():
        runtime.import_outcome(cell_id, outcome, RunId(making.new_id()), now_ms)
    for cell_id in trusted:
        runtime.set_trusted(cell_id, True)
    runtime.commit(now_ms=now_ms)
    return runtime


def _reopened_runtime(making: Making, kept: Kept, now_ms: int) -> Runtime | None:
    """The kept runtime document; what waited when the server went is cancelled, and says so.

    What ran goes on if its kernel does, which is known when that was looked for.
    """
    try:
        document: Document = load(kept.data, actor=making.actor())
        runtime = Runtime(document)
    except DocumentError:
        return None
    runtime.count_history(len(kept.data))
    kernel = runtime.kernel
    for run in runtime.runs():
        if run.state in FINISHED or (run.state == "running" and kernel.id):
            continue
        runtime.dequeue(run.id)
        state: RunState = "cancelled" if run.state == "queued" else "lost"
        runtime.set_run(run.id, state=state, reason=UNHEARD, finished_at=now_ms, prompt=None)
    goes_on = any(run.state == "running" for run in runtime.runs())
    reason = kernel.reason if kernel.state == "none" else ""
    runtime.set_kernel(
        KernelStatus(kernel.id, state="starting" if goes_on else "none", reason=reason)
    )
    return runtime
