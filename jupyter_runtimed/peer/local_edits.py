"""Local edits as values, to apply them to another copy of the notebook.

An `Intent` is the difference of two versions of a notebook: cells that were added, deleted and
moved, texts and entries that changed. It does not depend on a history, so it applies to a copy with
another history. The edits of other peers in this copy stay, and an edit that the copy already has
is not applied twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from ..document.content import Cell, JsonMap, JsonText
from ..document.diff.cell_matching import longest_increasing
from ..document.diff.text_diff import splices
from ..document.notebook import Notebook
from ..ids import CellId

Where: TypeAlias = Literal["metadata", "attachments"]


class Text(NamedTuple):
    """The source of a cell before and after the edits."""

    before: str
    after: str


class Entry(NamedTuple):
    """A changed entry in a map of a cell, or of the notebook (None); value None: removed."""

    cell: CellId | None
    where: Where
    key: str
    value: JsonText | None


@dataclass(frozen=True, slots=True)
class LocalEdits:
    """Edits of a notebook. `order` is the order of all cells after the edits.

    The positions of `added` and `moved` cells follow from `order`.
    """

    order: tuple[CellId, ...] = ()
    added: tuple[Cell, ...] = ()
    deleted: tuple[CellId, ...] = ()
    moved: tuple[CellId, ...] = ()
    texts: Mapping[CellId, Text] = field(default_factory=dict)
    types: Mapping[CellId, str] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()

    def __bool__(self) -> bool:
        return any((self.added, self.deleted, self.moved, self.texts, self.types, self.entries))

    @staticmethod
    def between(before: Notebook, after: Notebook) -> LocalEdits:
        """Return the edits that turn `before` into `after`."""
        old, new = before.order, after.order
        was, now = frozenset(old), frozenset(new)
        texts: dict[CellId, Text] = {}
        types: dict[CellId, str] = {}
        entries = list(_entries(None, "metadata", before.metadata(), after.metadata()))
        for cell_id in (cell_id for cell_id in new if cell_id in was):
            a, b = before.cell(cell_id), after.cell(cell_id)
            if a.source != b.source:
                texts[cell_id] = Text(a.source, b.source)
            if a.cell_type != b.cell_type:
                types[cell_id] = b.cell_type
            entries += _entries(cell_id, "metadata", a.metadata, b.metadata)
            entries += _entries(cell_id, "attachments", a.attachments, b.attachments)
        return LocalEdits(
            order=new,
            added=tuple(after.cell(cell_id) for cell_id in new if cell_id not in was),
            deleted=tuple(cell_id for cell_id in old if cell_id not in now),
            moved=_moved([c for c in old if c in now], [c for c in new if c in was]),
            texts=texts,
            types=types,
            entries=tuple(entries),
        )

    def apply_to(
        self, notebook: Notebook, *, but_texts_of: frozenset[CellId] = frozenset()
    ) -> tuple[LocalEdits, LocalEdits]:
        """Apply the edits to `notebook`, uncommitted; return the applied and the dropped edits.

        An edit is dropped if its cell is not in `notebook`. The texts of `but_texts_of` are left to
        the caller.
        """
        for cell_id in self.deleted:
            if cell_id in notebook:
                notebook.delete_cell(cell_id)
        self._arrange(notebook)
        for cell_id, text in self.texts.items():
            if cell_id in notebook and cell_id not in but_texts_of:
                merged = merge_text(text.before, text.after, notebook.source(cell_id))
                _set_source(notebook, cell_id, merged)
        for cell_id, cell_type in self.types.items():
            if cell_id in notebook:
                notebook.set_cell_type(cell_id, cell_type)
        for entry in self.entries:
            if entry.cell is None or entry.cell in notebook:
                _set_entry(notebook, entry)
        gone = frozenset(c for c in self.edited() if c not in notebook)
        return self._only(gone, keep=False), self._only(gone, keep=True)

    def then(self, later: LocalEdits) -> LocalEdits:
        """Return a summary of these edits followed by `later`, for reports to the user."""
        if not self or not later:
            return self or later
        texts = dict(self.texts)
        for cell_id, text in later.texts.items():
            texts[cell_id] = Text(texts.get(cell_id, text).before, text.after)
        return LocalEdits(
            order=later.order,
            added=self.added + later.added,
            deleted=self.deleted + later.deleted,
            moved=self.moved + later.moved,
            texts=texts,
            types={**self.types, **later.types},
            entries=self.entries + later.entries,
        )

    def with_whole(self, cells: Iterable[Cell]) -> LocalEdits:
        """Return these edits with `cells` added as a whole instead of edited."""
        whole = {cell.id: cell for cell in cells}
        rest = self._only(frozenset(whole), keep=False)
        return replace(rest, added=(*self.added, *whole.values()))

    def edited(self) -> frozenset[CellId]:
        """Return the cells that must exist for these edits to apply."""
        cells = {entry.cell for entry in self.entries if entry.cell is not None}
        return frozenset((*self.texts, *self.types, *self.moved, *cells))

    def _only(self, gone: frozenset[CellId], *, keep: bool) -> LocalEdits:
        return LocalEdits(
            order=self.order,
            added=() if keep else self.added,
            deleted=() if keep else self.deleted,
            moved=tuple(c for c in self.moved if (c in gone) is keep),
            texts={c: text for c, text in self.texts.items() if (c in gone) is keep},
            types={c: kind for c, kind in self.types.items() if (c in gone) is keep},
            entries=tuple(e for e in self.entries if (e.cell in gone) is keep),
        )

    def _arrange(self, notebook: Notebook) -> None:
        """Add and move cells from top to bottom, so that the cells above are already in place."""
        added = {cell.id: cell for cell in self.added}
        for cell_id in self.order:
            if (cell := added.get(cell_id)) is not None and cell_id in notebook:
                merged = merge_text("", cell.source, notebook.source(cell_id))
                _set_source(notebook, cell_id, merged)
            elif cell is not None:
                notebook.add_cell(cell, after=self._place(notebook, cell_id))
            elif cell_id in self.moved and cell_id in notebook:
                notebook.move_cell(cell_id, after=self._place(notebook, cell_id))

    def _place(self, notebook: Notebook, cell_id: CellId) -> CellId | None:
        """Return the nearest cell above in `order` that exists in `notebook`; None for the top."""
        above = self.order[: self.order.index(cell_id)]
        return next((other for other in reversed(above) if other in notebook), None)


EMPTY = LocalEdits()


def _set_source(notebook: Notebook, cell_id: CellId, text: str) -> None:
    if notebook.source(cell_id) != text:
        notebook.set_source(cell_id, text)


def _set_entry(notebook: Notebook, entry: Entry) -> None:
    if entry.where == "metadata":
        notebook.set_metadata(entry.cell, entry.key, entry.value)
    elif entry.cell is not None:
        notebook.set_attachment(entry.cell, entry.key, entry.value)


def _entries(cell: CellId | None, where: Where, before: JsonMap, after: JsonMap) -> list[Entry]:
    changed = [key for key, value in after.items() if before.get(key) != value]
    removed = [key for key in before if key not in after]
    return [Entry(cell, where, key, after.get(key)) for key in (*changed, *removed)]


def _moved(before: Sequence[CellId], after: Sequence[CellId]) -> tuple[CellId, ...]:
    """Return the smallest set of cells whose moves turn the order `before` into `after`."""
    place = {cell_id: index for index, cell_id in enumerate(before)}
    stay = longest_increasing([place[cell_id] for cell_id in after])
    return tuple(cell_id for index, cell_id in enumerate(after) if index not in stay)


# ---------------------------------------------------------------- texts


def merge_text(base: str, mine: str, theirs: str) -> str:
    """Merge two edited versions of `base`; an equal insertion at one position is kept once."""
    if mine in (base, theirs):
        return theirs
    if theirs == base:
        return mine
    my_gaps, my_cut = _edits(base, mine)
    their_gaps, their_cut = _edits(base, theirs)
    out: list[str] = []
    for place in range(len(base) + 1):
        out.append(_both(their_gaps.get(place, ""), my_gaps.get(place, "")))
        if place < len(base) and place not in my_cut and place not in their_cut:
            out.append(base[place])
    return "".join(out)


def _both(theirs: str, mine: str) -> str:
    if mine.startswith(theirs):
        return mine
    return theirs if theirs.startswith(mine) else theirs + mine


def _edits(base: str, new: str) -> tuple[dict[int, str], set[int]]:
    """Return the insertions by position in `base`, and the positions of deleted characters."""
    gaps: dict[int, str] = {}
    cut: set[int] = set()
    for position, delete, insert in splices(base, new):
        gaps[position] = gaps.get(position, "") + insert
        cut.update(range(position, position + delete))
    return gaps, cut
