"""Files on a disk: written whole or not at all, never over other work, and watched."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

import jupyter_runtimed
from jupyter_runtimed.errors import NotFound, SaveFailed, StorageError
from jupyter_runtimed.host.files import atomic_replace, file_state, overwrite
from jupyter_runtimed.host.files.local import LocalFiles
from jupyter_runtimed.host.files.port import Conflict, stamp_of
from jupyter_runtimed.host.files.watcher import Watcher


@pytest.fixture
async def watcher():
    watcher = Watcher()
    yield watcher
    await watcher.close()


@pytest.fixture
def root(tmp_path):
    return Path(tmp_path)


@pytest.fixture
def files(root, watcher):
    return LocalFiles(root, watcher)


def always(data):
    return lambda _: data


async def test_a_new_file_has_the_usual_mode(files, root):
    stamp = await files.write("a.ipynb", always(b"one"), None)
    assert await files.read("a.ipynb") == (b"one", stamp)
    umask = os.umask(0)
    os.umask(umask)
    assert (root / "a.ipynb").stat().st_mode & 0o777 == 0o666 & ~umask
    assert [path.name for path in root.iterdir()] == ["a.ipynb"]


async def test_an_unchanged_file_is_replaced(files, root):
    first = await files.write("a.ipynb", always(b"one"), None)
    file_state = []

    def render(data):
        file_state.append(data)
        return b"two"

    second = await files.write("a.ipynb", render, first)
    assert file_state == [b"one"]
    assert await files.read("a.ipynb") == (b"two", second)


async def test_an_outside_change_is_not_overwritten(files, root):
    stamp = await files.write("a.ipynb", always(b"one"), None)
    (root / "a.ipynb").write_bytes(b"theirs")
    result = await files.write("a.ipynb", always(b"two"), stamp)
    assert isinstance(result, Conflict)
    assert result.data == b"theirs"
    assert result.stamp == (await files.read("a.ipynb"))[1]
    assert isinstance(await files.write("a.ipynb", always(b"two"), None), Conflict)
    assert (root / "a.ipynb").read_bytes() == b"theirs"


async def test_an_outside_change_during_rendering_is_not_overwritten(files, root):
    stamp = await files.write("a.ipynb", always(b"one"), None)

    def render(data):
        (root / "a.ipynb").write_bytes(b"theirs, just now")
        return b"two"

    result = await files.write("a.ipynb", render, stamp)
    assert isinstance(result, Conflict)
    assert result.data == b"theirs, just now"
    assert [path.name for path in root.iterdir()] == ["a.ipynb"]


async def test_nothing_is_written_when_nothing_changed(files, root):
    stamp = await files.write("a.ipynb", always(b"one"), None)
    before = (root / "a.ipynb").stat()
    assert await files.write("a.ipynb", lambda data: data, stamp) == stamp
    after = (root / "a.ipynb").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_a_deleted_file_is_not_restored_without_a_request(files, root):
    stamp = await files.write("a.ipynb", always(b"one"), None)
    (root / "a.ipynb").unlink()
    with pytest.raises(NotFound):
        await files.write("a.ipynb", always(b"two"), stamp)
    assert list(root.iterdir()) == []
    with pytest.raises(NotFound):
        await files.read("a.ipynb")


async def test_a_save_keeps_mode_and_attributes(files, root):
    stamp = await files.write("a.ipynb", always(b"one"), None)
    path = root / "a.ipynb"
    path.chmod(0o640)
    attributes = True
    try:
        os.setxattr(path, "user.who", b"ana")
    except OSError:
        attributes = False
    await files.write("a.ipynb", always(b"two"), stamp)
    assert path.stat().st_mode & 0o777 == 0o640
    if attributes:
        assert os.getxattr(path, "user.who") == b"ana"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs two owners")
async def test_a_save_keeps_the_owner(files, root):
    stamp = await files.write("a.ipynb", always(b"one"), None)
    os.chown(root / "a.ipynb", 12345, 12345)
    await files.write("a.ipynb", always(b"two"), stamp)
    status = (root / "a.ipynb").stat()
    assert (status.st_uid, status.st_gid) == (12345, 12345)


async def test_a_file_whose_owner_cannot_be_set_is_overwritten_in_place(files, root, monkeypatch):
    stamp = await files.write("a.ipynb", always(b"one"), None)
    inode = (root / "a.ipynb").stat().st_ino
    copied = "jupyter_runtimed.host.files.atomic_replace._copy_metadata"
    monkeypatch.setattr(copied, lambda *_: False)
    await files.write("a.ipynb", always(b"two"), stamp)
    assert (root / "a.ipynb").read_bytes() == b"two"
    assert (root / "a.ipynb").stat().st_ino == inode
    assert [path.name for path in root.iterdir()] == ["a.ipynb"]


async def test_a_link_stays_a_link_and_its_target_is_replaced(files, root):
    (root / "real").mkdir()
    (root / "real" / "a.ipynb").write_bytes(b"one")
    (root / "link.ipynb").symlink_to(Path("real") / "a.ipynb")
    _, stamp = await files.read("link.ipynb")
    await files.write("link.ipynb", always(b"two"), stamp)
    assert (root / "link.ipynb").is_symlink()
    assert (root / "real" / "a.ipynb").read_bytes() == b"two"


async def test_hard_links_stay_one_file(files, root):
    stamp = await files.write("a.ipynb", always(b"one, and long"), None)
    os.link(root / "a.ipynb", root / "b.ipynb")
    await files.write("a.ipynb", always(b"two"), stamp)
    assert (root / "b.ipynb").read_bytes() == b"two"
    assert (root / "a.ipynb").samefile(root / "b.ipynb")
    assert len(list(root.iterdir())) == 2


async def test_a_read_only_file_stays_as_it_is(files, root):
    stamp = await files.write("a.ipynb", always(b"one"), None)
    (root / "a.ipynb").chmod(0o444)
    with pytest.raises(SaveFailed, match=r"a\.ipynb cannot be written: the file is read-only"):
        await files.write("a.ipynb", always(b"two"), stamp)
    assert (root / "a.ipynb").read_bytes() == b"one"
    assert len(list(root.iterdir())) == 1


async def test_a_missing_folder_is_reported(files, root):
    with pytest.raises(SaveFailed, match="its folder is gone"):
        await files.write("gone/a.ipynb", always(b"one"), None)


async def test_a_full_disk_leaves_the_old_file(files, root, monkeypatch):
    stamp = await files.write("a.ipynb", always(b"one"), None)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SaveFailed, match="the disk is full"):
        await files.write("a.ipynb", always(b"two"), stamp)
    assert [(p.name, p.read_bytes()) for p in root.iterdir()] == [("a.ipynb", b"one")]


@pytest.mark.parametrize("path", ["../a.ipynb", "a/../../b.ipynb", "", "/", "a\0b"])
async def test_a_path_outside_of_the_root_is_not_found(files, path):
    with pytest.raises(NotFound):
        await files.read(path)


async def test_a_folder_is_not_a_file(files, root):
    (root / "folder").mkdir()
    with pytest.raises(StorageError, match="folder cannot be read"):
        await files.read("folder")


WRITER = """
import asyncio, sys
from pathlib import Path
from jupyter_runtimed.host.files.local import LocalFiles
from jupyter_runtimed.host.files.watcher import Watcher

