"""Files on every mount are watched, whatever happens to other mounts."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from jupyter_runtimed.host.files import mount_watcher
from jupyter_runtimed.host.files.mounts import TABLE, Mount, Mounts, _entry, read_mounts
from jupyter_runtimed.host.files.watcher import Watcher

from ..support.fuse_mount import FuseMount, fuse_mount

TIMEOUT_SECONDS = 60


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mount_watcher, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(mount_watcher, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(mount_watcher, "REMOTE_SECONDS", 0.1)


@pytest.fixture
async def watcher() -> AsyncIterator[Watcher]:
    watcher = Watcher()
    yield watcher
    await watcher.close()


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[FuseMount]:
    with fuse_mount(tmp_path / "source", tmp_path / "mount") as mount:
        yield mount


class ChangeRecorder:
    """Records reported changes of one file."""

    def __init__(self, watcher: Watcher, file: Path) -> None:
        self._heard = asyncio.Event()
        self.end = watcher.watch(file, self._heard.set)

    async def after(self, change: Callable[[], object]) -> None:
        """Make a change and return when it was reported."""
        self._heard.clear()
        change()
        await self.hears()

    async def hears(self) -> None:
        await asyncio.wait_for(self._heard.wait(), TIMEOUT_SECONDS)
        self._heard.clear()


def make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_text("1")


async def listen(watcher: Watcher, file: Path) -> ChangeRecorder:
    """Watch an existing file and wait for the first report."""
    make(file)
    recorder = ChangeRecorder(watcher, file)
    await recorder.hears()
    return recorder


async def test_a_change_is_reported(watcher: Watcher, tmp_path: Path) -> None:
    recorder = await listen(watcher, tmp_path / "a")
    await recorder.after(lambda: (tmp_path / "a").write_text("22"))
    await recorder.after((tmp_path / "a").unlink)


async def test_a_link_and_its_target_are_watched(watcher: Watcher, tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(name)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "one" / "a")
    recorder = await listen(watcher, link)
    await recorder.after(lambda: (tmp_path / "one" / "a").write_text("more than that"))

    def point_elsewhere() -> None:
        link.unlink()
        link.symlink_to(tmp_path / "other" / "a")

    await recorder.after(point_elsewhere)


async def test_a_recreated_folder_is_watched_again(watcher: Watcher, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "a"
    recorder = await listen(watcher, file)
    await recorder.after(lambda: shutil.rmtree(file.parent))

    def make_again() -> None:
        file.parent.mkdir()
        file.write_text("22")

    await recorder.after(make_again)
    await recorder.after(lambda: file.write_text("333"))


async def test_a_failed_mount_leaves_the_others_watched(
    watcher: Watcher, mount: FuseMount, tmp_path: Path
) -> None:
    local = await listen(watcher, tmp_path / "local" / "a")
    remote = await listen(watcher, mount.point / "r")
    await remote.after(mount.die)
    other = await listen(watcher, tmp_path / "other" / "b")
    await local.after(lambda: (tmp_path / "local" / "a").write_text("22"))
    await other.after(lambda: (tmp_path / "other" / "b").write_text("22"))
    mount.unmount()
    mount.start()
    await remote.hears()
    await remote.after(lambda: (mount.source / "r").write_text("333"))


async def test_a_hanging_mount_leaves_the_others_watched(
    watcher: Watcher, mount: FuseMount, tmp_path: Path
) -> None:
    local = await listen(watcher, tmp_path / "local" / "a")
    remote = await listen(watcher, mount.point / "r")
    mount.hang()
    late = ChangeRecorder(watcher, mount.point / "s")
    other = await listen(watcher, tmp_path / "other" / "b")
    await local.after(lambda: (tmp_path / "local" / "a").write_text("22"))
    await other.after(lambda: (tmp_path / "other" / "b").write_text("22"))
    (mount.source / "r").write_text("333")
    mount.resume()
    await remote.hears()
    await late.hears()


async def test_a_change_by_another_machine_is_reported(watcher: Watcher, mount: FuseMount) -> None:
    """No event reports the change, so the watcher polls the file."""
    remote = await listen(watcher, mount.point / "r")
    await remote.after(lambda: (mount.source / "r").write_text("22"))


async def test_a_folder_that_cannot_be_watched_is_polled(
    watcher: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mount_watcher, "RustNotify", no_more)
    recorder = await listen(watcher, tmp_path / "a")
    await recorder.after(lambda: (tmp_path / "a").write_text("22"))


async def test_an_unexpected_error_does_not_stop_the_watching(
    watcher: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = await listen(watcher, tmp_path / "a")
    number, failures = mount_watcher._number, iter(range(3))

    def fails(folder: str) -> object:
        if next(failures, None) is not None:
            raise ValueError("not expected")
        return number(folder)

    monkeypatch.setattr(mount_watcher, "_number", fails)
    await recorder.after(lambda: (tmp_path / "a").write_text("22"))


class TestMounts:
    def test_a_path_lies_on_the_innermost_mount(self) -> None:
        mounts = Mounts({"/": "ext4", "/home": "nfs4", "/home/ana/s": "fuse.sshfs", "/h": "cifs"})
        assert mounts.of("/home/ana/sun/a") == Mount("/home", "nfs4")
        assert mounts.of("/home/ana/s/a") == Mount("/home/ana/s", "fuse.sshfs")
        assert mounts.of("/homes/a") == Mount("/", "ext4")
        assert mounts.of("/") == Mount("/", "ext4")

    def test_without_a_table_there_is_one_mount(self) -> None:
        assert Mounts({}).of("/a/b") == Mounts({}).of("C:\\a\\b") == Mount("", "")

    @pytest.mark.parametrize(
        ("kind", "remote"),
        [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("fuse", True), ("9p", True),
         ("ext4", False), ("overlay", False), ("tmpfs", False), ("fuseblk", False), ("", False)],
    )  # fmt: skip
    def test_network_file_systems_are_remote(self, kind: str, remote: bool) -> None:
        assert Mount("/x", kind).remote is remote

    def test_a_line_of_the_mount_table_is_parsed(self) -> None:
        line = r"36 35 98:0 /mnt1 /mnt\040with\134space rw,noatime master:1 - nfs4 srv:/x rw"
        assert _entry(line) == ("/mnt with\\space", "nfs4")
        assert _entry("no line of it") is None

    def test_the_mount_table_of_this_machine_is_read(self) -> None:
        if TABLE.exists():
            assert read_mounts().of("/").point == "/"
