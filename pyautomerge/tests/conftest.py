"""Shared documents and actors; tests live beside this file, one for each concern."""

from __future__ import annotations

import pytest
from pyautomerge import ROOT, Counter, Document, Text, Uint

ANA = b"\x0a" * 16
BEN = b"\x0b" * 16
EVE = b"\x0e" * 16


@pytest.fixture
def doc() -> Document:
    """One text, one list and a nested map, committed."""
    doc = Document(actor=ANA)
    doc.put(ROOT, "text", Text("hello"))
    doc.put(ROOT, "list", ["a", "b", "c"])
    doc.put(ROOT, "map", {"inner": {"n": 1, "count": Counter(3), "big": Uint(2**64 - 1)}})
    doc.commit()
    return doc


def id_of(doc: Document, *path: str | int) -> str:
    """The id of the object at this path from the root."""
    obj = ROOT
    for prop in path:
        obj = doc.get(obj, prop).id
    return obj
