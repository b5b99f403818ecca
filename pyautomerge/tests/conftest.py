"""Shared documents and actors; tests live beside this file, one for each concern."""

from __future__ import annotations

import pytest
from people import ANA

from pyautomerge import ROOT, Counter, Document, Text, Uint


@pytest.fixture
def doc() -> Document:
    """One text, one list and a nested map, committed."""
    doc = Document(actor=ANA)
    doc.put(ROOT, "text", Text("hello"))
    doc.put(ROOT, "list", ["a", "b", "c"])
    doc.put(ROOT, "map", {"inner": {"n": 1, "count": Counter(3), "big": Uint(2**64 - 1)}})
    doc.commit()
    return doc
