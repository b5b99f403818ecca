"""Faults during a rotation: a kill, a full disk, a copy, another server."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import jupyter_runtimed
from jupyter_runtimed.cli import stored_rooms as kept_room
from jupyter_runtimed.crdt import load
from jupyter_runtimed.document.file_version import FileStamp, FileVersion, RotatedNotebook
from jupyter_runtimed.errors import RoomElsewhere
from jupyter_runtimed.host.storage import room_log
from jupyter_runtimed.host.storage.commit_thread import Write
from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.host.storage.log_store import LogStore
from jupyter_runtimed.host.storage.room_lock import RoomLock
from jupyter_runtimed.room.settings import Settings

from .conftest import Place, notebook
from .local_client import LocalClient
from .stores import AT, ONE, ROOM, TWO, StoreListener, whole_text

try:
    import resource
except ImportError:
    resource = None

LIMIT = 30
SHORT = Settings(quiet_ms=5, longest_ms=20, idle_ms=60_000, history_changes=LIMIT)
WORDS = [f"{n} " for n in range(2 * LIMIT)]
WHEN = ["before", "between", "after"]
"""The two writes of a rotation: archive the old document, then switch the log to the new one."""


async def type_words(place, *words):
    server = place.server(SHORT)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    for word in words:
        ana.type("c0", word)
    await ana.durable()
    ana.leave()
    return server, ana


def log_folder(place):
    return place.data / "rooms" / "a-ipynb"


async def reopened_source(place):
    server = place.server(SHORT)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    source = ana.source("c0")
    ana.leave()
    await server.close_all()
    return source


def run_at(monkeypatch, when, do):
    """Run this once before, between or after the two writes."""
    left = [do]

    def once(moment):
        if left and moment == when:
            left.pop()()

    aside, append = room_log.archive, room_log.RoomLog.append

    def keep_aside(*args):
        once("before")
        aside(*args)
        keep_aside.done = True
        once("between")

    def appended(self, records):
        append(self, records)
        if getattr(keep_aside, "done", False):
            once("after")

    monkeypatch.setattr(room_log, "archive", keep_aside)
    monkeypatch.setattr(room_log.RoomLog, "append", appended)


@pytest.mark.parametrize("when", WHEN)
async def test_kill_9_around_the_writes_of_a_rotation_loses_nothing(tmp_path, when):
    package = Path(jupyter_runtimed.__path__[0]).parent
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.host.rotation_writer", str(tmp_path), when),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(package)},
    )
    printed, _ = await process.communicate()
    assert process.returncode == -9
    place = Place(tmp_path)
    assert not room_log.read(log_folder(place)).damage
    archived_documents = room_log.former(log_folder(place))
    assert len(archived_documents) == (when != "before")
    for former in archived_documents:
        load(former.read_bytes(), actor=os.urandom(16))
    versions = kept_room.find(DataDir(place.data), "a.ipynb").history()[0].versions()
    assert len({version.heads for version in versions}) == len(versions)
    before = place.sources()
    assert await reopened_source(place) == printed.decode() == before[0]
    assert len(room_log.former(log_folder(place))) == 1
    assert await reopened_source(place) == printed.decode()
    assert place.sources() == before
    await place.close()


@pytest.mark.parametrize("when", WHEN)
async def test_a_copy_during_a_rotation_is_a_valid_backup(place, tmp_path, monkeypatch, when):
    place.put("a.ipynb", notebook("begin: "))
    server, ana = await type_words(place, *WORDS)
    copy = tmp_path / "copy"
    run_at(monkeypatch, when, lambda: shutil.copytree(tmp_path, copy, ignore=lambda *_: ["copy"]))
    await server.close_all()
    other = Place(copy)
    assert await reopened_source(other) == ana.source("c0") == await reopened_source(place)
    await other.close()


@pytest.mark.parametrize("when", WHEN)
async def test_another_server_is_kept_out_during_a_rotation(place, monkeypatch, when):
    place.put("a.ipynb", notebook("begin: "))
    server, ana = await type_words(place, *WORDS)
    refused = []

    def take():
        with pytest.raises(RoomElsewhere) as error:
            RoomLock.take(DataDir(place.data).locks, place.room_id("a.ipynb"), holder="another")
        refused.append(error)

    run_at(monkeypatch, when, take)
    await server.close_all()
    assert len(refused) == 1
    assert await reopened_source(place) == ana.source("c0")


@pytest.mark.skipif(resource is None, reason="needs a limit on the size of files")
@pytest.mark.parametrize("when", ["before", "between"])
async def test_a_full_disk_prevents_the_rotation(place, monkeypatch, caplog, when):
    """A limit on the size of files simulates the full disk."""
    place.put("a.ipynb", notebook("begin: "))
    server, ana = await type_words(place, *WORDS)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    run_at(monkeypatch, when, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (256, hard)))
    try:
        await server.close_all()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "stays in its document" in caplog.text
    assert not room_log.read(log_folder(place)).damage
    assert len(room_log.former(log_folder(place))) == (when == "between")
    assert await reopened_source(place) == ana.source("c0")
    assert len(room_log.former(log_folder(place))) == 1


async def test_writes_requested_before_a_rotation_are_stored_before_it(folder):
    """The last saved file version belongs to the new document, however slow the store is."""
    store, listener = LogStore(folder, server="slow", fold=whole_text), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "notebook", ONE, b"former,")
    await listener.until(lambda: listener.durable == 1)
    slow = threading.Event()
    store.writer.submit(Write(ROOM, before_commit=slow.wait))
    store.append(ROOM, 2, "notebook", ONE, b"last,")
    store.finish_save(ROOM, 3, ("aa",), FileStamp("f", "then"), AT)
    anew = RotatedNotebook(
        ONE, b"former,last,", TWO, b"new,", FileVersion(("bb",), FileStamp("f", "then"))
    )
    beginning = asyncio.create_task(store.rotate(ROOM, anew))
    await asyncio.sleep(0)
    slow.set()
    await beginning
    stored = await store.load(ROOM)
    assert (stored.documents["notebook"].epoch, stored.saved[0]) == (TWO, ("bb",))
    await store.close()