async def main():
    files = LocalFiles(Path(sys.argv[1]), Watcher())
    stamp = None
    for n in range(10**9):
        stamp = await files.write("a.ipynb", lambda _: b"%09d" % n * 100_000, stamp)
        print(n, flush=True)

asyncio.run(main())
"""


async def test_a_file_is_whole_after_a_kill_at_any_time(root):
    def kill_one(after):
        shutil.rmtree(root)
        root.mkdir()
        package = str(Path(jupyter_runtimed.__path__[0]).parent)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, root],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": package},
        )
        for line in writer.stdout:
            if int(line) >= after:
                writer.kill()
                break
        written = [after, *map(int, writer.stdout.read().split())]
        writer.wait()
        data = (root / "a.ipynb").read_bytes()
        assert len(data) == 900_000
        assert data == data[:9] * 100_000
        assert int(data[:9]) >= max(written)

    for after in (1, 3, 6):
        await asyncio.to_thread(kill_one, after)


# ---------------------------------------------------------------- watching


class ChangeSignal:
    def __init__(self):
        self._rung = asyncio.Event()

    def __call__(self):
        self._rung.set()

    async def heard(self):
        await asyncio.wait_for(self._rung.wait(), 30)
        self._rung.clear()


async def test_every_way_of_changing_a_file_is_reported(files, root):
    path = root / "a.ipynb"
    path.write_bytes(b"one")
    change_signal = ChangeSignal()
    files.watch("a.ipynb", change_signal)
    await change_signal.heard()
    path.write_bytes(b"two")
    await change_signal.heard()
    (root / "fresh").write_bytes(b"three")
    (root / "fresh").replace(path)
    await change_signal.heard()
    path.rename(root / "elsewhere")
    await change_signal.heard()
    (root / "elsewhere").rename(path)
    await change_signal.heard()
    path.unlink()
    await change_signal.heard()


async def test_rooms_that_come_and_go_do_not_make_others_miss_a_change(files, root):
    (root / "a.ipynb").write_bytes(b"one")
    change_signal = ChangeSignal()
    files.watch("a.ipynb", change_signal)
    await change_signal.heard()
    for number in range(5):
        folder = root / f"folder{number}"
        folder.mkdir()
        (folder / "b.ipynb").write_bytes(b"")
        other = ChangeSignal()
        unwatch = files.watch(f"folder{number}/b.ipynb", other)
        (root / "a.ipynb").write_bytes(b"change %d" % number)
        await change_signal.heard()
        await other.heard()
        unwatch()
    (root / "a.ipynb").write_bytes(b"the last change")
    await change_signal.heard()


async def test_a_change_of_the_target_of_a_link_is_reported(files, root):
    (root / "real").mkdir()
    (root / "real" / "a.ipynb").write_bytes(b"one")
    (root / "link.ipynb").symlink_to(root / "real" / "a.ipynb")
    change_signal = ChangeSignal()
    files.watch("link.ipynb", change_signal)
    await change_signal.heard()
    (root / "real" / "a.ipynb").write_bytes(b"two")
    await change_signal.heard()


def test_a_stamp_has_the_form_of_the_contents_api():
    stamp = stamp_of(b"", 0.5)
    assert stamp.last_modified == "1970-01-01T00:00:00.500000Z"
    assert stamp.hash.startswith("e3b0c44298fc1c14")


@pytest.mark.skipif(os.name == "nt", reason="no pipes in folders")
async def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(files, root):
    stamp = await files.write("a.ipynb", always(b"one"), None)
    (root / "a.ipynb").unlink()
    os.mkfifo(root / "a.ipynb")
    with pytest.raises(StorageError, match="not a regular file"):
        await files.read("a.ipynb")
    with pytest.raises(SaveFailed, match="not a regular file"):
        await files.write("a.ipynb", always(b"two"), stamp)


async def test_the_second_of_two_writes_of_one_version_is_a_conflict(files, root, monkeypatch):
    stamp = await files.write("real.ipynb", always(b"none"), None)
    (root / "link.ipynb").symlink_to("real.ipynb")
    both_have_checked = threading.Barrier(2)

    def is_still(target, before):
        same = file_state.is_unchanged(target, before)
        with suppress(threading.BrokenBarrierError):
            both_have_checked.wait(0.5)
        return same

    monkeypatch.setattr(atomic_replace, "is_unchanged", is_still)
    written = await asyncio.gather(
        files.write("real.ipynb", always(b"one"), stamp),
        files.write("link.ipynb", always(b"two"), stamp),
    )
    assert sorted(isinstance(it, Conflict) for it in written) == [False, True]
    (first,) = (it for it in written if not isinstance(it, Conflict))
    assert await files.read("real.ipynb") == (b"one" if written[0] is first else b"two", first)


async def test_a_reader_waits_while_another_name_of_the_file_is_overwritten(
    files, root, monkeypatch
):
    stamp = await files.write("a.ipynb", always(b'{"old": 1}'), None)
    os.link(root / "a.ipynb", root / "b.ipynb")
    writes, read = overwrite._write_at, threading.Event()
    readers = []

    def write_at(handle, place, data):
        writes(handle, place, data)
        if not readers:
            readers.append(asyncio.run_coroutine_threadsafe(files.read("b.ipynb"), loop))
            readers[0].add_done_callback(lambda _: read.set())
        read.wait(0.2)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(overwrite, "_write_at", write_at)
    await files.write("a.ipynb", always(b'{"new": 22}'), stamp)
    data, _ = await asyncio.wrap_future(readers[0])
    assert data == b'{"new": 22}'
