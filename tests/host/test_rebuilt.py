"""Rooms whose stored document is damaged, and rooms that fail at every event."""

from __future__ import annotations

import json
import os
from contextlib import suppress

import pytest

from jupyter_runtimed import crdt
from jupyter_runtimed.cli.app import main
from jupyter_runtimed.crdt import ROOT, Document, Obj
from jupyter_runtimed.errors import StorageError
from jupyter_runtimed.host.registry import REBUILD_AT
from jupyter_runtimed.room import events as ev
from jupyter_runtimed.room.room import Room

from .conftest import notebook
from .local_client import LocalClient


def inside(document: Document, *path: str) -> str:
    at = ROOT
    for key in path:
        found = document.get(at, key)
        assert isinstance(found, Obj)
        at = found.id
    return at


async def store_damage(place, damage, path="a.ipynb"):
    """Open a notebook, store an unchecked change, and close it."""
    server = place.server()
    host = await server.open(path)
    document = host.room.notebook.document
    damage(document)
    document.commit()
    change = document.last_local_change()
    epoch = host.room.documents.replicas["notebook"].epoch
    host._ports.store.append(host.room_id, 10_000, "notebook", epoch, change.bytes)
    await server.close_all()


async def test_a_damaged_cell_is_repaired_from_the_file_and_reported(place, caplog):
    place.put("a.ipynb", notebook("one", "two"))

    def damage(document):
        for key in ("cell_type", "position", "source", "metadata"):
            document.delete(inside(document, "cells", "c1"), key)

    await store_damage(place, damage)
    host = await place.server().open("a.ipynb")
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live and ana.events("damaged"))
    (told,) = ana.events("damaged")
    assert "the 'cell_type' of cell 'c1' is missing" in told["message"]
    assert "cell 'c1'" in caplog.text
    assert [cell.source for cell in ana.peer.notebook.content().cells] == ["one", "two"]
    ana.type("c1", "!")
    await ana.call("save")
    assert place.sources() == ["one", "two!"]


async def test_a_document_without_cells_is_kept_aside_and_rebuilt_from_the_file(place, capsys):
    place.put("a.ipynb", notebook("one", "two"))
    await store_damage(place, lambda document: document.put(ROOT, "cells", "gone"))
    server = place.server()
    host = await server.open("a.ipynb")
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live and ana.events("damaged"))
    assert "rebuilt from its file" in ana.events("damaged")[0]["message"]
    assert [cell.source for cell in ana.peer.notebook.content().cells] == ["one", "two"]
    ana.type("c0", "!")
    await ana.call("save")
    await server.close_all()
    (aside,) = (place.data / "rooms").glob("*/*.automerge")
    former = crdt.load(aside.read_bytes(), actor=os.urandom(16))
    assert former.get(ROOT, "cells") == "gone"
    assert main(["export", "a.ipynb", "--list", "--data-dir", str(place.data)]) == 0
    assert (await place.server().open("a.ipynb")).room.notebook.order == ("c0", "c1")


async def test_without_a_file_a_document_that_cannot_be_used_is_left_as_it_is(place):
    place.put("a.ipynb", notebook("one"))
    await store_damage(place, lambda document: document.put(ROOT, "cells", "gone"))
    (place.root / "a.ipynb").unlink()
    with pytest.raises(StorageError, match="cannot be read"):
        await place.server().open("a.ipynb")
    assert not list((place.data / "rooms").glob("*/*.automerge"))


async def test_the_rebuild_command_makes_the_room_from_its_file(place, capsys):
    place.put("a.ipynb", notebook("one"))
    server = place.server()
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", "!")
    await ana.call("save")
    data = ["--data-dir", str(place.data)]
    assert main(["rebuild", "a.ipynb", *data]) == 3, "a room that a server has open was rebuilt"
    await server.close_all()
    place.put("a.ipynb", notebook("from the file"))
    assert main(["rebuild", "a.ipynb", *data]) == 0
    server = place.server()
    host = await server.open("a.ipynb")
    assert [cell.source for cell in host.room.content().cells] == ["from the file"]
    await server.close_all()
    capsys.readouterr()
    assert main(["export", "a.ipynb", "--list", "--json", *data]) == 0
    assert len(json.loads(capsys.readouterr().out)) > 1, "the former versions are missing"


async def test_a_room_that_fails_at_every_event_is_closed_and_then_rebuilt(place, monkeypatch):
    place.put("a.ipynb", notebook("one"))
    server = place.server()
    for round_ in range(1, REBUILD_AT + 1):
        host = await server.open("a.ipynb")
        ana = LocalClient(host)
        await ana.until(lambda ana=ana: ana.peer.live)
        assert not ana.events("damaged"), f"{round_}: nothing was rebuilt yet"
        with monkeypatch.context() as patch:
            patch.setattr(Room, "_dispatch", fails)
            with suppress(AssertionError):
                for _ in range(10):
                    host.post(ev.TimerFired())
        assert host.life.broken
        (told,) = ana.events("broken")
        assert "ZeroDivisionError: no such luck" in told["message"]
        assert server.by_path("a.ipynb") is None
    host = await server.open("a.ipynb")
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live and ana.events("damaged"))
    assert "rebuilt from its file" in ana.events("damaged")[0]["message"]
    ana.type("c0", "!")
    await ana.call("save")
    assert place.sources() == ["one!"]


async def test_a_room_that_fails_after_a_rebuild_is_not_rebuilt_again(place, monkeypatch):
    place.put("a.ipynb", notebook("one"))
    server = place.server()
    for _ in range(REBUILD_AT + 1):
        host = await server.open("a.ipynb")
        with monkeypatch.context() as patch:
            patch.setattr(Room, "_dispatch", fails)
            for _ in range(10):
                host.post(ev.TimerFired())
    with pytest.raises(StorageError, match="also after it was rebuilt"):
        await server.open("a.ipynb")
    assert len(list((place.data / "rooms").glob("*/*.automerge"))) == 1


async def test_a_room_that_fails_occasionally_stays_open(place, monkeypatch):
    place.put("a.ipynb", notebook("one"))
    host = await place.server().open("a.ipynb")
    for _ in range(20):
        with monkeypatch.context() as patch:
            patch.setattr(Room, "_dispatch", fails)
            host.post(ev.StoreFailed("no space"))
        host.post(ev.TimerFired())
    assert not host.life.broken


def fails(*_):
    raise ZeroDivisionError("no such luck")
