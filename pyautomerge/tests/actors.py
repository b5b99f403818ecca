"""Actors of the tests, and the search for an object by its path."""

from __future__ import annotations

from pyautomerge import ROOT, Document, Obj

ANA = b"\x0a" * 16
BEN = b"\x0b" * 16
EVE = b"\x0e" * 16


def id_of(doc: Document, *path: str | int) -> str:
    """Return the id of the object at this path from the root."""
    obj = ROOT
    for prop in path:
        found = doc.get(obj, prop)
        assert isinstance(found, Obj)
        obj = found.id
    return obj
