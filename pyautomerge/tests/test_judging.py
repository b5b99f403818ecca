"""What it takes to judge a change before it is applied, at a cost that no change can choose."""

from __future__ import annotations

from pyautomerge import ROOT, Change, Document, Text


def last(document: Document) -> Change:
    document.commit()
    change = document.last_local_change()
    assert change is not None
    return change


def test_a_paste_is_one_distinct_operation() -> None:
    document = Document()
    text = document.put(ROOT, "text", Text())
    document.commit()
    assert text is not None
    document.splice_text(text, 0, 0, "x" * 10_000)
    change = last(document)
    assert change.op_count == 10_000
    (only,) = change.distinct_ops
    assert (only.action, only.insert, only.obj) == ("set", True, text)


def test_each_kind_and_each_object_is_seen() -> None:
    document = Document()
    one, two = document.put(ROOT, "one", Text("abcdef")), document.put(ROOT, "two", Text())
    document.commit()
    assert one is not None and two is not None
    document.splice_text(one, 1, 3, "xyz")
    document.splice_text(two, 0, 0, "ab")
    document.put(ROOT, "a", "1")
    document.put(ROOT, "b", "2")
    seen = [(op.action, op.obj, op.is_map_key) for op in last(document).distinct_ops]
    assert ("delete", one, False) in seen
    assert ("set", one, False) in seen
    assert ("set", two, False) in seen
    assert seen.count(("set", ROOT, True)) == 2, "every map key counts by itself"
    document.put(ROOT, "a", "3")
    document.put(ROOT, "a", "4")
    assert [op.value for op in last(document).distinct_ops] == ["3", "4"], "each value counts"
    document.delete(ROOT, "a")
    document.put(ROOT, "a", "5")
    document.delete(ROOT, "a")
    seen = [(op.action, op.is_map_key) for op in last(document).distinct_ops]
    assert seen == [("delete", True), ("set", True), ("delete", True)]


def test_whatever_is_left_out_is_like_its_neighbour() -> None:
    document = Document()
    items = document.put(ROOT, "list", [1, 2, "three", "four", None, [5]])
    assert items is not None
    change = last(document)
    kept = {op.id for op in change.distinct_ops}
    before = None
    for op in change.ops:
        if op.id in kept:
            before = op
        else:
            assert before is not None
            assert (op.action, op.obj, op.insert, type(op.value)) == (
                before.action, before.obj, before.insert, type(before.value),
            )  # fmt: skip


def test_the_next_change_starts_above_the_highest_operation() -> None:
    document = Document()
    assert document.max_op == 0
    document.put(ROOT, "a", [1, 2, 3])
    assert last(document).start_op == 1
    highest = document.max_op
    document.put(ROOT, "b", 1)
    assert last(document).start_op == highest + 1
    assert Document.load(document.save()).max_op == document.max_op
