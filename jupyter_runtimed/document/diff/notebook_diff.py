"""Diff of two notebook contents, as a list of edits.

For a merge of an external change of the file, `edits` compares the merge base (a saved version)
with the file's new content, so the edits hold none of the changes that clients made since. `apply`
writes the edits to a fork of the notebook document at the heads of the merge base; merging the fork
keeps the changes of both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ...ids import CellId
from ..content import NOTHING, Cell, CellOutputs, Content, JsonMap, JsonText
from ..json_text import same_text
from ..mime import GetBlob
from ..notebook import Notebook
from ..schema import IDS_FROM_MINOR
from .cell_matching import longest_increasing, match_cells
from .output_equality import same_outcome
from .text_diff import Splice, spliced, splices, with_line_ends


@dataclass(frozen=True, slots=True)
class AddCell:
    """Insert `cell` below `after`, or at the top (None)."""

    after: CellId | None
    cell: Cell


@dataclass(frozen=True, slots=True)
class DeleteCell:
    id: CellId


@dataclass(frozen=True, slots=True)
class MoveCell:
    """Move a cell below `after`, or to the top (None)."""

    id: CellId
    after: CellId | None


@dataclass(frozen=True, slots=True)
class SetType:
    id: CellId
    cell_type: str


@dataclass(frozen=True, slots=True)
class EditSource:
    """Splice a source; `splices` run from top to bottom.

    Positions count code points in the source before the first splice.
    """

    id: CellId
    splices: tuple[Splice, ...]


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Set an entry of a cell's metadata, or of the notebook's (`id` None).

    A `value` of None removes the entry.
    """

    id: CellId | None
    key: str
    value: JsonText | None


@dataclass(frozen=True, slots=True)
class SetAttachment:
    id: CellId
    name: str
    bundle: JsonText | None


@dataclass(frozen=True, slots=True)
class SetExtra:
    """Set a key unknown to nbformat, of a cell or of the notebook (`id` None)."""

    id: CellId | None
    key: str
    value: JsonText | None


@dataclass(frozen=True, slots=True)
class SetMinor:
    nbformat_minor: int


@dataclass(frozen=True, slots=True)
class SetOutcome:
    """Replace the outputs and the execution count of a cell, in the runtime document."""

    id: CellId
    outcome: CellOutputs


Edit: TypeAlias = (
    AddCell
    | DeleteCell
    | MoveCell
    | SetType
    | EditSource
    | SetMetadata
    | SetAttachment
    | SetExtra
    | SetMinor
    | SetOutcome
)


def diff(base: Content, theirs: Content, *, get_blob: GetBlob | None = None) -> tuple[Edit, ...]:
    """Return the edits that turn `base` into `theirs`, in the order of application; () if equal.

    A cell of `theirs` that matches a cell of `base` by likeness keeps its id of `base`.
    Different line ends alone make no edit if `theirs` holds only line feeds.
    Outputs are compared without their ids, and streams without regard to their chunks. Without
    `get_blob`, streams of equal size in blobs that cannot be compared count as equal (see
    `outcome`).
    The next merge base is `applied(base, edits(base, theirs))`: it equals `theirs`, but its cells
    have the ids of `base`. Errors: those of `get_blob`.
    """
    known = {cell.id for cell in base.cells}
    # If no id is known, the program that wrote the file makes new ids at each save: ignore them.
    by_place = theirs.nbformat_minor < IDS_FROM_MINOR or known.isdisjoint(
        cell.id for cell in theirs.cells
    )
    pairs = match_cells(base.cells, theirs.cells, by_place=by_place)
    found: list[Edit] = []
    if theirs.nbformat_minor != base.nbformat_minor:
        found.append(SetMinor(theirs.nbformat_minor))
    found += [SetMetadata(None, *entry) for entry in _entries(base.metadata, theirs.metadata)]
    found += [SetExtra(None, *entry) for entry in _entries(base.extra, theirs.extra)]
    kept = {index for index in pairs if index is not None}
    found += [DeleteCell(cell.id) for i, cell in enumerate(base.cells) if i not in kept]
    found += _order(base.cells, theirs.cells, pairs)
    for cell, index in zip(theirs.cells, pairs, strict=True):
        was = None if index is None else base.cells[index]
        if was is not None:
            found += _cell(was, cell)
        cell_id = cell.id if was is None else was.id
        shown = base.outcomes.get(cell_id, NOTHING) if was is not None else NOTHING
        now = theirs.outcomes.get(cell.id, NOTHING)
        # nbformat cannot store outputs of a text cell, so their absence in the file is not an edit.
        if cell.cell_type == "code" and not same_outcome(shown, now, get_blob):
            found.append(SetOutcome(cell_id, now))
    return tuple(found)


def _order(base: Sequence[Cell], theirs: Sequence[Cell], pairs: Sequence[int | None]) -> list[Edit]:
    """Return the added cells and the fewest possible moves, from top to bottom."""
    there = [index for index in pairs if index is not None]
    rising = longest_increasing(there)
    staying = {there[index] for index in rising}
    found: list[Edit] = []
    after: CellId | None = None
    for cell, index in zip(theirs, pairs, strict=True):
        if index is None:
            found.append(AddCell(after, cell))
            after = cell.id
            continue
        cell_id = base[index].id
        if index not in staying:
            found.append(MoveCell(cell_id, after))
        after = cell_id
    return found


