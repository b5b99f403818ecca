"""Patches describe visible changes and suffice to keep a copy up to date."""

from __future__ import annotations

from actors import BEN, EVE, id_of
from mirror import Mirror

from pyautomerge import ROOT, Counter, Document, Obj, Patch, Text


def seen(patches: list[Patch]) -> list[tuple[object, ...]]:
    return [(p.action, p.path, p.prop, p.value, p.values, p.text, p.length, p.by) for p in patches]


def test_each_patch_action_sets_its_own_attributes(doc: Document) -> None:
    then, inner = doc.heads(), id_of(doc, "map", "inner")
    doc.put(ROOT, "new", "value")
    doc.insert(id_of(doc, "list"), 1, ["x", "y"])
    doc.splice_text(id_of(doc, "text"), 5, 0, " there")
    doc.increment(inner, "count", 2)
    doc.delete(inner, "n")
    patches = sorted(seen(doc.diff(then, doc.heads())), key=repr)
    assert patches == [
        ("delete", ("map", "inner"), "n", None, None, None, 1, None),
        ("increment", ("map", "inner"), "count", None, None, None, None, 2),
        ("insert", ("list",), 1, None, ["x", "y"], None, None, None),
        ("put", (), "new", "value", None, None, None, None),
        ("splice", ("text",), 5, None, None, " there", None, None),
    ]


def test_a_created_object_is_empty_and_is_filled_by_later_patches(doc: Document) -> None:
    other, then = doc.fork(), doc.heads()
    doc.put(ROOT, "cell", {"source": Text("x = 1"), "tags": ["a"]})
    patches = other.load_incremental(doc.save_after(then))
    made = patches[0].value
    assert isinstance(made, Obj) and (made.kind, made.id) == ("map", id_of(doc, "cell"))
    assert patches[0].path == ()
    assert {patch.path for patch in patches[1:]} == {
        ("cell",),
        ("cell", "source"),
        ("cell", "tags"),
    }


def test_a_difference_can_go_backwards(doc: Document) -> None:
    then = doc.heads()
    mirror = Mirror(doc)
    doc.delete(ROOT, "map")
    doc.splice_text(id_of(doc, "text"), 1, 3, "ol")
    now = doc.heads()
    mirror.follow(doc.diff(then, now))
    mirror.assert_shows(doc)
    mirror.follow(doc.diff(now, then))
    mirror.assert_shows(doc.fork_at(then))


def test_merges_loads_and_applied_changes_give_equivalent_patches(doc: Document) -> None:
    ben, eve = doc.fork(actor=BEN), doc.fork(actor=EVE)
    ben.splice_text(id_of(ben, "text"), 0, 1, "J")
    ben.put(ROOT, "map", Counter(1))
    eve.insert(id_of(eve, "list"), 3, [{"d": [1]}])
    eve.increment(id_of(eve, "map", "inner"), "count", 1)
    mirrors = [Mirror(doc) for _ in range(3)]
    others = [doc.fork() for _ in range(3)]
    then = doc.heads()
    for fork in (ben, eve):
        mirrors[0].follow(others[0].merge(fork))
        mirrors[1].follow(others[1].load_incremental(fork.save_after(then)))
        mirrors[2].follow(others[2].apply_changes(fork.changes_after(then)))
    for mirror, other in zip(mirrors, others, strict=True):
        mirror.assert_shows(other)
        assert other.heads() == others[0].heads()


def test_loading_a_whole_document_into_an_empty_one_gives_patches(doc: Document) -> None:
    empty = Document()
    mirror = Mirror(empty)
    mirror.follow(empty.load_incremental(doc.save()))
    mirror.assert_shows(doc)
    assert empty.heads() == doc.heads()


def test_an_edit_of_a_deleted_object_makes_no_patch(doc: Document) -> None:
    other, text = doc.fork(), id_of(doc, "text")
    doc.delete(ROOT, "text")
    other.splice_text(text, 0, 0, "unseen ")
    assert doc.merge(other) == []
    change = other.last_local_change()
    assert change is not None
    other.delete(ROOT, "text")
    other.commit()
    late = Document.load(other.save())
    other.splice_text(text, 0, 0, "x")
    other.commit()
    again = other.last_local_change()
    assert again is not None
    assert late.apply_changes([again]) == []
    assert late.heads() == other.heads()
