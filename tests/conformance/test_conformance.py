"""One notebook in four executors: their files, compared output by output."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ..e2e.conftest import launched_chromium
from ..e2e.lab import SERVER_EXTENSION_DISABLED
from . import executors
from .differences import JUPYTERLAB, MEANT, NBCLIENT, table
from .every_message import AFTER, CELLS, NEVER, STOP

PAGE = Path(__file__).parents[2] / "docs" / "design" / "conformance.md"


def seen(notebook: Any) -> dict[str, str]:
    """Return each cell in a normal form: adjacent text of a stream joined, lists of lines as text.

    The times of a run are left out: nbclient always writes them, JupyterLab only on request.
    """
    return {cell.id: _cell(cell) for cell in notebook.cells}


def _cell(cell: Any) -> str:
    outputs: list[dict[str, Any]] = []
    for output in cell.outputs:
        shown = dict(output)
        if shown["output_type"] == "stream":
            shown["text"] = "".join(shown["text"])
            last = outputs[-1] if outputs else {}
            if last.get("output_type") == "stream" and last["name"] == shown["name"]:
                last["text"] += shown["text"]
                continue
        outputs.append(shown)
    metadata = {key: value for key, value in cell.metadata.items() if key != "execution"}
    whole = {"source": cell.source, "count": cell.execution_count, "metadata": metadata}
    return json.dumps({**whole, "outputs": outputs}, indent=1, ensure_ascii=False, sort_keys=True)


def assert_same(ours: dict[str, str], theirs: dict[str, str], who: str) -> None:
    """Assert equality except for the intended differences, and that each of these occurs."""
    meant = {cell for cell, other in MEANT if other == who}
    assert list(theirs) == list(ours)
    for cell, shown in ours.items():
        if cell not in meant:
            assert theirs[cell] == shown, f"{cell} differs in {who}"
    assert [cell for cell in meant if theirs[cell] == ours[cell]] == [], f"no difference to {who}"


@pytest.mark.browser
@pytest.mark.kernel
@pytest.mark.timeout(300)
async def test_four_executors_write_the_same_outputs(tmp_path: Path) -> None:
    plain = executors.lab_in(tmp_path / "plain", SERVER_EXTENSION_DISABLED)
    plain.disable_extensions("jupyter-runtimed")
    rooms = executors.lab_in(tmp_path / "rooms")
    by_nbclient = seen(await executors.by_nbclient(tmp_path / "nbclient"))
    try:
        await asyncio.gather(asyncio.to_thread(plain.start), asyncio.to_thread(rooms.start))
        without = seen(await executors.by_room_without_browsers(rooms))
        async with launched_chromium() as browser:
            by_lab = seen(await executors.by_jupyterlab(browser, plain))
            ours = seen(await executors.by_room_with_two_browsers(browser, rooms, tmp_path))
    finally:
        await asyncio.gather(asyncio.to_thread(plain.stop), asyncio.to_thread(rooms.stop))
    assert_same(ours, without, "a room without browsers")
    assert_same(ours, by_lab, JUPYTERLAB)
    assert_same(ours, by_nbclient, NBCLIENT)
    assert json.loads(ours[STOP])["outputs"][0]["ename"] == "RuntimeError"
    assert json.loads(ours[NEVER])["count"] is None
    assert json.loads(ours[AFTER])["count"] == 1


def test_the_page_has_the_table_of_intended_differences() -> None:
    assert table() in PAGE.read_text()
    assert {cell for cell, _ in MEANT} <= set(CELLS)