def _cell(was: Cell, cell: Cell) -> list[Edit]:
    found: list[Edit] = []
    if cell.cell_type != was.cell_type:
        found.append(SetType(was.id, cell.cell_type))
    source = _with_returns(cell.source, was.source)
    if source != was.source:
        found.append(EditSource(was.id, splices(was.source, source)))
    found += [SetMetadata(was.id, *entry) for entry in _entries(was.metadata, cell.metadata)]
    found += [SetAttachment(was.id, *e) for e in _entries(was.attachments, cell.attachments)]
    found += [SetExtra(was.id, *entry) for entry in _entries(was.extra, cell.extra)]
    return found


def _with_returns(source: str, was: str) -> str:
    """Give a file's text the carriage returns of `was` again, because `read` drops them."""
    return with_line_ends(source, was) if "\r" in was and "\r" not in source else source


def _entries(was: JsonMap, now: JsonMap) -> list[tuple[str, JsonText | None]]:
    gone: list[tuple[str, JsonText | None]] = [(key, None) for key in was if key not in now]
    return gone + [
        (key, value)
        for key, value in now.items()
        if key not in was or not same_text(was[key], value)
    ]


def patch(notebook: Notebook, changes: Iterable[Edit]) -> dict[CellId, CellOutputs]:
    """Write the edits to a notebook document without a commit.

    Returns the new outputs by cell, because the runtime document holds them. The content of
    `notebook` must equal the `base` of `edits`. Raises `NotFound` if a cell does not exist.
    """
    outcomes: dict[CellId, CellOutputs] = {}
    for edit in changes:
        match edit:
            case AddCell() | DeleteCell() | MoveCell():
                _restructure(notebook, edit)
            case SetType(cell_id, cell_type):
                notebook.set_cell_type(cell_id, cell_type)
            case EditSource(cell_id, changed):
                for position, delete, insert in reversed(changed):
                    notebook.splice(cell_id, position, delete, insert)
            case SetMetadata(id_or_none, key, value):
                notebook.set_metadata(id_or_none, key, value)
            case SetAttachment(cell_id, name, bundle):
                notebook.set_attachment(cell_id, name, bundle)
            case SetExtra(id_or_none, key, value):
                notebook.set_extra(id_or_none, key, value)
            case SetMinor(minor):
                notebook.set_minor(minor)
            case SetOutcome(cell_id, outcome):
                outcomes[cell_id] = outcome
    return outcomes


def _restructure(notebook: Notebook, edit: AddCell | DeleteCell | MoveCell) -> None:
    match edit:
        case AddCell(after, cell):
            notebook.add_cell(cell, after=after)
        case DeleteCell(cell_id):
            notebook.delete_cell(cell_id)
        case MoveCell(cell_id, after):
            notebook.move_cell(cell_id, after=after)


def patched(base: Content, changes: Iterable[Edit]) -> Content:
    """Return the content `base` after the edits."""
    state = _State(base)
    for edit in changes:
        state.do(edit)
    return state.content()


class _State:
    """A mutable copy of a content."""

    def __init__(self, content: Content) -> None:
        self._rest = content
        self._cells = {cell.id: cell for cell in content.cells}
        self._order = [cell.id for cell in content.cells]
        self._outcomes = dict(content.outcomes)

    def content(self) -> Content:
        cells = tuple(self._cells[cell_id] for cell_id in self._order)
        return replace(self._rest, cells=cells, outcomes=self._outcomes)

    def do(self, edit: Edit) -> None:
        match edit:
            case AddCell(after, cell):
                self._cells[cell.id] = cell
                self._place(cell.id, after)
            case DeleteCell(cell_id):
                del self._cells[cell_id]
                self._order.remove(cell_id)
                self._outcomes.pop(cell_id, None)
            case MoveCell(cell_id, after):
                self._order.remove(cell_id)
                self._place(cell_id, after)
            case SetOutcome(cell_id, outcome):
                self._outcomes.pop(cell_id, None)
                if outcome != NOTHING:
                    self._outcomes[cell_id] = outcome
            case SetMinor(minor):
                self._rest = replace(self._rest, nbformat_minor=minor)
            case SetMetadata(None, key, value):
                metadata = _with(self._rest.metadata, key, value)
                self._rest = replace(self._rest, metadata=metadata)
            case SetExtra(None, key, value):
                self._rest = replace(self._rest, extra=_with(self._rest.extra, key, value))
            case _:
                self._change(edit)

    def _change(self, edit: SetType | EditSource | SetMetadata | SetAttachment | SetExtra) -> None:
        if edit.id is None:
            return
        cell = self._cells[edit.id]
        match edit:
            case SetType():
                cell = replace(cell, cell_type=edit.cell_type)
            case EditSource():
                cell = replace(cell, source=spliced(cell.source, edit.splices))
            case SetMetadata():
                cell = replace(cell, metadata=_with(cell.metadata, edit.key, edit.value))
            case SetAttachment():
                bundles = _with(cell.attachments, edit.name, edit.bundle)
                cell = replace(cell, attachments=bundles)
            case SetExtra():
                cell = replace(cell, extra=_with(cell.extra, edit.key, edit.value))
        self._cells[cell.id] = cell

    def _place(self, cell_id: CellId, after: CellId | None) -> None:
        at = 0 if after is None else self._order.index(after) + 1
        self._order.insert(at, cell_id)


def _with(entries: Mapping[str, JsonText], key: str, value: JsonText | None) -> JsonMap:
    found = {name: text for name, text in entries.items() if name != key}
    if value is not None:
        found[key] = value
    return found
