"""Concurrent renames, deletes and saves: the file is at its last path with all typed text."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from . import chosen
from .clients import Place


class TestWhileTyping:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        quick = {"autosave_delay": 0.001, "autosave_max_delay": 0.001}
        return {"RuntimedExtension": quick}

    async def test_a_notebook_renamed_while_typing_is_saved_at_its_new_path(
        self, place: Place
    ) -> None:
        place.write("n0.ipynb", "")
        ana = await place.open("n0.ipynb")
        for i in range(1, 25):
            typing = asyncio.gather(*(ana.append("c0", "x") for _ in range(5)))
            body = {"path": f"n{i}.ipynb"}
            answer = await place.ask("PATCH", f"api/contents/n{i - 1}.ipynb", body)
            assert answer.status == 200, answer.body
            await typing
        await ana.wait_for(lambda: ana.path == "n24.ipynb", 30)
        await ana.append("c0", "!")
        await ana.wait_saved(30)
        assert [file.name for file in place.root.glob("*.ipynb")] == ["n24.ipynb"]
        (text,) = place.on_disk("n24.ipynb")
        assert (text.count("x"), ana.source("c0")) == (120, text)

    async def test_a_deleted_notebook_does_not_come_back(self, place: Place) -> None:
        for i in range(15):
            path = f"n{i}.ipynb"
            place.write(path, "")
            ana = await place.open(path)
            socket = await place.socket(await place.room(path))
            await socket.hello()
            typing = asyncio.gather(*(ana.append("c0", "x") for _ in range(5)))
            assert (await place.ask("DELETE", f"api/contents/{path}")).status == 204
            await typing
            await socket.event("deleted")
            await ana.wait_acknowledged(30)
            await asyncio.gather(*place.host(path)._tasks._running)
            assert not (place.root / path).exists(), path


async def test_a_save_in_progress_follows_a_rename(place: Place) -> None:
    """The rename happens after a save begins and before it reads the file."""
    place.write("a.ipynb", "x")
    ana = await place.open("a.ipynb")
    host = place.host("a.ipynb")
    files = host._ports.files
    write, moved = files.write, []

    async def write_late(path: str, *how: Any) -> Any:
        if not moved:
            moved.append(path)
            (place.root / "a.ipynb").rename(place.root / "b.ipynb")
            place.extension.rooms.moved("a.ipynb", "b.ipynb")
        return await write(path, *how)

    files.write = write_late
    await ana.append("c0", "!")
    await ana.wait_saved(30)
    assert moved == ["a.ipynb"]
    assert place.on_disk("b.ipynb") == ["x!"]
    assert not (place.root / "a.ipynb").exists()


async def test_a_file_reported_missing_before_its_rename_keeps_typed_text(place: Place) -> None:
    """Finding the older file again does not undo the text typed in between."""
    place.write("a.ipynb", "x")
    ana = await place.open("a.ipynb")
    socket = await place.socket(await place.room("a.ipynb"))
    await socket.hello()
    (place.root / "a.ipynb").rename(place.root / "b.ipynb")
    await socket.event("deleted")
    await ana.append("c0", " typed meanwhile")
    await ana.wait_acknowledged(30)
    place.extension.rooms.moved("a.ipynb", "b.ipynb")
    await ana.append("c0", "!")
    await ana.wait_saved(30)
    assert ana.source("c0") == "x typed meanwhile!"
    assert place.on_disk("b.ipynb") == ["x typed meanwhile!"]


class TestFileIds:
    @pytest.fixture(params=["ArbitraryFileIdManager", "LocalFileIdManager"])
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        kind = f"jupyter_server_fileid.manager.{request.param}"
        return {"FileIdExtension": {"file_id_manager_class": kind}}

    async def test_a_save_keeps_the_file_id_of_a_room(self, place: Place) -> None:
        place.write("d/a.ipynb", "x")
        ana = await place.open("d/a.ipynb")
        room = await place.room("d/a.ipynb")
        for _ in range(3):
            await ana.append("c0", "!")
            await ana.wait_saved(30)
            assert await place.room("d/a.ipynb") == room

    async def test_a_request_for_a_missing_file_does_not_affect_a_later_rename(
        self, place: Place
    ) -> None:
        place.write("a.ipynb", "x")
        room = await place.room("a.ipynb")
        missing = await place.ask("PUT", "api/runtimed/rooms", {"path": "b.ipynb"})
        assert missing.status == 404
        await place.ask("PATCH", "api/contents/a.ipynb", {"path": "b.ipynb"})
        assert await place.room("b.ipynb") == room


class TestShelf:
    """A contents manager that is not on a file system."""

    @pytest.fixture
    def settings(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        whole = {
            "nbformat": 4, "nbformat_minor": 5, "metadata": {},
            "cells": [
                {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": text,
                 "outputs": [], "execution_count": None} for i, text in enumerate(["x", "y"])
            ],
        }  # fmt: skip
        chosen.Shelf.kept.clear()
        chosen.Shelf.kept["a.ipynb"] = (whole, 1)
        monkeypatch.setattr("jupyter_runtimed.server.contents.manager_files.POLL_SECONDS", 0.05)
        return {"ServerApp": {"contents_manager_class": chosen.Shelf}}

    def kept(self, path: str) -> list[str]:
        return [cell["source"] for cell in chosen.Shelf.kept[path][0]["cells"]]

    async def test_a_notebook_of_a_manager_without_files_is_opened_edited_and_saved(
        self, place: Place
    ) -> None:
        ana = await place.open("a.ipynb")
        assert [cell.source for cell in ana.cells] == ["x", "y"]
        await ana.append("c0", "!")
        await ana.wait_saved(30)
        assert self.kept("a.ipynb") == ["x!", "y"]
        assert (await place.contents("a.ipynb"))["content"]["cells"][0]["source"] == "x!"

    async def test_changes_in_the_managers_storage_are_merged(self, place: Place) -> None:
        ana = await place.open("a.ipynb")
        whole, times = chosen.Shelf.kept["a.ipynb"]
        theirs = {**whole, "cells": [whole["cells"][0], {**whole["cells"][1], "source": "y + 1"}]}
        chosen.Shelf.kept["a.ipynb"] = (theirs, times + 1)
        await ana.append("c0", "!")
        await ana.wait_for(lambda: ana.source("c1") == "y + 1", 30)
        await ana.wait_saved(30)
        assert self.kept("a.ipynb") == ["x!", "y + 1"]

    async def test_a_notebook_of_a_manager_without_files_is_renamed_and_deleted(
        self, place: Place
    ) -> None:
        ana = await place.open("a.ipynb")
        room = await place.room("a.ipynb")
        renamed = await place.ask("PATCH", "api/contents/a.ipynb", {"path": "b.ipynb"})
        assert renamed.status == 200, renamed.body
        await ana.wait_for(lambda: ana.path == "b.ipynb", 30)
        assert await place.room("b.ipynb") == room
        await ana.append("c0", "!")
        await ana.wait_saved(30)
        assert list(chosen.Shelf.kept) == ["b.ipynb"]
        assert (await place.ask("DELETE", "api/contents/b.ipynb")).status == 204
        await ana.append("c0", "!")
        await ana.wait_acknowledged(30)
        assert not chosen.Shelf.kept

    async def test_a_manager_that_cannot_save_is_reported(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ana = await place.open("a.ipynb")
        monkeypatch.setattr(chosen.Shelf, "full", True)
        socket = await place.socket(await place.room("a.ipynb"))
        await socket.hello()
        await ana.append("c0", "!")
        assert "the shelf is full" in (await socket.event("save_failed"))["message"]
        monkeypatch.setattr(chosen.Shelf, "full", False)
        await ana.save()
        assert self.kept("a.ipynb") == ["x!", "y"]

    async def test_a_missing_notebook_of_the_manager_is_not_found(self, place: Place) -> None:
        answer = await place.ask("PUT", "api/runtimed/rooms", {"path": "no.ipynb"})
        assert answer.status == 404
