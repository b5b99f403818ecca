"""Rooms on real mounts that refuse a step of an atomic replace: each notebook is saved."""

import asyncio
import errno
import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import jupyter_runtimed
from jupyter_runtimed.host.files.local import LocalFiles
from jupyter_runtimed.host.files.watcher import Watcher
from jupyter_runtimed.host.storage import room_lock as leases
from tests.support.fuse_mount import fuse_mount

from .conftest import Place, notebook
from .local_client import LocalClient

MOUNTS = {
    "SMB": ("fsyncdir=EINVAL", "chmod=EPERM", "chown=EPERM"),
    "sshfs": ("rename=EPERM", "fsyncdir=ENOSYS"),
    "gvfs": ("rename=EEXIST", "chmod=ENOTSUP", "utimens=ENOTSUP", "fsync=ENOTSUP"),
    "a file of its own": ("rename=EBUSY", "create=EACCES"),
    "no syncs": ("fsync=EINVAL", "fsyncdir=EINVAL"),
}
DATA_MOUNTS = {
    "no hard links": ("link=EPERM",),
    "no syncs": ("link=ENOTSUP", "fsync=EINVAL", "fsyncdir=EINVAL"),
    "no times, no modes": ("utimens=EPERM", "chmod=EPERM"),
    "no renaming over files": ("rename=EEXIST", "link=EPERM"),
}


@pytest.fixture
def mounted():
    with ExitStack() as stack:
        yield stack


@contextmanager
def bind_mount(source, point):
    bound = subprocess.run(["mount", "--bind", source, point], capture_output=True, check=False)
    if bound.returncode:
        pytest.skip(f"no bind mounts here: {bound.stderr.decode()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", point], check=True)


async def story(place, changed):
    """Open, type and save several times; the file and the room have each word once."""
    host = await place.server().open("a.ipynb")
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live)
    words = [f"<{number}>" for number in range(4)]
    for number, word in enumerate(words, 1):
        ana.type("c0", word)
        reply = await ana.call("save")
        assert reply.error is None, reply.error
        assert changed() == ["x = 1" + "".join(words[:number])]
    assert ana.source("c0") == "x = 1" + "".join(words)
    assert ana.events("merged") == ana.events("save_failed") == []


@pytest.mark.parametrize("kind", MOUNTS)
async def test_a_notebook_is_saved_on_a_mount_like(tmp_path, mounted, kind):
    mounted.enter_context(fuse_mount(tmp_path / "source", tmp_path / "notebooks", *MOUNTS[kind]))
    (tmp_path / "source" / "a.ipynb").write_bytes(notebook("x = 1"))
    place = Place(tmp_path)
    try:
        await story(place, place.sources)
    finally:
        await place.close()
    assert [path.name for path in (tmp_path / "source").iterdir()] == ["a.ipynb"]


@pytest.mark.parametrize("kind", DATA_MOUNTS)
async def test_a_notebook_opens_with_a_data_folder_that_has(tmp_path, mounted, kind):
    mounted.enter_context(fuse_mount(tmp_path / "source", tmp_path / "data", *DATA_MOUNTS[kind]))
    place = Place(tmp_path)
    place.put("a.ipynb", notebook("x = 1"))
    try:
        await story(place, place.sources)
    finally:
        await place.close()
    again = Place(tmp_path)
    try:
        host = await again.server().open("a.ipynb")
        assert host.room.notebook.source("c0") == "x = 1<0><1><2><3>"
    finally:
        await again.close()


async def test_a_notebook_opens_without_file_locks_and_in_one_server_only(place, monkeypatch):
    def refused(_handle):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(leases, "_lock", refused)
    place.put("a.ipynb", notebook("x = 1"))
    await story(place, place.sources)
    with pytest.raises(leases.RoomElsewhere, match=f"process {os.getpid()}"):
        await place.server().open("a.ipynb")
    assert leases.holder_of(place.data / "locks", place.room_id("a.ipynb"))


async def test_without_file_locks_the_room_of_a_dead_server_is_free(place, monkeypatch):
    def refused(_handle):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(leases, "_lock", refused)
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
    await ended.wait()
    lock = place.data / "locks" / f"{place.room_id('a.ipynb')}.lock"
    lock.parent.mkdir(parents=True)
    about = {"server": "old", "pid": ended.pid, "host": leases.platform.node(), "started": "1"}
    lock.write_text(json.dumps(about))
    place.put("a.ipynb", notebook("x = 1"))
    await story(place, place.sources)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount")
async def test_a_notebook_that_is_a_mount_of_its_own_is_saved(tmp_path):
    place = Place(tmp_path)
    outside = tmp_path / "outside.ipynb"
    outside.write_bytes(notebook("x = 1"))
    point = place.root / "a.ipynb"
    point.touch()
    with bind_mount(outside, point):
        await story(place, place.sources)
        await place.close()
    assert b"<3>" in outside.read_bytes()
    assert [path.name for path in place.root.iterdir()] == ["a.ipynb"]


async def test_a_notebook_with_the_longest_possible_name_is_saved(tmp_path):
    place = Place(tmp_path)
    name = "n" * (os.pathconf(place.root, "PC_NAME_MAX") - len(".ipynb")) + ".ipynb"
    place.room_id = lambda _: "long"
    place.put(name, notebook("x = 1"))
    try:
        ana = LocalClient(await place.server().open(name))
        await ana.until(lambda: ana.peer.live)
        ana.type("c0", " typed")
        assert (await ana.call("save")).error is None
        assert place.sources(name) == ["x = 1 typed"]
    finally:
        await place.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from jupyter_runtimed.host.files.local import LocalFiles
from jupyter_runtimed.host.files.watcher import Watcher

async def main():
    files = LocalFiles(Path(sys.argv[1]), Watcher(), Path(sys.argv[2]))
    _, stamp = await files.read("a.ipynb")
    for n in range(10**9):
        # Lengths go up and down, and a mix of two states may well be JSON.
        data = b'["' + b"%09d" % n * (20_000 + n % 7 * 3_000) + b'"]'
        stamp = await files.write("a.ipynb", lambda _: data, stamp)
        print(n, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("refused", [("rename=EPERM",), ("rename=EPERM", "create=EACCES")])
async def test_a_killed_overwrite_in_place_is_completed_on_reading(tmp_path, mounted, refused):
    root, copies = tmp_path / "root", tmp_path / "copies"
    mounted.enter_context(fuse_mount(tmp_path / "source", root, *refused))
    (tmp_path / "source" / "a.ipynb").write_bytes(b'["000000000"]')
    package = str(Path(jupyter_runtimed.__path__[0]).parent)

    def write_and_kill(after):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, root, copies],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": package},
        )
        for line in writer.stdout:
            if int(line) >= after:
                writer.kill()
                break
        writer.stdout.read()
        writer.wait()

    for after in (2, 5):
        await asyncio.to_thread(write_and_kill, after)
        data, _ = await LocalFiles(root, Watcher(), copies).read("a.ipynb")
        (text,) = json.loads(data)
        assert text == text[:9] * (len(text) // 9), "two states are mixed"
        assert int(text[:9]) >= after
    # A temporary file that was not renamed may remain; the server removes it later.
    beside = [path.name for path in (tmp_path / "source").glob(".*") if "-" not in path.name]
    assert beside == [path.name for path in copies.glob("*")] == []
