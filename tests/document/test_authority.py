"""Permissions are checked on the decoded operations of a change, before it is applied."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from jupyter_runtimed.crdt import ROOT, Change, Document, Obj, ObjId, Text
from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.content import Cell, JsonText
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.document.permissions import ObjectKind, Permissions, check_change
from jupyter_runtimed.errors import Refused
from jupyter_runtimed.ids import CellId
from tests.support.forged import HEAD, Forged, Scalar, next_change

SERVER, CLIENT = b"s" * 16, b"c" * 16
MAY_ALL = Permissions(write=True, execute=True)
MAY_EDIT = Permissions(write=True, execute=False)
MAY_READ = Permissions(write=False, execute=False)
C0 = CellId("c0")

Edit = Callable[[Notebook], object]


def room() -> Notebook:
    notebook = Notebook(seeds.empty_notebook(SERVER))
    notebook.add_cells([Cell(C0, "code", "x = 1"), Cell(CellId("c1"), "code", "")], index=0)
    notebook.set_extra(None, "unknown", JsonText("1"))
    notebook.commit(now_ms=0)
    return notebook


def obj(document: Document, *path: str) -> ObjId:
    at: ObjId = ROOT
    for key in path:
        found = document.get(at, key)
        assert isinstance(found, Obj)
        at = found.id
    return at


def verdict(
    edit: Edit, rights: Permissions = MAY_ALL, actor: bytes = CLIENT, doc: str = "notebook"
) -> str:
    """Return `ok`, or the code of the refusal."""
    server = room()
    client = Notebook(server.document.fork(actor=actor))
    edit(client)
    data = client.commit(now_ms=0)
    assert data is not None
    try:
        check_change(
            Change.decode_all(data),
            doc=doc,  # type: ignore[arg-type]
            notebook=server.document,
            rights=rights,
            prefixes={CLIENT},
        )
    except Refused as error:
        return error.code
    return "ok"


WHOLE = {
    "cell_type": "code",
    "position": "Z",
    "source": Text("a"),
    "metadata": {},
    "attachments": {},
}

ALLOWED: dict[str, Edit] = {
    "type": lambda nb: nb.splice(C0, 0, 1, "héllo 😀"),
    "add a cell": lambda nb: nb.add_cell(Cell(CellId("new"), "markdown", "# hi"), after=C0),
    "add a cell with metadata and type in it": lambda nb: (
        nb.add_cell(Cell(CellId("new"), "code", "a", {"tags": JsonText("[]")}), after=None),
        nb.splice(CellId("new"), 0, 0, "b"),
    ),
    "delete a cell": lambda nb: nb.delete_cell(C0),
    "move a cell": lambda nb: nb.move_cell(C0, after=CellId("c1")),
    "retype a cell": lambda nb: nb.set_cell_type(C0, "raw"),
    "cell metadata": lambda nb: nb.set_metadata(C0, "collapsed", JsonText("true")),
    "notebook metadata": lambda nb: nb.set_metadata(None, "title", JsonText('"t"')),
    "attachment": lambda nb: nb.set_attachment(C0, "a.png", JsonText("{}")),
}

FORBIDDEN: dict[str, Edit] = {
    "another key at the root": lambda nb: nb.document.put(ROOT, "outputs", {}),
    "replace all cells": lambda nb: nb.document.put(ROOT, "cells", {}),
    "the schema": lambda nb: nb.document.put(ROOT, "schema", 2),
    "nbformat_minor": lambda nb: nb.set_minor(4),
    "unknown keys of the file": lambda nb: nb.set_extra(None, "unknown", JsonText("2")),
    "a cell that is not a map": lambda nb: nb.document.put(obj(nb.document, "cells"), "bad", "x"),
    "half a cell": lambda nb: nb.document.put(
        obj(nb.document, "cells"), "half", {"cell_type": "code", "position": "Z"}
    ),
    "a cell without its unknown keys": lambda nb: nb.document.put(
        obj(nb.document, "cells"), "most", WHOLE
    ),
    "a cell with a part too many": lambda nb: nb.document.put(
        obj(nb.document, "cells"), "more", {**WHOLE, "extra": {}, "outputs": []}
    ),
    "outputs in a cell": lambda nb: nb.document.put(obj(nb.document, "cells", "c0"), "outputs", []),
    "a scalar source": lambda nb: nb.document.put(obj(nb.document, "cells", "c0"), "source", "x"),
    "another source": lambda nb: nb.document.put(
        obj(nb.document, "cells", "c0"), "source", Text("x")
    ),
    "delete a part of a cell": lambda nb: nb.document.delete(
        obj(nb.document, "cells", "c0"), "source"
    ),
    "a cell type that is not one": lambda nb: nb.set_cell_type(C0, "output"),
    "a position that is not text": lambda nb: nb.document.put(
        obj(nb.document, "cells", "c0"), "position", 3
    ),
    "a position that is none": lambda nb: nb.document.put(
        obj(nb.document, "cells", "c0"), "position", "über"
    ),
    "a position without end": lambda nb: nb.document.put(
        obj(nb.document, "cells", "c0"), "position", "V" * 1000
    ),
    "a cell whose id is no id": lambda nb: nb.add_cell(Cell(CellId("a b"), "code", ""), after=None),
    "a cell with an endless id": lambda nb: nb.add_cell(
        Cell(CellId("x" * 65), "code", ""), after=None
    ),
    "outputs among the unknown keys of a new cell": lambda nb: nb.add_cell(
        Cell(CellId("new"), "code", "", extra={"outputs": JsonText("[]")}), after=None
    ),
    "metadata that is not JSON text": lambda nb: nb.document.put(
        obj(nb.document, "metadata"), "k", 1
    ),
    "nested metadata": lambda nb: nb.document.put(obj(nb.document, "metadata"), "k", {}),
    "trust": lambda nb: nb.document.put(
        obj(nb.document, "cells", "c0", "metadata"), "trusted", "true"
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_an_editor_may_make_allowed_changes(name: str) -> None:
    assert verdict(ALLOWED[name]) == "ok"
    assert verdict(ALLOWED[name], MAY_EDIT) == "ok"


@pytest.mark.parametrize("name", ALLOWED)
def test_a_viewer_may_not_change_anything(name: str) -> None:
    assert verdict(ALLOWED[name], MAY_READ) == "read-only"


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_change_is_refused_with_all_permissions(name: str) -> None:
    assert verdict(FORBIDDEN[name]) == "not-allowed"


def test_only_the_server_writes_the_runtime_document() -> None:
    assert verdict(ALLOWED["type"], doc="runtime") == "not-allowed"


def test_a_change_under_another_ones_name_is_refused() -> None:
    assert verdict(ALLOWED["type"], actor=b"m" * 16) == "foreign-actor"
    assert verdict(ALLOWED["type"], actor=SERVER) == "foreign-actor"
    assert verdict(ALLOWED["type"], actor=CLIENT + b"12345") == "foreign-actor"


def test_a_fresh_actor_per_fork_is_the_same_client() -> None:
    assert verdict(ALLOWED["type"], actor=CLIENT + b"\0\0\0\1") == "ok"


def test_an_edit_of_a_concurrently_deleted_cell_is_allowed() -> None:
    server = room()
    client = Notebook(server.document.fork(actor=CLIENT))
    client.splice(C0, 0, 0, "typed")
    data = client.commit(now_ms=0)
    server.delete_cell(C0)
    server.commit(now_ms=0)
    assert data is not None
    changes = Change.decode_all(data)
    check_change(
        changes, doc="notebook", notebook=server.document, rights=MAY_ALL, prefixes={CLIENT}
    )
    server.apply(changes)
    assert C0 not in server


def test_a_change_with_missing_dependencies_is_a_gap() -> None:
    server = room()
    client = Notebook(server.document.fork(actor=CLIENT))
    client.splice(C0, 0, 0, "one")
    client.commit(now_ms=0)
    client.splice(C0, 0, 0, "two")
    data = client.commit(now_ms=0)
    assert data is not None
    with pytest.raises(Refused) as caught:
        check_change(
            Change.decode_all(data),
            doc="notebook",
            notebook=server.document,
            rights=MAY_ALL,
            prefixes={CLIENT},
        )
    assert caught.value.code == "gap"


def test_changes_in_a_row_may_build_on_each_other() -> None:
    server = room()
    client = Notebook(server.document.fork(actor=CLIENT))
    rows = b""
    for edit in (
        lambda: client.add_cell(Cell(CellId("new"), "code", ""), after=None),
        lambda: client.splice(CellId("new"), 0, 0, "typed in the new cell"),
        lambda: client.move_cell(CellId("new"), after=C0),
    ):
        edit()
        rows += client.commit(now_ms=0) or b""
    changes = Change.decode_all(rows)
    check_change(
        changes, doc="notebook", notebook=server.document, rights=MAY_ALL, prefixes={CLIENT}
    )


def test_operation_numbers_that_run_ahead_are_refused() -> None:
    server = room()
    ahead = Notebook(server.document.fork(actor=CLIENT + b"a"))
    ahead.splice(C0, 0, 0, "x" * 50)
    ahead.commit(now_ms=0)
    # A replica that is ahead of the server numbers its next change above the server's numbers.
    other = Notebook(server.document.fork(actor=CLIENT))
    other.document.merge(ahead.document)
    other = Notebook(other.document)
    other.splice(C0, 0, 0, "y")
    data = other.commit(now_ms=0)
    assert data is not None
    with pytest.raises(Refused):
        check_change(
            Change.decode_all(data),
            doc="notebook",
            notebook=server.document,
            rights=MAY_ALL,
            prefixes={CLIENT},
        )


def test_a_large_paste_is_checked_by_one_operation() -> None:
    def paste(notebook: Notebook) -> None:
        notebook.splice(C0, 0, 0, "x" * 100_000)

    assert verdict(paste) == "ok"


def test_setting_the_winner_of_a_conflict_again_changes_nothing() -> None:
    _, client, shown = both_retyped()
    client.set_cell_type(C0, shown)
    client.move_cell(CellId("c1"), after=C0)
    assert client.commit(now_ms=0) is not None
    cell = obj(client.document, "cells", "c0")
    assert len(client.document.get_all(cell, "cell_type")) == 2


def both_retyped() -> tuple[Notebook, Notebook, str]:
    """Return a server and a client with a conflict about a cell's type, and the winner."""
    server = room()
    other = Notebook(server.document.fork(actor=b"o" * 16))
    other.set_cell_type(C0, "raw")
    other.commit(now_ms=0)
    server.set_cell_type(C0, "markdown")
    server.commit(now_ms=0)
    server.document.merge(other.document)
    return server, Notebook(server.document.fork(actor=CLIENT)), server.cell(C0).cell_type


