"""A data folder belongs to one user, wherever the user's servers run."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from jupyter_runtimed.errors import ForeignFolder
from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.host.storage.owner import Owner, claim, this_user

ANOTHER = 4711
pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users have no numbers here")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return DataDir(tmp_path / "data").root


def test_a_new_folder_is_for_its_user_alone(root: Path) -> None:
    claim(root, this_user())
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "owner").stat().st_mode) == 0o600
    claim(root, this_user())


def test_another_user_of_a_data_folder_is_refused_with_advice(root: Path) -> None:
    claim(root, this_user())
    with pytest.raises(ForeignFolder, match=rf"the id {os.geteuid()}.* runs as {ANOTHER}") as found:
        claim(root, Owner(ANOTHER))
    assert "RuntimedExtension.data_dir" in str(found.value)
    assert f"remove {root / 'owner'}" in str(found.value)
    (root / "owner").unlink()
    claim(root, Owner(ANOTHER))


def test_mapped_user_ids_keep_the_owner(root: Path) -> None:
    """The file's owner is mapped as well, so the folder still belongs to this user."""
    claim(root, Owner(ANOTHER))
    claim(root, this_user())
    with pytest.raises(ForeignFolder):
        claim(root, Owner(ANOTHER))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs two owners")
def test_a_file_system_may_give_files_an_owner_of_its_own(root: Path) -> None:
    claim(root, this_user())
    os.chown(root / "owner", 12345, 12345)
    claim(root, this_user())


def test_two_users_of_a_hub_have_the_same_id_in_their_containers(root: Path) -> None:
    uid = this_user().uid
    claim(root, Owner(uid, "ana"))
    claim(root, Owner(uid, "ana"))
    with pytest.raises(ForeignFolder, match=r"the user ana of JupyterHub, .* runs for bob"):
        claim(root, Owner(uid, "bob"))
    claim(root, Owner(uid))
    with pytest.raises(ForeignFolder):
        claim(root, Owner(uid, "bob"))


def test_a_data_folder_without_an_owner_belongs_to_its_first_user(root: Path) -> None:
    (root / "owner").write_text("half writ")
    claim(root, Owner(this_user().uid, "ana"))
    with pytest.raises(ForeignFolder):
        claim(root, Owner(this_user().uid, "bob"))


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_a_data_folder_that_others_can_write_gives_a_warning(
    root: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    root.chmod(mode)
    with caplog.at_level(logging.WARNING):
        claim(root, this_user())
    assert f"chmod 700 {root}" in caplog.text


def test_a_data_folder_that_others_can_read_gives_no_warning(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root.chmod(0o755)
    claim(root, this_user())
    assert caplog.text == ""


CLAIMS = """
import sys
from pathlib import Path
from jupyter_runtimed.errors import StorageError
from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.host.storage.owner import claim, this_user
import os
os.setgid(65534)
os.setuid(65534)
try:
    claim(DataDir(Path(sys.argv[1])).root, this_user())
except StorageError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs two users")
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777])
def test_the_server_of_another_account_is_refused(mode: int) -> None:
    # pytest's own folder is closed to other accounts.
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        root = DataDir(Path(open_to_all) / "data").root
        claim(root, this_user())
        root.chmod(mode)
        output = subprocess.run(
            [sys.executable, "-c", CLAIMS, root],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=Path(__file__).parents[2],
        ).stdout
        assert f"ForeignFolder the data folder {root} belongs to" in output
        assert "RuntimedExtension.data_dir" in output
