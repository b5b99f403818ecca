"""Properties of the store on a disk: damage, vanished folders, other servers, copies."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import jupyter_runtimed
from jupyter_runtimed import crdt
from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.file_version import FileStamp
from jupyter_runtimed.errors import RoomElsewhere, StorageError
from jupyter_runtimed.host.storage import log_store, room_log
from jupyter_runtimed.host.storage import room_lock as leases
from jupyter_runtimed.host.storage.blobs import Blobs
from jupyter_runtimed.host.storage.commit_thread import Write
from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.host.storage.log_records import HEADER, Kind
from jupyter_runtimed.host.storage.log_store import LogStore
from jupyter_runtimed.ids import RoomId

from .damage import CHANGES, spoil
from .stores import AT, ONE, OTHER, ROOM, TWO, StoreListener, whole_text


async def test_the_second_server_learns_which_server_has_the_room(folder):
    first = LogStore(folder, server="http://localhost:8888/")
    second = LogStore(folder, server="http://localhost:9999/")
    first.lock(ROOM)
    first.listen(ROOM, StoreListener())
    with pytest.raises(RoomElsewhere, match=rf"http://localhost:8888/ \(process {os.getpid()}\)"):
        second.lock(ROOM)
    second.lock(OTHER)
    second.listen(OTHER, StoreListener())
    await first.close()
    second.lock(ROOM)
    second.listen(ROOM, StoreListener())
    await second.close()
    assert list(folder.locks.iterdir()) == []


def test_a_lock_on_a_removed_file_is_not_a_lock(folder):
    first = leases.RoomLock.take(folder.locks, ROOM, holder="one")
    (folder.locks / "room.lock").unlink()
    second = leases.RoomLock.take(folder.locks, ROOM, holder="two")
    with pytest.raises(RoomElsewhere, match="server two"):
        leases.RoomLock.take(folder.locks, ROOM, holder="three")
    second.release()
    first.release()


def test_a_room_with_a_strange_name_stays_in_the_folder(folder):
    lease = leases.RoomLock.take(folder.locks, RoomId("../../etc/passwd"), holder="one")
    assert len(list(folder.locks.iterdir())) == 1
    lease.release()


async def test_two_servers_write_to_one_store(folder):
    stores = [LogStore(folder, server=name) for name in ("one", "two")]
    ears = [StoreListener(), StoreListener()]
    for index, store in enumerate(stores):
        store.lock(RoomId(f"room{index}"))
        store.listen(RoomId(f"room{index}"), ears[index])
    for number in range(1, 201):
        for index, store in enumerate(stores):
            store.append(RoomId(f"room{index}"), number, "notebook", ONE, b"%d," % number)
    for listener in ears:
        await listener.until(lambda listener=listener: listener.durable == 200)
    for index, store in enumerate(stores):
        found = await stores[1 - index].load(RoomId(f"room{index}"))
        assert found.documents["notebook"].data.count(b",") == 200
        await store.close()


def _kill_a_writer(root: Path, after: int, *how: str) -> int:
    """Return the last acknowledged number before the writer was killed."""
    script = Path(__file__).with_name("store_writer.py")
    package = Path(jupyter_runtimed.__path__[0]).parent
    writer = subprocess.Popen(
        [sys.executable, script, root, *how],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(package)},
    )
    acknowledged = 0
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged >= after:
            writer.kill()
            break
    rest = writer.stdout.read().split(b"\n")[:-1]
    writer.wait()
    return max([acknowledged, *map(int, rest)])


@pytest.mark.parametrize("how", [(), ("folding",)], ids=["plain", "folding"])
@pytest.mark.parametrize("after", [1, 70, 700])
async def test_acknowledged_changes_survive_kill_9(folder, after, how):
    acknowledged = await asyncio.to_thread(_kill_a_writer, folder.root, after, *how)
    store = LogStore(folder, server="after the crash")
    store.lock(ROOM)
    store.listen(ROOM, StoreListener())
    data = (await store.load(ROOM)).documents["notebook"].data
    numbers = [int(part) for part in data.split(b",")[:-1]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= acknowledged >= after
    await store.close()


# ---------------------------------------------------------------- damage


def newest(folder):
    return max((folder.rooms / ROOM).glob("*.log"))


async def _stored(folder, *, changes=40):
    """Write a room whose changes are numbers; return the file of its log."""
    store, listener = LogStore(folder, server="before", fold=whole_text), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.set_path(ROOM, "a.ipynb")
    store.replace(ROOM, 1, "notebook", ONE, b"whole,")
    store.replace(ROOM, 2, "runtime", ONE, b"runtime")
    await listener.until(lambda: listener.durable == 2)
    for number in range(1, changes + 1):
        store.append(ROOM, number + 2, "notebook", ONE, b"%d," % number)
    await store.close()
    return newest(folder)


def _numbers(stored):
    return [int(part) for part in stored.documents["notebook"].data.split(b",")[1:-1]]


async def test_two_servers_of_two_processes_keep_out_of_each_other_s_rooms(folder):
    script = Path(__file__).with_name("store_writer.py")
    package = Path(jupyter_runtimed.__path__[0]).parent
    theirs = await asyncio.create_subprocess_exec(
        sys.executable, script, folder.root, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(package)},
    )  # fmt: skip
    ours, listener = LogStore(folder, server="ours"), StoreListener()
    await theirs.stdout.readline()
    with pytest.raises(RoomElsewhere, match=f"the server writer .process {theirs.pid}."):
        ours.lock(ROOM)
    ours.lock(OTHER)
    ours.listen(OTHER, listener)
    for number in range(1, 101):
        ours.append(OTHER, number, "notebook", ONE, b"%d," % number)
    await listener.until(lambda: listener.durable == 100)
    theirs.kill()
    rest = await theirs.stdout.read()
    await theirs.wait()
    ours.lock(ROOM)
    found = (await ours.load(ROOM)).documents["notebook"].data
    numbers = [int(part) for part in found.split(b",")[:-1]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= max(map(int, rest.split(b"\n")[:-1]), default=1)
    await ours.close()


async def test_a_damaged_change_loses_itself_and_the_deltas_on_it(folder):
    path = await _stored(folder)
    spoil(path, *CHANGES, nth=3)
    store, listener = LogStore(folder, server="here"), StoreListener()
    store.lock(ROOM)
    found = await store.load(ROOM)
    assert _numbers(found) == [1, 2, 3, *range(17, 41)]
    assert found.path == "a.ipynb"
    assert "12 changes depend on them" in found.damage[0]
    store.listen(ROOM, listener)
    store.append(ROOM, 50, "notebook", ONE, b"50,")
    await listener.until(lambda: listener.durable == 50)
    again = await store.load(ROOM)
    assert again.damage == ()
    assert _numbers(again) == [1, 2, 3, *range(17, 41), 50]
    assert path.with_suffix(".damaged").exists()
    await store.close()


async def test_a_zeroed_page_loses_only_its_content(folder):
    path = await _stored(folder, changes=3000)
    data = bytearray(path.read_bytes())
    data[8192:12288] = bytes(4096)
    path.write_bytes(data)
    found = await LogStore(folder, server="here").load(ROOM)
    numbers = _numbers(found)
    assert numbers == sorted(numbers)
    assert 2500 < len(numbers) < 3000
    assert (numbers[0], numbers[-1]) == (1, 3000)
    assert "4" in found.damage[0]
    assert set(found.documents) == {"notebook", "runtime"}


@pytest.mark.parametrize("seed", range(20))
async def test_flipped_bytes_lose_little_and_are_reported(folder, seed):
    path = await _stored(folder, changes=300)
    data = bytearray(path.read_bytes())
    place = random.Random(seed).randrange(len(HEADER), len(data))
    data[place] ^= 0x55
    path.write_bytes(data)
    found = await LogStore(folder, server="here").load(ROOM)
    if "notebook" in found.documents:
        assert len(_numbers(found)) >= 300 - 16
    at_the_end = place > len(data) - 20
    assert found.damage or at_the_end


async def test_a_record_cut_short_by_a_crash_is_skipped_and_overwritten(folder):
    path = await _stored(folder)
    path.write_bytes(path.read_bytes()[:-3])
    store, listener = LogStore(folder, server="here"), StoreListener()
    store.lock(ROOM)
    found = await store.load(ROOM)
    assert _numbers(found) == list(range(1, 40))
    assert found.damage == ()
    store.listen(ROOM, listener)
    store.append(ROOM, 50, "notebook", ONE, b"50,")
    await store.close()
    assert _numbers(await LogStore(folder, server="here").load(ROOM)) == [*range(1, 40), 50]


async def test_a_damaged_snapshot_is_set_aside_and_the_other_document_kept(folder):
    spoil(await _stored(folder), Kind.SNAPSHOT)
    found = await LogStore(folder, server="here").load(ROOM)
    assert set(found.documents) == {"runtime"}
    assert found.damage[1:] == ("the stored notebook document is damaged and was set aside",)


async def _folded(folder):
    """Write a room of two segments; the changes in the second are 1001 and 1002."""
    path = await _stored(folder, changes=1000)
    store = LogStore(folder, server="here", fold=whole_text)
    store.lock(ROOM)
    await store.load(ROOM)
    await store.unlock(ROOM)
    store.lock(ROOM)
    store.listen(ROOM, StoreListener())
    for number in (1001, 1002):
        store.append(ROOM, number, "notebook", ONE, b"%d," % number)
    await store.close()
    assert newest(folder) != path
    return newest(folder)


@pytest.mark.parametrize("how", ["whole", "cut off", "empty", "zeroed", "missing"])
async def test_the_previous_segment_repairs_the_compacted_part(folder, how):
    path = await _folded(folder)
    data = path.read_bytes()
    match how:
        case "whole":
            spoil(path, Kind.SNAPSHOT)
        case "cut off":
            path.write_bytes(data[:1000])
        case "empty":
            path.write_bytes(b"")
        case "zeroed":
            path.write_bytes(bytes(len(data)))
        case "missing":
            path.unlink()
    found = await LogStore(folder, server="here").load(ROOM)
    rest = [1001, 1002] if how == "whole" else []
    assert sorted(set(_numbers(found))) == [*range(1, 1001), *rest]
    assert found.documents["runtime"].data == b"runtime"
    assert bool(found.damage) == (how != "missing")


async def test_a_room_of_a_newer_version_is_left_alone(folder):
    path = await _stored(folder)
    newer = HEADER[:-2] + bytes([7, 255 - 7]) + path.read_bytes()[len(HEADER) :]
    path.write_bytes(newer)
    store = LogStore(folder, server="here")
    store.lock(ROOM)
    with pytest.raises(StorageError, match=r"newer version .*format 7.*upgrade"):
        await store.load(ROOM)
    await store.close()
    assert path.read_bytes() == newer


# ---------------------------------------------------------------- disks that fail


class Disk:
    """Intercepts calls of a room's log; a call fails while `broken` names its function."""

    def __init__(self, monkeypatch):
        self.broken = None
        for name in ("_write", "_sync"):
            monkeypatch.setattr(room_log, name, partial(self._call, name, getattr(room_log, name)))

    def _call(self, name, real, file, *data):
        if self.broken != name:
            return real(file, *data)
        if data:
            file.write(data[0][: len(data[0]) // 2])
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("how", ["_write", "_sync"])
async def test_a_full_disk_loses_nothing_and_heals(folder, monkeypatch, how):
    disk = Disk(monkeypatch)
    store, listener = LogStore(folder, server="here"), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.append(ROOM, 1, "notebook", ONE, b"before-")
    await listener.until(lambda: listener.durable == 1)
    disk.broken = how
    store.append(ROOM, 2, "notebook", ONE, b"x" * 100_000)
    store.append(ROOM, 3, "notebook", ONE, b"-after")
    await listener.until(lambda: any("No space" in failure for failure in listener.failures))
    assert len(listener.failures) == 1
    assert (await store.load(ROOM)).documents["notebook"].data.startswith(b"before-")
    disk.broken = None
    await listener.until(lambda: listener.durable == 3)
    found = await store.load(ROOM)
    assert found.documents["notebook"].data == b"before-" + b"x" * 100_000 + b"-after"
    assert found.damage == ()
    assert newest(folder).name == ("00000001.log" if how == "_write" else "00000002.log")
    await store.close()


async def test_a_room_that_cannot_be_written_does_not_delay_others(folder):
    store, listener, other = LogStore(folder, server="here"), StoreListener(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.lock(OTHER)
    store.listen(OTHER, other)
    healed = asyncio.Event()

    def refuse():
        if not healed.is_set():
            raise OSError("not now")

    store.writer.submit(Write(ROOM, before_commit=refuse))
    store.append(ROOM, 1, "notebook", ONE, b"waits")
    store.append(OTHER, 1, "notebook", ONE, b"goes on")
    await other.until(lambda: other.durable == 1)
    await listener.until(lambda: listener.failures)
    assert listener.durable == 0
    healed.set()
    await listener.until(lambda: listener.durable == 1)
    await store.close()


async def test_changes_that_cannot_be_written_at_close_are_reported(folder):
    store, listener = LogStore(folder, server="here"), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    shutil.rmtree(folder.root)
    folder.root.write_text("in the way")
    store.append(ROOM, 2, "notebook", ONE, b"b")
    await listener.until(lambda: listener.failures)
    with pytest.raises(StorageError, match=r"unsaved at the end.*room"):
        await store.close()


@pytest.mark.parametrize("how", ["removed", "moved"])
async def test_a_folder_that_vanished_is_written_again_with_everything(folder, how):
    store, listener = LogStore(folder, server="here"), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.append(ROOM, 1, "notebook", ONE, b"a")
    await listener.until(lambda: listener.durable == 1)
    if how == "removed":
        shutil.rmtree(folder.root)
    else:
        folder.root.rename(folder.root.with_name("aside"))
    store.append(ROOM, 2, "notebook", ONE, b"b")
    await listener.until(lambda: listener.durable == 2)
    assert (await store.load(ROOM)).documents["notebook"].data == b"ab"
    with pytest.raises(RoomElsewhere):
        LogStore(folder, server="other").lock(ROOM)
    store.lock(OTHER)
    blobs = Blobs(folder.blobs, store.writer)
    sha256 = blobs.keep(OTHER, b"a large output")
    store.append(OTHER, 1, "notebook", ONE, b"new")
    await store.writer.flush(OTHER)
    assert blobs.path(sha256).read_bytes() == b"a large output"
    await store.close()
    assert listener.failures == []
    assert list(folder.locks.iterdir()) == []


# ---------------------------------------------------------------- compaction


async def _typed(store, listener, document, count, first):
    number = first
    for _ in range(count):
        document.put(crdt.ROOT, "n", number)
        document.commit(time=0)
        change = document.last_local_change()
        store.append(ROOM, number, "notebook", ONE, change.bytes)
        number += 1
    await listener.until(lambda: listener.durable == number - 1)
    return number


async def test_changes_that_outgrow_their_snapshot_are_compacted(folder):
    store, listener = LogStore(folder, server="here"), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    document = seeds.empty_notebook(b"\1" * 16)
    store.replace(ROOM, 1, "notebook", ONE, document.save())
    number = await _typed(store, listener, document, 1000, 2)
    await _typed(store, listener, document, 5, number)
    await store.unlock(ROOM)
    found = (await store.load(ROOM)).documents["notebook"]
    assert len(found.chunks) < 100
    again = crdt.load(found.data, actor=b"\2" * 16)
    assert crdt.heads_of(again) == crdt.heads_of(document)
    await store.close()


async def test_saved_file_versions_survive_compaction(folder):
    store, listener = LogStore(folder, server="here", fold=whole_text), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    for number in (1, 2):
        store.finish_save(ROOM, number, ("ab",), FileStamp(f"f{number}", ""), AT)
    await listener.until(lambda: listener.durable == 2)
    renewal, _ = log_store.compacted(folder.rooms / ROOM, whole_text)
    store.finish_save(ROOM, 3, ("ab",), FileStamp("f3", ""), AT)
    await listener.until(lambda: listener.durable == 3)
    assert store._logs[ROOM].replace_segment(renewal)
    assert [stamp.hash for _, _, stamp in (await store.load(ROOM)).former] == ["f1", "f2"]
    await store.close()


async def test_a_compaction_overtaken_by_a_new_snapshot_changes_nothing(folder):
    store, listener = LogStore(folder, server="here", fold=whole_text), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "runtime", ONE, b"old")
    store.append(ROOM, 2, "runtime", ONE, b"-change")
    await listener.until(lambda: listener.durable == 2)
    renewal, _ = log_store.compacted(folder.rooms / ROOM, whole_text)
    store.replace(ROOM, 3, "runtime", TWO, b"new")
    store.append(ROOM, 4, "runtime", TWO, b"-change")
    await listener.until(lambda: listener.durable == 4)
    assert store._logs[ROOM].replace_segment(renewal)
    store.append(ROOM, 5, "runtime", TWO, b"-last")
    await listener.until(lambda: listener.durable == 5)
    assert (await store.load(ROOM)).documents["runtime"].data == b"new-change-last"
    assert newest(folder).name == "00000002.log"
    await store.close()


async def test_changes_that_wait_for_a_lost_change_survive_compaction(folder):
    """A browser may send the lost change again."""
    document = seeds.empty_notebook(b"\1" * 16)
    whole, changes = document.save(), []
    for number in range(4):
        document.put(crdt.ROOT, "n", number)
        document.commit(time=0)
        changes.append(document.last_local_change().bytes)
    lost = changes.pop(1)
    folded = log_store.compact(whole + b"".join(changes))
    again = crdt.load(folded + lost, actor=b"\2" * 16)
    assert crdt.heads_of(again) == crdt.heads_of(document)


async def test_two_concurrent_compactions_are_one(folder):
    await _stored(folder)
    store = LogStore(folder, server="here", fold=whole_text)
    store.lock(ROOM)
    store.listen(ROOM, StoreListener())
    store.append(ROOM, 1, "notebook", ONE, b"41,")
    await store.writer.flush(ROOM)
    renewals = [log_store.compacted(folder.rooms / ROOM, whole_text)[0] for _ in range(2)]
    assert [store._logs[ROOM].replace_segment(renewal) for renewal in renewals] == [True, False]
    assert _numbers(await store.load(ROOM)) == list(range(1, 42))
    assert sorted(path.suffix for path in (folder.rooms / ROOM).iterdir()) == [".log", ".log"]
    await store.close()


def test_old_segments_stay_for_a_while_and_the_last_one_permanently(tmp_path):
    for number in range(1, 6):
        path = tmp_path / f"{number:08}.log"
        path.write_bytes(b"x")
        os.utime(path, (number, number))

    def left():
        return [int(path.stem) for path in sorted(tmp_path.iterdir())]

    room_log.prune(tmp_path, now=3.5, keep_seconds=1)
    assert left() == [3, 4, 5]
    room_log.prune(tmp_path, now=1000.0, keep_seconds=1)
    assert left() == [4, 5]


def test_old_segments_much_larger_than_the_room_are_removed(tmp_path):
    for number in range(1, 6):
        with (tmp_path / f"{number:08}.log").open("wb") as file:
            file.truncate(20 << 20 if number < 4 else 10)
    room_log.prune(tmp_path)
    assert sorted(int(path.stem) for path in tmp_path.iterdir()) == [3, 4, 5]


# ---------------------------------------------------------------- the folder


def _copy(folder, to):
    """Copy as `cp -r` does, which continues if a file vanishes before it is read."""
    missed = []
    try:
        shutil.copytree(folder, to)
    except shutil.Error as error:
        missed = error.args[0]
    assert all(path.endswith(".tmp") for path, _, _ in missed)


async def test_a_copy_of_the_data_folder_at_any_time_is_a_valid_backup(folder, tmp_path):
    """This includes copies during a compaction, which happens most of the time here."""
    store, listener = LogStore(folder, server="here", fold=whole_text), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "notebook", ONE, b"whole,")
    await listener.until(lambda: listener.durable == 1)
    copies = []
    number = 1

    async def copied():
        acknowledged = listener.durable
        to = tmp_path / f"copy{len(copies)}"
        await asyncio.to_thread(_copy, folder.root, to)
        copies.append((to, acknowledged))

    while len(copies) < 25 or int(newest(folder).stem) <= 10:
        copying = asyncio.create_task(copied())
        while not copying.done():
            number += 1
            store.append(ROOM, number, "notebook", ONE, b"%d," % number)
            store._start_folding(ROOM)
            await listener.until(lambda number=number: listener.durable == number)
        await copying
    await store.close()
    for to, acknowledged in copies:
        copy = LogStore(DataDir(to), server="copy")
        found = await copy.load(ROOM)
        assert found.damage == ()
        numbers = _numbers(found)
        assert numbers == list(range(2, len(numbers) + 2))
        assert len(numbers) >= acknowledged - 1
        await copy.close()


def test_the_secret_is_created_once_and_readable_only_by_its_owner(folder):
    secret = folder.secret()
    assert len(secret) == 32
    assert DataDir(folder.root).secret() == secret
    assert (folder.root / "secret").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.root.iterdir()) == [
        "blobs",
        "locks",
        "rooms",
        "secret",
    ]


def test_a_data_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another folder"):
        DataDir(tmp_path / "file" / "data")
