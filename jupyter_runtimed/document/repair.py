"""Repair of a notebook document that violates the schema.

Only the server repairs documents, when it opens a room. A missing part or a part of the wrong type
gets the value of the same cell in the file, or an empty value if the file has no such cell. The old
value stays in the document's history. `soundness` reports the problems.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from ..crdt import ROOT, Document, Obj, ObjId, Text
from ..errors import DocumentError
from ..ids import CellId
from .content import Cell, Content
from .notebook import Notebook
from .schema import DEFAULT_MINOR, FORBIDDEN_KEY, UNTYPED, minor_of

_CELL_MAPS = ("metadata", "attachments", "extra")


def repaired(document: Document, file: Content | None) -> Notebook:
    """Repair the document and return its notebook; the writes are pending until `commit`.

    `file` is the content of the notebook's file, or None. Raises `DocumentError` if the document
    has no map of cells, because nothing of the notebook can be read then.
    """
    root = _parts(document, ROOT)
    if not _is_map(root.get("cells")):
        raise DocumentError(
            "the document has no map of cells: it is damaged, or not a notebook document"
        )
    for key in ("metadata", "extra"):
        if not _is_map(root.get(key)):
            document.put(ROOT, key, {})
    minor = root.get("nbformat_minor", DEFAULT_MINOR)
    if minor_of(minor) != minor:
        document.put(ROOT, "nbformat_minor", DEFAULT_MINOR if file is None else file.nbformat_minor)
    notebook = Notebook(document)
    known = {} if file is None else {cell.id: cell for cell in file.cells}
    for cell_id in notebook.order:
        _mend_cell(document, _cell(document, cell_id), notebook.cell(cell_id), known.get(cell_id))
    notebook = Notebook(document)
    _rename_hidden(notebook)
    _place_cells(notebook, () if file is None else tuple(known))
    return notebook


def _mend_cell(document: Document, obj: ObjId, read: Cell, file: Cell | None) -> None:
    parts = _parts(document, obj)
    if not isinstance(parts.get("cell_type"), str):
        document.put(obj, "cell_type", UNTYPED if file is None else file.cell_type)
    source = parts.get("source")
    if not isinstance(source, Obj) or source.kind != "text":
        document.put(obj, "source", Text(read.source or ("" if file is None else file.source)))
    for key in _CELL_MAPS:
        if not _is_map(parts.get(key)):
            entries = {} if file is None else getattr(file, key)
            document.put(obj, key, dict(entries))


def _rename_hidden(notebook: Notebook) -> None:
    """Replace a cell with an id that browsers cannot show by a copy with another id."""
    hidden = CellId(FORBIDDEN_KEY)
    if hidden in notebook:
        fresh = next(id_ for n in count() if (id_ := CellId(f"renamed-{n}")) not in notebook)
        notebook.add_cell(replace(notebook.cell(hidden), id=fresh), after=hidden)
        notebook.delete_cell(hidden)


def _place_cells(notebook: Notebook, file_order: tuple[CellId, ...]) -> None:
    """Give each cell without a position one: below its predecessor in the file, or on top."""
    lost = [cell_id for cell_id in notebook.order if not _has_position(notebook, cell_id)]
    lost.sort(key=lambda cell_id: file_order.index(cell_id) if cell_id in file_order else -1)
    for cell_id in lost:
        at = file_order.index(cell_id) if cell_id in file_order else 0
        above = [other for other in file_order[:at] if other in notebook]
        notebook.move_cell(cell_id, after=above[-1] if above else None)


def _has_position(notebook: Notebook, cell_id: CellId) -> bool:
    return notebook.position(cell_id) != ""


def _cell(document: Document, cell_id: CellId) -> ObjId:
    cells = _parts(document, ROOT)["cells"]
    cell = document.get(cells.id, cell_id) if isinstance(cells, Obj) else None
    if not isinstance(cell, Obj):
        raise DocumentError(f"cell {cell_id!r} is not in the document")
    return cell.id


def _parts(document: Document, obj: ObjId) -> dict[str, object]:
    return {str(key): value for key, value in document.items(obj)}


def _is_map(value: object) -> bool:
    return isinstance(value, Obj) and value.kind == "map"
