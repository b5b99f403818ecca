"""The file of a room on a slow disk, whose files appear, vanish and move."""

import asyncio

import pytest

from jupyter_runtimed.host.files.local import LocalFiles
from jupyter_runtimed.room.settings import Settings

from .conftest import notebook
from .local_client import LocalClient


class Gate:
    """A gate that blocks the first caller after it was shut."""

    def __init__(self):
        self.reached = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    def shut(self):
        self._open.clear()

    def open(self):
        self._open.set()

    async def passed(self):
        if not self._open.is_set():
            self.reached.set()
            await self._open.wait()


class SlowFiles(LocalFiles):
    """A disk with late reads and late writes."""

    def __init__(self, *args):
        super().__init__(*args)
        self.reads, self.writes = Gate(), Gate()

    async def read(self, path):
        try:
            return await super().read(path)
        finally:
            await self.reads.passed()

    async def write(self, path, render, expected):
        await self.writes.passed()
        return await super().write(path, render, expected)


@pytest.fixture
def slow_files(place):
    server = place.server()
    server._files = SlowFiles(place.root, server._files._watcher)
    return server


async def joined(host):
    client = LocalClient(host)
    await client.until(lambda: client.peer.live)
    await quiet(client)
    return client


async def quiet(ana):
    """Wait until everything is saved and no read of the file is in progress."""
    host = ana.host
    while host._tasks._running or host.room.filing.unsaved:
        waiting = {*host._tasks._running}
        if waiting:
            await asyncio.wait(waiting)
        else:
            await ana.news()


async def test_a_file_renamed_while_it_is_saved_is_saved_where_it_is(place, slow_files):
    place.put("a.ipynb", notebook("a = 1"))
    ana = await joined(await slow_files.open("a.ipynb"))
    files = slow_files._files
    files.writes.shut()
    ana.type("c0", " # typed")
    await files.writes.reached.wait()
    (place.root / "a.ipynb").rename(place.root / "b.ipynb")
    slow_files.moved("a.ipynb", "b.ipynb")
    files.writes.open()
    await quiet(ana)
    assert ana.source("c0") == "a = 1 # typed"
    assert place.sources("b.ipynb") == ["a = 1 # typed"]
    assert ana.events("deleted") == ana.events("save_failed") == []
    assert not (place.root / "a.ipynb").exists()


async def test_a_save_waits_for_the_event_of_a_rename(place, slow_files):
    place.put("a.ipynb", notebook("a = 1"))
    ana = await joined(await slow_files.open("a.ipynb"))
    slow_files._files.writes.shut()
    ana.type("c0", " # typed")
    await slow_files._files.writes.reached.wait()
    (place.root / "a.ipynb").rename(place.root / "b.ipynb")
    write = slow_files._files._write
    loop = asyncio.get_running_loop()
    missed = asyncio.Event()

    def noticed(*args):
        try:
            return write(*args)
        finally:
            loop.call_soon_threadsafe(missed.set)

    slow_files._files._write = noticed
    slow_files._files.writes.open()
    await missed.wait()
    slow_files.moved("a.ipynb", "b.ipynb")
    await quiet(ana)
    assert place.sources("b.ipynb") == ["a = 1 # typed"]
    assert ana.events("deleted") == ana.events("save_failed") == []


async def test_another_file_at_the_old_path_is_not_mistaken_for_the_renamed_one(place, slow_files):
    place.put("a.ipynb", notebook("a = 1"))
    ana = await joined(await slow_files.open("a.ipynb"))
    slow_files._files.writes.shut()
    ana.type("c0", " # typed")
    await slow_files._files.writes.reached.wait()
    (place.root / "a.ipynb").rename(place.root / "b.ipynb")
    place.put("a.ipynb", notebook("something else"))
    slow_files.moved("a.ipynb", "b.ipynb")
    slow_files._files.writes.open()
    await quiet(ana)
    assert ana.source("c0") == "a = 1 # typed"
    assert place.sources("b.ipynb") == ["a = 1 # typed"]
    assert place.sources("a.ipynb") == ["something else"]
    assert ana.events("merged") == []


async def test_a_file_that_is_deleted_twice_is_reported_twice(place):
    place.put("a.ipynb", notebook("a = 1"))
    ana = await joined(await place.server().open("a.ipynb"))
    for times in (1, 2, 3):
        (place.root / "a.ipynb").unlink()
        await ana.wait_for_event("deleted", times)
        assert (await ana.call("save")).error is None
        assert place.sources() == ["a = 1"]


async def test_a_save_reports_a_deleted_file_before_the_watcher(place, slow_files):
    place.put("a.ipynb", notebook("a = 1"))
    ana = await joined(await slow_files.open("a.ipynb"))
    ana.host._file.unwatch()
    for times in (1, 2):
        (place.root / "a.ipynb").unlink()
        assert (await ana.call("save")).error["code"] == "save-failed"
        await ana.wait_for_event("deleted", times)
        assert (await ana.call("save")).error is None


