"""A mount that hangs or fails affects only the notebooks on it."""

import asyncio

import pytest

from jupyter_runtimed.errors import StorageError
from jupyter_runtimed.host import registry, room_file
from jupyter_runtimed.host.files import local, mount_watcher

from ..support.fuse_mount import fuse_mount
from .conftest import notebook
from .local_client import LocalClient

MANY = 8
"""More notebooks than asyncio's default pool has threads on two cores."""


@pytest.fixture(autouse=True)
def _hurries(monkeypatch):
    monkeypatch.setattr(mount_watcher, "REMOTE_SECONDS", 0.1)
    monkeypatch.setattr(registry, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(local, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(room_file, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(room_file, "LOOK_AGAIN_SECONDS", 0.1)


@pytest.fixture
def mount(place, tmp_path):
    with fuse_mount(tmp_path / "source", place.root / "mount") as mount:
        for n in range(MANY):
            (mount.source / f"{n}.ipynb").write_bytes(notebook(f"n = {n}"))
        yield mount


async def joined(server, path):
    client = LocalClient(await server.open(path))
    await client.until(lambda: client.peer.live)
    return client


async def saved(client):
    await client.until(lambda: not client.host.room.filing.unsaved)


async def assert_unreachable(*clients):
    for client in clients:
        await client.until(lambda client=client: last_word(client) is False)
        assert "does not answer" in client.events("file")[-1]["message"]


async def assert_reachable(*clients):
    for client in clients:
        await client.until(lambda client=client: last_word(client) is True)


def last_word(client):
    """Return the last reported reachability of the file; None without a report."""
    events = client.events("file")
    return events[-1]["ok"] if events else None


async def test_a_hung_mount_does_not_affect_notebooks_elsewhere(place, mount):
    place.put("a.ipynb", notebook("a = 1"))
    place.put("b.ipynb", notebook("b = 1"))
    server = place.server()
    ana = await joined(server, "a.ipynb")
    stuck = [await joined(server, f"mount/{n}.ipynb") for n in range(MANY)]
    mount.hang()
    for client in stuck:
        client.type("c0", "  # typed")
    await assert_unreachable(*stuck)
    # Save, open, change outside, and use the contents API.
    ana.type("c0", "  # typed")
    await saved(ana)
    assert place.sources("a.ipynb") == ["a = 1  # typed"]
    bob = await joined(server, "b.ipynb")
    place.put("b.ipynb", notebook("b = 2"))
    await bob.until(lambda: bob.source("c0") == "b = 2")
    assert (await ana.host.models.read())["cells"][0]["source"] == "a = 1  # typed"
    assert ana.events("file") == bob.events("file") == []
    # Edits of the notebooks on the mount are acknowledged, and nothing is lost.
    for client in stuck:
        await client.until(lambda client=client: client.peer.pending_edits == 0)
    mount.resume()
    await assert_reachable(*stuck)
    for n, client in enumerate(stuck):
        await saved(client)
        assert client.events("save_failed") == client.events("deleted") == []
        assert place.sources(f"mount/{n}.ipynb") == [f"n = {n}  # typed"]


async def test_a_client_that_joins_later_learns_that_the_file_is_unreachable(place, mount):
    server = place.server()
    ana = await joined(server, "mount/0.ipynb")
    mount.hang()
    ana.type("c0", "  # typed")
    await assert_unreachable(ana)
    bob = await joined(server, "mount/0.ipynb")
    await assert_unreachable(bob)
    mount.resume()
    await assert_reachable(ana, bob)


async def test_a_requested_save_succeeds_late_after_the_mount_recovers(place, mount):
    ana = await joined(place.server(), "mount/0.ipynb")
    mount.hang()
    ana.type("c0", "  # typed")
    call = asyncio.ensure_future(ana.call("save"))
    await assert_unreachable(ana)
    assert not call.done()
    mount.resume()
    await call
    assert place.sources("mount/0.ipynb") == ["n = 0  # typed"]


async def test_a_stopping_server_saves_notebooks_on_other_mounts(place, mount, monkeypatch):
    monkeypatch.setattr("jupyter_runtimed.host.host.LAST_SAVE_SECONDS", 0.5)
    place.put("a.ipynb", notebook("a = 1"))
    server = place.server()
    ana, stuck = await joined(server, "a.ipynb"), await joined(server, "mount/0.ipynb")
    mount.hang()
    stuck.type("c0", "  # typed")
    await stuck.until(lambda: stuck.peer.pending_edits == 0)
    ana.type("c0", "  # typed")
    await server.close_all()
    assert place.sources("a.ipynb") == ["a = 1  # typed"]
    mount.resume()
    again = await joined(place.server(), "mount/0.ipynb")
    assert again.source("c0") == "n = 0  # typed"
    await saved(again)
    assert place.sources("mount/0.ipynb") == ["n = 0  # typed"]


async def test_a_stored_notebook_opens_without_its_file(place, mount):
    server = place.server()
    await joined(server, "mount/0.ipynb")
    await server.close_all()
    mount.hang()
    server = place.server()
    ana = await joined(server, "mount/0.ipynb")
    assert ana.source("c0") == "n = 0"
    await assert_unreachable(ana)
    ana.type("c0", "  # typed")
    (mount.source / "0.ipynb").write_bytes(notebook("m = 0"))
    mount.resume()
    await assert_reachable(ana)
    await ana.until(lambda: ana.source("c0") == "m = 0  # typed")
    await saved(ana)
    assert ana.events("deleted") == []


async def test_an_unknown_notebook_on_a_hung_mount_gives_the_reason(place, mount):
    server = place.server()
    mount.hang()
    with pytest.raises(StorageError, match=r"the folder of mount/0\.ipynb does not answer"):
        await server.open("mount/0.ipynb")
    mount.resume()
    assert (await joined(server, "mount/0.ipynb")).source("c0") == "n = 0"


async def test_a_failed_mount_does_not_count_as_a_deleted_file(place, mount):
    ana = await joined(place.server(), "mount/0.ipynb")
    mount.die()
    await ana.until(lambda: last_word(ana) is False)
    ana.type("c0", "  # typed")
    await ana.until(lambda: ana.events("save_failed"))
    (mount.source / "0.ipynb").write_bytes(notebook("m = 0"))
    mount.unmount()
    mount.start()
    await assert_reachable(ana)
    await ana.until(lambda: ana.source("c0") == "m = 0  # typed")
    await saved(ana)
    assert place.sources("mount/0.ipynb") == ["m = 0  # typed"]
