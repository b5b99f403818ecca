"""A file that is read-only, deleted, renamed or unreachable, on a real disk."""

import errno

from jupyter_runtimed.host.files import local

from .conftest import notebook
from .test_room_file import joined, quiet


async def opened(place):
    place.put("folder/a.ipynb", notebook("a = 1"))
    return await joined(await place.server().open("folder/a.ipynb"))


async def test_a_read_only_file_is_reported_once_when_it_is_opened(place):
    place.put("a.ipynb", notebook("a = 1"))
    file = place.root / "a.ipynb"
    file.chmod(0o444)
    ana = await joined(await place.server().open("a.ipynb"))
    told = await ana.wait_for_event("writable")
    assert not told["ok"] and "read-only" in told["message"]
    ana.type("c0", " # typed")
    await ana.wait_for_event("save_failed")
    for _ in range(3):
        assert (await ana.call("save")).error["code"] == "save-failed"
    assert len(ana.events("writable")) == len(ana.events("save_failed")) == 1
    file.chmod(0o644)
    await ana.wait_for_event("saved")
    assert ana.events("writable")[-1]["ok"]
    assert place.sources() == ["a = 1 # typed"]


async def test_a_file_that_becomes_read_only_is_reported(place, monkeypatch):
    monkeypatch.setattr("jupyter_runtimed.host.room_file.FIRST_LOOK_SECONDS", 0.05)
    place.put("a.ipynb", notebook("a = 1"))
    ana = await joined(await place.server().open("a.ipynb"))
    await quiet(ana)
    (place.root / "a.ipynb").chmod(0o444)
    ana.type("c0", " # typed")
    assert not (await ana.wait_for_event("writable"))["ok"]
    (place.root / "a.ipynb").chmod(0o644)
    await ana.wait_for_event("writable", 2)
    await ana.wait_for_event("saved")
    assert place.sources() == ["a = 1 # typed"]


async def test_a_file_renamed_outside_is_reported_and_restored_under_its_name(place):
    ana = await opened(place)
    file = place.root / "folder/a.ipynb"
    file.rename(file.with_name("b.ipynb"))
    assert (await ana.wait_for_event("deleted"))["why"] == "deleted"
    assert (await ana.call("save")).error is None
    assert place.sources("folder/a.ipynb") == ["a = 1"]
    assert place.sources("folder/b.ipynb") == ["a = 1"]


async def test_a_file_whose_folder_comes_back_is_found(place, monkeypatch):
    monkeypatch.setattr("jupyter_runtimed.host.room_file.FIRST_LOOK_SECONDS", 0.05)
    ana = await opened(place)
    folder = place.root / "folder"
    folder.rename(place.root / "elsewhere")
    await ana.wait_for_event("deleted")
    ana.type("c0", " # typed")
    error = (await ana.call("save")).error
    assert "its folder is gone" in error["message"]
    (place.root / "elsewhere").rename(folder)
    await ana.wait_for_event("saved")
    await quiet(ana)
    assert place.sources("folder/a.ipynb") == ["a = 1 # typed"]


async def test_a_mount_that_does_not_answer_is_not_a_deleted_file(place, monkeypatch):
    monkeypatch.setattr("jupyter_runtimed.host.room_file.LOOK_AGAIN_SECONDS", 0.05)
    ana = await opened(place)
    await quiet(ana)
    look = local.read_state

    def stale(target):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(local, "read_state", stale)
    ana.host._file.changed()
    told = await ana.wait_for_event("file")
    assert not told["ok"] and "Stale file handle" in told["message"]
    monkeypatch.setattr(local, "read_state", look)
    assert (await ana.wait_for_event("file", 2))["ok"]
    assert ana.events("deleted") == []


async def test_a_file_with_conflict_marks_is_not_a_deleted_file(place, monkeypatch):
    monkeypatch.setattr("jupyter_runtimed.host.room_file.TRIES", 1)
    ana = await opened(place)
    place.put("folder/a.ipynb", b"<<<<<<< mine")
    assert (await ana.wait_for_event("deleted"))["why"] == "not-a-notebook"
