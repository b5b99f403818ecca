"""A rotation keeps the whole content of a notebook and of its file."""

from pathlib import Path

import pytest

from jupyter_runtimed.document.content import FINISHED
from jupyter_runtimed.host.storage import room_log
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.room.settings import Settings

from .conftest import notebook
from .local_client import LocalClient

ROTATE_ALWAYS = Settings(quiet_ms=5, longest_ms=20, idle_ms=60_000, history_changes=1)
NOTEBOOK_FILES = sorted((Path(__file__).parents[1] / "fixtures/notebooks").glob("*.ipynb"))


def archived_documents(place):
    return len(room_log.former(place.data / "rooms" / "a-ipynb"))


async def open_room(place):
    server = place.server(ROTATE_ALWAYS)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live and ana.peer.runtime is not None)
    return server, ana


async def close_room(server, ana):
    ana.leave()
    await server.close_all()


@pytest.mark.parametrize("path", NOTEBOOK_FILES, ids=lambda path: path.stem)
async def test_rotation_keeps_every_kind_of_notebook_byte_for_byte(place, path):
    place.put("a.ipynb", path.read_bytes())
    server, ana = await open_room(place)
    first, content = ana.peer.notebook, ana.host.room.content()
    # A change and its inverse lead back to the same content.
    ana.peer.notebook.set_metadata(None, "visit", "1")
    ana.edited()
    ana.peer.notebook.set_metadata(None, "visit", None)
    ana.edited()
    await ana.durable()
    await close_room(server, ana)
    for _ in range(2):
        server, ana = await open_room(place)
        assert archived_documents(place) >= 1
        assert ana.host.room.content() == content
        assert ana.peer.notebook.content() == first.content()
        assert not ana.host.room.filing.unsaved
        await close_room(server, ana)
    assert (place.root / "a.ipynb").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("trusted", [True, False])
async def test_rotation_keeps_trust(place, trusted):
    place.put("a.ipynb", notebook("x", "y"))
    server, ana = await open_room(place)
    if trusted:
        assert (await ana.call("trust")).error is None
    await close_room(server, ana)
    server, ana = await open_room(place)
    assert archived_documents(place) == 1
    runtime = ana.host.room.runtime
    assert [runtime.trusted(CellId(cell)) for cell in ("c0", "c1")] == [trusted, trusted]
    await close_room(server, ana)


@pytest.mark.kernel
async def test_rotation_keeps_the_kernel_and_its_outputs(place):
    place.put("a.ipynb", notebook("x = 41\nprint('was here')", "print(x + 1)"))
    server, ana = await open_room(place)
    await ana.call("run", cells=["c0"])
    await ana.until(lambda: ana.run_of("c0") and ana.run_of("c0").state in FINISHED)
    before = ana.run_of("c0")
    await ana.until(lambda: not ana.host.room.filing.unsaved)
    await close_room(server, ana)
    server, ana = await open_room(place)
    assert archived_documents(place) == 1
    blobs = server._made().blobs
    assert ana.run_of("c0") == before
    assert ana.outputs("c0", blobs) == "was here\n"
    await ana.call("run", cells=["c1"])
    await ana.until(lambda: ana.run_of("c1") and ana.run_of("c1").state in FINISHED)
    assert ana.outputs("c1", blobs) == "42\n"
    await close_room(server, ana)
