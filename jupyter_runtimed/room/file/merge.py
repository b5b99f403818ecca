"""Find what another program changed in a notebook's file, and merge the changes.

`merge` works on private copies of the room's document, so it can run in any thread while the room
handles other events. The room then adopts the result and merges its own later changes into it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...crdt import Heads, changes_between, engine_errors
from ...document.content import CellOutputs, Content
from ...document.diff import notebook_diff as edits_of
from ...document.file_version import FileVersion
from ...document.notebook import Notebook
from ...ids import CellId
from .. import effects as fx
from .. import events as ev
from .merge_base import BaseSelector, Candidate, LaterEdit, removed, rewritten, shortlist


def merge(task: fx.MergeFile) -> ev.Merged:
    """Merge `task.theirs` as edits of the candidate that `BaseSelector` selects as merge base.

    Raises `DocumentError` if the merge fails, `NotFound` if a base lacks an edited cell.
    """
    since = task.live.heads
    task = replace(task, bases=tuple(_read(base, task) for base in task.bases))
    found = [_compared(age, task) for age in shortlist(task.bases, task.theirs)]
    weighing = BaseSelector(task.bases, task.theirs, found)
    newest, best = found[0], weighing.best()
    was, edits = best.was, best.edits
    content = edits_of.patched(was, edits)
    elsewhere = weighing.since(best)
    known = () if best is newest else _known(edits, newest.was, content, elsewhere)
    with engine_errors("the file's changes cannot be merged"):
        document = _document_of(best.base, task.live, since)
        edited = document.fork(actor=task.actor)
        if known:
            latest = _document_of(newest.base, task.live, since)
            rest = [edit for edit in edits if edit not in known]
            rest += _changed_since(known, latest, content, elsewhere)
            outcomes = _apply_beside(edited, rest, latest, task)
            _apply_since(edited, elsewhere, task, since)
        else:
            outcomes = edits_of.patch(edited, edits)
        edited.commit(now_ms=task.now_ms)
    if known:
        content = replace(edited.content(), outcomes=content.outcomes)
    state = FileVersion(
        edited.heads, task.stamp, content, edited,
        outside=True, rewrote=rewritten(best), removed=removed(edits),
    )  # fmt: skip
    ahead = best is not newest
    if edited.heads == document.heads:
        return ev.Merged(task.number, since, state, outcomes, ahead=ahead)
    touched = task.live.merge(edited.document)
    task.live.content()  # fills its cache here, so that the event loop does not spend this time
    changes = changes_between(task.live.document, since)
    return ev.Merged(task.number, since, state, outcomes, task.live, touched, changes, ahead=ahead)


def _known(
    edits: tuple[edits_of.Edit, ...],
    newest: Content,
    theirs: Content,
    elsewhere: Mapping[CellId, LaterEdit],
) -> tuple[edits_of.Edit, ...]:
    """Return the edits of an older base that must not be applied to this base.

    If the room merged an intermediate version of a program, the edits of this version are already
    in `newest`; a second application would insert the text twice. The edits in `elsewhere` apply to
    a rewrite that is newer than the base (see `_apply_since`).
    """
    here = {cell.id: cell.source for cell in newest.cells}
    there = {cell.id: cell.source for cell in theirs.cells}
    return tuple(
        edit
        for edit in edits
        if (
            isinstance(edit, edits_of.EditSource)
            and (edit.id in elsewhere or _same(here, there, edit.id))
        )
        or (isinstance(edit, edits_of.AddCell) and edit.cell.id in here)
    )


def _changed_since(
    known: Sequence[edits_of.Edit],
    newest: Notebook,
    theirs: Content,
    elsewhere: Mapping[CellId, LaterEdit],
) -> list[edits_of.Edit]:
    """Return the edits of cells whose addition by the program is already in `newest`."""
    added = {edit.cell.id for edit in known if isinstance(edit, edits_of.AddCell)}
    now = replace(theirs, cells=tuple(cell for cell in theirs.cells if cell.id in added))
    was = replace(now, cells=tuple(newest.cell(cell.id) for cell in now.cells))
    return [
        edit
        for edit in edits_of.diff(was, now)
        if not isinstance(edit, edits_of.SetOutcome)
        and not (isinstance(edit, edits_of.EditSource) and edit.id in elsewhere)
    ]


def _apply_since(
    edited: Notebook, elsewhere: Mapping[CellId, LaterEdit], task: fx.MergeFile, since: Heads
) -> None:
    """Apply each edit of `elsewhere` to the version that it belongs to, and merge the result."""
    edited.commit(now_ms=task.now_ms)
    for age in {there.age for there in elsewhere.values()}:
        edits = [there.edit for there in elsewhere.values() if there.age == age]
        document = _document_of(task.bases[age], task.live, since)
        beside = document.fork(actor=task.actor + age.to_bytes(2, "big"))
        edits_of.patch(beside, edits)
        beside.commit(now_ms=task.now_ms)
        edited.merge(beside.document)


def _apply_beside(
    edited: Notebook, edits: Sequence[edits_of.Edit], newest: Notebook, task: fx.MergeFile
) -> dict[CellId, CellOutputs]:
    """Apply to an older base the edits that the newest version lacks, and merge this version.

    Splices apply first because their positions refer to the base; all other edits apply to the
    merged document. Returns the outputs of cells for the runtime document.
    """
    texts = [e for e in edits if isinstance(e, edits_of.EditSource) and e.id in edited]
    edits_of.patch(edited, texts)
    edited.commit(now_ms=task.now_ms)
    edited.merge(newest.document)
    outcomes: dict[CellId, CellOutputs] = {}
    for edit in edits:
        if edit not in texts and (fitting := _fitting(edit, edited)) is not None:
            outcomes |= edits_of.patch(edited, [fitting])
    return outcomes


def _fitting(edit: edits_of.Edit, notebook: Notebook) -> edits_of.Edit | None:
    """Adapt an edit to a notebook that may lack some of its cells; None if it cannot apply."""
    match edit:
        case edits_of.AddCell(after, cell):
            if after is None or after in notebook:
                return edit
            last = notebook.order[-1] if notebook.order else None
            return edits_of.AddCell(last, cell)
        case edits_of.MoveCell(cell_id, after):
            return edit if cell_id in notebook and (after is None or after in notebook) else None
        case edits_of.SetMinor():
            return edit
        case _:
            return edit if edit.id is None or edit.id in notebook else None


def _same(here: dict[CellId, str], there: dict[CellId, str], cell: CellId) -> bool:
    return cell in here and cell in there and here[cell] == there[cell]


def _read(base: FileVersion | None, task: fx.MergeFile) -> FileVersion | None:
    """Read the content of a base whose heads alone are known after a restart of the server."""
    if base is None or base.content is not None:
        return base
    return replace(base, content=_as_now(task.live.content_at(base.heads), task))


def _compared(age: int, task: fx.MergeFile) -> Candidate:
    base = task.bases[age]
    was = None if base is None else base.content
    if was is None:
        was = _as_now(task.live.content(), task)
    return Candidate(age, base, was, edits_of.diff(was, task.theirs))


def _as_now(content: Content, task: fx.MergeFile) -> Content:
    """Use the present outputs, because the outputs of this version are unknown."""
    return replace(content, outcomes=task.outcomes)


def _document_of(base: FileVersion | None, live: Notebook, since: Heads) -> Notebook:
    if base is None:
        return live
    if base.notebook is not None:
        return base.notebook
    if set(base.heads) == set(since):
        return live
    # Slow for a large document: Automerge rebuilds the document at the old heads.
    with engine_errors("the last saved version is not part of the notebook"):
        return Notebook(live.document.fork_at(list(base.heads)))
