"""The document that most tests begin with."""

from __future__ import annotations

import pytest
from actors import ANA

from pyautomerge import ROOT, Counter, Document, Text, Uint


@pytest.fixture
def doc() -> Document:
    """A document with one text, one list and a nested map, committed."""
    doc = Document(actor=ANA)
    doc.put(ROOT, "text", Text("hello"))
    doc.put(ROOT, "list", ["a", "b", "c"])
    doc.put(ROOT, "map", {"inner": {"n": 1, "count": Counter(3), "big": Uint(2**64 - 1)}})
    doc.commit()
    return doc
