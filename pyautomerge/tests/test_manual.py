"""The stub file is the manual, so it must match the built module."""

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


def test_the_core_has_the_locked_version() -> None:
    lock = (PACKAGE / "Cargo.lock").read_text()
    found = re.search(r'name = "automerge"\nversion = "(.+?)"', lock)
    assert found is not None
    assert found[1] == pyautomerge.CORE_VERSION


def test_the_versions_of_package_and_metadata_are_equal() -> None:
    for name in ("Cargo.toml", "pyproject.toml"):
        assert f'version = "{pyautomerge.__version__}"' in (PACKAGE / name).read_text()


def test_all_errors_have_one_base_class_and_one_module() -> None:
    for name in pyautomerge.__all__:
        found = getattr(pyautomerge, name)
        if isinstance(found, type) and issubclass(found, Exception):
            assert issubclass(found, pyautomerge.AutomergeError)
            assert found.__module__ == "pyautomerge"
