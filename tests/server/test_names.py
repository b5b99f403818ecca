"""Names with a meaning in JavaScript, in the requests of a client."""

from __future__ import annotations

import json
from typing import Any

from jupyter_runtimed.document.schema import FORBIDDEN_KEY

from ..document.test_names import NAMES, PLAIN
from .clients import Place


def model(*ids: str) -> dict[str, Any]:
    """Return a notebook whose cells and entries have these names."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": name,
            "metadata": {name: 1},
            "outputs": [
                {"output_type": "display_data", "data": {name: "x"}, "metadata": {name: 1}}
            ],
            "source": f"# {name}",
        }
        for name in ids
    ]
    return {"cells": cells, "metadata": dict.fromkeys(ids, 1), "nbformat": 4, "nbformat_minor": 5}


async def put(place: Place, path: str, content: dict[str, Any]) -> None:
    body = json.dumps({"type": "notebook", "content": content}).encode()
    answer = await place.ask("PUT", f"api/contents/{path}", raw=body)
    assert answer.status == 200, answer.body


async def test_a_put_adds_no_cell_or_entry_with_the_forbidden_name(place: Place) -> None:
    place.write("a.ipynb", "x")
    room = await place.room("a.ipynb")
    await put(place, "a.ipynb", model(*NAMES))
    content = place.host("a.ipynb").room.notebook.content()
    ids = [str(cell.id) for cell in content.cells]
    assert [cell.source for cell in content.cells] == [f"# {name}" for name in NAMES]
    assert FORBIDDEN_KEY not in ids and set(PLAIN) <= set(ids)
    assert set(content.metadata) >= set(PLAIN)
    for cell in content.cells:
        assert FORBIDDEN_KEY not in cell.metadata
    for outcome in content.outcomes.values():
        for output in outcome.outputs:
            assert FORBIDDEN_KEY not in output.data
    assert FORBIDDEN_KEY not in content.metadata
    served = (await place.ask("GET", f"api/runtimed/rooms/{room}")).json
    assert [cell["id"] for cell in served["cells"]] == ids


async def test_calls_accept_ids_of_existing_cells_only(place: Place) -> None:
    place.write("a.ipynb", "x")
    room = await place.room("a.ipynb")
    output = {"output_type": "display_data", "data": {}, "metadata": {}}
    for name in NAMES:
        assert (await place.ask("GET", f"api/runtimed/rooms/{name}")).status == 404
        assert (await place.call(name, "save")).status == 404
        assert (await place.call(room, name)).status in (400, 404)
        assert (await place.call(room, "run", cells=[name])).status == 404
        assert (await place.call(room, "cancel", runs=[name])).status == 200
        assert (await place.call(room, "import_outputs", cell=name, outputs=[])).status == 404
        brought = [{**output, "data": {name: "x", "text/plain": "y"}}]
        assert (await place.call(room, "import_outputs", cell="c0", outputs=brought)).status == 200
        (shown,) = place.host("a.ipynb").room.runtime.outcome("c0").outputs
        assert set(shown.data) == {name, "text/plain"} - {FORBIDDEN_KEY}
    assert [cell.id for cell in place.host("a.ipynb").room.notebook.content().cells] == ["c0"]
