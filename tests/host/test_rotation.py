"""A notebook with a long history is rotated when its room closes, on a real disk."""

import asyncio
import json
import os
from datetime import datetime

import nbformat
import pytest

from jupyter_runtimed.cli import app
from jupyter_runtimed.crdt import heads_of, load
from jupyter_runtimed.host.storage import room_log
from jupyter_runtimed.room.settings import Settings

from .conftest import notebook
from .local_client import LocalClient

LIMIT = 30
SHORT = Settings(quiet_ms=5, longest_ms=20, idle_ms=500, history_changes=LIMIT)


async def visit(place, *words, settings=SHORT):
    """Open the notebook, type these words, and leave; the room closes."""
    server = place.server(settings)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    for word in words:
        ana.type("c0", word)
    await ana.durable()
    ana.leave()
    await server.close_all()
    return ana


def rooms(place):
    return place.data / "rooms" / "a-ipynb"


async def test_a_rotated_notebook_has_the_same_text_without_history(place):
    place.put("a.ipynb", notebook("begin: ", "x"))
    words = [f"{n} " for n in range(2 * LIMIT)]
    first = await visit(place, *words)
    whole = place.sources()
    second = await visit(place)
    assert second.source("c0") == first.source("c0") == "begin: " + "".join(words)
    assert second.peer.notebook.change_count < 5
    assert place.sources() == whole
    (former,) = room_log.former(rooms(place))
    assert heads_of(load(former.read_bytes(), actor=os.urandom(16))) == first.peer.notebook.heads


async def test_an_idle_room_is_rotated_when_it_closes(place):
    place.put("a.ipynb", notebook("x"))
    server = place.server(SHORT)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    for n in range(2 * LIMIT):
        ana.type("c0", f"{n} ")
    await ana.durable()
    gone = asyncio.Event()
    told = ana.host._closed
    ana.host._closed = lambda host: (told(host), gone.set())
    ana.leave()
    await asyncio.wait_for(gone.wait(), 30)
    ben = LocalClient(await server.open("a.ipynb"))
    await ben.until(lambda: ben.peer.live)
    assert ben.source("c0") == ana.source("c0")
    assert ben.peer.notebook.change_count < 5


async def test_a_room_with_a_connected_client_is_not_rotated_at_server_stop(place):
    """A browser that the server disconnects returns to the history that it has."""
    place.put("a.ipynb", notebook("x"))
    server = place.server(SHORT)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    for n in range(2 * LIMIT):
        ana.type("c0", f"{n} ")
    await ana.durable()
    await server.close_all()
    assert room_log.former(rooms(place)) == []


async def test_a_client_with_the_previous_document_learns_which_changes_it_had(place):
    place.put("a.ipynb", notebook("x"))
    ana = await visit(place, *[f"{n} " for n in range(2 * LIMIT)])
    kept = ana.source("c0")
    # The client's last words became durable, but the acknowledgement was lost.
    last = ana.peer.notebook.document.last_local_change()
    ana.peer.disconnected()
    ana.peer._ledger.add_local(last)
    ana.peer.notebook.splice("c0", 0, 0, "offline ")
    ana.peer.edited()
    server = place.server(SHORT)
    ben = LocalClient(await server.open("a.ipynb"), "ben")
    await ben.until(lambda: ben.peer.live)
    ben.peer.notebook.splice("c0", len(kept) - 1, 0, "!")
    ben.edited()
    await ben.durable()
    ana.rejoin(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live and ana.peer.pending_edits == 0)
    assert ana.source("c0") == ben.source("c0") == "offline " + kept[:-1] + "! "
    await server.close_all()


@pytest.fixture
def run(place, capsys):
    def run(*argv):
        code = app.main([*argv, "--data-dir", str(place.data)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


async def test_old_versions_are_exported_from_archived_documents(place, run, tmp_path):
    place.put("a.ipynb", notebook("v"))
    server = place.server(SHORT)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    for minute in range(2 * LIMIT):
        ana.peer.notebook.splice("c0", 1, 0, f"{minute},")
        ana.peer.edited(now_ms=(3_000_000_000 + minute * 60) * 1000)
        for data in ana.peer.drain():
            ana._out(data)
    await ana.durable()
    ana.leave()
    await server.close_all()
    await visit(place, "later")

    def exported(*version):
        to = str(tmp_path / "v.ipynb")
        assert run("export", "a.ipynb", *version, "-o", to, "--force")[0] == 0
        return nbformat.read(to, 4).cells[0].source

    versions = json.loads(run("export", "a.ipynb", "--list", "--json")[1])
    assert len(versions) > 2 * LIMIT
    moment = datetime.fromtimestamp(3_000_000_000 + 3 * 60 + 5).isoformat()
    assert exported("--version", versions[3]["heads"][0][:12]).startswith("v2,1,0,")
    assert exported("--at", moment).startswith("v3,2,1,0,")
    assert exported().endswith("later")
    assert run("check")[0] == 0


async def test_a_damaged_archived_document_is_reported_and_affects_nothing_else(place, run):
    place.put("a.ipynb", notebook("v"))
    await visit(place, *["w "] * (2 * LIMIT))
    (former,) = room_log.former(rooms(place))
    former.write_bytes(former.read_bytes()[:-9])
    code, out, _ = run("check")
    assert code == 1
    assert str(former) in out
    assert run("export", "a.ipynb", "--list")[0] == 1
    assert (await visit(place)).source("c0").startswith("vw ")


async def test_compact_removes_archived_documents_only_with_history(place, run):
    place.put("a.ipynb", notebook("v"))
    await visit(place, *["w "] * (2 * LIMIT))
    assert run("compact")[0] == 0
    assert len(room_log.former(rooms(place))) == 1
    assert run("compact", "--history")[0] == 0
    assert room_log.former(rooms(place)) == []
    assert (await visit(place)).source("c0").startswith("vw ")
