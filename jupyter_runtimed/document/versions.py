"""A former version of a notebook document, read as a whole without making that document anew.

It reads what `Notebook` reads, from the plain values that the core gives for a version.
"""

from __future__ import annotations

from typing import Any

from ..crdt import Document, Heads, own_errors
from ..errors import DocumentError
from ..ids import CellId
from .content import Cell, Content, JsonMap, JsonText
from .schema import DEFAULT_MINOR


def content_at(document: Document, heads: Heads) -> Content:
    """The notebook as it was at `heads`, without outputs. Raises `DocumentError`."""
    with own_errors("this version is not part of the notebook"):
        root = _map(document.to_py(heads=list(heads)))
    cells = {CellId(key): _map(value) for key, value in _map(root.get("cells")).items()}
    minor = root.get("nbformat_minor")
    return Content(
        nbformat_minor=minor if isinstance(minor, int) else DEFAULT_MINOR,
        metadata=_json_map(root.get("metadata")),
        extra=_json_map(root.get("extra")),
        cells=tuple(
            _cell(key, cells[key])
            for _, key in sorted((_text(cell.get("position")), key) for key, cell in cells.items())
        ),
    )


def _cell(cell_id: CellId, cell: dict[str, Any]) -> Cell:
    return Cell(
        id=cell_id,
        cell_type=_text(cell.get("cell_type")),
        source=_text(cell.get("source")),
        metadata=_json_map(cell.get("metadata")),
        attachments=_json_map(cell.get("attachments")),
        extra=_json_map(cell.get("extra")),
    )


def _map(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DocumentError("this version is not a notebook")
    return value


def _json_map(value: object) -> JsonMap:
    return {key: JsonText(text) for key, text in _map(value).items() if isinstance(text, str)}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
