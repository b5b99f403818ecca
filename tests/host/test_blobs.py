"""Large outputs on disk: readable at once, durable, and removed only without references."""

import asyncio
import hashlib

import pytest

from jupyter_runtimed.errors import NotFound, StorageError
from jupyter_runtimed.host.storage.blobs import Blobs
from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.host.storage.log_store import LogStore
from jupyter_runtimed.ids import Epoch, RoomId, Sha256

ROOM = RoomId("room")
DATA = b"a large output" * 1000
SHA = Sha256(hashlib.sha256(DATA).hexdigest())


@pytest.fixture
async def store(tmp_path):
    store = LogStore(DataDir(tmp_path / "data"), server="here")
    yield store
    await store.close()


@pytest.fixture
def blobs(store, tmp_path):
    return Blobs(tmp_path / "data" / "blobs", store.writer)


async def test_a_blob_is_readable_at_once_and_on_disk_soon(blobs, store):
    blobs.put(ROOM, SHA, DATA)
    assert blobs.get(SHA) == DATA
    await store.writer.flush(ROOM)
    assert blobs.path(SHA).read_bytes() == DATA
    assert blobs.path(SHA).parent.name == SHA[:2]
    assert blobs._fresh == {}
    assert blobs.get(SHA) == DATA


async def test_a_blob_is_on_disk_before_the_change_that_refers_to_it(blobs, store):
    seen = []

    class StoreListener:
        def on_durable(self, number):
            seen.append(blobs.path(SHA).exists())

        def on_failed(self, message): ...

    store.lock(ROOM)
    store.listen(ROOM, StoreListener())
    blobs.put(ROOM, SHA, DATA)
    store.append(ROOM, 1, "runtime", Epoch("e"), SHA.encode())
    await store.writer.flush(ROOM)
    assert seen == [True]


async def test_the_same_blob_is_written_once(blobs, store):
    assert blobs.keep(ROOM, DATA) == SHA
    await store.writer.flush(ROOM)
    inode = blobs.path(SHA).stat().st_ino
    blobs.put(RoomId("other"), SHA, DATA)
    await store.writer.flush(RoomId("other"))
    assert blobs.path(SHA).stat().st_ino == inode


async def test_a_damaged_blob_is_not_served(blobs, store):
    blobs.put(ROOM, SHA, DATA)
    await store.writer.flush(ROOM)
    blobs.path(SHA).write_bytes(DATA[:-1] + b"X")
    with pytest.raises(StorageError, match="damaged"):
        blobs.get(SHA)


@pytest.mark.parametrize("name", ["", "..", "../../secret", "A" * 64, "g" * 64, "a" * 63, "é" * 64])
async def test_an_invalid_hash_names_no_file(blobs, name):
    with pytest.raises(NotFound):
        blobs.get(Sha256(name))


async def test_the_blob_collection_keeps_referenced_and_young_blobs(blobs, store):
    other = blobs.keep(ROOM, b"other")
    blobs.put(ROOM, SHA, DATA)
    await store.writer.flush(ROOM)
    assert await asyncio.to_thread(blobs.sweep, {SHA}) == 0
    assert await asyncio.to_thread(blobs.sweep, {SHA}, grace_seconds=-60) == 1
    assert blobs.get(SHA) == DATA
    with pytest.raises(NotFound, match="run the cell again"):
        blobs.get(other)
