"""The stub is the manual: it says what the module has, and what was built."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pyautomerge

PACKAGE = Path(__file__).parent.parent


def test_the_stub_matches_the_module(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "pyautomerge"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_core_is_the_one_that_is_locked() -> None:
    lock = (PACKAGE / "Cargo.lock").read_text()
    found = re.search(r'name = "automerge"\nversion = "(.+?)"', lock)
    assert found is not None
    assert found[1] == pyautomerge.CORE_VERSION


def test_versions_agree() -> None:
    for name in ("Cargo.toml", "pyproject.toml"):
        assert f'version = "{pyautomerge.__version__}"' in (PACKAGE / name).read_text()


def test_errors_have_one_root_and_a_home() -> None:
    for name in pyautomerge.__all__:
        found = getattr(pyautomerge, name)
        if isinstance(found, type) and issubclass(found, Exception):
            assert issubclass(found, pyautomerge.AutomergeError)
            assert found.__module__ == "pyautomerge"