def judged(server: Notebook, data: bytes | None) -> None:
    assert data is not None
    check_change(
        Change.decode_all(data),
        doc="notebook",
        notebook=server.document,
        rights=MAY_ALL,
        prefixes={CLIENT},
    )


def test_choosing_the_winner_of_a_conflict_is_allowed_and_resolves_it() -> None:
    server, client, shown = both_retyped()
    client.document.put(obj(client.document, "cells", "c0"), "cell_type", shown)
    data = client.commit(now_ms=0)
    judged(server, data)
    server.document.apply_changes(Change.decode_all(data or b""))
    cell = obj(server.document, "cells", "c0")
    assert [value for value, _ in server.document.get_all(cell, "cell_type")] == [shown]


@pytest.mark.parametrize("first", [None, "code"])
def test_no_combination_of_operations_removes_the_type_of_a_cell(first: str | None) -> None:
    server, client, _ = both_retyped()
    if first is not None:
        client.set_cell_type(C0, first)
    client.document.delete(obj(client.document, "cells", "c0"), "cell_type")
    with pytest.raises(Refused, match="delete of 'cell_type'"):
        judged(server, client.commit(now_ms=0))


def sent_by_hand(server: Notebook, *ops: Forged) -> None:
    """Raise the refusal of a change with exactly these operations, if any."""
    judged(server, next_change(server.document, ops, actor=CLIENT))


