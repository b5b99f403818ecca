"""A folder that does not answer stops none of a server's other requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import nbformat
import pytest

from ..support.fuse_mount import FuseMount, fuse_mount
from .clients import Place


@pytest.fixture(autouse=True)
def _hurries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_runtimed.host.files.local.ANSWER_SECONDS", 1.0)
    monkeypatch.setattr("jupyter_runtimed.host.registry.PATIENCE_SECONDS", 0.5)


@pytest.fixture
def mount(place: Place) -> Iterator[FuseMount]:
    with fuse_mount(place.root.parent / "source", place.root / "mount") as mount:
        for n in range(2):
            cells = [nbformat.v4.new_code_cell(f"n = {n}", id="c0")]
            nbformat.write(nbformat.v4.new_notebook(cells=cells), mount.source / f"{n}.ipynb")
        yield mount


async def test_requests_about_a_hung_folder_are_refused_and_others_served(
    place: Place, mount: FuseMount
) -> None:
    place.write("a.ipynb", "a = 1")
    known = await place.room("mount/0.ipynb")
    mount.hang()
    session = {"path": "mount/0.ipynb", "name": "0", "type": "notebook"}
    refused = await asyncio.gather(
        place.ask("PUT", "api/runtimed/rooms", {"path": "mount/1.ipynb"}),
        place.ask("GET", "api/contents/mount/0.ipynb"),
        place.ask("GET", "api/contents/mount/1.ipynb"),
        place.ask("GET", "api/contents/mount"),
        place.ask("PATCH", "api/contents/mount/0.ipynb", {"path": "b.ipynb"}),
        place.ask("PATCH", "api/contents/a.ipynb", {"path": "mount/b.ipynb"}),
        place.ask("DELETE", "api/contents/mount/1.ipynb"),
        place.ask("POST", "api/sessions", {**session, "kernel": {"name": "python3"}}),
    )
    # Jupyter Server's handler of sessions answers every error with a 500.
    assert [answer.status for answer in refused] == [503] * (len(refused) - 1) + [500]
    assert all(b"does not answer" in answer.body for answer in refused)
    nb = await place.open("a.ipynb")
    await nb.append("c0", "  # typed")
    await nb.save()
    assert place.on_disk("a.ipynb") == ["a = 1  # typed"]
    assert (await place.contents("a.ipynb"))["content"]["cells"][0]["source"] == "a = 1  # typed"
    assert (await place.ask("GET", f"api/runtimed/rooms/{known}")).status == 200
    mount.resume()
    assert (await place.contents("mount/1.ipynb"))["name"] == "1.ipynb"
    assert await place.room("mount/0.ipynb") == known