async def test_a_read_that_a_save_overtook_is_ignored(place, slow_files):
    place.put("a.ipynb", notebook("a = 1"))
    ana = await joined(await slow_files.open("a.ipynb"))
    slow_files._files.reads.shut()
    ana.host._file.changed()
    await slow_files._files.reads.reached.wait()
    ana.type("c0", " # typed")
    await ana.wait_for_event("saved")
    slow_files._files.reads.open()
    await quiet(ana)
    assert ana.source("c0") == "a = 1 # typed"
    assert ana.events("merged") == []
    assert place.sources() == ["a = 1 # typed"]


async def test_a_failed_read_from_before_the_restore_is_ignored(place, slow_files):
    place.put("a.ipynb", notebook("a = 1"))
    ana = await joined(await slow_files.open("a.ipynb"))
    (place.root / "a.ipynb").unlink()
    await ana.wait_for_event("deleted")
    await quiet(ana)
    slow_files._files.reads.shut()
    ana.host._file.changed()
    await slow_files._files.reads.reached.wait()
    assert (await ana.call("save")).error is None
    slow_files._files.reads.open()
    await quiet(ana)
    assert len(ana.events("deleted")) == 1
    assert (await ana.call("save")).error is None


async def test_a_file_deleted_through_the_contents_api_is_reported_once(place):
    place.put("a.ipynb", notebook("a = 1"))
    server = place.server()
    ana = await joined(await server.open("a.ipynb"))
    (place.root / "a.ipynb").unlink()
    server.deleted("a.ipynb")
    await ana.wait_for_event("deleted")
    ana.host._file.changed()
    await quiet(ana)
    assert len(ana.events("deleted")) == 1


async def test_a_merged_outside_change_is_reported_with_cells_and_versions(place):
    place.put("a.ipynb", notebook("a = 1", "b = 2", "c = 3"))
    ana = await joined(await place.server().open("a.ipynb"))
    ana.type("c0", " # typed")
    await ana.wait_for_event("saved")
    before = list(ana.peer.notebook.heads)
    place.put("a.ipynb", notebook("a = 1 # typed", "b = 22", "c = 3"))
    told = await ana.wait_for_event("merged")
    await ana.until(lambda: ana.source("c1") == "b = 22")
    assert told["cells"] == ["c1"]
    assert told["before"] == before
    assert told["after"] == list(ana.peer.notebook.heads) != before
    assert (await ana.wait_for_event("saved", 2))["heads"] == told["after"]
    assert place.sources() == ["a = 1 # typed", "b = 22", "c = 3"]


async def test_the_file_is_not_read_between_two_consecutive_saves(place):
    """A read would find the bytes of the save and attribute them to another program."""
    slow_files = place.server(Settings(quiet_ms=0, longest_ms=0))
    slow_files._files = SlowFiles(place.root, slow_files._files._watcher)
    place.put("a.ipynb", notebook("a = 1"))
    ana = await joined(await slow_files.open("a.ipynb"))
    writes = slow_files._files.writes
    writes.shut()
    ana.type("c0", " # typed")
    await writes.reached.wait()
    ana.type("c0", " and more")
    await ana.durable()
    writes.reached.clear()
    writes.open()
    writes.shut()
    await writes.reached.wait()
    ana.host._file.changed()
    assert not ana.host._file._looking
    writes.open()
    await quiet(ana)
    assert place.sources() == [ana.source("c0")] == ["a = 1 # typed and more"]
    assert ana.events("merged") == []


class NotaryWithoutDatabase:
    """A notary that signs nothing, because its database is locked."""

    def trusted(self, _data, content):
        return [cell.id for cell in content.cells]

    def sign(self, _data):
        raise OSError("the database is locked")


async def test_a_file_that_cannot_be_signed_is_still_saved(place):
    place.put("a.ipynb", notebook("x"))
    server = place.server(trust=NotaryWithoutDatabase())
    ana = await joined(await server.open("a.ipynb"))
    ana.type("c0", " = 1")
    assert (await ana.call("save")).error is None
    assert place.sources() == ["x = 1"]


class FailingNotary(NotaryWithoutDatabase):
    def trusted(self, _data, _content):
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")


async def test_a_file_with_unknown_trust_is_opened_as_untrusted(place):
    place.put("a.ipynb", notebook("x"))
    ana = await joined(await place.server(trust=FailingNotary()).open("a.ipynb"))
    assert (ana.source("c0"), ana.peer.runtime.trusted("c0")) == ("x", False)


async def test_a_read_that_began_before_a_deletion_does_not_report_the_file_as_present(
    place, slow_files
):
    file = place.root / "a.ipynb"
    file.write_bytes(notebook("x = 1"))
    host = await slow_files.open("a.ipynb")
    client = await joined(host)
    slow_files._files.reads.shut()
    file.write_bytes(notebook("changed = 2"))
    host._file.changed()
    await slow_files._files.reads.reached.wait()
    file.unlink()
    host.deleted()
    slow_files._files.reads.open()
    await quiet(client)
    assert host.missing
