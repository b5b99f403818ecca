"""An environment for each system: the newest releases, installed by `uv`, without configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .systems import System

COMMON = ("jupyterlab", "ipykernel", "jupyterhub")
DONE = "installed"


def environment(folder: Path, system: System, source: Path) -> Path:
    """Make the system's environment, unless it is there; `source` is this project's clone."""
    if system.packages:
        return _install(folder / system.name, (*COMMON, *system.packages))
    place = _install(folder / system.name, COMMON)
    if system.distribution == "jupyter_runtimed":
        # This project is installed for each run, because the clone may have changed.
        _uv("pip", "install", "--python", str(place / "bin" / "python"), *_engine(source))
        _uv("pip", "install", "--python", str(place / "bin" / "python"), "--reinstall-package",
            "jupyter_runtimed", str(source))  # fmt: skip
    return place


def hub_environment(folder: Path) -> Path:
    """Make an environment with JupyterHub and its usual proxy, which is a Node.js program."""
    place = _install(folder / "hub", ("jupyterhub",))
    if not (place / "node_modules" / "configurable-http-proxy").exists():
        _run("npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(place),
             "configurable-http-proxy@5")  # fmt: skip
    return place


def version(place: Path, distribution: str) -> str:
    return subprocess.run(
        [
            str(place / "bin" / "python"), "-c",
            f"import importlib.metadata as m; print(m.version({distribution!r}))",
        ],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip


def _engine(source: Path) -> list[str]:
    wheels = sorted((source / "build" / "wheels").glob("*.whl"))
    if not wheels:
        sys.exit("build/wheels has no wheel of the engine: run `make setup`")
    return ["--reinstall", str(wheels[-1])]


def _install(place: Path, packages: tuple[str, ...]) -> Path:
    done = place / DONE
    wanted = " ".join(packages)
    if not done.exists() or done.read_text() != wanted:
        print(f"making the environment {place.name}", file=sys.stderr, flush=True)
        _uv("venv", "--clear", "--python", sys.executable, str(place))
        _uv("pip", "install", "--python", str(place / "bin" / "python"), *packages)
        done.write_text(wanted)
    return place


def _uv(*arguments: str) -> None:
    _run(sys.executable, "-m", "uv", "--quiet", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
