"""Who may write what is enforced on the decoded operations of a change, before it is applied."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from jupyter_runtimed.crdt import ROOT, Change, Document, Obj, ObjId, Text
from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.authority import Place, Rights, judge
from jupyter_runtimed.document.content import Cell, JsonText
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.errors import Refused
from jupyter_runtimed.ids import CellId

SERVER, CLIENT = b"s" * 16, b"c" * 16
MAY_ALL = Rights(write=True, execute=True)
MAY_EDIT = Rights(write=True, execute=False)
MAY_READ = Rights(write=False, execute=False)
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
    edit: Edit, rights: Rights = MAY_ALL, actor: bytes = CLIENT, doc: str = "notebook"
) -> str:
    """ "ok", or the code of the refusal."""
    server = room()
    client = Notebook(server.document.fork(actor=actor))
    edit(client)
    data = client.commit(now_ms=0)
    assert data is not None
    try:
        judge(
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
def test_an_editor_may(name: str) -> None:
    assert verdict(ALLOWED[name]) == "ok"
    assert verdict(ALLOWED[name], MAY_EDIT) == "ok"


@pytest.mark.parametrize("name", ALLOWED)
def test_a_viewer_may_not(name: str) -> None:
    assert verdict(ALLOWED[name], MAY_READ) == "read-only"


@pytest.mark.parametrize("name", FORBIDDEN)
def test_nobody_may_change(name: str) -> None:
    assert verdict(FORBIDDEN[name]) == "not-allowed"


def test_nobody_but_the_server_writes_the_runtime_document() -> None:
    assert verdict(ALLOWED["type"], doc="runtime") == "not-allowed"


def test_a_change_under_another_ones_name_is_refused() -> None:
    assert verdict(ALLOWED["type"], actor=b"m" * 16) == "foreign-actor"
    assert verdict(ALLOWED["type"], actor=SERVER) == "foreign-actor"
    assert verdict(ALLOWED["type"], actor=CLIENT + b"12345") == "foreign-actor"


def test_a_fresh_actor_per_fork_is_the_same_client() -> None:
    assert verdict(ALLOWED["type"], actor=CLIENT + b"\0\0\0\1") == "ok"


def test_an_edit_of_a_cell_that_was_deleted_meanwhile_is_no_offence() -> None:
    server = room()
    client = Notebook(server.document.fork(actor=CLIENT))
    client.splice(C0, 0, 0, "typed")
    data = client.commit(now_ms=0)
    server.delete_cell(C0)
    server.commit(now_ms=0)
    assert data is not None
    changes = Change.decode_all(data)
    judge(changes, doc="notebook", notebook=server.document, rights=MAY_ALL, prefixes={CLIENT})
    server.apply(changes)
    assert C0 not in server


def test_a_change_that_builds_on_what_the_server_lacks_is_a_gap() -> None:
    server = room()
    client = Notebook(server.document.fork(actor=CLIENT))
    client.splice(C0, 0, 0, "one")
    client.commit(now_ms=0)
    client.splice(C0, 0, 0, "two")
    data = client.commit(now_ms=0)
    assert data is not None
    with pytest.raises(Refused) as caught:
        judge(
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
    judge(changes, doc="notebook", notebook=server.document, rights=MAY_ALL, prefixes={CLIENT})


def test_operation_numbers_that_run_ahead_are_refused() -> None:
    server = room()
    ahead = Notebook(server.document.fork(actor=CLIENT + b"a"))
    ahead.splice(C0, 0, 0, "x" * 50)
    ahead.commit(now_ms=0)
    # A replica that holds more than the server numbers its next change above what the server has.
    other = Notebook(server.document.fork(actor=CLIENT))
    other.document.merge(ahead.document)
    other = Notebook(other.document)
    other.splice(C0, 0, 0, "y")
    data = other.commit(now_ms=0)
    assert data is not None
    with pytest.raises(Refused):
        judge(
            Change.decode_all(data),
            doc="notebook",
            notebook=server.document,
            rights=MAY_ALL,
            prefixes={CLIENT},
        )


def test_a_large_paste_is_judged_by_one_operation() -> None:
    def paste(notebook: Notebook) -> None:
        notebook.splice(C0, 0, 0, "x" * 100_000)

    assert verdict(paste) == "ok"


def test_setting_what_is_shown_of_two_values_changes_nothing() -> None:
    _, client, shown = both_retyped()
    client.set_cell_type(C0, shown)
    client.move_cell(CellId("c1"), after=C0)
    assert client.commit(now_ms=0) is not None
    cell = obj(client.document, "cells", "c0")
    assert len(client.document.get_all(cell, "cell_type")) == 2


def both_retyped() -> tuple[Notebook, Notebook, str]:
    """A server and a client on which two people retyped a cell at once; what is shown."""
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
    judge(
        Change.decode_all(data),
        doc="notebook",
        notebook=server.document,
        rights=MAY_ALL,
        prefixes={CLIENT},
    )


def test_choosing_what_is_shown_of_two_values_is_allowed_and_settles_it() -> None:
    server, client, shown = both_retyped()
    client.document.put(obj(client.document, "cells", "c0"), "cell_type", shown)
    data = client.commit(now_ms=0)
    judged(server, data)
    server.document.apply_changes(Change.decode_all(data or b""))
    cell = obj(server.document, "cells", "c0")
    assert [value for value, _ in server.document.get_all(cell, "cell_type")] == [shown]


@pytest.mark.parametrize("first", [None, "code"])
def test_no_way_round_leaves_a_cell_without_a_type(first: str | None) -> None:
    server, client, _ = both_retyped()
    if first is not None:
        client.set_cell_type(C0, first)
    client.document.delete(obj(client.document, "cells", "c0"), "cell_type")
    with pytest.raises(Refused, match="delete of 'cell_type'"):
        judged(server, client.commit(now_ms=0))


def test_what_a_change_makes_is_judged_as_the_documents_own_from_then_on() -> None:
    server = room()
    known: dict[ObjId, Place] = {}
    client = Notebook(server.document.fork(actor=CLIENT))

    def send() -> None:
        data = client.commit(now_ms=0)
        assert data is not None
        judge(
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
    """It would use up the numbers that all later edits need."""
    server = room()
    client = Notebook(server.document.fork(actor=CLIENT))
    client.splice(C0, 0, 0, "a")
    data = client.commit(now_ms=0)
    assert data is not None
    (honest,) = Change.decode_all(data)
    (ahead,) = Change.decode_all(renumbered(honest, honest.start_op + 5))
    judge([honest], doc="notebook", notebook=server.document, rights=MAY_ALL, prefixes={CLIENT})
    with pytest.raises(Refused) as refused:
        judge([ahead], doc="notebook", notebook=server.document, rights=MAY_ALL, prefixes={CLIENT})
    assert refused.value.code == "not-allowed"


def renumbered(change: Change, start_op: int) -> bytes:
    """The same change with its first operation's number forged; small enough for short lengths."""
    body = bytearray(change.bytes[10:])
    assert len(body) == change.bytes[9] < 128
    # How many changes it builds on, those, the author, and how many changes that one has made.
    at = 1 + 32 * body[0]
    at += 1 + body[at] + 1
    assert body[at] == change.start_op
    body[at] = start_op
    rest = b"\x01" + bytes([len(body)]) + bytes(body)
    return change.bytes[:4] + hashlib.sha256(rest).digest()[:4] + rest
