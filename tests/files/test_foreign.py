"""Old and foreign notebooks: opening changes no byte, and git shows an edit as one small diff."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jupyter_runtimed.document.ipynb import parse
from jupyter_runtimed.errors import NotebookError
from tests.document.notebook_files import Blobs, broken_files, read, shared_files, sound_files
from tests.host.conftest import Place
from tests.host.local_client import LocalClient

FILES = [*sound_files(), *broken_files(), *shared_files()]
HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? ", re.MULTILINE)


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Any]:
    place = Place(tmp_path)
    yield place
    await place.close()


async def person_at(place: Any, data: bytes) -> LocalClient | None:
    """Open the notebook; return None if the file is not a notebook."""
    place.put("a.ipynb", data)
    try:
        host = await place.server().open("a.ipynb")
    except NotebookError:
        return None
    client = LocalClient(host)
    await client.until(lambda: client.peer.live)
    return client


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
async def test_opening_and_closing_changes_no_byte(place: Any, path: Path) -> None:
    data = bytes_of(path)
    client = await person_at(place, data)
    if client is not None:
        client.leave()
    await place.close()
    assert (place.root / "a.ipynb").read_bytes() == data


def cells_of(path: Path) -> list[tuple[int, int]]:
    """Return the first and last line of each cell; empty if an edit changes more than a cell."""
    data = path.read_bytes()
    try:
        found = read(data, Blobs())
        parsed = parse.parse(parse.text_of(data))
    except NotebookError:
        return []
    if found.blank or found.repairs or parsed.top().get("nbformat") != 4:
        return []
    count = parsed.text.count
    return [
        (count("\n", 0, cell.start) + 1, count("\n", 0, cell.end) + 1) for cell in parsed.cells()
    ]


EDITABLE = [path for path in FILES if cells_of(path)]


@pytest.mark.parametrize("path", EDITABLE, ids=lambda path: path.name)
async def test_an_edit_changes_the_lines_of_its_cell_alone(place: Any, path: Path) -> None:
    data = bytes_of(path)
    client = await person_at(place, data)
    assert client is not None
    cells = cells_of(path)
    index = len(cells) // 2
    client.type(client.peer.notebook.order[index], "\n# añadido")
    await client.wait_for_event("saved")
    place.put("before", data)
    first, last = cells[index]
    for start, end in changed_lines(place.root, "before", "a.ipynb"):
        assert first <= start <= end <= last


def changed_lines(folder: Path, old: str, new: str) -> list[tuple[int, int]]:
    """Return the old lines that git shows as changed; for an insertion, the line before it."""
    command = ["git", "diff", "--no-index", "--text", "--unified=0", old, new]
    shown = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert shown.returncode == 1, "there is a difference"
    hunks = HUNK.findall(shown.stdout.decode(errors="replace"))
    return [(int(at), int(at) + max(int(count or 1) - 1, 0)) for at, count in hunks]
