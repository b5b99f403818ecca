"""Acceptance suite of every store.

To add an implementation, add a function to `make` that opens the same store repeatedly. If the
store compacts, its argument `fold` joins chunks (`whole_text`).
"""

import errno
import os
import threading

import pytest

from jupyter_runtimed.document.file_version import FileStamp, FileVersion, RotatedNotebook
from jupyter_runtimed.errors import RoomElsewhere, StorageError
from jupyter_runtimed.host.storage import log_store, room_log
from jupyter_runtimed.host.storage.commit_thread import Write
from jupyter_runtimed.host.storage.log_store import LogStore
from jupyter_runtimed.host.storage.store import FIRST, MOST_KEPT, MOST_TRIED, Place
from tests.support.memory_store import MemoryStore

from .stores import AT, ONE, OTHER, ROOM, TWO, StoreListener, whole_text


@pytest.fixture(params=["memory", "logs"])
async def make(request, folder):
    """Opens the same store repeatedly, as successive servers do."""
    memory = MemoryStore()
    opened = []

    def make():
        if request.param == "memory":
            return memory
        opened.append(LogStore(folder, server="here", fold=whole_text))
        return opened[-1]

    yield make
    for store in opened:
        await store.close()


async def test_a_room_that_was_never_stored_is_none(make):
    assert await make().load(ROOM) is None


