"""A change can be inspected before it is applied."""

from __future__ import annotations

from actors import ANA, BEN, id_of

from pyautomerge import ROOT, Change, Counter, Document, Text


def only_change(doc: Document) -> Change:
    change = doc.last_local_change()
    assert change is not None
    return Change.decode(change.bytes)


def test_a_change_has_actor_time_message_and_dependencies(doc: Document) -> None:
    before = doc.heads()
    doc.put(ROOT, "key", "value")
    committed = doc.commit(message="because", time=7)
    change = only_change(doc)
    assert (change.hash, change.actor, change.seq) == (committed, ANA, 2)
    assert (change.message, change.time, change.deps) == ("because", 7, before)
    assert change.op_count == 1
    first = Change.decode(doc.changes_after([])[0].bytes)
    assert change.start_op == first.start_op + first.op_count
    assert doc.changes_after([])[0].message is None


def test_operations_name_the_created_objects_and_their_places() -> None:
    doc = Document(actor=ANA)
    text = doc.put(ROOT, "text", Text("hi"))
    doc.commit()
    make, h, i = only_change(doc).ops
    assert (make.action, make.kind, make.obj, make.key) == ("make", "text", ROOT, "text")
    assert (make.id, make.is_map_key, make.insert) == (text, True, False)
    assert (h.action, h.value, h.obj, h.key, h.insert) == ("set", "h", text, "_head", True)
    assert (i.value, i.key, i.is_map_key) == ("i", h.id, False)


def test_operations_name_the_overwritten_operations(doc: Document) -> None:
    inner = id_of(doc, "map", "inner")
    ben = doc.fork(actor=BEN)
    ((_, n),) = doc.get_all(inner, "n")
    ben.put(inner, "n", 2)
    ben.increment(inner, "count", 5)
    ben.delete(id_of(ben, "list"), 1)
    ben.commit()
    put, increment, delete = only_change(ben).ops
    assert (put.action, put.value, put.pred) == ("set", 2, [n])
    assert (increment.action, increment.value, increment.key) == ("increment", 5, "count")
    assert (delete.action, delete.value, delete.kind) == ("delete", None, None)
    assert delete.pred == [delete.key]


def test_a_change_keeps_the_bytes_it_was_read_from() -> None:
    doc = Document()
    doc.put(ROOT, "text", Text("so long " * 500))
    doc.put(ROOT, "count", Counter(1))
    doc.commit()
    change = only_change(doc)
    assert len(change.bytes) < 10_000
    assert Change.decode(change.bytes).bytes == change.bytes
    assert Change.decode(change.bytes) == change
    assert len({change, Change.decode(change.bytes)}) == 1
