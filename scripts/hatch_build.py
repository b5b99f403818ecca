"""Builds the JupyterLab extension while the Python wheel is built.

So that ``pip install`` from a source tree is the whole installation. The bundle is built anew only
when a source is newer than it, which lets a source distribution that carries the bundle install
without Node.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

IGNORED = {"node_modules", "lib", "test", "coverage", "test-results"}


class LabextensionHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the bundle into ``jupyter_runtimed/labextension`` before files are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build if stale; raises ``RuntimeError`` naming what is missing."""
        del version, build_data
        source = Path(self.root, "labextension")
        bundle = Path(self.root, "jupyter_runtimed", "labextension", "package.json")
        if not stale(source, bundle):
            return
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("npm is missing: install Node.js 20.19 or newer, then install again")
        if newer(source / "package-lock.json", source / "node_modules" / ".package-lock.json"):
            subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=source, check=True)
        subprocess.run([npm, "run", "build:prod"], cwd=source, check=True)
        if not bundle.exists():
            raise RuntimeError(f"the build of {source} left no {bundle}")
        bundle.touch()


def newer(first: Path, second: Path) -> bool:
    """Whether ``first`` was written after ``second``, or ``second`` does not exist."""
    return not second.exists() or first.stat().st_mtime > second.stat().st_mtime


def stale(source: Path, bundle: Path) -> bool:
    """Whether any source of the bundle is newer than it. Without sources nothing is stale."""
    return any(newer(path, bundle) for path in sources(source))


def sources(folder: Path) -> list[Path]:
    """Every file that the bundle is made from; empty when the folder does not exist."""
    if not folder.is_dir():
        return []
    found: list[Path] = []
    for path in folder.iterdir():
        if path.name in IGNORED or path.name.startswith("."):
            continue
        found += [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return found