async def test_stored_changes_are_read_in_order(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    store.append(ROOM, 2, "notebook", ONE, b"-a")
    store.replace(ROOM, 3, "runtime", TWO, b"rt")
    store.append(ROOM, 4, "notebook", ONE, b"-b")
    store.set_path(ROOM, "a/b.ipynb")
    await store.begin_save(ROOM, ("cd" * 32,), FileStamp("to be", ""))
    store.finish_save(ROOM, 5, ("ab" * 32,), FileStamp("hash", "then"), AT)
    await listener.until(lambda: listener.durable == 5)
    await store.close()
    found = await make().load(ROOM)
    assert found.path == "a/b.ipynb"
    assert found.saved == (("ab" * 32,), FileStamp("hash", "then"))
    assert found.intended is None
    assert found.documents["notebook"].epoch == ONE
    assert found.documents["notebook"].data == b"whole-a-b"
    assert found.documents["runtime"].data == b"rt"
    assert found.damage == ()


async def test_an_intended_save_is_known_after_a_crash(make):
    store = make()
    store.lock(ROOM)
    store.finish_save(ROOM, 1, ("ab" * 32,), FileStamp("old", "then"), AT)
    await store.begin_save(ROOM, ("cd" * 32,), FileStamp("new", ""))
    found = await store.load(ROOM)
    assert found.saved == (("ab" * 32,), FileStamp("old", "then"))
    assert found.intended == (("cd" * 32,), FileStamp("new", ""))


async def test_a_replaced_document_drops_its_earlier_changes(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "runtime", ONE, b"old")
    store.append(ROOM, 2, "runtime", ONE, b"-old")
    store.replace(ROOM, 3, "runtime", TWO, b"new")
    store.append(ROOM, 4, "runtime", TWO, b"-new")
    await listener.until(lambda: listener.durable == 4)
    found = (await store.load(ROOM)).documents["runtime"]
    assert (found.epoch, found.data) == (TWO, b"new-new")


async def test_durable_numbers_are_reported_in_rising_order_and_grouped(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    for number in range(1, 1001):
        store.append(ROOM, number, "notebook", ONE, b"x")
    await listener.until(lambda: listener.durable == 1000)
    assert listener.reports == sorted(listener.reports)
    assert len(listener.reports) < 100


async def test_rooms_are_independent(make):
    store, listener, other = make(), StoreListener(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.lock(OTHER)
    store.listen(OTHER, other)
    store.append(ROOM, 1, "notebook", ONE, b"mine")
    store.append(OTHER, 9, "notebook", ONE, b"yours")
    await listener.until(lambda: listener.durable)
    await other.until(lambda: other.durable)
    assert (listener.reports, other.reports) == ([1], [9])
    assert (await store.load(ROOM)).documents["notebook"].data == b"mine"
    assert (await store.load(OTHER)).documents["notebook"].data == b"yours"


async def test_the_mark_of_the_root_folder_is_kept(make):
    store = make()
    store.lock(ROOM)
    store.bind(ROOM, "mark")
    store.append(ROOM, 1, "notebook", ONE, b"x")
    await store.unlock(ROOM)
    store = make()
    store.lock(ROOM)
    assert (await store.load(ROOM)).root == "mark"
    store.bind(ROOM, "another")
    await store.rotate(
        ROOM, RotatedNotebook(ONE, b"x", TWO, b"y", FileVersion((), FileStamp("h", "")))
    )
    await store.unlock(ROOM)
    assert (await make().load(ROOM)).root == "another"
    await store.close()


async def test_the_places_of_a_room_are_independent(make):
    store, there = make(), Place("0123abcd")
    assert list(await store.places(ROOM)) == []
    assert await store.look(ROOM, there) is None
    store.lock(ROOM)
    store.listen(ROOM, StoreListener())
    store.replace(ROOM, 1, "notebook", ONE, b"mine")
    store.bind(ROOM, "mine")
    await store.unlock(ROOM)
    store.lock(ROOM, there)
    store.listen(ROOM, StoreListener())
    assert await store.load(ROOM) is None
    store.replace(ROOM, 1, "notebook", TWO, b"yours")
    store.append(ROOM, 2, "notebook", TWO, b"-a")
    await store.begin_save(ROOM, ("cd" * 32,), FileStamp("new", ""))
    assert (await store.load(ROOM)).documents["notebook"].data == b"yours-a"
    assert await store.former(ROOM, ONE) == b"mine", "the former document is not found"
    assert await store.former(ROOM, TWO) is None, "the present document counts as a former one"
    await store.unlock(ROOM)
    store = make()
    assert list(await store.places(ROOM)) == [there]
    assert list(await store.places(OTHER)) == []
    first, second = await store.look(ROOM, FIRST), await store.look(ROOM, there)
    assert first.documents["notebook"].data == b"mine"
    assert (first.root, first.intended) == ("mine", None)
    assert second.documents["notebook"].data == b"yours-a"
    assert (second.root, second.intended) == ("", (("cd" * 32,), FileStamp("new", "")))


async def test_a_room_has_one_owner_until_it_is_released(make):
    store = make()
    store.lock(ROOM)
    store.listen(ROOM, StoreListener())
    second = make()
    with pytest.raises(RoomElsewhere):
        second.lock(ROOM)
    store.append(ROOM, 1, "notebook", ONE, b"last words")
    await store.unlock(ROOM)
    second.lock(ROOM)
    second.listen(ROOM, StoreListener())
    assert (await second.load(ROOM)).documents["notebook"].data == b"last words"


async def test_changes_of_another_epoch_are_not_mixed_in(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "runtime", TWO, b"new")
    store.append(ROOM, 2, "runtime", ONE, b"-stale")
    store.append(ROOM, 3, "runtime", TWO, b"-new")
    await listener.until(lambda: listener.durable == 3)
    assert (await store.load(ROOM)).documents["runtime"].data == b"new-new"


SAVED = FileVersion(("ef" * 32,), FileStamp("file", "then"))
ROTATED = RotatedNotebook(former_epoch=ONE, former=b"whole-a", epoch=TWO, data=b"anew", saved=SAVED)


async def test_a_rotated_document_is_stored_and_the_previous_one_archived(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    store.append(ROOM, 2, "notebook", ONE, b"-a")
    store.replace(ROOM, 3, "runtime", ONE, b"rt")
    await listener.until(lambda: listener.durable == 3)
    await store.rotate(ROOM, ROTATED)
    await store.unlock(ROOM)
    await store.close()
    again = make()
    found = await again.load(ROOM)
    assert (found.documents["notebook"].epoch, found.documents["notebook"].data) == (TWO, b"anew")
    assert found.documents["runtime"].data == b"rt"
    assert found.saved == (SAVED.heads, SAVED.stamp)
    assert await again.former(ROOM, ONE) == b"whole-a"
    for other in (TWO, "../" + ONE, "*", ""):
        assert await again.former(ROOM, other) is None


async def test_changes_after_a_rotation_belong_to_the_new_document(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    await listener.until(lambda: listener.durable == 1)
    await store.rotate(ROOM, ROTATED)
    store.append(ROOM, 2, "notebook", TWO, b"-b")
    await listener.until(lambda: listener.durable == 2)
    await store.close()
    assert (await make().load(ROOM)).documents["notebook"].data == b"anew-b"


async def test_saved_file_versions_are_known_for_ten_minutes(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    minutes = [0, 0, 1, 8, 12]
    for number, minute in enumerate(minutes, 1):
        store.finish_save(
            ROOM, number, (f"{number:064x}",), FileStamp(f"f{number}", ""), minute * 60_000
        )
    store.finish_save(ROOM, 6, (f"{5:064x}",), FileStamp("f5", ""), 12 * 60_000)
    await listener.until(lambda: listener.durable == 6)
    await store.unlock(ROOM)
    former = [
        (at // 60_000, heads[0][-1], stamp.hash)
        for at, heads, stamp in (await make().load(ROOM)).former
    ]
    assert former == [(8, "3", "f3"), (12, "4", "f4")]


async def test_the_number_of_known_file_versions_is_limited(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    for number in range(1, 101):
        store.finish_save(ROOM, number, (f"{number:064x}",), FileStamp(f"f{number}", ""), AT)
    await listener.until(lambda: listener.durable == 100)
    await store.unlock(ROOM)
    former = (await make().load(ROOM)).former
    assert [stamp.hash for _, _, stamp in former] == [f"f{n}" for n in range(100 - MOST_KEPT, 100)]


async def test_failed_saves_are_known_until_the_file_holds_them(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)

    async def intend(number):
        await store.begin_save(ROOM, (f"{number:064x}",), FileStamp(f"{number:064x}", ""))

    async def tried():
        return [int(stamp.hash, 16) for _, stamp in (await store.load(ROOM)).tried]

    store.finish_save(ROOM, 1, ("ab" * 32,), FileStamp("00" * 32, "then"), AT)
    for number in (1, 2, 2, 3):
        await intend(number)
    assert await tried() == [1, 2]
    assert (await store.load(ROOM)).intended == ((f"{3:064x}",), FileStamp(f"{3:064x}", ""))
    store.finish_save(ROOM, 2, (f"{2:064x}",), FileStamp(f"{2:064x}", "then"), AT)
    await listener.until(lambda: listener.durable == 2)
    assert await tried() == [1, 3], "another failed save was removed"
    for number in range(10, 30):
        await intend(number)
    assert await tried() == list(range(29 - MOST_TRIED, 29))
    await store.rotate(ROOM, ROTATED)
    assert await tried() == []
    await store.unlock(ROOM)


async def test_a_room_can_be_moved_and_saved_again_and_again(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    for number in range(1, 4):
        store.set_path(ROOM, f"{number}.ipynb")
        await store.begin_save(ROOM, (f"{number:064x}",), FileStamp(f"{number:064x}", ""))
        store.finish_save(
            ROOM, number, (f"{number:064x}",), FileStamp(f"{number:064x}", "then"), AT
        )
    await listener.until(lambda: listener.durable == 3)
    await store.unlock(ROOM)
    found = await make().load(ROOM)
    assert found.path == "3.ipynb"
    assert found.saved == ((f"{3:064x}",), FileStamp(f"{3:064x}", "then"))
    assert found.intended is None


async def test_many_changes_come_back_byte_by_byte(make):
    """This includes similar, empty and large changes."""
    chunks = [os.urandom(3000), b"", *(b"\x85oJ\x83" + b"%04d" % n + bytes(90) for n in range(500))]
    chunks += [os.urandom(100_000), *chunks[2:40]]
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    for number, chunk in enumerate(chunks, 2):
        store.append(ROOM, number, "notebook", ONE, chunk)
    await listener.until(lambda: listener.durable == len(chunks) + 1)
    await store.unlock(ROOM)
    found = (await make().load(ROOM)).documents["notebook"]
    assert found.data == b"whole" + b"".join(chunks)


async def test_everything_submitted_is_durable_after_close(make):
    store, listener = make(), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    for number in range(1, 51):
        store.append(ROOM, number, "notebook", ONE, b"%d," % number)
    await store.close()
    found = (await make().load(ROOM)).documents["notebook"]
    assert found.data == b"".join(b"%d," % number for number in range(1, 51))


async def test_the_next_owner_of_a_room_continues_from_its_last_write(make):
    numbers = range(1, 6)
    for owner in numbers:
        store, listener = make(), StoreListener()
        store.lock(ROOM)
        found = await store.load(ROOM)
        written = b"" if found is None else found.documents["notebook"].data
        assert written == b"".join(b"%d," % number for number in range(1, owner))
        store.listen(ROOM, listener)
        store.append(ROOM, owner, "notebook", ONE, b"%d," % owner)
        await store.unlock(ROOM)


# ---------------------------------------------------------------- memory


async def test_uncommitted_changes_do_not_survive_a_crash():
    plans = []
    store, listener = MemoryStore(later=plans.append), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.append(ROOM, 1, "notebook", ONE, b"a")
    store.commit()
    store.append(ROOM, 2, "notebook", ONE, b"b")
    store.crash()
    assert store.stored(ROOM).documents["notebook"].data == b"a"
    assert listener.reports == [1]


async def test_a_rotation_without_disk_space_changes_nothing(folder, monkeypatch):
    store, listener = LogStore(folder, server="here", fold=whole_text), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    await listener.until(lambda: listener.durable == 1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(room_log, "archive", full)
        with pytest.raises(StorageError, match="no space left"):
            await store.rotate(ROOM, ROTATED)
    store.append(ROOM, 2, "notebook", ONE, b"-b")
    await listener.until(lambda: listener.durable == 2)
    await store.close()
    again = LogStore(folder, server="here", fold=whole_text)
    assert (await again.load(ROOM)).documents["notebook"].data == b"whole-b"
    await again.close()


async def test_a_rotation_that_timed_out_does_not_happen_later(folder, monkeypatch):
    """Another client may have opened the old document by then."""
    store, listener = LogStore(folder, server="here", fold=whole_text), StoreListener()
    store.lock(ROOM)
    store.listen(ROOM, listener)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    await listener.until(lambda: listener.durable == 1)
    slow = threading.Event()
    store.writer.submit(Write(ROOM, before_commit=slow.wait))
    monkeypatch.setattr(log_store, "RELEASE_SECONDS", 0)
    with pytest.raises(StorageError, match="too long"):
        await store.rotate(ROOM, ROTATED)
    slow.set()
    store.append(ROOM, 2, "notebook", ONE, b"-b")
    await listener.until(lambda: listener.durable == 2)
    await store.close()
    again = LogStore(folder, server="here", fold=whole_text)
    assert (await again.load(ROOM)).documents["notebook"].data == b"whole-b"
    await again.close()