FACTS = {"cell_type": "raw", "position": "Zz"}


@pytest.mark.parametrize("key", FACTS)
@pytest.mark.parametrize("bad", ["", "evil", 3, None, "0", "V" * 300, "ü"])
def test_each_value_that_a_change_sets_at_one_key_is_checked(key: str, bad: Scalar) -> None:
    server = room()
    cell = obj(server.document, "cells", "c0")
    good = [Forged("set", cell, key, FACTS[key]) for _ in range(2)]
    sent_by_hand(server, *good)
    if (key, bad) == ("position", "evil"):
        bad = "e-vil"
    for ops in ([*good, Forged("set", cell, key, bad)], [Forged("set", cell, key, bad), *good]):
        with pytest.raises(Refused, match=f"set of '{key}' in a cell"):
            sent_by_hand(server, *ops)


def test_each_deletion_at_one_key_is_checked() -> None:
    server, _, _ = both_retyped()
    cell = obj(server.document, "cells", "c0")
    lost, shown = (id_ for _, id_ in server.document.get_all(cell, "cell_type"))
    delete_lost = Forged("delete", cell, "cell_type", pred=(lost,))
    delete_shown = Forged("delete", cell, "cell_type", pred=(shown,))
    sent_by_hand(server, delete_lost)
    for ops in ([delete_lost, delete_shown], [delete_shown], [delete_shown, delete_lost]):
        with pytest.raises(Refused, match="delete of 'cell_type'"):
            sent_by_hand(server, *ops)


