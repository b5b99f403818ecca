"""The notebook document: cells and metadata of a notebook as an Automerge document.

Reading a cell that exists never fails: a part that violates the schema reads as empty, and a cell
that is not a map is left out; `soundness` reports both. Reads return values of `content`, which are
cached per cell: a change invalidates only the cells it touches.
Writes are pending until `commit`. This class knows the schema; it does not know permissions
(`authority`), files (`ipynb`) or outputs (`runtime`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..crdt import (
    ROOT,
    Change,
    Document,
    Heads,
    Obj,
    ObjId,
    Patch,
    Scalar,
    Text,
    engine_errors,
    heads_of,
)
from ..errors import DocumentError, NotFound
from ..ids import CellId
from . import fractional_index, seeds
from .content import Cell, Content, JsonMap, JsonText
from .past_content import content_at
from .schema import FORBIDDEN_KEY, TRUSTED, UNTYPED, minor_of


@dataclass(frozen=True, slots=True)
class ChangedCells:
    """The visible effect of a batch of changes.

    `cells` are the changed, added and deleted cells; `structure` tells whether the list of cells
    changed, `notebook` whether anything outside the cells changed.
    """

    cells: frozenset[CellId] = frozenset()
    structure: bool = False
    notebook: bool = False

    def __bool__(self) -> bool:
        return bool(self.cells) or self.structure or self.notebook


class Notebook:
    """One notebook document with a cache of its content."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._cells = self._map(ROOT, "cells")
        self._metadata = self._map(ROOT, "metadata")
        self._extra = self._map(ROOT, "extra")
        self._objects: dict[CellId, ObjId] = {}
        self._sources: dict[CellId, ObjId] = {}
        self._known: dict[CellId, Cell] = {}
        self._order: tuple[CellId, ...] | None = None
        self._whole: Content | None = None

    # ------------------------------------------------------------ reading

    @property
    def heads(self) -> Heads:
        return heads_of(self.document)

    @property
    def order(self) -> tuple[CellId, ...]:
        """Cell ids from top to bottom."""
        if self._order is None:
            cells = (CellId(key) for key in self._keys(self._cells))
            placed = ((self.position(cell), cell) for cell in cells if self._find(cell) is not None)
            self._order = tuple(cell for _, cell in sorted(placed))
        return self._order

    def __contains__(self, cell_id: object) -> bool:
        return isinstance(cell_id, str) and self._find(CellId(cell_id)) is not None

    def cell(self, cell_id: CellId) -> Cell:
        if (known := self._known.get(cell_id)) is None:
            known = self._known[cell_id] = self._read(cell_id)
        return known

    def source(self, cell_id: CellId) -> str:
        """Return the source of a cell; `""` if the document holds no text there."""
        if (text := self._text(cell_id)) is not None:
            return self.document.text(text)
        return self._str(self._object(cell_id), "source")

    def cursor(self, cell_id: CellId, position: int) -> str:
        """Return an Automerge cursor: a reference to a character that edits do not shift.

        `position` counts code points. Raises `NotFound`, or `DocumentError` if the source is not
        text.
        """
        source = self._source(cell_id)
        if position >= len(self.document.text(source)):
            return self.document.cursor(source, "end")
        return self.document.cursor(source, position)

    def position(self, cell_id: CellId) -> str:
        """Return the fractional index of a cell; `""` (first) if the document holds none."""
        return fractional_index.readable(self._get(self._object(cell_id), "position"))

    def metadata(self) -> JsonMap:
        return self._json_map(self._metadata)

    @property
    def metadata_object(self) -> ObjId | None:
        return self._metadata

    @property
    def nbformat_minor(self) -> int:
        return minor_of(self._get(ROOT, "nbformat_minor"))

    def content(self) -> Content:
        """Return the notebook without outputs; immutable, the same object until a change."""
        if self._whole is None:
            self._whole = Content(
                nbformat_minor=self.nbformat_minor,
                metadata=self.metadata(),
                extra=self._json_map(self._extra),
                cells=tuple(self.cell(cell_id) for cell_id in self.order),
            )
        return self._whole

    def content_at(self, heads: Heads) -> Content:
        """Return the notebook without outputs at `heads`. Raises `DocumentError`."""
        return content_at(self.document, heads)

    @property
    def change_count(self) -> int:
        """Number of changes in the history; the time to load the document grows with it."""
        return self.document.change_count

    # ------------------------------------------------------------ copies

    def rotated(self, actor: bytes, metadata: JsonMap) -> tuple[Notebook, Heads]:
        """Return a notebook with the same content and a new history, and its first heads.

        At these heads the notebook has `metadata`; a second change then sets the present metadata.
        The changes carry no time, because they are not edits by a user.
        """
        fresh, content = Notebook(seeds.empty_notebook(actor)), self.content()
        fresh.populate(replace(content, metadata=metadata))
        fresh.document.commit()
        heads = fresh.heads
        for key in metadata.keys() | content.metadata.keys():
            if metadata.get(key) != content.metadata.get(key):
                fresh.set_metadata(None, key, content.metadata.get(key))
        fresh.document.commit()
        return fresh, heads

    def fork(self, *, actor: bytes | None = None) -> Notebook:
        """Return an independent copy that shares the cached values; cheap for any size."""
        copy = Notebook(self.document.fork(actor=actor))
        copy._objects = dict(self._objects)
        copy._sources = dict(self._sources)
        copy._known = dict(self._known)
        copy._order, copy._whole = self._order, self._whole
        return copy

    def replace_with(self, copy: Notebook) -> None:
        """Take over the state of `copy`, a changed fork; the caller may not use `copy` after."""
        self.document = copy.document
        self._objects, self._sources = copy._objects, copy._sources
        self._known, self._order, self._whole = copy._known, copy._order, copy._whole

    # ------------------------------------------------------------ incoming changes

    def apply(self, changes: Iterable[Change | bytes]) -> ChangedCells:
        with engine_errors("the change cannot be applied"):
            return self._notice(self.document.apply_changes(changes))

    def merge(self, other: Document) -> ChangedCells:
        with engine_errors("the fork cannot be merged"):
            return self._notice(self.document.merge(other))

    def _notice(self, patches: Sequence[Patch]) -> ChangedCells:
        cells: set[CellId] = set()
        structure = notebook = False
        for patch in patches:
            path = patch.path
            if path[:1] != ("cells",):
                notebook = True
            elif len(path) == 1:
                structure = True
                cells.add(CellId(str(patch.prop)))
            else:
                cells.add(CellId(str(path[1])))
                structure = structure or (len(path) == 2 and patch.prop == "position")
        for cell_id in cells:
            self._forget(cell_id, objects=structure)
        if structure:
            self._order = None
        if cells or notebook or structure:
            self._whole = None
        return ChangedCells(frozenset(cells), structure, notebook)

    def _forget(self, cell_id: CellId, *, objects: bool) -> None:
        self._known.pop(cell_id, None)
        self._whole = None
        if objects:
            self._objects.pop(cell_id, None)
            self._sources.pop(cell_id, None)

    # ------------------------------------------------------------ writing

    def commit(self, *, now_ms: int) -> bytes | None:
        """Commit the pending writes as one change; return its bytes, or None without writes."""
        if self.document.commit(time=now_ms // 1000) is None:
            return None
        change = self.document.last_local_change()
        return None if change is None else change.bytes

    def add_cells(self, cells: Sequence[Cell], *, index: int) -> None:
        """Insert cells at `index` of the order.

        Raises `DocumentError` if an id exists already or is not allowed.
        """
        order = list(self.order)
        taken = set(order)
        for cell in cells:
            _refuse_name(cell.id, "a cell")
            if cell.id in taken:
                raise DocumentError(f"there is a cell {cell.id!r} already; choose another id")
        places = self._places(order, index, len(cells))
        for cell, position in zip(cells, places, strict=True):
            self._put_cell(cell, position)
        order[index:index] = [cell.id for cell in cells]
        self._order = tuple(order)
        self._whole = None

    def add_cell(self, cell: Cell, *, after: CellId | None) -> None:
        """Insert a cell below the cell `after`, or at the top (None)."""
        index = 0 if after is None else self._index(after) + 1
        self.add_cells([cell], index=index)

    def delete_cell(self, cell_id: CellId) -> None:
        self._object(cell_id)
        order = self.order
        self.document.delete(self._cells_map(), cell_id)
        self._forget(cell_id, objects=True)
        self._order = tuple(other for other in order if other != cell_id)

    def move_cell(self, cell_id: CellId, *, after: CellId | None) -> None:
        cell_object = self._object(cell_id)
        order = [other for other in self.order if other != cell_id]
        index = 0 if after is None else order.index(after) + 1
        (position,) = self._places(order, index, 1)
        self._set_fact(cell_object, "position", position)
        order.insert(index, cell_id)
        self._order = tuple(order)
        self._whole = None

    def set_cell_type(self, cell_id: CellId, cell_type: str) -> None:
        self._set_fact(self._object(cell_id), "cell_type", cell_type)
        self._forget(cell_id, objects=False)

    def splice(self, cell_id: CellId, position: int, delete: int, text: str = "") -> None:
        """Replace `delete` code points of the source at `position` (code points) by `text`."""
        self.document.splice_text(self._source(cell_id), position, delete, text)
        self._forget(cell_id, objects=False)

    def set_source(self, cell_id: CellId, text: str) -> None:
        """Set the source to `text`; Automerge computes the minimal splices."""
        self.document.update_text(self._source(cell_id), text)
        self._forget(cell_id, objects=False)

    def set_metadata(self, cell_id: CellId | None, key: str, value: JsonText | None) -> None:
        """Set a metadata entry of a cell, or of the notebook (`cell_id` None).

        A `value` of None removes the entry. Raises `NotFound` and `DocumentError`.
        """
        if cell_id is not None and key == TRUSTED:
            raise DocumentError("trust is not shared metadata; only the server records trust")
        self._set_entry(cell_id, "metadata", key, value)

    def set_attachment(self, cell_id: CellId, name: str, bundle: JsonText | None) -> None:
        self._set_entry(cell_id, "attachments", name, bundle)

    def set_extra(self, cell_id: CellId | None, key: str, value: JsonText | None) -> None:
        self._set_entry(cell_id, "extra", key, value)

    def set_minor(self, minor: int) -> None:
        self.document.put(ROOT, "nbformat_minor", minor)
        self._whole = None

    def populate(self, content: Content) -> None:
        """Write a whole notebook into a document without cells."""
        self.set_minor(content.nbformat_minor)
        for key, value in content.metadata.items():
            self.set_metadata(None, key, value)
        for key, value in content.extra.items():
            self.set_extra(None, key, value)
        self.add_cells(content.cells, index=0)

    # ------------------------------------------------------------ inside

    def _set_fact(self, cell: ObjId, key: str, value: str) -> None:
        """Write a value only if it differs.

        A write of the value already shown would override concurrent writes of other peers.
        """
        if self._get(cell, key) != value:
            self.document.put(cell, key, value)

    def _get(self, obj: ObjId, key: str) -> Scalar | Obj:
        """Return the value at a key of a map, or None."""
        try:
            return self.document.get(obj, key)
        except KeyError:
            return None

    def _map(self, obj: ObjId, key: str) -> ObjId | None:
        value = self._get(obj, key)
        return value.id if isinstance(value, Obj) and value.kind == "map" else None

    def _keys(self, obj: ObjId | None) -> list[str]:
        return [] if obj is None else self.document.keys(obj)

    def _find(self, cell_id: CellId) -> ObjId | None:
        if (known := self._objects.get(cell_id)) is not None:
            return known
        found = None if self._cells is None else self._map(self._cells, cell_id)
        if found is not None:
            self._objects[cell_id] = found
        return found

    def _object(self, cell_id: CellId) -> ObjId:
        if (found := self._find(cell_id)) is None:
            raise NotFound(f"there is no cell {cell_id!r} in this notebook")
        return found

    def _text(self, cell_id: CellId) -> ObjId | None:
        if (known := self._sources.get(cell_id)) is not None:
            return known
        value = self._get(self._object(cell_id), "source")
        if not isinstance(value, Obj) or value.kind != "text":
            return None
        self._sources[cell_id] = value.id
        return value.id

    def _source(self, cell_id: CellId) -> ObjId:
        """Return the text object of a source. Raises `DocumentError` if there is none."""
        if (found := self._text(cell_id)) is None:
            raise _damaged(f"the source of cell {cell_id!r} is not text")
        return found

    def _index(self, cell_id: CellId) -> int:
        try:
            return self.order.index(cell_id)
        except ValueError:
            raise NotFound(f"there is no cell {cell_id!r} in this notebook") from None

    def _read(self, cell_id: CellId) -> Cell:
        cell_object = self._object(cell_id)
        return Cell(
            id=cell_id,
            cell_type=self._str(cell_object, "cell_type") or UNTYPED,
            source=self.source(cell_id),
            metadata=self._json_map(self._map(cell_object, "metadata")),
            attachments=self._json_map(self._map(cell_object, "attachments")),
            extra=self._json_map(self._map(cell_object, "extra")),
        )

    def _str(self, obj: ObjId, key: str) -> str:
        value = self._get(obj, key)
        return value if isinstance(value, str) else ""

    def _json_map(self, obj: ObjId | None) -> JsonMap:
        if obj is None:
            return {}
        return {
            str(key): JsonText(value)
            for key, value in self.document.items(obj)
            if isinstance(value, str) and key != FORBIDDEN_KEY
        }

    def _set_entry(
        self, cell_id: CellId | None, where: str, key: str, value: JsonText | None
    ) -> None:
        _refuse_name(key, "an entry")
        if cell_id is None:
            obj = self._metadata if where == "metadata" else self._extra
        else:
            obj = self._map(self._object(cell_id), where)
            self._forget(cell_id, objects=False)
        if obj is None:
            raise _damaged(f"there is no map {where!r} to write {key!r} to")
        self._whole = None
        if value is not None:
            self.document.put(obj, key, value)
        elif key in self.document.keys(obj):
            self.document.delete(obj, key)

    def _put_cell(self, cell: Cell, position: str) -> None:
        metadata = {key: value for key, value in cell.metadata.items() if key != TRUSTED}
        written = replace(
            cell,
            metadata=_as_read(metadata),
            attachments=_as_read(cell.attachments),
            extra=_as_read(cell.extra),
        )
        made = self.document.put(
            self._cells_map(),
            cell.id,
            {
                "cell_type": written.cell_type,
                "position": position,
                "source": Text(written.source),
                "metadata": dict(written.metadata),
                "attachments": dict(written.attachments),
                "extra": dict(written.extra),
            },
        )
        self._forget(cell.id, objects=True)
        # Fill the cache, so that the next read does not fetch the new cell from the engine.
        self._known[cell.id] = written
        if made is not None:
            self._objects[cell.id] = made

    def _cells_map(self) -> ObjId:
        if self._cells is None:
            raise _damaged("the document has no map of cells")
        return self._cells

    def _places(self, order: list[CellId], index: int, count: int) -> list[str]:
        """Return positions for `count` new cells at `index`.

        If a position would exceed `LONGEST`, the cells around `index` get new positions.
        """
        low = self.position(order[index - 1]) if index > 0 else ""
        high = self.position(order[index]) if index < len(order) else None
        if high is None or low < high:
            places = fractional_index.spread(low, high, count)
            if all(len(place) <= fractional_index.LONGEST for place in places):
                return places
        return self._respread(order, index, count)

    def _respread(self, order: list[CellId], index: int, count: int) -> list[str]:
        """Give the cells around `index` new positions; return `count` positions between them."""
        reach = 32
        while True:
            first, last = max(0, index - reach), min(len(order), index + reach)
            low = self.position(order[first - 1]) if first > 0 else ""
            high = self.position(order[last]) if last < len(order) else None
            around = order[first:last]
            if high is None or low < high:
                places = fractional_index.spread(low, high, len(around) + count)
                if all(len(place) <= fractional_index.LONGEST // 2 for place in places) or (
                    first == 0 and last == len(order)
                ):
                    break
            reach *= 4
        cut = index - first
        for cell_id, place in zip(around, places[:cut] + places[cut + count :], strict=True):
            self._set_fact(self._object(cell_id), "position", place)
        return places[cut : cut + count]


def _refuse_name(name: str, of: str) -> None:
    if name == FORBIDDEN_KEY:
        raise DocumentError(f"{name!r} cannot be the name of {of}; choose another one")


def _damaged(what: str) -> DocumentError:
    return DocumentError(
        f"{what}: the notebook's document is damaged; close the notebook in all clients and open "
        "it again to repair the document"
    )


def _as_read(entries: JsonMap) -> dict[str, JsonText]:
    """Sort entries by key, as a document returns them."""
    for name in entries:
        _refuse_name(name, "an entry")
    return dict(sorted(entries.items()))
