"""Marks of root folders, on real mounts where they can be made, else with a written table."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from jupyter_runtimed.host.files import mounts
from jupyter_runtimed.host.files.root_mark import marked_path, root_mark

REFUSED = 77
PRINT_MARK = (
    "import sys; from pathlib import Path\n"
    "from jupyter_runtimed.host.files.root_mark import root_mark\n"
    "print(root_mark(Path(sys.argv[1])))"
)


def marked_in_namespace(mount, root):
    """Return the mark of a folder in a separate mount namespace after the command `mount`."""
    script = f'{mount} || exit {REFUSED}; exec "$0" -c "$1" "$2"'
    command = ["unshare", "-m", "sh", "-c", script, sys.executable, PRINT_MARK, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == REFUSED or done.stderr.startswith("unshare"):
        pytest.skip(f"no mount namespace here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_folder_keeps_its_mark_when_its_files_change_and_loses_it_when_replaced(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    before = root_mark(root)
    assert marked_path(before) == root
    (root / "a").write_text("a")
    (root / "sub").mkdir()
    assert root_mark(root) == before
    link = tmp_path / "link"
    link.symlink_to(root)
    assert root_mark(link) == before, "the mark depends on the name of the folder"
    root.rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", root)
    assert root_mark(root) not in ("", before)
    assert root_mark(tmp_path / "away").split()[0] == before.split()[0]
    with pytest.raises(FileNotFoundError):
        root_mark(tmp_path / "nothing")


def test_volumes_at_one_path_have_different_marks(tmp_path):
    root, one, two = (tmp_path / name for name in ("root", "one", "two"))
    for folder in (root, one, two):
        folder.mkdir()
    marks = [marked_in_namespace(f"mount --bind {volume} {root}", root) for volume in (one, two)]
    digests = [mark.split()[0] for mark in marks]
    assert digests == [root_mark(folder).split()[0] for folder in (one, two)], (
        "one folder has two marks"
    )
    marks += [marked_in_namespace(f"mount -t tmpfs none {root}", root)]
    assert len({*marks, root_mark(root)}) == 4


def test_containers_of_one_image_have_different_marks(tmp_path):
    """The root folders are in the image and have the same inode number."""
    image, root = tmp_path / "image", tmp_path / "root"
    (image / "home").mkdir(parents=True)
    root.mkdir()

    def mark_in(container):
        upper, work = tmp_path / container, tmp_path / f"{container}-work"
        upper.mkdir(exist_ok=True)
        work.mkdir(exist_ok=True)
        layers = f"lowerdir={image},upperdir={upper},workdir={work}"
        return marked_in_namespace(f"mount -t overlay overlay -o {layers} {root}", root / "home")

    one = mark_in("one")
    assert mark_in("two") != one
    assert mark_in("one") == one, "a restarted container has another mark"


def mount_line(point, kind, source, folder="/", options="rw"):
    return f"36 1 0:50 {folder} {point} rw,relatime - {kind} {source} {options}\n"


@pytest.fixture
def on(tmp_path, monkeypatch):
    """A function that returns the mark of `tmp_path/m/home` on the described mount."""
    root = tmp_path / "m" / "home"
    root.mkdir(parents=True)
    table = tmp_path / "mountinfo"
    monkeypatch.setattr(mounts, "TABLE", table)
    real_stat = os.stat

    def on(*args, fsid=0, inode=7, **more):
        table.write_text(mount_line(tmp_path / "m", *args, **more))
        monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_fsid=fsid))

        def stat(self, **_):
            return SimpleNamespace(st_ino=inode, st_mode=real_stat(self).st_mode)

        with monkeypatch.context() as patch:
            patch.setattr("pathlib.Path.stat", stat)
            return root_mark(root)

    return on


def test_the_mark_depends_on_the_share_if_the_file_system_has_no_id(on):
    nfs = on("nfs4", "server:/one")
    assert on("nfs4", "server:/one", options="rw,vers=4.2") == nfs
    assert on("nfs4", "server:/two") != nfs
    assert on("nfs4", "server:/one", inode=8) != nfs


def test_the_mark_ignores_the_device_if_the_file_system_has_an_id(on):
    ext4 = on("ext4", "/dev/sda1", fsid=5)
    assert on("ext4", "/dev/sdb1", fsid=5) == ext4
    assert on("ext4", "/dev/sda1", fsid=6) != ext4


@pytest.mark.parametrize("kind", ["fuse.sshfs", "fuse", "vfat"])
def test_the_mark_ignores_numbers_that_change_at_each_mount(on, kind):
    mark = on(kind, "ana@host:/home/ana")
    assert on(kind, "ana@host:/home/ana", inode=8) == mark
    assert on(kind, "ben@host:/home/ben") != mark
    assert on(kind, "ana@host:/home/ana", folder="/sub") != mark


def test_the_mark_depends_on_the_inode_without_a_mount_table(on, tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "TABLE", tmp_path / "none")
    root = tmp_path / "m" / "home"
    mark = root_mark(root)
    root.rename(tmp_path / "away")
    root.mkdir()
    assert root_mark(root) not in ("", mark)
    assert root_mark(tmp_path / "away").split()[0] == mark.split()[0]


def test_there_is_no_mark_without_statvfs(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "statvfs")
    assert root_mark(tmp_path) == ""
