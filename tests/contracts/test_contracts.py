"""Each import contract of ``pyproject.toml`` detects a violation.

A contract that never fails protects nothing, so each contract checks a copy of the package with
one offending module.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LAYERS = "arrows point down"
PURE = "the core does no I/O"
DOOR = "Automerge has one door"
CIRCLES = "no circles between neighbours"
STORAGE = "storage does not import the room"

OFFENCES = [
    pytest.param(LAYERS, "document/offender.py", "import jupyter_runtimed.room", id="upwards"),
    pytest.param(
        LAYERS, "protocol/offender.py", "import jupyter_runtimed.execution", id="sideways"
    ),
    pytest.param(LAYERS, "client/offender.py", "import jupyter_runtimed.host", id="client to host"),
    pytest.param(LAYERS, "host/offender.py", "import jupyter_runtimed.server", id="host to server"),
    pytest.param(LAYERS, "stray.py", "", id="a module that is in no layer"),
    pytest.param(PURE, "crdt.py", "import time", id="clock in crdt"),
    pytest.param(PURE, "document/offender.py", "import socket", id="socket in document"),
    pytest.param(PURE, "protocol/offender.py", "import tornado", id="tornado in protocol"),
    pytest.param(PURE, "execution/offender.py", "import jupyter_client", id="client in execution"),
    pytest.param(PURE, "room/offender.py", "import asyncio", id="asyncio in room"),
    pytest.param(PURE, "room/offender.py", "import traitlets", id="traitlets in room"),
    pytest.param(PURE, "room/offender.py", "import jupyter_server", id="server in room"),
    pytest.param(DOOR, "room/offender.py", "import pyautomerge", id="another door"),
    pytest.param(CIRCLES, "ids.py", "import jupyter_runtimed.errors as _errors", id="a circle"),
    pytest.param(
        STORAGE, "host/storage/offender.py", "import jupyter_runtimed.room.events", id="storage"
    ),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its contracts that a test may change."""
    ignored = shutil.ignore_patterns("labextension", "__pycache__")
    shutil.copytree(REPOSITORY / "jupyter_runtimed", tmp_path / "jupyter_runtimed", ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def verdicts(folder: Path) -> dict[str, str]:
    """Return KEPT or BROKEN for each contract, from ``lint-imports`` on ``folder``."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    run = subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo", "--config", "pyproject.toml"],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", run.stdout, re.MULTILINE))
    assert found, f"lint-imports did not get to its contracts: {run.stdout}{run.stderr}"
    return found


def test_the_package_as_it_is_keeps_every_contract(copy: Path) -> None:
    assert verdicts(copy) == dict.fromkeys([LAYERS, PURE, DOOR, CIRCLES, STORAGE], "KEPT")


@pytest.mark.parametrize(("contract", "module", "line"), OFFENCES)
def test_a_contract_detects_its_violation(
    copy: Path, contract: str, module: str, line: str
) -> None:
    if contract == CIRCLES:
        add(copy / "jupyter_runtimed/errors.py", "import jupyter_runtimed.ids as _ids")
    add(copy / "jupyter_runtimed" / module, line)
    assert verdicts(copy)[contract] == "BROKEN"


def add(path: Path, line: str) -> None:
    """Append a line to a module, or create the module with this line."""
    with path.open("a") as file:
        file.write(f"\n{line}\n")
