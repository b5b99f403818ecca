"""Faults of servers, with a real server, real sockets and a real kernel.

Acknowledged edits are in the store while no server runs, and in the room when the next server
runs. One long test injects a hundred random faults.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nbformat
import pytest

from jupyter_runtimed.cli import stored_rooms
from jupyter_runtimed.client import LiveNotebook
from jupyter_runtimed.document.schema import NOTEBOOK
from jupyter_runtimed.errors import RuntimedError, SaveFailed
from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.peer.events import RoomEvent

from ..client.live_server import LiveServer
from .typist import TIMEOUT_SECONDS, Typist

pytestmark = pytest.mark.kernel
PATH = "a.ipynb"
LINES = 300
PRINTER = f"import time\nfor i in range({LINES}):\n    print(i, flush=True)\n    time.sleep(0.005)"


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a disk of this size; skip the test if mounting is not allowed."""
    with disk_if_possible(folder, size) as small:
        if not small:
            pytest.skip("a small disk cannot be mounted here: needs Linux, and root")
        yield folder


@contextlib.contextmanager
def disk_if_possible(folder: Path, size: str) -> Iterator[bool]:
    """Return whether this folder is a mount point."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    possible = sys.platform == "linux" and shutil.which("mount") is not None
    mounted = possible and not subprocess.run(mount, capture_output=True, check=False).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk with one file and return the file."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(1))
    return filler


def put_notebook(server: LiveServer) -> None:
    cells = [nbformat.v4.new_code_cell("", id=cell) for cell in ("ana", "bob")]
    cells.append(nbformat.v4.new_code_cell(PRINTER, id="printer"))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), server.root / PATH)


def stored(server: LiveServer) -> dict[str, str]:
    """Return the cell sources in the store, read without a server."""
    room = stored_rooms.find(DataDir(server.data), PATH)
    assert room.reading.damage == ()
    assert NOTEBOOK in room.reading.state.documents
    return {cell.id: cell.source for cell in room.notebook().content().cells}


def on_disk(server: LiveServer) -> dict[str, str]:
    notebook = nbformat.read(server.root / PATH, 4)
    return {cell.id: cell.source for cell in notebook.cells}


def assert_acknowledged_is_stored(server: LiveServer, *typists: Typist) -> None:
    sources = stored(server)
    for typist in typists:
        assert sources[typist.cell].startswith("".join(typist.acknowledged))


def collect_events(nb: LiveNotebook, name: str) -> list[dict[str, object]]:
    """Return a list that collects future events of this name."""
    found: list[dict[str, object]] = []

    def listen(event: object) -> None:
        if isinstance(event, RoomEvent) and event.name == name:
            found.append(dict(event.body))

    nb.on_change(listen)
    return found


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LiveServer]:
    server = LiveServer(tmp_path)
    put_notebook(server)
    yield server
    if server.started:
        server.kill()


async def start_typists(
    server: LiveServer, *, pause_seconds: float = 0.04
) -> tuple[Typist, Typist]:
    ana = await Typist.connect(server, PATH, "ana", pause_seconds)
    bob = await Typist.connect(server, PATH, "bob", pause_seconds)
    ana.begin()
    bob.begin()
    return ana, bob


async def save_or_restore(nb: LiveNotebook) -> None:
    """Save; save again if the server only now reports that the file is deleted."""
    try:
        await nb.save()
    except SaveFailed:
        await nb.save()


async def assert_nothing_lost_or_doubled(server: LiveServer, *typists: Typist) -> None:
    """Assert that all typed text is there once, in each client, the store and the file."""
    for typist in typists:
        await typist.finish()
    for typist in typists:
        text = "".join(typist.words)
        for other in typists:
            await other.nb.wait_for(
                lambda other=other, cell=typist.cell, text=text: other.nb.source(cell) == text,
                TIMEOUT_SECONDS,
            )
        assert stored(server)[typist.cell] == text
    await save_or_restore(typists[0].nb)
    assert {t.cell: on_disk(server)[t.cell] for t in typists} == {
        t.cell: "".join(t.words) for t in typists
    }


async def test_kill_9_and_sigterm_lose_nothing_that_was_acknowledged(server: LiveServer) -> None:
    server.start()
    ana, bob = await start_typists(server)
    await asyncio.gather(ana.more(), bob.more())
    running = asyncio.create_task(ana.nb.run("printer"))
    await ana.nb.wait_for(lambda: bool(ana.nb.outputs("printer")), TIMEOUT_SECONDS)
    server.kill()
    assert_acknowledged_is_stored(server, ana, bob)
    await asyncio.to_thread(server.start)
    assert (await running).state == "lost"
    await asyncio.gather(ana.more(), bob.more())
    await asyncio.to_thread(server.stop)
    assert_acknowledged_is_stored(server, ana, bob)
    sources = on_disk(server)
    for typist in (ana, bob):
        assert sources[typist.cell].startswith("".join(typist.acknowledged))
    await asyncio.to_thread(server.start)
    await assert_nothing_lost_or_doubled(server, ana, bob)
    await ana.leave()
    await bob.leave()


async def frozen(server: LiveServer, ana: Typist, seconds: float) -> None:
    """Stop the server process for a while; no typed or printed text is lost."""
    running = asyncio.create_task(ana.nb.run("printer"))
    await ana.nb.wait_for(lambda: bool(ana.nb.outputs("printer")), TIMEOUT_SECONDS)
    server.freeze()
    await asyncio.sleep(seconds)
    server.thaw()
    result = await asyncio.wait_for(running, TIMEOUT_SECONDS)
    assert result.state == "ok"
    assert result.text == "".join(f"{i}\n" for i in range(LINES))


@pytest.mark.long
async def test_a_server_that_was_suspended_loses_nothing(server: LiveServer) -> None:
    server.start()
    ana, bob = await start_typists(server)
    await ana.more()
    await frozen(server, ana, 2)
    await ana.more()
    await assert_nothing_lost_or_doubled(server, ana, bob)
    await ana.nb.shutdown()
    await ana.leave()
    await bob.leave()


async def test_a_full_disk_under_the_store_is_reported_and_acknowledges_nothing(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "store", "1m"):
        server = LiveServer(tmp_path, data=tmp_path / "store")
        put_notebook(server)
        server.start()
        try:
            ana, bob = await start_typists(server)
            news = collect_events(ana.nb, "storage")
            await ana.more()
            filler = fill(server.data)
            await ana.nb.wait_for(lambda: bool(news), TIMEOUT_SECONDS)
            assert news[0]["ok"] is False
            await ana.typed(20)
            assert ana.nb.pending_edits
            filler.unlink()
            await ana.nb.wait_for(lambda: news[-1]["ok"] is True, TIMEOUT_SECONDS)
            await ana.more()
            filler = fill(server.data)
            await ana.typed(50)
            server.kill()
            assert_acknowledged_is_stored(server, ana, bob)
            filler.unlink()
            await asyncio.to_thread(server.start)
            await assert_nothing_lost_or_doubled(server, ana, bob)
            await ana.leave()
            await bob.leave()
        finally:
            server.kill()


@pytest.mark.long
async def test_a_full_disk_under_the_notebooks_leaves_the_file_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "notebooks", "64k"):
        server = LiveServer(tmp_path)
        put_notebook(server)
        server.start()
        try:
            ana, bob = await start_typists(server)
            await ana.more()
            filler = fill(server.root)
            await asyncio.gather(ana.more(50), bob.more(50))
            with pytest.raises(RuntimedError, match="disk is full"):
                await save_or_restore(ana.nb)
            assert set(on_disk(server)) == {"ana", "bob", "printer"}
            filler.unlink()
            await assert_nothing_lost_or_doubled(server, ana, bob)
            await ana.leave()
            await bob.leave()
        finally:
            server.kill()


async def test_a_removed_data_folder_is_written_again_with_everything(
    server: LiveServer,
) -> None:
    server.start()
    ana, bob = await start_typists(server)
    await asyncio.gather(ana.more(), bob.more())
    shutil.rmtree(server.data)
    await asyncio.gather(ana.more(), bob.more())
    server.kill()
    assert_acknowledged_is_stored(server, ana, bob)
    await asyncio.to_thread(server.start)
    await assert_nothing_lost_or_doubled(server, ana, bob)
    await ana.leave()
    await bob.leave()


@pytest.mark.long
async def test_a_removed_notebook_folder_loses_no_edit(server: LiveServer) -> None:
    server.start()
    ana, bob = await start_typists(server)
    await ana.more()
    shutil.rmtree(server.root)
    await asyncio.gather(ana.more(50), bob.more(50))
    server.root.mkdir()
    await assert_nothing_lost_or_doubled(server, ana, bob)
    await ana.leave()
    await bob.leave()


async def full_disk(server: LiveServer, ana: Typist, *, dies: bool) -> None:
    """Fill the disk under the store for a while; `dies`: kill the server in between."""
    news = collect_events(ana.nb, "storage")
    filler = fill(server.data.parent)
    await ana.nb.wait_for(lambda: bool(news), TIMEOUT_SECONDS)
    assert news[0]["ok"] is False
    await ana.typed(10)
    assert ana.nb.pending_edits
    if dies:
        server.kill()
        assert_acknowledged_is_stored(server, ana)
    filler.unlink()
    if not dies:
        await ana.nb.wait_for(lambda: news[-1]["ok"] is True, TIMEOUT_SECONDS)


async def removed_folder(server: LiveServer, *typists: Typist) -> None:
    # No kernel starts in a missing folder, and a kernel that cannot start prevents Jupyter Server
    # from stopping, because jupyter_client keeps waiting for it.
    await typists[0].nb.wait_for(lambda: no_run_in_progress(typists[0].nb), TIMEOUT_SECONDS)
    shutil.rmtree(server.root)
    await asyncio.gather(*(typist.more(5) for typist in typists))
    server.root.mkdir()
    await save_or_restore(typists[0].nb)


def no_run_in_progress(nb: LiveNotebook) -> bool:
    run = nb.last_run("printer")
    return run is None or run.state not in ("queued", "running")


def planned_faults(dice: random.Random, cycles: int, *, small: bool) -> list[str]:
    """Return the faults in order; in the middle the server is suspended for a minute."""
    weights = {"kill": 6, "stop": 6, "kill early": 3, "freeze": 1, "remove data": 2}
    weights["remove notebooks"] = 1
    if small:
        weights |= {"fill": 1, "fill and kill": 1}
    plan = dice.choices(list(weights), list(weights.values()), k=cycles)
    plan[cycles // 2] = "freeze for a minute"
    return plan


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_a_hundred_random_faults_lose_no_acknowledged_edit(tmp_path: Path) -> None:
    """Inject a hundred faults, most of them `kill -9`."""
    cycles = int(os.environ.get("FAULT_CYCLES", "100"))
    seed = int(os.environ.get("FAULT_SEED", "0"))
    with disk_if_possible(tmp_path / "disk", "64m") as small:
        server = LiveServer(tmp_path, data=tmp_path / "disk" / "store")
        put_notebook(server)
        try:
            await long_run(server, random.Random(seed), cycles, small=small)
        finally:
            server.kill()


async def long_run(server: LiveServer, dice: random.Random, cycles: int, *, small: bool) -> None:
    server.start()
    ana, bob = await start_typists(server, pause_seconds=0.2)
    for cycle, what in enumerate(planned_faults(dice, cycles, small=small)):
        await asyncio.gather(ana.more(5), bob.more(5))
        print(f"cycle {cycle}, {len(ana.words)} words each: {what}", flush=True)
        match what:
            case "kill" | "kill early":
                server.kill()
            case "stop":
                await asyncio.to_thread(server.stop)
            case "freeze" | "freeze for a minute":
                await frozen(server, ana, 60 if what == "freeze for a minute" else 1)
            case "remove data":
                shutil.rmtree(server.data)
            case "remove notebooks":
                await removed_folder(server, ana, bob)
            case "fill" | "fill and kill":
                await full_disk(server, ana, dies=what == "fill and kill")
        if not server.started:
            assert_acknowledged_is_stored(server, ana, bob)
            await asyncio.to_thread(server.start)
            if what == "kill early":
                await asyncio.sleep(dice.random() * 2)
                server.kill()
                assert_acknowledged_is_stored(server, ana, bob)
                await asyncio.to_thread(server.start)
        if dice.random() < 0.2:
            running = asyncio.ensure_future(ana.nb.run("printer"))
            running.add_done_callback(lambda task: task.cancelled() or task.exception())
    await assert_nothing_lost_or_doubled(server, ana, bob)
    await asyncio.to_thread(server.stop)
