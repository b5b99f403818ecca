"""Replacing a file if steps of an atomic replace are refused or fail.

Two tables: the refusals of a kind of mount (each notebook is still written, with one log line), and
each single call of the operating system that fails in turn (a save fails only if the old bytes are
there).
"""

import asyncio
import errno
import logging
import os
from pathlib import Path

import pytest

from jupyter_runtimed.errors import NotFound, SaveFailed
from jupyter_runtimed.host.files.file_state import token
from jupyter_runtimed.host.files.local import LocalFiles
from jupyter_runtimed.host.files.port import Conflict
from jupyter_runtimed.host.files.watcher import Watcher
from tests.support.failing_calls import FailingCalls

OLD = b'{"the": "old one"}\n'
NEW = b'{"the": "new one, which is longer"}\n'
SHORT = b"{}\n"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the calls of a POSIX system")


class Disk:
    def __init__(self, tmp_path, monkeypatch):
        self.root = tmp_path / "root"
        self.copies = tmp_path / "data" / "copies"
        self.root.mkdir()
        self.copies.parent.mkdir()
        self.path = self.root / "a.ipynb"
        self.path.write_bytes(OLD)
        self.files = LocalFiles(self.root, Watcher(), self.copies)
        self.calls = FailingCalls(monkeypatch, tmp_path)

    async def write(self, data):
        _, stamp = await self.files.read("a.ipynb")
        return await self.files.write("a.ipynb", lambda _: data, stamp)

    def left(self):
        """Return the files beside the notebook and in the data folder."""
        beside = [path.name for path in self.root.iterdir() if path != self.path]
        return beside + [path.name for path in self.copies.glob("*")]


@pytest.fixture
def disk(tmp_path, monkeypatch):
    return Disk(tmp_path, monkeypatch)


def is_new(args):
    """Return whether a call of `open` creates a file beside the notebook."""
    return bool(args[1] & os.O_CREAT) and not os.fspath(args[0]).endswith("a.ipynb")


def names(*refused, error, when=lambda _name, _args: True):
    return lambda name, *args: error if name in refused and when(name, args) else None


def creating(*, error, anywhere=False):
    def when(_, args):
        return is_new(args) and (anywhere or "/copies/" not in os.fspath(args[0]))

    return names("open", error=error, when=when)


def folders(error):
    return names("open", error=error, when=lambda _, args: Path(args[0]).is_dir())


def exclusive(error):
    return names("open", error=error, when=lambda _, args: bool(args[1] & os.O_EXCL))


def in_the_middle(error):
    """Refuse writing in the middle, truncating, and renaming over a file."""
    return names("lseek", "ftruncate", "replace", error=error)


REFUSED = {
    "chmod": names("chmod", error=errno.EPERM),
    "chmod is unknown": names("chmod", error=errno.ENOSYS),
    "chown": names("chown", error=errno.EPERM),
    "utime": names("utime", error=errno.EPERM),
    "attributes EINVAL": names("listxattr", "getxattr", "setxattr", error=errno.EINVAL),
    "attributes ENOTSUP": names("listxattr", error=errno.ENOTSUP),
    "access": names("access", error=errno.EACCES),
    "sync of a file": names("fsync", "fdatasync", error=errno.EINVAL),
    "sync of a folder": names("fsync", error=errno.EINVAL, when=lambda _, a: is_folder(a[0])),
    "sync of a folder EIO": names("fsync", error=errno.EIO, when=lambda _, a: is_folder(a[0])),
    "a folder cannot be read": folders(errno.EACCES),
    "rename EPERM": names("replace", error=errno.EPERM),
    "rename EEXIST": names("replace", error=errno.EEXIST),
    "rename EXDEV": names("replace", error=errno.EXDEV),
    "rename ENOTSUP": names("replace", error=errno.ENOTSUP),
    "rename EBUSY": names("replace", error=errno.EBUSY),
    "a new file EACCES": creating(error=errno.EACCES),
    "a new file EROFS": creating(error=errno.EROFS),
    "a new file ENAMETOOLONG": creating(error=errno.ENAMETOOLONG),
    "a new file anywhere": creating(error=errno.EACCES, anywhere=True),
    "exclusive creation": exclusive(errno.EINVAL),
    "nothing but a new beginning": in_the_middle(errno.ENOTSUP),
    "removing": names("unlink", error=errno.EPERM),
}