@pytest.mark.parametrize("bad", ["", "ab", 1, None])
def test_each_element_of_a_source_is_one_character(bad: Scalar) -> None:
    server = room()
    source = obj(server.document, "cells", "c0", "source")
    good = Forged("set", source, HEAD, "x", element=True, insert=True)
    odd = Forged("set", source, HEAD, bad, element=True, insert=True)
    sent_by_hand(server, good, good)
    for ops in ([good, odd], [good, good, odd, good], [odd, good]):
        with pytest.raises(Refused, match="in a cell's source"):
            sent_by_hand(server, *ops)


def test_a_source_takes_no_keys_and_a_map_takes_no_elements() -> None:
    server = room()
    source, metadata = (obj(server.document, "cells", "c0", key) for key in ("source", "metadata"))
    for op in (
        Forged("set", source, "k", "x", insert=True),
        Forged("set", source, "k", "x"),
        Forged("delete", source, "k"),
        Forged("set", metadata, HEAD, "x", element=True, insert=True),
        Forged("set", metadata, "k", "x", insert=True),
    ):
        with pytest.raises(Refused):
            sent_by_hand(server, op)


def test_objects_created_by_a_change_are_checked_as_part_of_the_document() -> None:
    server = room()
    known: dict[ObjId, ObjectKind] = {}
    client = Notebook(server.document.fork(actor=CLIENT))

    def send() -> None:
        data = client.commit(now_ms=0)
        assert data is not None
        check_change(
            changes := Change.decode_all(data),
            doc="notebook",
            notebook=server.document,
            rights=MAY_ALL,
            prefixes={CLIENT},
            known=known,
        )
        server.apply(changes)

    client.add_cell(Cell(CellId("c2"), "code", "y"), after=C0)
    client.set_extra(CellId("c2"), "unknown", JsonText("1"))
    send()
    for _ in range(2):
        client.splice(CellId("c2"), 0, 0, "z")
        send()
    client.set_extra(CellId("c2"), "unknown", JsonText("2"))
    with pytest.raises(Refused):
        send()


def test_a_change_that_numbers_its_operations_far_ahead_is_refused() -> None:
    """Such a change would use up the operation numbers of all later edits."""
    server = room()
    client = Notebook(server.document.fork(actor=CLIENT))
    client.splice(C0, 0, 0, "a")
    data = client.commit(now_ms=0)
    assert data is not None
    (honest,) = Change.decode_all(data)
    (ahead,) = Change.decode_all(renumbered(honest, honest.start_op + 5))
    check_change(
        [honest], doc="notebook", notebook=server.document, rights=MAY_ALL, prefixes={CLIENT}
    )
    with pytest.raises(Refused) as refused:
        check_change(
            [ahead], doc="notebook", notebook=server.document, rights=MAY_ALL, prefixes={CLIENT}
        )
    assert refused.value.code == "not-allowed"


def renumbered(change: Change, start_op: int) -> bytes:
    """Return the change with a forged first operation number, small enough for short lengths."""
    body = bytearray(change.bytes[10:])
    assert len(body) == change.bytes[9] < 128
    # The fields: number of dependencies, dependencies, actor, sequence number.
    at = 1 + 32 * body[0]
    at += 1 + body[at] + 1
    assert body[at] == change.start_op
    body[at] = start_op
    rest = b"\x01" + bytes([len(body)]) + bytes(body)
    return change.bytes[:4] + hashlib.sha256(rest).digest()[:4] + rest
