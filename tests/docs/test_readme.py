"""The README's code runs unchanged against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()
AGENTS = (REPOSITORY / "docs/howto/agents.md").read_text()
PYTHON = (REPOSITORY / "docs/reference/python.md").read_text()
TOKEN = "a-token-for-the-readme"


class Running(NamedTuple):
    url: str
    folder: Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A real Jupyter server without configuration, with a fresh copy of the tour."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    shutil.copy(REPOSITORY / "examples/tour.ipynb", folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER_")}
    env |= {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    argv = [
        "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, *argv], env=env, stderr=subprocess.PIPE, text=True, cwd=folder
    )
    try:
        assert process.stderr is not None
        log = []
        for line in process.stderr:
            log.append(line)
            if "is running at" in line:
                break
        else:
            pytest.fail("the server did not start: " + "".join(log))
        yield Running(f"http://127.0.0.1:{port}", folder)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def executed(code: str, server: Running) -> list[str]:
    """Run a program of the docs with the server's address; return its printed lines."""
    for written, here in (("http://localhost:8888", server.url), ('"..."', f'"{TOKEN}"')):
        assert written in code
        code = code.replace(written, here)
    run = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


@pytest.mark.kernel
def test_the_agent_of_the_readme_adds_a_cell_and_gets_its_output(server: Running) -> None:
    (code,) = blocks(README, "python")
    assert len(code.strip().splitlines()) <= 12
    assert executed(code, server) == ["ok 42", "", "6 * 7  # the answer"]


@pytest.mark.kernel
def test_the_programs_of_the_agents_page_print_the_documented_results(server: Running) -> None:
    opening, editing, running, watching = blocks(AGENTS, "python")
    count = len(nbformat.read(server.folder / "tour.ipynb", 4).cells)
    first, title, waves = executed(opening, server)
    assert first == f"cells: {count} role: runner"
    assert (title, waves) == ("title markdown # A short tour", "waves markdown ## A damped wave")
    assert executed(editing, server) == ["A remark by a program | x = 2"]
    written = nbformat.read(server.folder / "tour.ipynb", 4).cells
    assert (len(written), written[-1].source) == (count + 1, "x = 2")
    assert written[-1].metadata == {"tags": ["by-program"]}
    assert executed(running, server)[1:] == ["hello", "ZeroDivisionError"]
    assert executed(watching, server) == ["stdout", "True"]


@pytest.mark.kernel
def test_the_blocking_program_of_the_reference_prints_its_result(server: Running) -> None:
    (code,) = blocks(PYTHON, "python")
    assert executed(code, server) == ["42", ""]


def test_the_console_commands_of_the_readme_exist() -> None:
    commands = [
        line.split("#")[0].split()
        for block in blocks(README, "console")
        for line in block.splitlines()
    ]
    targets = {words[1] for words in commands if words[:1] == ["make"]}
    makefile = (REPOSITORY / "Makefile").read_text()
    assert targets == {"lab", "test"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) < 120


def pages() -> list[Path]:
    found = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md"]
    return [*found, *sorted((REPOSITORY / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(#[^)\s]*)?\)", page.read_text())
    missing = [t for t, _ in targets if "://" not in t and not (page.parent / t).exists()]
    assert missing == []


def test_the_example_notebook_is_clean_and_valid() -> None:
    text = (REPOSITORY / "examples/tour.ipynb").read_text()
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
