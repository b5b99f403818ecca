"""What every store promises. The second half is what only a store on a disk can be asked."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import jupyter_runtimed
from jupyter_runtimed import crdt
from jupyter_runtimed.document import seeds
from jupyter_runtimed.errors import RoomElsewhere, StorageError
from jupyter_runtimed.host import lease as leases
from jupyter_runtimed.host import sqlite_store
from jupyter_runtimed.host.datadir import DataDir
from jupyter_runtimed.host.memory_store import MemoryStore
from jupyter_runtimed.host.sqlite_store import SqliteStore
from jupyter_runtimed.host.writer import Write
from jupyter_runtimed.ids import Epoch, RoomId
from jupyter_runtimed.room.events import Stamp

ROOM, OTHER = RoomId("room"), RoomId("other")
ONE, TWO = Epoch("one"), Epoch("two")


class Ear:
    """Remembers what a store said, and waits for what it has not said yet."""

    def __init__(self):
        self.durable = 0
        self.reports = []
        self.failures = []
        self._changed = asyncio.Event()

    def on_durable(self, number):
        self.durable = number
        self.reports.append(number)
        self._changed.set()

    def on_failed(self, message):
        self.failures.append(message)
        self._changed.set()

    async def until(self, condition):
        while not condition():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 30)


def whole_text(data: bytes) -> bytes:
    """Stands for Automerge where only order matters."""
    return data


@pytest.fixture
def folder(tmp_path):
    return DataDir(tmp_path / "data")


@pytest.fixture(params=["memory", "sqlite"])
async def make(request, folder):
    """Opens the same store again and again, as servers that start one after another do."""
    memory = MemoryStore()
    opened = []

    def make():
        if request.param == "memory":
            return memory
        opened.append(SqliteStore(folder, server="here", fold=whole_text))
        return opened[-1]

    yield make
    for store in opened:
        await store.close()


async def test_a_room_that_was_never_stored_is_none(make):
    assert await make().load(ROOM) is None


async def test_what_was_stored_comes_back_in_order(make):
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    store.append(ROOM, 2, "notebook", ONE, b"-a")
    store.replace(ROOM, 3, "runtime", TWO, b"rt")
    store.append(ROOM, 4, "notebook", ONE, b"-b")
    store.locate(ROOM, "a/b.ipynb")
    await store.intend(ROOM, ("cd" * 32,), Stamp("to be", ""))
    store.remember(ROOM, 5, ("ab" * 32,), Stamp("hash", "then"))
    await ear.until(lambda: ear.durable == 5)
    await store.close()
    found = await make().load(ROOM)
    assert found.path == "a/b.ipynb"
    assert found.saved == (("ab" * 32,), Stamp("hash", "then"))
    assert found.intended is None
    assert found.documents["notebook"].epoch == ONE
    assert found.documents["notebook"].data == b"whole-a-b"
    assert found.documents["runtime"].data == b"rt"
    assert found.damage == ()


async def test_what_was_about_to_be_saved_is_known_after_a_crash(make):
    store = make()
    store.claim(ROOM)
    store.remember(ROOM, 1, ("ab" * 32,), Stamp("old", "then"))
    await store.intend(ROOM, ("cd" * 32,), Stamp("new", ""))
    found = await store.load(ROOM)
    assert found.saved == (("ab" * 32,), Stamp("old", "then"))
    assert found.intended == (("cd" * 32,), Stamp("new", ""))


async def test_a_replaced_document_forgets_what_came_before_it(make):
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "runtime", ONE, b"old")
    store.append(ROOM, 2, "runtime", ONE, b"-old")
    store.replace(ROOM, 3, "runtime", TWO, b"new")
    store.append(ROOM, 4, "runtime", TWO, b"-new")
    await ear.until(lambda: ear.durable == 4)
    found = (await store.load(ROOM)).documents["runtime"]
    assert (found.epoch, found.data) == (TWO, b"new-new")


async def test_numbers_are_reported_rising_and_once_for_many(make):
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    for number in range(1, 1001):
        store.append(ROOM, number, "notebook", ONE, b"x")
    await ear.until(lambda: ear.durable == 1000)
    assert ear.reports == sorted(ear.reports)
    assert len(ear.reports) < 100


async def test_rooms_do_not_see_each_other(make):
    store, ear, other = make(), Ear(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.claim(OTHER)
    store.listen(OTHER, other)
    store.append(ROOM, 1, "notebook", ONE, b"mine")
    store.append(OTHER, 9, "notebook", ONE, b"yours")
    await ear.until(lambda: ear.durable)
    await other.until(lambda: other.durable)
    assert (ear.reports, other.reports) == ([1], [9])
    assert (await store.load(ROOM)).documents["notebook"].data == b"mine"
    assert (await store.load(OTHER)).documents["notebook"].data == b"yours"


async def test_a_room_has_one_owner_until_it_is_released(make):
    store = make()
    store.claim(ROOM)
    store.listen(ROOM, Ear())
    second = make()
    with pytest.raises(RoomElsewhere):
        second.claim(ROOM)
    store.append(ROOM, 1, "notebook", ONE, b"last words")
    await store.release(ROOM)
    second.claim(ROOM)
    second.listen(ROOM, Ear())
    assert (await second.load(ROOM)).documents["notebook"].data == b"last words"


# ---------------------------------------------------------------- memory


async def test_what_was_not_committed_does_not_survive_a_crash():
    plans = []
    store, ear = MemoryStore(later=plans.append), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.append(ROOM, 1, "notebook", ONE, b"a")
    store.commit()
    store.append(ROOM, 2, "notebook", ONE, b"b")
    store.crash()
    assert store.stored(ROOM).documents["notebook"].data == b"a"
    assert ear.reports == [1]


# ---------------------------------------------------------------- a disk


async def test_the_second_server_is_told_who_has_the_room(folder):
    first = SqliteStore(folder, server="http://localhost:8888/")
    second = SqliteStore(folder, server="http://localhost:9999/")
    first.claim(ROOM)
    first.listen(ROOM, Ear())
    with pytest.raises(RoomElsewhere, match=rf"http://localhost:8888/ \(process {os.getpid()}\)"):
        second.claim(ROOM)
    second.claim(OTHER)
    second.listen(OTHER, Ear())
    await first.close()
    second.claim(ROOM)
    second.listen(ROOM, Ear())
    await second.close()
    assert list(folder.locks.iterdir()) == []


def test_a_lease_on_a_file_that_was_removed_meanwhile_is_not_a_lease(folder):
    first = leases.Lease.take(folder.locks, ROOM, holder="one")
    (folder.locks / "room.lock").unlink()
    second = leases.Lease.take(folder.locks, ROOM, holder="two")
    with pytest.raises(RoomElsewhere, match="server two"):
        leases.Lease.take(folder.locks, ROOM, holder="three")
    second.release()
    first.release()


def test_a_room_with_a_strange_name_stays_in_the_folder(folder):
    lease = leases.Lease.take(folder.locks, RoomId("../../etc/passwd"), holder="one")
    assert len(list(folder.locks.iterdir())) == 1
    lease.release()


async def test_two_servers_write_to_one_store(folder):
    stores = [SqliteStore(folder, server=name) for name in ("one", "two")]
    ears = [Ear(), Ear()]
    for index, store in enumerate(stores):
        store.claim(RoomId(f"room{index}"))
        store.listen(RoomId(f"room{index}"), ears[index])
    for number in range(1, 201):
        for index, store in enumerate(stores):
            store.append(RoomId(f"room{index}"), number, "notebook", ONE, b"%d," % number)
    for ear in ears:
        await ear.until(lambda ear=ear: ear.durable == 200)
    for index, store in enumerate(stores):
        found = await stores[1 - index].load(RoomId(f"room{index}"))
        assert found.documents["notebook"].data.count(b",") == 200
        await store.close()


def _kill_a_writer(root: Path, after: int) -> int:
    """The number that the writer had acknowledged when it was killed."""
    script = Path(__file__).with_name("store_writer.py")
    package = Path(jupyter_runtimed.__path__[0]).parent
    writer = subprocess.Popen(
        [sys.executable, script, root],
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


@pytest.mark.parametrize("after", [1, 70, 700])
async def test_what_was_acknowledged_is_there_after_kill_9(folder, after):
    acknowledged = await asyncio.to_thread(_kill_a_writer, folder.root, after)
    store = SqliteStore(folder, server="after the crash")
    store.claim(ROOM)
    store.listen(ROOM, Ear())
    data = (await store.load(ROOM)).documents["notebook"].data
    numbers = [int(part) for part in data.split(b",")[:-1]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= acknowledged >= after
    await store.close()


async def test_a_damaged_change_costs_that_change(folder):
    store, ear = SqliteStore(folder, server="here"), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    for number in range(2, 6):
        store.append(ROOM, number, "notebook", ONE, b"-%d" % number)
    await ear.until(lambda: ear.durable == 5)
    with closing(sqlite3.connect(folder.database, isolation_level=None)) as db:
        db.execute("UPDATE changes SET data = CAST('-X' AS BLOB) WHERE seq = 2")
    found = await store.load(ROOM)
    assert found.documents["notebook"].chunks == (b"whole", b"-2", b"-4", b"-5")
    assert "1 of the stored changes of the notebook document are damaged" in found.damage[0]
    await store.release(ROOM)
    again = await store.load(ROOM)
    assert again.damage == ()
    assert again.documents["notebook"].data == b"whole-2-4-5"
    with closing(sqlite3.connect(folder.database)) as db:
        assert db.execute("SELECT data FROM damaged").fetchall() == [(b"-X",)]
    await store.close()


async def test_a_damaged_whole_document_is_set_aside_and_the_other_one_kept(folder):
    store, ear = SqliteStore(folder, server="here"), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    store.append(ROOM, 2, "notebook", ONE, b"-a")
    store.replace(ROOM, 3, "runtime", ONE, b"runtime")
    await ear.until(lambda: ear.durable == 3)
    with closing(sqlite3.connect(folder.database, isolation_level=None)) as db:
        db.execute("UPDATE documents SET crc = crc + 1 WHERE name = 'notebook'")
    found = await store.load(ROOM)
    assert set(found.documents) == {"runtime"}
    assert found.damage == ("the stored notebook document is damaged and was set aside",)
    await store.close()
    with closing(sqlite3.connect(folder.database)) as db:
        assert db.execute("SELECT data FROM damaged").fetchall() == [(b"whole",), (b"-a",)]


async def test_a_store_of_a_newer_version_is_left_alone(folder):
    await SqliteStore(folder, server="here").close()
    with closing(sqlite3.connect(folder.database)) as db:
        db.execute("PRAGMA user_version = 7")
    with pytest.raises(StorageError, match=r"newer version .*schema 7.*upgrade"):
        SqliteStore(folder, server="here")


async def test_what_is_not_a_store_is_left_alone(folder):
    folder.database.write_bytes(b"not a database, but somebody's only copy" * 100)
    with pytest.raises(StorageError, match="move it away"):
        SqliteStore(folder, server="here")
    assert folder.database.read_bytes().startswith(b"not a database")


async def test_a_locked_store_makes_writes_wait_and_says_so(folder, monkeypatch):
    monkeypatch.setattr("jupyter_runtimed.host.sqlite_schema.BUSY_SECONDS", 0.01)
    store, ear = SqliteStore(folder, server="here"), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    with closing(sqlite3.connect(folder.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.append(ROOM, 1, "notebook", ONE, b"a")
        await ear.until(lambda: ear.failures)
        store.append(ROOM, 2, "notebook", ONE, b"b")
        other.execute("ROLLBACK")
    await ear.until(lambda: ear.durable == 2)
    assert "locked" in ear.failures[0]
    assert len(ear.failures) == 1
    assert (await store.load(ROOM)).documents["notebook"].data == b"ab"
    await store.close()


async def test_a_full_disk_loses_nothing_and_heals(folder):
    store, ear = SqliteStore(folder, server="here"), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.append(ROOM, 1, "notebook", ONE, b"before-")
    await ear.until(lambda: ear.durable == 1)
    # SQLite's own full disk; a new connection finds room again.
    store.writer.submit(Write(OTHER, rows=lambda db: db.execute("PRAGMA max_page_count = 12")))
    store.append(ROOM, 2, "notebook", ONE, b"x" * 100_000)
    store.append(ROOM, 3, "notebook", ONE, b"-after")
    await ear.until(lambda: any("full" in failure for failure in ear.failures))
    await ear.until(lambda: ear.durable == 3)
    data = (await store.load(ROOM)).documents["notebook"].data
    assert data == b"before-" + b"x" * 100_000 + b"-after"
    await store.close()


async def test_a_room_that_cannot_be_written_does_not_hold_up_the_others(folder):
    store, ear, other = SqliteStore(folder, server="here"), Ear(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.claim(OTHER)
    store.listen(OTHER, other)
    healed = asyncio.Event()

    def refuse(_):
        if not healed.is_set():
            raise sqlite3.DataError("too big")

    store.writer.submit(Write(ROOM, rows=refuse))
    store.append(ROOM, 1, "notebook", ONE, b"waits")
    store.append(OTHER, 1, "notebook", ONE, b"goes on")
    await other.until(lambda: other.durable == 1)
    await ear.until(lambda: ear.failures)
    assert ear.durable == 0
    healed.set()
    await ear.until(lambda: ear.durable == 1)
    await store.close()


async def test_what_cannot_be_written_at_the_end_is_said(folder):
    store, ear = SqliteStore(folder, server="here"), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.append(ROOM, 1, "notebook", ONE, b"a")
    await ear.until(lambda: ear.durable == 1)
    folder.database.rename(folder.root / "aside.db")
    store.writer.submit(Write(OTHER, rows=lambda db: db.close()))
    store.append(ROOM, 2, "notebook", ONE, b"b")
    await ear.until(lambda: ear.failures)
    with pytest.raises(StorageError, match=r"unsaved at the end.*room"):
        await store.close()


async def test_a_store_that_vanished_is_not_replaced_by_an_empty_one(folder):
    store, ear = SqliteStore(folder, server="here"), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    aside = folder.root / "aside.db"
    folder.database.rename(aside)
    store.append(ROOM, 1, "notebook", ONE, b"a")
    await ear.until(lambda: ear.failures)
    aside.rename(folder.database)
    await ear.until(lambda: ear.durable == 1)
    await store.close()


# ---------------------------------------------------------------- folding


async def _typed(store, ear, document, count, first):
    number = first
    for _ in range(count):
        document.put(crdt.ROOT, "n", number)
        document.commit(time=0)
        change = document.last_local_change()
        store.append(ROOM, number, "notebook", ONE, change.bytes)
        number += 1
    await ear.until(lambda: ear.durable == number - 1)
    return number


async def test_changes_that_outgrow_their_document_are_folded_into_it(folder):
    store, ear = SqliteStore(folder, server="here"), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    document = seeds.empty_notebook(b"\1" * 16)
    store.replace(ROOM, 1, "notebook", ONE, document.save())
    number = await _typed(store, ear, document, 1000, 2)
    await _typed(store, ear, document, 5, number)
    await store.release(ROOM)
    found = (await store.load(ROOM)).documents["notebook"]
    assert len(found.chunks) < 100
    again = crdt.load(found.data, actor=b"\2" * 16)
    assert crdt.heads_of(again) == crdt.heads_of(document)
    await store.close()


async def test_a_fold_that_was_overtaken_by_a_new_document_does_nothing(folder):
    store, ear = SqliteStore(folder, server="here", fold=whole_text), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "runtime", ONE, b"old")
    store.append(ROOM, 2, "runtime", ONE, b"-change")
    await ear.until(lambda: ear.durable == 2)
    cut, data = store._folded(ROOM, "runtime")
    store.replace(ROOM, 3, "runtime", ONE, b"new")
    await ear.until(lambda: ear.durable == 3)
    with closing(sqlite_store.connect(folder.database)) as db:
        sqlite_store.rows.compact(db, ROOM, "runtime", cut, data)
    assert (await store.load(ROOM)).documents["runtime"].data == b"new"
    await store.close()


# ---------------------------------------------------------------- the folder


async def test_a_copy_of_the_folder_is_a_backup(folder, tmp_path):
    store, ear = SqliteStore(folder, server="here"), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    for number in range(1, 301):
        store.append(ROOM, number, "notebook", ONE, b"%d," % number)
        if number % 100 == 0:
            await ear.until(lambda number=number: ear.durable >= number)
            await asyncio.to_thread(shutil.copytree, folder.root, tmp_path / f"copy{number}")
    for number in (100, 200, 300):
        copy = SqliteStore(DataDir(tmp_path / f"copy{number}"), server="copy")
        found = (await copy.load(ROOM)).documents["notebook"].data
        assert found.count(b",") == number
        await copy.close()
    await store.backup(tmp_path / "backup.db")
    with closing(sqlite3.connect(tmp_path / "backup.db")) as db:
        assert db.execute("SELECT count(*) FROM changes").fetchone() == (300,)
    await store.close()


def test_the_secret_is_made_once_and_is_nobody_elses(folder):
    secret = folder.secret()
    assert len(secret) == 32
    assert DataDir(folder.root).secret() == secret
    assert (folder.root / "secret").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.root.iterdir()) == ["blobs", "locks", "secret"]


def test_a_data_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another one"):
        DataDir(tmp_path / "file" / "data")
