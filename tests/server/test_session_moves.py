"""The session of a notebook follows each rename of the notebook."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_runtimed.client import LiveNotebook

from .clients import Place

pytestmark = pytest.mark.kernel
NAME = "import os; os.environ['JPY_SESSION_NAME']"


async def sessions(place: Place) -> list[tuple[str, str, str]]:
    """Return path, name and kernel of each session."""
    listed = (await place.ask("GET", "api/sessions")).json
    return [(each["path"], each["name"], each["kernel"]["id"]) for each in listed]


async def rename(place: Place, old: str, new: str) -> None:
    answer = await place.ask("PATCH", f"api/contents/{old}", {"path": new})
    assert answer.status == 200, answer.body


async def run(nb: LiveNotebook, cell: str) -> str:
    result = await nb.run(cell, 60)
    assert result.state == "ok", result
    return str(result.text)


class Renames:
    """Tests for every kind of contents manager."""

    async def test_a_notebook_that_an_agent_runs_has_one_kernel_after_a_rename(
        self, place: Place
    ) -> None:
        place.write("sub/m.ipynb", "x = 5", "x", NAME)
        (place.root / "other").mkdir()
        nb = await place.open("sub/m.ipynb")
        await run(nb, "c0")
        kernel = nb.kernel.id
        await rename(place, "sub/m.ipynb", "other/n.ipynb")
        opened = await place.start_session("other/n.ipynb")
        assert opened["kernel"]["id"] == kernel
        assert await sessions(place) == [("other/n.ipynb", "n.ipynb", kernel)]
        assert await run(nb, "c1") == "5\n"
        await nb.restart()
        assert (await run(nb, "c2")).strip("'\n").endswith("other/n.ipynb")

    async def test_the_rename_of_a_folder_moves_the_sessions_of_closed_notebooks(
        self, place: Place
    ) -> None:
        place.write("a/deep/m.ipynb", "x")
        session = await place.start_session("a/deep/m.ipynb")
        await place.start_session("a/deeper.ipynb")
        place.write("ab.ipynb", "x")
        await place.start_session("ab.ipynb")
        await rename(place, "a", "b")
        paths = [path for path, _, _ in await sessions(place)]
        assert paths == ["b/deep/m.ipynb", "b/deeper.ipynb", "ab.ipynb"]
        nb = await place.open("b/deep/m.ipynb")
        await nb.wait_for(lambda: nb.kernel.state == "idle", 60)
        assert nb.kernel.id == session["kernel"]["id"]

    async def test_a_kernel_restarts_in_a_folder_that_was_renamed(self, place: Place) -> None:
        place.write("a/m.ipynb", "x = 5", "import os; os.path.basename(os.getcwd())", NAME)
        nb = await place.open("a/m.ipynb")
        await run(nb, "c0")
        await rename(place, "a", "b")
        await nb.wait_for(lambda: nb.path == "b/m.ipynb", 60)
        await nb.restart()
        assert await run(nb, "c1") == "'b'\n"
        assert (await run(nb, "c2")).strip("'\n").endswith("b/m.ipynb")

    async def test_a_browser_may_also_move_the_session(self, place: Place) -> None:
        place.write("a.ipynb", "x = 5", "x")
        session = await place.start_session("a.ipynb")
        nb = await place.open("a.ipynb")
        await run(nb, "c0")
        await rename(place, "a.ipynb", "b.ipynb")
        theirs = {"path": "b.ipynb", "name": "b.ipynb"}
        answer = await place.ask("PATCH", f"api/sessions/{session['id']}", theirs)
        assert answer.status == 200, answer.body
        assert await sessions(place) == [("b.ipynb", "b.ipynb", session["kernel"]["id"])]
        assert await run(nb, "c1") == "5\n"

    async def test_two_renames_in_a_row_are_followed(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        await place.start_session("a.ipynb")
        await rename(place, "a.ipynb", "b.ipynb")
        await rename(place, "b.ipynb", "c.ipynb")
        assert [path for path, _, _ in await sessions(place)] == ["c.ipynb"]

    async def test_a_rename_while_the_kernel_starts_is_followed(self, place: Place) -> None:
        place.write("a.ipynb", "x = 5", "x")
        nb = await place.open("a.ipynb")
        running = asyncio.ensure_future(nb.run("c0", 60))
        await nb.wait_for(lambda: nb.last_run("c0") is not None, 60)
        await rename(place, "a.ipynb", "b.ipynb")
        assert (await running).state == "ok"
        opened = await place.start_session("b.ipynb")
        assert opened["kernel"]["id"] == nb.kernel.id
        assert await run(nb, "c1") == "5\n"
        assert [path for path, _, _ in await sessions(place)] == ["b.ipynb"]


class TestRenames(Renames):
    """With Jupyter Server's own contents manager."""


class TestRenamesBySynchronousContentsManager(Renames):
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        kind = "jupyter_server.services.contents.largefilemanager.LargeFileManager"
        return {"ServerApp": {"contents_manager_class": kind}}


class TestRenamesInATerminal:
    """The file id manager recognises a file that was renamed in a terminal."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        kind = "jupyter_server_fileid.manager.LocalFileIdManager"
        return {"FileIdExtension": {"file_id_manager_class": kind}}

    async def test_an_open_notebook_keeps_its_kernel(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        nb = await place.open("a.ipynb")
        session = await place.start_session("a.ipynb")
        (place.root / "a.ipynb").rename(place.root / "b.ipynb")
        await place.open("b.ipynb", "ben")
        opened = await place.start_session("b.ipynb")
        assert opened["kernel"]["id"] == session["kernel"]["id"]
        await nb.wait_for(lambda: nb.path == "b.ipynb", 30)


async def test_a_session_keeps_a_name_that_is_not_its_path(place: Place) -> None:
    place.write("a.ipynb", "x")
    body = {"path": "a.ipynb", "name": "mine", "type": "notebook", "kernel": {"name": "echo"}}
    assert (await place.ask("POST", "api/sessions", body)).status == 201
    await rename(place, "a.ipynb", "b.ipynb")
    assert [each[:2] for each in await sessions(place)] == [("b.ipynb", "mine")]
