"""What every store promises: an acceptance suite.

A new implementation joins by a line in `make`: something that opens the same store again and again,
with `fold` a function that joins chunks (`whole_text`), where it folds at all.
"""

import errno
import os
import threading

import pytest

from jupyter_runtimed.errors import RoomElsewhere, StorageError
from jupyter_runtimed.host import log_store, room_log
from jupyter_runtimed.host.log_store import LogStore
from jupyter_runtimed.host.memory_store import MemoryStore
from jupyter_runtimed.host.store import MOST_KEPT
from jupyter_runtimed.host.writer import Write
from jupyter_runtimed.room.events import BegunAnew, SavedState, Stamp

from .stores import AT, ONE, OTHER, ROOM, TWO, Ear, whole_text


@pytest.fixture(params=["memory", "logs"])
async def make(request, folder):
    """Opens the same store again and again, as servers that start one after another do."""
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
    store.remember(ROOM, 5, ("ab" * 32,), Stamp("hash", "then"), AT)
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
    store.remember(ROOM, 1, ("ab" * 32,), Stamp("old", "then"), AT)
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


async def test_changes_of_another_epoch_are_not_mixed_in(make):
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "runtime", TWO, b"new")
    store.append(ROOM, 2, "runtime", ONE, b"-stale")
    store.append(ROOM, 3, "runtime", TWO, b"-new")
    await ear.until(lambda: ear.durable == 3)
    assert (await store.load(ROOM)).documents["runtime"].data == b"new-new"


SAVED = SavedState(("ef" * 32,), Stamp("file", "then"))
ANEW = BegunAnew(former_epoch=ONE, former=b"whole-a", epoch=TWO, data=b"anew", saved=SAVED)


async def test_a_document_that_begins_anew_has_its_place_and_the_former_one_is_kept(make):
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    store.append(ROOM, 2, "notebook", ONE, b"-a")
    store.replace(ROOM, 3, "runtime", ONE, b"rt")
    await ear.until(lambda: ear.durable == 3)
    await store.begin_anew(ROOM, ANEW)
    await store.release(ROOM)
    await store.close()
    again = make()
    found = await again.load(ROOM)
    assert (found.documents["notebook"].epoch, found.documents["notebook"].data) == (TWO, b"anew")
    assert found.documents["runtime"].data == b"rt"
    assert found.saved == (SAVED.heads, SAVED.stamp)
    assert await again.former(ROOM, ONE) == b"whole-a"
    for other in (TWO, "../" + ONE, "*", ""):
        assert await again.former(ROOM, other) is None


async def test_what_follows_a_new_beginning_belongs_to_it(make):
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    await ear.until(lambda: ear.durable == 1)
    await store.begin_anew(ROOM, ANEW)
    store.append(ROOM, 2, "notebook", TWO, b"-b")
    await ear.until(lambda: ear.durable == 2)
    await store.close()
    assert (await make().load(ROOM)).documents["notebook"].data == b"anew-b"


