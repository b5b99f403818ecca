"""Check of a notebook document against the schema.

The permission check (`authority`) refuses changes that violate the schema, so only damage or a
faulty version of this package can violate it. Readers then show the valid parts; this module
reports the invalid ones and does not change the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..crdt import ROOT, Document, Obj, ObjId
from .fractional_index import readable
from .schema import CELL_KEYS, FORBIDDEN_KEY

MOST_NAMED = 20
"""Maximum number of problems in a summary."""

_CELL_MAPS = ("metadata", "attachments", "extra")
_KINDS = {"map": "a map", "list": "a list", "text": "collaborative text"}


def problems(document: Document) -> tuple[str, ...]:
    """Return a sentence for each part of the document that violates the schema."""
    return tuple(_problems(document))


def summary(found: Sequence[str]) -> str:
    """Return the problems as one text for a log or a notification."""
    rest = len(found) - MOST_NAMED
    named = "; ".join(found[:MOST_NAMED])
    return f"{named}; and {rest} more" if rest > 0 else named


def _problems(document: Document) -> Iterator[str]:
    root = _items(document, ROOT)
    for key in ("metadata", "extra"):
        yield from _entries(document, root, key, "of the notebook")
    minor = root.get("nbformat_minor", 0)
    if type(minor) is not int or minor < 0:
        yield f"the 'nbformat_minor' of the notebook is {_said(root, 'nbformat_minor')}"
    if (cells := _map(root.get("cells"))) is None:
        yield f"the 'cells' of the notebook are {_said(root, 'cells')}, so no cell can be shown"
        return
    for cell_id, value in _items(document, cells).items():
        if cell_id == FORBIDDEN_KEY:
            yield f"cell {cell_id!r} has an id that no browser can show"
        if (cell := _map(value)) is None:
            yield f"cell {cell_id!r} is not a map and is left out"
        else:
            yield from _cell(document, cell, f"of cell {cell_id!r}")


def _cell(document: Document, cell: ObjId, of: str) -> Iterator[str]:
    parts = _items(document, cell)
    if not isinstance(parts.get("cell_type"), str):
        yield f"the 'cell_type' {of} is {_said(parts, 'cell_type')}"
    if not readable(parts.get("position")):
        yield f"the 'position' {of} is {_said(parts, 'position')}"
    source = parts.get("source")
    if not isinstance(source, Obj) or source.kind != "text":
        yield f"the 'source' {of} is {_said(parts, 'source')}"
    for key in _CELL_MAPS:
        yield from _entries(document, parts, key, of)
    for key in sorted(parts.keys() - CELL_KEYS):
        yield f"the {key!r} {of} is unknown and is left out"


def _entries(document: Document, parts: dict[str, object], key: str, of: str) -> Iterator[str]:
    if (entries := _map(parts.get(key))) is None:
        yield f"the {key!r} {of} is {_said(parts, key)}"
        return
    for name, value in _items(document, entries).items():
        if not isinstance(value, str):
            yield f"the entry {name!r} in the {key!r} {of} is not JSON text and is left out"


def _items(document: Document, obj: ObjId) -> dict[str, object]:
    return {str(key): value for key, value in document.items(obj)}


def _map(value: object) -> ObjId | None:
    return value.id if isinstance(value, Obj) and value.kind == "map" else None


def _said(parts: dict[str, object], key: str) -> str:
    if key not in parts:
        return "missing"
    value = parts[key]
    if isinstance(value, Obj):
        return _KINDS.get(value.kind, value.kind)
    return f"not valid ({str(value)[:40]!r})"
