"""The distinct operations of a change, with which a caller checks a large change at low cost."""

from __future__ import annotations

from pyautomerge import ROOT, Change, Document, Text


def commit_and_decode(document: Document) -> Change:
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
    change = commit_and_decode(document)
    assert change.op_count == 10_000
    (only,) = change.distinct_ops
    assert (only.action, only.insert, only.obj) == ("set", True, text)


def test_distinct_operations_include_each_kind_and_each_object() -> None:
    document = Document()
    one, two = document.put(ROOT, "one", Text("abcdef")), document.put(ROOT, "two", Text())
    document.commit()
    assert one is not None and two is not None
    document.splice_text(one, 1, 3, "xyz")
    document.splice_text(two, 0, 0, "ab")
    document.put(ROOT, "a", "1")
    document.put(ROOT, "b", "2")
    seen = [(op.action, op.obj, op.is_map_key) for op in commit_and_decode(document).distinct_ops]
    assert ("delete", one, False) in seen
    assert ("set", one, False) in seen
    assert ("set", two, False) in seen
    assert seen.count(("set", ROOT, True)) == 2, "every map key is distinct"
    document.put(ROOT, "a", "3")
    document.put(ROOT, "a", "4")
    assert [op.value for op in commit_and_decode(document).distinct_ops] == ["3", "4"], (
        "every value is distinct"
    )
    document.delete(ROOT, "a")
    document.put(ROOT, "a", "5")
    document.delete(ROOT, "a")
    seen = [(op.action, op.is_map_key) for op in commit_and_decode(document).distinct_ops]
    assert seen == [("delete", True), ("set", True), ("delete", True)]


def test_operations_left_out_of_distinct_operations_equal_their_neighbours() -> None:
    document = Document()
    items = document.put(ROOT, "list", [1, 2, "three", "four", None, [5]])
    assert items is not None
    change = commit_and_decode(document)
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


def test_the_next_change_starts_above_the_highest_operation_number() -> None:
    document = Document()
    assert document.max_op == 0
    document.put(ROOT, "a", [1, 2, 3])
    assert commit_and_decode(document).start_op == 1
    highest = document.max_op
    document.put(ROOT, "b", 1)
    assert commit_and_decode(document).start_op == highest + 1
    assert Document.load(document.save()).max_op == document.max_op
