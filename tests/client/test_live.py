"""The client against a real Jupyter server with this extension, and real kernels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

import jupyter_runtimed
from jupyter_runtimed.client import LiveNotebook, blocking
from jupyter_runtimed.errors import (
    Forbidden,
    NotebookError,
    NotFound,
    RuntimedError,
    SaveFailed,
)

from .live_server import TOKEN, LiveServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("live"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def path(server: LiveServer, request: pytest.FixtureRequest) -> str:
    """A fresh notebook of two cells, named after the test."""
    name = f"{request.node.name}.ipynb"
    cells = [
        nbformat.v4.new_code_cell("x = 1", id="one"),
        nbformat.v4.new_markdown_cell("é", id="two"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), server.root / name)
    return name


async def connect(server: LiveServer, path: str) -> LiveNotebook:
    return await jupyter_runtimed.connect(server.url, path, server.token)


def state_of(nb: LiveNotebook, cell: str) -> str:
    run = nb.last_run(cell)
    return "" if run is None else run.state


def on_disk(server: LiveServer, path: str) -> list[str]:
    return [cell.source for cell in nbformat.read(server.root / path, 4).cells]


async def test_edits_of_two_clients_are_on_disk_when_saved(server: LiveServer, path: str) -> None:
    async with await connect(server, path) as ana, await connect(server, path) as bob:
        assert [cell.source for cell in ana.cells] == ["x = 1", "é"]
        for i in range(10):
            await ana.splice("one", 0, 0, str(i))
            await bob.append("one", "👍")
        new = await bob.add_cell("# new", "markdown", after=None)
        text = "9876543210x = 1" + "👍" * 10
        await ana.wait_for(
            lambda: ana.source("one") == text and new in {c.id for c in ana.cells}, 20
        )
        await bob.wait_for(lambda: bob.source("one") == text, 20)
        await asyncio.gather(ana.wait_saved(20), bob.wait_saved(20))
    assert on_disk(server, path) == ["# new", text, "é"]


@pytest.mark.kernel
async def test_a_cell_is_run_and_its_output_is_in_the_file(server: LiveServer, path: str) -> None:
    async with await connect(server, path) as nb:
        cell = await nb.add_cell("print('hello')\n6 * 7")
        result = await nb.run(cell, 60)
        assert (result.state, result.text) == ("ok", "hello\n42\n")
        assert result.execution_count == nb.execution_count(cell) == 1
        assert nb.kernel.state in ("idle", "busy")
        bad = await nb.add_cell("1 / 0")
        failed = await nb.run(bad, 60)
        assert (failed.state, failed.outputs[-1]["ename"]) == ("error", "ZeroDivisionError")
        await nb.save()
    written = nbformat.read(server.root / path, 4)
    nbformat.validate(written)
    assert written.cells[2].outputs[0].text == "hello\n"
    async with await connect(server, path) as again:
        assert again.outputs(cell) == result.outputs
        await again.clear_outputs([cell])
        await again.wait_for(lambda: not again.outputs(cell), 20)
        await again.shutdown()


@pytest.mark.kernel
async def test_output_without_a_connected_client_is_complete(server: LiveServer, path: str) -> None:
    nb = await connect(server, path)
    cell = await nb.add_cell(
        "import time\nfor i in range(40): print(i, flush=True); time.sleep(0.05)"
    )
    running = asyncio.create_task(nb.run(cell))
    await nb.wait_for(lambda: bool(nb.outputs(cell)), 60)
    running.cancel()
    await nb.close()
    async with await connect(server, path) as again:
        await again.wait_for(
            lambda: (run := again.last_run(cell)) is not None and run.state == "ok", 60
        )
        lines = "".join(output["text"] for output in await again.fetch_outputs(cell))
        assert lines.split() == [str(i) for i in range(40)]
        await again.shutdown()


@pytest.mark.kernel
async def test_large_output_comes_whole(server: LiveServer, path: str) -> None:
    async with await connect(server, path) as nb:
        cell = await nb.add_cell("print('x' * 300_000)\nfor i in range(20_000): print(i)")
        result = await nb.run(cell, 60)
        assert result.text == "x" * 300_000 + "\n" + "".join(f"{i}\n" for i in range(20_000))
        await nb.shutdown()


@pytest.mark.kernel
async def test_a_cell_that_asks_is_answered_and_one_that_hangs_is_interrupted(
    server: LiveServer, path: str
) -> None:
    async with await connect(server, path) as nb:
        asking = await nb.add_cell("name = input('Name? ')\nprint('hi', name)")
        running = asyncio.create_task(nb.run(asking, 60))
        await nb.wait_for(lambda: asking in nb.prompts(), 60)
        assert nb.prompts()[asking].text == "Name? "
        await nb.answer_input(asking, "Ana")
        assert "hi Ana" in (await running).text
        hanging = await nb.add_cell("print('on', flush=True)\nimport time; time.sleep(600)")
        after = await nb.add_cell("print('after')")
        running = asyncio.create_task(nb.run(hanging, 60))
        behind = asyncio.create_task(nb.run(after, 60))
        await nb.wait_for(lambda: bool(nb.outputs(hanging)), 60)
        await nb.interrupt()
        assert (await running).state in ("error", "cancelled")
        await behind
        await nb.restart()
        assert (await nb.run(after, 60)).text == "after\n"
        await nb.shutdown()


@pytest.mark.kernel
def test_a_script_without_asyncio_edits_and_runs_cells(server: LiveServer, path: str) -> None:
    with blocking.connect(f"{server.url}/lab/tree/{path}?token={TOKEN}", path) as nb:
        nb.append("one", "; x + 1")
        assert nb.run("one", 60).text == "2\n"
        nb.wait_saved(20)
        nb.shutdown()
    assert on_disk(server, path)[0] == "x = 1; x + 1"


class TestErrors:
    async def test_a_wrong_token_raises(self, server: LiveServer, path: str) -> None:
        with pytest.raises(Forbidden):
            await jupyter_runtimed.connect(server.url, path, "wrong")

    async def test_a_missing_file_raises(self, server: LiveServer) -> None:
        with pytest.raises(NotFound, match=r"nowhere\.ipynb"):
            await connect(server, "nowhere.ipynb")

    async def test_a_path_outside_the_root_raises(self, server: LiveServer, path: str) -> None:
        with pytest.raises(RuntimedError):
            await connect(server, f"../{path}")

    @pytest.mark.parametrize(
        "content", ["not json", "[]", "{}", json.dumps({"nbformat": 9, "cells": []})]
    )
    async def test_a_file_that_is_not_a_notebook_raises(
        self, server: LiveServer, content: str
    ) -> None:
        bad = server.root / "bad.ipynb"
        bad.write_text(content)
        with pytest.raises(NotebookError):
            await connect(server, "bad.ipynb")
        assert bad.read_text() == content


async def test_a_killed_server_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    server = LiveServer(tmp_path)
    nbformat.write(nbformat.v4.new_notebook(), server.root / "a.ipynb")
    server.start()
    try:
        nb = await connect(server, "a.ipynb")
        cell = await nb.add_cell("")
        for i in range(50):
            nb.insert_now(cell, i, "a")
            await nb.wait_acknowledged(20)
        for i in range(50, 100):
            nb.insert_now(cell, i, "b")
        server.kill()
        await nb.wait_for(lambda: not nb.connected, 20)
        await nb.append(cell, "c" * 10)
        await asyncio.to_thread(server.start)
        other = await connect(server, "a.ipynb")
        assert other.source(cell).startswith("a" * 50)
        await nb.wait_acknowledged(60)
        whole = "a" * 50 + "b" * 50 + "c" * 10
        await other.wait_for(lambda: other.source(cell) == whole, 20)
        assert nb.source(cell) == whole
        await nb.wait_saved(20)
        await nb.close()
        await other.close()
        assert on_disk(server, "a.ipynb") == [whole]
    finally:
        server.stop()


async def test_a_server_without_tokens_works_with_its_cookie(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, token="")
    nbformat.write(nbformat.v4.new_notebook(), server.root / "a.ipynb")
    server.start()
    try:
        async with await connect(server, "a.ipynb") as nb:
            await nb.add_cell("x")
            await nb.wait_saved(20)
        assert on_disk(server, "a.ipynb") == ["x"]
    finally:
        server.stop()


async def test_text_larger_than_one_change_is_sent_in_pieces(
    server: LiveServer, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_runtimed.client.notebook.PIECE", 3)
    async with await connect(server, path) as nb, await connect(server, path) as other:
        cell = await nb.add_cell("abcdefgh")
        await nb.append(cell, "ijklmnop")
        await nb.splice(cell, 1, 7, "12345678")
        await nb.replace("two", "über")
        await nb.replace("one", "y = 1; z = 22")
        await nb.wait_acknowledged()
        await other.wait_for(lambda: other.source("one") == "y = 1; z = 22")
        assert other.source(cell) == "a12345678ijklmnop"
        assert other.source("two") == "über"


async def test_a_deleted_or_read_only_file_is_reported_and_can_be_restored(
    server: LiveServer, path: str
) -> None:
    file = server.root / path
    async with await connect(server, path) as nb:
        assert nb.file_problem is None
        file.unlink()
        await nb.wait_for(lambda: nb.file_problem is not None, timeout_seconds=60)
        with pytest.raises(SaveFailed, match="does not exist"):
            await nb.wait_saved()
        async with await connect(server, path) as late:
            assert late.file_problem == nb.file_problem
        await nb.append("one", " # typed")
        await nb.save()
        assert on_disk(server, path)[0] == "x = 1 # typed"
        file.chmod(0o444)
        await nb.append("one", " again")
        with pytest.raises(SaveFailed, match="read-only"):
            await nb.wait_saved()
        file.chmod(0o644)
        await nb.save()
        await nb.wait_for(lambda: nb.file_problem is None, timeout_seconds=60)
        await nb.wait_saved()