def is_folder(handle):
    return Path(f"/proc/self/fd/{handle}").is_dir()


@pytest.mark.parametrize("refused", REFUSED)
async def test_a_notebook_is_saved_where_a_step_is_refused(disk, caplog, refused):
    caplog.set_level(logging.WARNING)
    for mode in (0o644, 0o600, 0o664):
        disk.path.chmod(mode)
        for data in (NEW, SHORT, OLD):
            disk.calls.fails = REFUSED[refused]
            stamp = await disk.write(data)
            disk.calls.fails = lambda *_: None
            assert disk.path.read_bytes() == data
            assert await disk.files.read("a.ipynb") == (data, stamp)
            assert disk.path.stat().st_mode & 0o777 == mode
    if refused != "removing":
        assert disk.left() == []
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == len(set(messages)), "a fallback is reported twice"


@pytest.mark.parametrize("refused", REFUSED)
async def test_a_new_notebook_is_written_where_a_step_is_refused(disk, refused):
    disk.path.unlink()
    disk.calls.fails = REFUSED[refused]
    await disk.files.write("a.ipynb", lambda _: NEW, None)
    assert disk.path.read_bytes() == NEW


async def test_a_concurrent_outside_write_is_kept_if_renaming_is_refused(disk):
    disk.calls.fails = REFUSED["rename EPERM"]
    _, stamp = await disk.files.read("a.ipynb")

    def render(_):
        disk.path.write_bytes(b"theirs")
        return NEW

    found = await disk.files.write("a.ipynb", render, stamp)
    assert isinstance(found, Conflict)
    assert disk.path.read_bytes() == b"theirs"


async def test_temporary_files_of_a_crash_are_removed_an_hour_later(disk):
    await disk.write(NEW)
    old, young = (disk.root / f".{token('a.ipynb')}-{word}.saving" for word in ("0ld", "y0ung"))
    for left in (old, young):
        left.write_bytes(b"half")
    os.utime(old, (0, 0))
    _, stamp = await disk.files.read("a.ipynb")
    await LocalFiles(disk.root, Watcher(), disk.copies).write("a.ipynb", lambda _: OLD, stamp)
    assert not old.exists()
    assert young.exists()


# ---------------------------------------------------------------- one call after another


class Nth:
    """Let the `n`th call fail, and all later ones if `on`; `reached` tells whether it happened."""

    def __init__(self, number, error, *, on, also=None):
        self.number, self.error, self.on, self.also = number, error, on, also
        self.count = 0

    @property
    def reached(self):
        return self.count >= self.number

    def __call__(self, name, *args):
        if self.also is not None and (refused := self.also(name, *args)) is not None:
            return refused
        self.count += 1
        failing = self.count == self.number or (self.on and self.count > self.number)
        return self.error if failing else None


WAYS = {
    "replaced": None,
    "in place": REFUSED["rename EPERM"],
    "anew": REFUSED["nothing but a new beginning"],
}


@pytest.mark.parametrize("on", [False, True], ids=["one call", "from one call on"])
@pytest.mark.parametrize(
    "error", [errno.EIO, errno.ENOSPC, errno.EPERM, errno.EINVAL, errno.ENOENT]
)
@pytest.mark.parametrize("data", [NEW, SHORT], ids=["longer", "shorter"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_save_fails_only_if_the_old_bytes_are_there(disk, way, data, error, on):
    _, stamp = await disk.files.read("a.ipynb")
    for number in range(1, 200):
        disk.calls.fails = nth = Nth(number, error, on=on, also=WAYS[way])
        try:
            written = await asyncio.to_thread(disk.files._write, "a.ipynb", lambda _: data, stamp)
            failed = False
        except (SaveFailed, NotFound):
            failed = True
        disk.calls.fails = lambda *_: None
        if not failed and not isinstance(written, Conflict):
            assert disk.path.read_bytes() == data, f"call {number}: saved without the new bytes"
        elif not on:
            assert disk.path.read_bytes() == OLD, f"call {number} lost the old bytes"
        now = (await disk.files.read("a.ipynb"))[0]
        assert now in (OLD, data), f"call {number} left a file that is not whole"
        for copy in (*disk.root.glob(".*"), *disk.copies.glob("*")):
            copy.unlink()
        disk.path.write_bytes(OLD)
        if not nth.reached:
            break
    else:
        pytest.fail("there is no end of calls")
    assert number > 8
