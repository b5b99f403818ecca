"""Blobs without references are removed; all others stay, also after a crash."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from jupyter_runtimed.errors import NotFound
from jupyter_runtimed.host.host import Host
from jupyter_runtimed.host.registry import Registry
from jupyter_runtimed.host.storage.blobs import ASIDE, GRACE_SECONDS, MARK
from jupyter_runtimed.ids import RoomId, Sha256

from .conftest import Place, notebook
from .local_client import LocalClient

LARGE = "a line of a large output\n" * 1000


def blob_files(place: Place) -> list[Path]:
    return [p for p in (place.data / "blobs").glob("*/*") if "." not in p.name]


def long_ago(place: Place) -> None:
    """Make all files older than the grace time."""
    then = time.time() - GRACE_SECONDS - 60
    for folder in ("blobs", "rooms"):
        for path in (place.data / folder).glob("*/*"):
            os.utime(path, (then, then))


async def orphan(registry: Registry) -> Sha256:
    """Write a blob without its document, as a crash between the two writes leaves it."""
    ports = registry._made()
    sha256 = ports.blobs.keep(RoomId("nobody"), b"nobody needs this" * 1000)
    ports.store.lock(RoomId("nobody"))
    await ports.store.unlock(RoomId("nobody"))
    return sha256


async def shown(host: Host, text: str) -> LocalClient:
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live and ana.peer.runtime is not None)
    await show(ana, text)
    return ana


async def show(ana: LocalClient, text: str) -> None:
    outputs = [{"output_type": "stream", "name": "stdout", "text": text}]
    answer = await ana.call("import_outputs", cell="c0", outputs=outputs, execution_count=None)
    assert answer.error is None


async def test_a_blob_without_references_is_marked_and_removed_much_later(place: Place) -> None:
    registry = place.server()
    sha256 = await orphan(registry)
    assert await registry.sweeper.sweep() == 0
    long_ago(place)
    for path in (place.data / "blobs").glob(f"*/*{MARK}"):
        path.unlink()
    # Even an old blob must be without references in two passes, long apart.
    assert await registry.sweeper.sweep() == 0
    assert await registry.sweeper.sweep() == 0
    long_ago(place)
    assert await registry.sweeper.sweep() == 1
    with pytest.raises(NotFound):
        await registry.blob(sha256)
    assert list((place.data / "blobs").glob("*/*")) == []


async def test_a_crash_between_marking_and_removing_changes_nothing(place: Place) -> None:
    first = place.server()
    sha256 = await orphan(first)
    await first.sweeper.sweep()
    # The server is killed; another one starts with its files.
    second = place.server()
    second._made()
    assert await second.sweeper.sweep() == 0
    assert await second.blob(sha256)
    long_ago(place)
    assert await second.sweeper.sweep() == 1


async def test_a_crash_while_a_blob_is_being_removed_loses_nothing(place: Place) -> None:
    registry = place.server()
    sha256 = await orphan(registry)
    path = registry._made().blobs.path(sha256)
    path.rename(path.with_name(path.name + ASIDE))
    data = await registry.blob(sha256)
    assert await registry.sweeper.sweep() == 0
    assert path.read_bytes() == data


async def test_a_blob_that_is_written_again_is_kept(place: Place) -> None:
    registry = place.server()
    sha256 = await orphan(registry)
    await registry.sweeper.sweep()
    long_ago(place)
    assert await orphan(registry) == sha256
    assert await registry.sweeper.sweep() == 0
    assert await registry.sweeper.sweep() == 0
    assert await registry.blob(sha256)


async def test_blobs_of_an_open_room_are_kept(place: Place) -> None:
    place.put("a.ipynb", notebook("x"))
    registry = place.server()
    ana = await shown(await registry.open("a.ipynb"), LARGE)
    await ana.call("save")
    assert len(blob_files(place)) == 1
    for _ in range(3):
        assert await registry.sweeper.sweep() == 0
        long_ago(place)


async def test_blobs_of_a_closed_room_are_kept(place: Place) -> None:
    place.put("a.ipynb", notebook("x"))
    first = place.server()
    ana = await shown(await first.open("a.ipynb"), LARGE)
    await show(ana, LARGE + "more")
    await first.close_all()
    assert len(blob_files(place)) == 2
    second = place.server()
    second._made()
    for removed in (0, 1, 0, 0):
        # Blobs of the previous output are removed a day after a pass found them unused.
        assert await second.sweeper.sweep() == removed
        long_ago(place)
    (left,) = blob_files(place)
    assert left.read_text() == LARGE + "more"


async def test_blobs_of_the_previous_segment_are_kept_for_repairs(place: Place) -> None:
    place.put("a.ipynb", notebook("x"))
    registry = place.server()
    await shown(await registry.open("a.ipynb"), LARGE)
    await registry.close_all()
    (room,) = (place.data / "rooms").iterdir()
    newest = max(room.glob("*.log"))
    before = newest.read_bytes()
    again = place.server()
    await shown(await again.open("a.ipynb"), "small")
    await again.close_all()
    # The store compacts rarely, so the test compacts between the two.
    newest.rename(newest.with_stem("00000099"))
    newest.with_stem("00000098").write_bytes(before)
    third = place.server()
    third._made()
    for _ in range(3):
        await third.sweeper.sweep()
        long_ago(place)
    assert len(blob_files(place)) == 1


async def test_blobs_of_removed_history_are_removed(place: Place) -> None:
    place.put("a.ipynb", notebook("x", "y"))
    removed = rounds = 0
    while not removed and rounds < 10:
        rounds += 1
        registry = place.server()
        host = await registry.open("a.ipynb")
        ana = await shown(host, LARGE if rounds == 1 else "small")
        epoch = host.room.runtime.epoch
        # History disappears in steps: new epoch, compaction, removal of the previous segment.
        while host.room.runtime.epoch == epoch:
            await show(ana, "small " * 1000)
        await show(ana, LARGE + "that is shown now")
        ana.leave()
        removed = await registry.sweeper.sweep()
        await registry.close_all()
        long_ago(place)
    assert removed == 1
    assert rounds > 1
    (left,) = blob_files(place)
    assert left.read_text().startswith(LARGE)


async def test_nothing_is_removed_while_a_stored_document_cannot_be_read(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.put("a.ipynb", notebook("x"))
    first = place.server()
    await shown(await first.open("a.ipynb"), LARGE)
    sha256 = await orphan(first)
    await first.close_all()
    for path in (place.data / "rooms").glob("*/*.log"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    second = place.server()
    second._made()
    for _ in range(3):
        assert await second.sweeper.sweep() == 0
        long_ago(place)
    assert "cannot be read" in caplog.text
    assert await second.blob(sha256)


async def test_blobs_written_during_a_collection_are_kept(place: Place) -> None:
    registry = place.server()
    ports = registry._made()
    put = [ports.blobs.keep(RoomId("somebody"), b"%d" % number) for number in range(300)]
    while len(blob_files(place)) < len(put):
        assert await registry.sweeper.sweep() == 0
    assert {path.parent.name + path.name for path in blob_files(place)} == set(put)
