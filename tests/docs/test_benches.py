"""The benchmark commands work, because an unused benchmark breaks unnoticed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

BENCH = Path(__file__).parents[2] / "bench"


def printed(*arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, *arguments],
        cwd=BENCH,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout


def test_the_spine_is_measured_beside_the_relay() -> None:
    out = printed("spine.py", "typing", "--quick", "--runs=1", "--cells=10")
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("| 10 |")]
    assert [row[1] for row in rows] == ["room", "relay"]
    assert all(float(row[3]) > 0 for row in rows)
    assert "typing, 10 cells: p50 to the relay's" in out


def test_opening_is_measured_beside_plain_jupyterlab() -> None:
    out = printed("spine.py", "open", "--quick", "--runs=1")
    rows = [
        line.split(" | ")[0] for line in out.splitlines() if line.startswith(("| room", "| lab"))
    ]
    assert rows == ["| room", "| lab"]


@pytest.mark.long
def test_work_on_a_file_is_measured_by_the_edits_of_another() -> None:
    out = printed("files.py", "pictures", "--megabytes=0.3", "--runs=1")
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("| pictures |")]
    assert [row[1] for row in rows][:3] == ["nothing", "opened", "typed in and saved"]
    assert all(float(row[5]) > 0 for row in rows)


@pytest.mark.long
def test_running_is_measured_beside_a_bare_kernel_and_plain_jupyterlab() -> None:
    out = printed("kernel.py", "1 + 1", "100 displays", "--runs=1")
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("| 1")]
    measured = [(row[0], row[1], row[2]) for row in rows if len(row) > 4]
    loads = ("| 1 + 1", "| 100 displays")
    assert measured == [
        (load, name, "1 of 1") for load in loads for name in ("bare", "lab", "room")
    ]
    assert "100 displays, over the bare kernel, each" in out


@pytest.mark.long
def test_very_large_outputs_are_measured() -> None:
    out = printed("sizes.py", "--part=0.01")
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("| ")][2:]
    assert [row[1] for row in rows] == ["yes"] * 6


def test_a_notebook_to_measure_with_is_a_valid_notebook(tmp_path: Path) -> None:
    path = tmp_path / "made.ipynb"
    printed("make_notebook.py", "12", str(path), "--chars=50")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert len(notebook.cells) == 12
    assert {len(cell.source) for cell in notebook.cells} == {50}
    assert len({cell.source for cell in notebook.cells}) == 12
    assert json.loads(path.read_text())["nbformat_minor"] == 5
