"""Build the JupyterLab extension as a part of the Python wheel.

``pip install`` from a source tree therefore installs everything. The hook builds the bundle only if
a source is newer than the bundle, so a source distribution with the bundle installs without Node.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

IGNORED = {"node_modules", "lib", "test", "coverage", "test-results"}


class LabextensionHook(BuildHookInterface):  # type: ignore[type-arg]
    """Build hook that puts the bundle into ``jupyter_runtimed/labextension``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build a stale bundle. Raises ``RuntimeError`` without npm or without a result."""
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
            raise RuntimeError(
                f"npm run build:prod in {source} did not create {bundle}; read its output above"
            )
        bundle.touch()


def newer(first: Path, second: Path) -> bool:
    """Whether ``first`` was written after ``second``, or ``second`` does not exist."""
    return not second.exists() or first.stat().st_mtime > second.stat().st_mtime


def stale(source: Path, bundle: Path) -> bool:
    """Whether any source is newer than the bundle; false without sources."""
    return any(newer(path, bundle) for path in sources(source))


def sources(folder: Path) -> list[Path]:
    """Return the source files of the bundle; empty if the folder does not exist."""
    if not folder.is_dir():
        return []
    found: list[Path] = []
    for path in folder.iterdir():
        if path.name in IGNORED or path.name.startswith("."):
            continue
        found += [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return found
