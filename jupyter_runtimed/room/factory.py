"""Create a room from a file, or from its stored documents.

If the store has the documents, they take precedence. A file that differs from the last saved
version is then merged like any change of another program. Only the server converts an `.ipynb` file
to a document, and loading does not change the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..crdt import Document, has_heads, load
from ..document import repair, schema_check, seeds
from ..document.content import FINISHED, Content, RunState
from ..document.diff import notebook_diff
from ..document.file_version import FileStamp, FileVersion
from ..document.notebook import Notebook
from ..document.runtime import KernelStatus, Runtime
from ..errors import DocumentError
from ..execution.external_runs import UNHEARD
from ..ids import CellId, Epoch, NewId, RoomId, RunId
from ..protocol.actor_tokens import prefix_of
from . import effects as fx
from . import events as ev
from .file.known_versions import Past
from .file.merge import merge
from .room import Room
from .settings import Settings

DAMAGED: Final = (
    "Parts of this notebook's stored document were damaged. They were restored from the file where "
    "possible, and are empty otherwise. Compare the notebook with a checkpoint or an older version "
    "(`jupyter runtimed export --list`). Damaged parts: {}"
)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """One stored document: its epoch, and its snapshot and changes as bytes."""

    epoch: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class RoomContext:
    """The parameters of a room that are neither in a document nor in a file."""

    room_id: RoomId
    path: str
    settings: Settings
    secret: bytes
    new_id: NewId
    server: str
    past: tuple[Past, ...] = ()
    """The recently overwritten versions of the file, as candidates for the merge base."""
    damage: str = ""
    """A warning about damaged stored data for the users of the room, or ""."""

    def actor(self) -> bytes:
        return prefix_of(self.new_id())


def from_file(
    making: RoomContext,
    content: Content,
    stamp: FileStamp,
    *,
    trusted: Iterable[CellId],
    now_ms: int,
) -> tuple[Room, list[fx.Effect]]:
    """Create the room of a file without stored documents; the effects store both documents."""
    notebook = Notebook(seeds.empty_notebook(making.actor()))
    notebook.populate(content)
    # No peer has the document yet, so the bytes of this change are not needed separately.
    notebook.document.commit(time=now_ms // 1000)
    runtime = _runtime_of(making, content, trusted, now_ms)
    saved = FileVersion(notebook.heads, stamp, None)
    room = _room(making, notebook, runtime, Epoch(making.new_id()), saved)
    room.documents.store_whole()
    room.documents.file_holds(saved.heads, saved.stamp, now_ms)
    return room, room.take_effects()


def from_store(
    making: RoomContext,
    notebook: StoredDocument,
    runtime: StoredDocument | None,
    bases: Sequence[FileVersion],
    *,
    rendered: Sequence[FileVersion] = (),
    file: Content | None,
    stamp: FileStamp | None,
    trusted: Iterable[CellId],
    now_ms: int,
) -> tuple[Room, list[fx.Effect]]:
    """Create a room from its stored documents.

    `file` and `stamp` are the file's present content and its stamp; None if the file was deleted.
    `bases` are the last saved version, and the version whose save was running when the server
    stopped, if any. `rendered` are versions of earlier saves that may still reach the file. If the
    runtime document was lost, the outputs come from `file`. Raises `DocumentError`.
    """
    raw = load(notebook.data, actor=making.actor())
    found = schema_check.problems(raw)
    document = repair.repaired(raw, file) if found else Notebook(raw)
    if found:
        document.commit(now_ms=now_ms)
        making = replace(making, damage=DAMAGED.format(schema_check.summary(found)))
    kept = _reopened_runtime(making, runtime, now_ms) if runtime is not None else None
    fresh = kept is None
    if kept is None:
        content = file if file is not None else document.content()
        kept = _runtime_of(making, content, trusted, now_ms)
    _forget_deleted(document, kept)
    known = [base for base in bases if has_heads(document.document, base.heads)]
    base = _base_of(document, known, file, stamp)
    rendered = [state for state in (*rendered, *bases[1:]) if state != base]
    overtaken = base is not None and base != bases[0]
    if overtaken:
        making = replace(making, past=(*making.past, (now_ms, bases[0])))
    room = _room(making, document, kept, notebook.epoch, base, rendered)
    if fresh or found:
        room.documents.store_whole(only_runtime=not found)
    if base is not None and overtaken:
        # Record the version of the file, because the record of the next save overwrites this one
        # even if that save never writes the file.
        room.documents.file_holds(base.heads, base.stamp, now_ms)
    effects = room.take_effects()
    effects += [fx.LogWarning(making.damage)] if found else []
    if file is not None and stamp is not None:
        effects += _compare(room, file, stamp, now_ms)
    return room, effects


def _compare(room: Room, file: Content, stamp: FileStamp, now_ms: int) -> list[fx.Effect]:
    """Merge the content of the file if it differs from the last saved version."""
    saved = room.filing.versions.present
    if saved is not None and saved.stamp.hash == stamp.hash:
        room.filing.save_if_different(file, now_ms)
        return room.handle(ev.TimerFired(), now_ms)
    effects = room.handle(ev.FileChanged(file, stamp), now_ms)
    # The room has no sessions yet, so the merge may run here.
    merges = [effect for effect in effects if isinstance(effect, fx.MergeFile)]
    others = [effect for effect in effects if not isinstance(effect, fx.MergeFile)]
    return others + [e for task in merges for e in room.handle(merge(task), now_ms)]


def _forget_deleted(notebook: Notebook, runtime: Runtime) -> None:
    """Remove outputs of deleted cells, because no undo can restore cells of an earlier room."""
    for cell_id in runtime.cells():
        run = runtime.run_of(cell_id)
        if cell_id not in notebook and (run is None or run.state in FINISHED):
            runtime.remove_cell(cell_id)


def _base_of(
    notebook: Notebook,
    known: Sequence[FileVersion],
    file: Content | None,
    stamp: FileStamp | None,
) -> FileVersion | None:
    """Return the base that equals the file, or else the base that needs the fewest edits."""
    for base in known:
        if stamp is not None and base.stamp.hash == stamp.hash:
            return base
    if file is None or len(known) < 2:
        return known[0] if known else None
    cells = replace(file, outcomes={})
    return min(
        known, key=lambda base: len(notebook_diff.diff(notebook.content_at(base.heads), cells))
    )


def _room(
    making: RoomContext,
    notebook: Notebook,
    runtime: Runtime,
    epoch: Epoch,
    saved: FileVersion | None,
    rendered: Sequence[FileVersion] = (),
) -> Room:
    notebook.content()  # fill the cache now, so that the first save is fast
    return Room(
        making.room_id,
        making.path,
        notebook=notebook,
        runtime=runtime,
        notebook_epoch=epoch,
        saved=saved,
        past=making.past,
        rendered=rendered,
        settings=making.settings,
        secret=making.secret,
        new_id=making.new_id,
        server=making.server,
        damage=making.damage,
    )


def _runtime_of(
    making: RoomContext, content: Content, trusted: Iterable[CellId], now_ms: int
) -> Runtime:
    """Create a runtime document with the outputs of the file."""
    runtime = Runtime.create(Epoch(making.new_id()), making.actor())
    for cell_id, outcome in content.outcomes.items():
        runtime.import_outcome(cell_id, outcome, RunId(making.new_id()), now_ms)
    for cell_id in trusted:
        runtime.set_trusted(cell_id, True)
    runtime.commit(now_ms=now_ms)
    return runtime


def _reopened_runtime(making: RoomContext, kept: StoredDocument, now_ms: int) -> Runtime | None:
    """Load the stored runtime document, or return None if it cannot be read.

    Runs that were queued when the server stopped are cancelled. A run that was executing continues
    if the document names its kernel; the host then looks for this kernel.
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
