"""The notebook document: what a notebook says, as a live Automerge document.

Reads give values of `content`; they are cached per cell, and a change costs the cells it touches.
Writes are pending until `commit`. This class knows the schema; it does not know who may write what
(`authority`), files (`ipynb`) or outputs (`runtime`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..crdt import ROOT, Change, Document, Heads, Obj, ObjId, Patch, Text, heads_of, own_errors
from ..errors import DocumentError, NotFound
from ..ids import CellId
from . import positions, seeds
from .content import Cell, Content, JsonMap, JsonText
from .schema import DEFAULT_MINOR, TRUSTED
from .versions import content_at


@dataclass(frozen=True, slots=True)
class Touched:
    """What a batch of changes made visible: which cells, and whether the list itself changed."""

    cells: frozenset[CellId] = frozenset()
    structure: bool = False
    notebook: bool = False

    def __bool__(self) -> bool:
        return bool(self.cells) or self.structure or self.notebook


class Notebook:
    """One notebook document and what is known of it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._cells = self._root("cells")
        self._metadata = self._root("metadata")
        self._extra = self._root("extra")
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
            placed = ((self.position(CellId(key)), key) for key in self.document.keys(self._cells))
            self._order = tuple(CellId(key) for _, key in sorted(placed))
        return self._order

    def __contains__(self, cell_id: object) -> bool:
        return isinstance(cell_id, str) and self._find(CellId(cell_id)) is not None

    def cell(self, cell_id: CellId) -> Cell:
        if (known := self._known.get(cell_id)) is None:
            known = self._known[cell_id] = self._read(cell_id)
        return known

    def source(self, cell_id: CellId) -> str:
        return self.document.text(self._source(cell_id))

    def position(self, cell_id: CellId) -> str:
        return self._str(self._object(cell_id), "position")

    def metadata(self) -> JsonMap:
        return self._json_map(self._metadata)

    @property
    def nbformat_minor(self) -> int:
        try:
            minor = self.document.get(ROOT, "nbformat_minor")
        except KeyError:
            return DEFAULT_MINOR
        return minor if isinstance(minor, int) else DEFAULT_MINOR

    def content(self) -> Content:
        """The whole notebook without outputs; immutable, and the same object until it changes."""
        if self._whole is None:
            self._whole = Content(
                nbformat_minor=self.nbformat_minor,
                metadata=self.metadata(),
                extra=self._json_map(self._extra),
                cells=tuple(self.cell(cell_id) for cell_id in self.order),
            )
        return self._whole

    def content_at(self, heads: Heads) -> Content:
        """The notebook as it was at `heads`."""
        return content_at(self.document, heads)

    @property
    def change_count(self) -> int:
        """How many changes led here: what opening costs besides the text itself."""
        return self.document.change_count

    # ------------------------------------------------------------ copies

    def rotated(self, actor: bytes, metadata: JsonMap) -> tuple[Notebook, Heads]:
        """A document of another history with the same content, and a version of it.

        That one has this metadata of the notebook. The changes have no time: nobody wrote anything
        then.
        """
        fresh, content = Notebook(seeds.empty_notebook(actor)), self.content()
        fresh.fill(replace(content, metadata=metadata))
        fresh.document.commit()
        heads = fresh.heads
        for key in metadata.keys() | content.metadata.keys():
            if metadata.get(key) != content.metadata.get(key):
                fresh.set_metadata(None, key, content.metadata.get(key))
        fresh.document.commit()
        return fresh, heads

    def fork(self, *, actor: bytes | None = None) -> Notebook:
        """An independent copy, with all that was read of this one; cheap, whatever its size."""
        copy = Notebook(self.document.fork(actor=actor))
        copy._objects = dict(self._objects)
        copy._sources = dict(self._sources)
        copy._known = dict(self._known)
        copy._order, copy._whole = self._order, self._whole
        return copy

    def become(self, copy: Notebook) -> None:
        """Be what a copy of this one has become; the copy is used up."""
        self.document = copy.document
        self._objects, self._sources = copy._objects, copy._sources
        self._known, self._order, self._whole = copy._known, copy._order, copy._whole

    # ------------------------------------------------------------ taking in

    def apply(self, changes: Iterable[Change | bytes]) -> Touched:
        with own_errors("the change cannot be applied"):
            return self._notice(self.document.apply_changes(changes))

    def merge(self, other: Document) -> Touched:
        with own_errors("the fork cannot be merged"):
            return self._notice(self.document.merge(other))

    def _notice(self, patches: Sequence[Patch]) -> Touched:
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
        return Touched(frozenset(cells), structure, notebook)

    def _forget(self, cell_id: CellId, *, objects: bool) -> None:
        self._known.pop(cell_id, None)
        self._whole = None
        if objects:
            self._objects.pop(cell_id, None)
            self._sources.pop(cell_id, None)

    # ------------------------------------------------------------ writing

    def commit(self, *, now_ms: int) -> bytes | None:
        """Close what is pending as one change; its bytes, or None if there was nothing."""
        if self.document.commit(time=now_ms // 1000) is None:
            return None
        change = self.document.last_local_change()
        return None if change is None else change.bytes

    def add_cells(self, cells: Sequence[Cell], *, index: int) -> None:
        """Insert cells so that the first of them stands at `index`."""
        order = list(self.order)
        taken = set(order)
        for cell in cells:
            if cell.id in taken:
                raise DocumentError(f"there is a cell {cell.id!r} already; choose another id")
        places = self._places(order, index, len(cells))
        for cell, position in zip(cells, places, strict=True):
            self._put_cell(cell, position)
        order[index:index] = [cell.id for cell in cells]
        self._order = tuple(order)
        self._whole = None

    def add_cell(self, cell: Cell, *, after: CellId | None) -> None:
        """Insert a cell below another one, or at the top."""
        index = 0 if after is None else self._index(after) + 1
        self.add_cells([cell], index=index)

    def delete_cell(self, cell_id: CellId) -> None:
        self._object(cell_id)
        order = self.order
        self.document.delete(self._cells, cell_id)
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
        """Change the source: positions count code points."""
        self.document.splice_text(self._source(cell_id), position, delete, text)
        self._forget(cell_id, objects=False)

    def set_source(self, cell_id: CellId, text: str) -> None:
        """Turn the source into `text` by its smallest difference."""
        self.document.update_text(self._source(cell_id), text)
        self._forget(cell_id, objects=False)

    def set_metadata(self, cell_id: CellId | None, key: str, value: JsonText | None) -> None:
        """Set or (None) remove a metadata entry of a cell, or of the notebook."""
        if cell_id is not None and key == TRUSTED:
            raise DocumentError("trust is not shared metadata; the server records it")
        self._set_entry(cell_id, "metadata", key, value)

    def set_attachment(self, cell_id: CellId, name: str, bundle: JsonText | None) -> None:
        self._set_entry(cell_id, "attachments", name, bundle)

    def set_extra(self, cell_id: CellId | None, key: str, value: JsonText | None) -> None:
        self._set_entry(cell_id, "extra", key, value)

    def set_minor(self, minor: int) -> None:
        self.document.put(ROOT, "nbformat_minor", minor)
        self._whole = None

    def fill(self, content: Content) -> None:
        """Write a whole notebook into a document that has no cells yet."""
        self.set_minor(content.nbformat_minor)
        for key, value in content.metadata.items():
            self.set_metadata(None, key, value)
        for key, value in content.extra.items():
            self.set_extra(None, key, value)
        self.add_cells(content.cells, index=0)

    # ------------------------------------------------------------ inside

    def _set_fact(self, cell: ObjId, key: str, value: str) -> None:
        """Writing what is shown already would remove what others set at the same time."""
        if self.document.get(cell, key) != value:
            self.document.put(cell, key, value)

    def _root(self, key: str) -> ObjId:
        try:
            value = self.document.get(ROOT, key)
        except KeyError:
            value = None
        if not isinstance(value, Obj):
            raise DocumentError(f"this is not a notebook document: it has no {key!r}")
        return value.id

    def _find(self, cell_id: CellId) -> ObjId | None:
        if (known := self._objects.get(cell_id)) is not None:
            return known
        try:
            value = self.document.get(self._cells, cell_id)
        except KeyError:
            return None
        if not isinstance(value, Obj):
            return None
        self._objects[cell_id] = value.id
        return value.id

    def _object(self, cell_id: CellId) -> ObjId:
        if (found := self._find(cell_id)) is None:
            raise NotFound(f"there is no cell {cell_id!r} in this notebook")
        return found

    def _source(self, cell_id: CellId) -> ObjId:
        if (known := self._sources.get(cell_id)) is not None:
            return known
        value = self.document.get(self._object(cell_id), "source")
        if not isinstance(value, Obj):
            raise DocumentError(f"the source of cell {cell_id!r} is not text")
        self._sources[cell_id] = value.id
        return value.id

    def _index(self, cell_id: CellId) -> int:
        try:
            return self.order.index(cell_id)
        except ValueError:
            raise NotFound(f"there is no cell {cell_id!r} in this notebook") from None

    def _read(self, cell_id: CellId) -> Cell:
        cell_object = self._object(cell_id)
        return Cell(
            id=cell_id,
            cell_type=self._str(cell_object, "cell_type"),
            source=self.source(cell_id),
            metadata=self._json_map(self._child(cell_object, "metadata")),
            attachments=self._json_map(self._child(cell_object, "attachments")),
            extra=self._json_map(self._child(cell_object, "extra")),
        )

    def _str(self, obj: ObjId, key: str) -> str:
        value = self.document.get(obj, key)
        return value if isinstance(value, str) else ""

    def _child(self, obj: ObjId, key: str) -> ObjId:
        value = self.document.get(obj, key)
        if not isinstance(value, Obj):
            raise DocumentError(f"a cell's {key!r} is not a map")
        return value.id

    def _json_map(self, obj: ObjId) -> JsonMap:
        return {
            str(key): JsonText(value)
            for key, value in self.document.items(obj)
            if isinstance(value, str)
        }

    def _set_entry(
        self, cell_id: CellId | None, where: str, key: str, value: JsonText | None
    ) -> None:
        if cell_id is None:
            obj = self._metadata if where == "metadata" else self._extra
        else:
            obj = self._child(self._object(cell_id), where)
            self._forget(cell_id, objects=False)
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
            self._cells,
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
        # Nobody needs to read what was just written.
        self._known[cell.id] = written
        if made is not None:
            self._objects[cell.id] = made

    def _places(self, order: list[CellId], index: int, count: int) -> list[str]:
        """Positions for `count` cells at `index`; spreads the neighbourhood when they grow long."""
        low = self.position(order[index - 1]) if index > 0 else ""
        high = self.position(order[index]) if index < len(order) else None
        if high is None or low < high:
            places = positions.spread(low, high, count)
            if all(len(place) <= positions.LONGEST for place in places):
                return places
        return self._respread(order, index, count)

    def _respread(self, order: list[CellId], index: int, count: int) -> list[str]:
        """Give the cells around `index` new positions, with room for `count` more between them."""
        reach = 32
        while True:
            first, last = max(0, index - reach), min(len(order), index + reach)
            low = self.position(order[first - 1]) if first > 0 else ""
            high = self.position(order[last]) if last < len(order) else None
            around = order[first:last]
            if high is None or low < high:
                places = positions.spread(low, high, len(around) + count)
                if all(len(place) <= positions.LONGEST // 2 for place in places) or (
                    first == 0 and last == len(order)
                ):
                    break
            reach *= 4
        cut = index - first
        for cell_id, place in zip(around, places[:cut] + places[cut + count :], strict=True):
            self._set_fact(self._object(cell_id), "position", place)
        return places[cut : cut + count]


def _as_read(entries: JsonMap) -> dict[str, JsonText]:
    """In the order in which a document gives the keys of a map."""
    return dict(sorted(entries.items()))
