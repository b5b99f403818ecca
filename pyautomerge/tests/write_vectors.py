"""Documents for the vectors, written by Python; `js/stories.mjs` writes the same in JavaScript.

After a change, `python write_vectors.py` writes `vectors/from-python.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from actors import ANA, BEN, EVE, id_of
from vectors_format import VECTORS, encode, tree

from pyautomerge import ROOT, Counter, Document, SyncState, Text, Uint


def emoji() -> Document:
    doc = Document(actor=ANA, text_unit="utf16")
    text = doc.put(ROOT, "text", Text("a😀b"))
    combined = doc.put(ROOT, "combined", Text("e\u0301 n\u0303 👨‍👩‍👧‍👦 🇨🇭"))
    doc.put(ROOT, "scalar", "𝒳 is not text")
    doc.put(ROOT, "🔑", Text("a key"))
    doc.commit()
    doc.splice_text(text, 3, 0, "𝄞")
    doc.commit()
    doc.splice_text(text, 1, 2, "é")
    doc.commit()
    doc.update_text(combined, "e\u0301 ñ 👨‍👩‍👧 🇨🇭!")
    doc.commit()
    return doc


def nested() -> Document:
    doc = Document(actor=ANA)
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=1_700_000_000_123)
    doc.put(ROOT, "map", {"list": [{"deep": [[], {}, ["x"]]}], "empty": {}})
    doc.put(ROOT, "scalars", [None, True, False, 1, -1, 2**40, 0.5, "", moment])
    doc.put(ROOT, "bytes", bytes([0, 1, 254, 255]))
    doc.put(ROOT, "uint", Uint(7))
    doc.put(ROOT, "counter", Counter(10))
    doc.commit(message="all kinds", time=1_700_000_000)
    doc.increment(ROOT, "counter", 5)
    doc.increment(ROOT, "counter", -1)
    doc.insert(id_of(doc, "map", "list", 0, "deep", 2), 1, [Text("text in a list")])
    doc.commit()
    return doc


def deletions() -> Document:
    doc = Document(actor=ANA)
    text = doc.put(ROOT, "text", Text("to be or not to be"))
    items = doc.put(ROOT, "list", [{"n": n} for n in range(1, 6)])
    doc.put(ROOT, "gone", {"with": Text("content")})
    doc.put(ROOT, "again", "first")
    doc.commit()
    doc.splice_text(text, 5, 13)
    for _ in range(3):
        doc.delete(items, 1)
    doc.delete(ROOT, "gone")
    doc.delete(ROOT, "again")
    doc.commit()
    doc.put(ROOT, "again", "second")
    doc.splice_text(text, 0, 2)
    doc.commit()
    return doc


def three_ways() -> Document:
    ana = Document(actor=ANA, text_unit="utf16")
    text = ana.put(ROOT, "text", Text("The fox"))
    items = ana.put(ROOT, "list", ["a", "b"])
    ana.put(ROOT, "key", "nobody")
    ana.put(ROOT, "count", Counter(0))
    ana.commit()
    ben, eve = ana.fork(actor=BEN), ana.fork(actor=EVE)
    ana.splice_text(text, 4, 0, "quick ")
    ana.insert(items, 2, ["ana"])
    ana.put(ROOT, "key", "ana")
    ana.increment(ROOT, "count", 1)
    ana.commit()
    ben.splice_text(text, 4, 3, "🦊")
    ben.insert(items, 0, ["ben"])
    ben.put(ROOT, "key", "ben")
    ben.increment(ROOT, "count", 10)
    ben.commit()
    ben.splice_text(text, 0, 3, "A")
    ben.commit()
    eve.splice_text(text, 7, 0, " jumps")
    eve.delete(items, 0)
    eve.delete(ROOT, "key")
    eve.increment(ROOT, "count", 100)
    eve.commit()
    ana.merge(ben)
    ana.merge(eve)
    return ana


STORIES: dict[str, Callable[[], Document]] = {
    "emoji": emoji,
    "nested": nested,
    "deletions": deletions,
    "three ways": three_ways,
}


def conversation() -> dict[str, Any]:
    """Return the sync messages of two documents that diverged, until they are equal."""
    here = three_ways()
    there = here.fork(actor=BEN + b"\x01")
    here.splice_text(id_of(here, "text"), 0, 0, "(1) 😀 ")
    for i in range(12):
        there.insert(id_of(there, "list"), there.length(id_of(there, "list")), [{"i": i}])
        there.commit()
    messages: list[tuple[str, str]] = []
    record = {"a": encode(here.save()), "b": encode(there.save()), "messages": messages}
    a, b = SyncState(), SyncState()
    while True:
        if (out := here.generate_sync_message(a)) is not None:
            messages.append(("a", encode(out)))
            there.receive_sync_message(b, out)
        if (back := there.generate_sync_message(b)) is not None:
            messages.append(("b", encode(back)))
            here.receive_sync_message(a, back)
        if out is None and back is None:
            return {**record, "heads": here.heads()}


def vectors() -> dict[str, Any]:
    documents = []
    for name, tell in STORIES.items():
        doc = tell()
        documents.append(
            {
                "name": name,
                "document": encode(doc.save()),
                "changes": [encode(change.bytes) for change in doc.changes_after([])],
                "heads": doc.heads(),
                "tree": tree(doc),
            }
        )
    return {"documents": documents, "conversation": conversation()}


if __name__ == "__main__":
    text = json.dumps(vectors(), ensure_ascii=False, indent=1)
    (VECTORS / "from-python.json").write_text(text + "\n")