async def test_what_was_saved_before_is_known_for_ten_minutes(make):
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    minutes = [0, 0, 1, 8, 12]
    for number, minute in enumerate(minutes, 1):
        store.remember(ROOM, number, (f"{number:064x}",), Stamp(f"f{number}", ""), minute * 60_000)
    store.remember(ROOM, 6, (f"{5:064x}",), Stamp("f5", ""), 12 * 60_000)
    await ear.until(lambda: ear.durable == 6)
    await store.release(ROOM)
    former = [
        (at // 60_000, heads[0][-1], stamp.hash)
        for at, heads, stamp in (await make().load(ROOM)).former
    ]
    assert former == [(8, "3", "f3"), (12, "4", "f4")]


async def test_of_what_was_saved_before_so_many_are_known(make):
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    for number in range(1, 101):
        store.remember(ROOM, number, (f"{number:064x}",), Stamp(f"f{number}", ""), AT)
    await ear.until(lambda: ear.durable == 100)
    await store.release(ROOM)
    former = (await make().load(ROOM)).former
    assert [stamp.hash for _, _, stamp in former] == [f"f{n}" for n in range(100 - MOST_KEPT, 100)]


async def test_a_room_can_be_moved_and_saved_again_and_again(make):
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    for number in range(1, 4):
        store.locate(ROOM, f"{number}.ipynb")
        await store.intend(ROOM, (f"{number:064x}",), Stamp(f"{number:064x}", ""))
        store.remember(ROOM, number, (f"{number:064x}",), Stamp(f"{number:064x}", "then"), AT)
    await ear.until(lambda: ear.durable == 3)
    await store.release(ROOM)
    found = await make().load(ROOM)
    assert found.path == "3.ipynb"
    assert found.saved == ((f"{3:064x}",), Stamp(f"{3:064x}", "then"))
    assert found.intended is None


async def test_many_changes_come_back_byte_by_byte(make):
    """Also those that look alike, are empty, or are large."""
    chunks = [os.urandom(3000), b"", *(b"\x85oJ\x83" + b"%04d" % n + bytes(90) for n in range(500))]
    chunks += [os.urandom(100_000), *chunks[2:40]]
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    for number, chunk in enumerate(chunks, 2):
        store.append(ROOM, number, "notebook", ONE, chunk)
    await ear.until(lambda: ear.durable == len(chunks) + 1)
    await store.release(ROOM)
    found = (await make().load(ROOM)).documents["notebook"]
    assert found.data == b"whole" + b"".join(chunks)


async def test_everything_submitted_is_durable_after_close(make):
    store, ear = make(), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    for number in range(1, 51):
        store.append(ROOM, number, "notebook", ONE, b"%d," % number)
    await store.close()
    found = (await make().load(ROOM)).documents["notebook"]
    assert found.data == b"".join(b"%d," % number for number in range(1, 51))


async def test_what_a_room_wrote_before_it_was_given_up_is_what_its_next_owner_builds_on(make):
    numbers = range(1, 6)
    for owner in numbers:
        store, ear = make(), Ear()
        store.claim(ROOM)
        found = await store.load(ROOM)
        written = b"" if found is None else found.documents["notebook"].data
        assert written == b"".join(b"%d," % number for number in range(1, owner))
        store.listen(ROOM, ear)
        store.append(ROOM, owner, "notebook", ONE, b"%d," % owner)
        await store.release(ROOM)


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


async def test_without_room_for_it_nothing_begins_anew(folder, monkeypatch):
    store, ear = LogStore(folder, server="here", fold=whole_text), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    await ear.until(lambda: ear.durable == 1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(room_log, "keep_aside", full)
        with pytest.raises(StorageError, match="no space left"):
            await store.begin_anew(ROOM, ANEW)
    store.append(ROOM, 2, "notebook", ONE, b"-b")
    await ear.until(lambda: ear.durable == 2)
    await store.close()
    again = LogStore(folder, server="here", fold=whole_text)
    assert (await again.load(ROOM)).documents["notebook"].data == b"whole-b"
    await again.close()


async def test_a_store_that_takes_too_long_does_not_begin_anew_later(folder, monkeypatch):
    """By then somebody may have opened the room as it was."""
    store, ear = LogStore(folder, server="here", fold=whole_text), Ear()
    store.claim(ROOM)
    store.listen(ROOM, ear)
    store.replace(ROOM, 1, "notebook", ONE, b"whole")
    await ear.until(lambda: ear.durable == 1)
    slow = threading.Event()
    store.writer.submit(Write(ROOM, files=slow.wait))
    monkeypatch.setattr(log_store, "RELEASE_SECONDS", 0)
    with pytest.raises(StorageError, match="too long"):
        await store.begin_anew(ROOM, ANEW)
    slow.set()
    store.append(ROOM, 2, "notebook", ONE, b"-b")
    await ear.until(lambda: ear.durable == 2)
    await store.close()
    again = LogStore(folder, server="here", fold=whole_text)
    assert (await again.load(ROOM)).documents["notebook"].data == b"whole-b"
    await again.close()
