"""Finding what somebody did to a notebook's file, and merging it: what takes long, done beside it.

Works on copies of the room's document that nobody else has, so it runs in any thread while the room
goes on; the room then takes the result over, with what came in meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..crdt import Heads, changes_between, own_errors
from ..document import merge as edits_of
from ..document.content import Content, Outcome
from ..document.notebook import Notebook
from ..ids import CellId
from . import events as ev
from .bases import Compared, Since, Weighing, likely, removed, rewritten


def merge(task: ev.MergeFile) -> ev.Merged:
    """Make of one of the bases what `theirs` is, and merge that. Raises DocumentError, NotFound."""
    since = task.live.heads
    task = replace(task, bases=tuple(_read(base, task) for base in task.bases))
    found = [_compared(age, task) for age in likely(task.bases, task.theirs)]
    weighing = Weighing(task.bases, task.theirs, found)
    newest, best = found[0], weighing.best()
    was, edits = best.was, best.edits
    content = edits_of.applied(was, edits)
    elsewhere = weighing.since(best)
    known = () if best is newest else _known(edits, newest.was, content, elsewhere)
    with own_errors("the file's changes cannot be merged"):
        document = _document_of(best.base, task.live, since)
        edited = document.fork(actor=task.actor)
        if known:
            latest = _document_of(newest.base, task.live, since)
            rest = [edit for edit in edits if edit not in known]
            rest += _changed_since(known, latest, content, elsewhere)
            outcomes = _apply_beside(edited, rest, latest, task)
            _apply_since(edited, elsewhere, task, since)
        else:
            outcomes = edits_of.apply(edited, edits)
        edited.commit(now_ms=task.now_ms)
    if known:
        content = replace(edited.content(), outcomes=content.outcomes)
    state = ev.SavedState(
        edited.heads, task.stamp, content, edited,
        outside=True, rewrote=rewritten(best), removed=removed(edits),
    )  # fmt: skip
    ahead = best is not newest
    if edited.heads == document.heads:
        return ev.Merged(task.number, since, state, outcomes, ahead=ahead)
    touched = task.live.merge(edited.document)
    task.live.content()  # read here, so that nobody has to on the loop
    changes = changes_between(task.live.document, since)
    return ev.Merged(task.number, since, state, outcomes, task.live, touched, changes, ahead=ahead)


def _known(
    edits: tuple[edits_of.Edit, ...],
    newest: Content,
    theirs: Content,
    elsewhere: Mapping[CellId, Since],
) -> tuple[edits_of.Edit, ...]:
    """Which of these edits of an older base are not to be done to it.

    A program that writes several times, back and forth, may be seen halfway: what that brought is
    in the newest state. It is taken from there, as to write it again would put it there twice. What
    a program made of a cell after the base is changed `elsewhere`, where it stood.
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
    elsewhere: Mapping[CellId, Since],
) -> list[edits_of.Edit]:
    """What the program has done since to cells that it was seen to add."""
    added = {edit.cell.id for edit in known if isinstance(edit, edits_of.AddCell)}
    now = replace(theirs, cells=tuple(cell for cell in theirs.cells if cell.id in added))
    was = replace(now, cells=tuple(newest.cell(cell.id) for cell in now.cells))
    return [
        edit
        for edit in edits_of.edits(was, now)
        if not isinstance(edit, edits_of.SetOutcome)
        and not (isinstance(edit, edits_of.EditSource) and edit.id in elsewhere)
    ]


def _apply_since(
    edited: Notebook, elsewhere: Mapping[CellId, Since], task: ev.MergeFile, since: Heads
) -> None:
    """Change texts where they stood, and take that in."""
    edited.commit(now_ms=task.now_ms)
    for age in {there.age for there in elsewhere.values()}:
        edits = [there.edit for there in elsewhere.values() if there.age == age]
        document = _document_of(task.bases[age], task.live, since)
        beside = document.fork(actor=task.actor + age.to_bytes(2, "big"))
        edits_of.apply(beside, edits)
        beside.commit(now_ms=task.now_ms)
        edited.merge(beside.document)


def _apply_beside(
    edited: Notebook, edits: Sequence[edits_of.Edit], newest: Notebook, task: ev.MergeFile
) -> dict[CellId, Outcome]:
    """Do to the older base what is not in the newest one, and take that one in.

    Texts of the base first, as they count its characters; everything else where both are together.
    """
    texts = [e for e in edits if isinstance(e, edits_of.EditSource) and e.id in edited]
    edits_of.apply(edited, texts)
    edited.commit(now_ms=task.now_ms)
    edited.merge(newest.document)
    outcomes: dict[CellId, Outcome] = {}
    for edit in edits:
        if edit not in texts and (fitting := _fitting(edit, edited)) is not None:
            outcomes |= edits_of.apply(edited, [fitting])
    return outcomes


def _fitting(edit: edits_of.Edit, notebook: Notebook) -> edits_of.Edit | None:
    """The edit in a notebook from which cells may be gone; None if it has no place there."""
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


def _read(base: ev.SavedState | None, task: ev.MergeFile) -> ev.SavedState | None:
    """What the base said, where only its version is known since a restart of the server."""
    if base is None or base.content is not None:
        return base
    return replace(base, content=_as_now(task.live.content_at(base.heads), task))


def _compared(age: int, task: ev.MergeFile) -> Compared:
    base = task.bases[age]
    was = None if base is None else base.content
    if was is None:
        was = _as_now(task.live.content(), task)
    return Compared(age, base, was, edits_of.edits(was, task.theirs))


def _as_now(content: Content, task: ev.MergeFile) -> Content:
    """With the outputs of now, where nobody knows those of then."""
    return replace(content, outcomes=task.outcomes)


def _document_of(base: ev.SavedState | None, live: Notebook, since: Heads) -> Notebook:
    if base is None:
        return live
    if base.notebook is not None:
        return base.notebook
    if set(base.heads) == set(since):
        return live
    # Going back in history builds the document anew, which takes long if it is large.
    with own_errors("the version last saved is not part of the notebook"):
        return Notebook(live.document.fork_at(list(base.heads)))
