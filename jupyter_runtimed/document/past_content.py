"""Read a past version of a notebook document without a fork.

`content_at` reads the same parts as `Notebook`, from the plain values that Automerge returns for a
version.
"""

from __future__ import annotations

from typing import Any

from ..crdt import Document, Heads, engine_errors
from ..ids import CellId
from .content import Cell, Content, JsonMap, JsonText
from .fractional_index import readable
from .schema import UNTYPED, minor_of


def content_at(document: Document, heads: Heads) -> Content:
    """Return the notebook without outputs at `heads`.

    Raises `DocumentError` if the document does not hold `heads`.
    """
    with engine_errors("this version is not part of the notebook"):
        root = _map(document.to_py(heads=list(heads)))
    cells = {
        CellId(key): cell for key, cell in _map(root.get("cells")).items() if isinstance(cell, dict)
    }
    placed = sorted((readable(cell.get("position")), key) for key, cell in cells.items())
    return Content(
        nbformat_minor=minor_of(root.get("nbformat_minor")),
        metadata=_json_map(root.get("metadata")),
        extra=_json_map(root.get("extra")),
        cells=tuple(_cell(key, cells[key]) for _, key in placed),
    )


def _cell(cell_id: CellId, cell: dict[str, Any]) -> Cell:
    return Cell(
        id=cell_id,
        cell_type=_text(cell.get("cell_type")) or UNTYPED,
        source=_text(cell.get("source")),
        metadata=_json_map(cell.get("metadata")),
        attachments=_json_map(cell.get("attachments")),
        extra=_json_map(cell.get("extra")),
    )


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _json_map(value: object) -> JsonMap:
    return {key: JsonText(text) for key, text in _map(value).items() if isinstance(text, str)}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
