"""The state of a run stays correct when its kernel or its server fails.

One real server runs in its own process; its kernels die, are shared, and end with the server.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

import jupyter_runtimed
from jupyter_runtimed.client import LiveNotebook

from ..client.live_server import LiveServer

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]

TIMEOUT_SECONDS = 60
QUICK = {
    "KernelRestarter": {"time_to_dead": 0.2},
    "RuntimedExtension": {"room_idle_timeout": 0.5, "autosave_delay": 0.05},
}


class Server(LiveServer):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "config" / "jupyter_server_config.json").write_text(json.dumps(QUICK))
        self._open: list[LiveNotebook] = []

    def write(self, path: str, *sources: str) -> None:
        cells = [nbformat.v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(sources)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), self.root / path)

    async def open(self, path: str, *sources: str, name: str = "ana") -> LiveNotebook:
        if sources:
            self.write(path, *sources)
        live = await jupyter_runtimed.connect(self.url, path, self.token, name=name)
        self._open.append(live)
        return live

    async def leave(self) -> None:
        while self._open:
            await self._open.pop().close()

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/{path}", data, {"Authorization": f"token {self.token}"}, method=method
        )
        return await asyncio.to_thread(self._fetch, request)

    def _fetch(self, request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.loads(answer.read() or b"null")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("states"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def server(running: Server) -> AsyncIterator[Server]:
    yield running
    await running.leave()


def states(nb: LiveNotebook) -> list[str]:
    runs = [nb.last_run(cell.id) for cell in nb.cells]
    return ["-" if run is None else run.state for run in runs]


async def become(nb: LiveNotebook, *wanted: str) -> None:
    try:
        await nb.wait_for(lambda: states(nb) == list(wanted), TIMEOUT_SECONDS)
    except TimeoutError:
        assert states(nb) == list(wanted)
        raise


async def begun(nb: LiveNotebook, cell: str) -> asyncio.Task[Any]:
    """Run a cell until it has printed something."""
    task = asyncio.create_task(nb.run(cell))
    await nb.wait_for(lambda: bool(nb.outputs(cell)), TIMEOUT_SECONDS)
    return task


def until(file: Path) -> str:
    """Return code that prints a line and continues when the file exists."""
    return (
        "import pathlib, time\nprint('so far', flush=True)\n"
        f"while not pathlib.Path({str(file)!r}).exists(): time.sleep(0.02)"
    )


DEATHS = {
    "os._exit": "import os; os._exit(1)",
    "SIGKILL": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "a fault": "import ctypes; ctypes.string_at(0)",
    # The system kills a process at a resource limit; the cell sets its own limit.
    "out of memory": (
        "import os, resource, signal\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "try: bytearray(1 << 33)\nexcept MemoryError: os.kill(os.getpid(), signal.SIGKILL)"
    ),
}


async def test_a_kernel_that_dies_loses_its_run_and_is_restarted(
    server: Server, tmp_path: Path
) -> None:
    files = [tmp_path / str(number) for number in range(len(DEATHS))]
    sources = [f"{until(file)}\n{code}" for file, code in zip(files, DEATHS.values(), strict=True)]
    nb = await server.open("dies.ipynb", *sources, "'never'", "6 * 7")
    for number, file in enumerate(files):
        dying, behind, again = f"c{number}", "c4", "c5"
        running = await begun(nb, dying)
        waiting = asyncio.create_task(nb.run(behind))
        await nb.wait_for(lambda: states(nb)[4] == "queued", TIMEOUT_SECONDS)
        file.touch()
        results = await running, await waiting
        assert [result.state for result in results] == ["lost", "cancelled"], sources[number]
        assert "died" in results[0].reason and "died" in results[1].reason
        assert results[0].text == "so far\n"
        assert (await nb.run(again, TIMEOUT_SECONDS)).text == "42\n"
    await server.leave()
    nb = await server.open("dies.ipynb")
    assert states(nb) == ["lost"] * 4 + ["cancelled", "ok"]
    await nb.shutdown()


async def test_a_memory_error_is_an_error_of_the_run(server: Server) -> None:
    code = (
        "import resource\nsoft, hard = resource.getrlimit(resource.RLIMIT_AS)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 32, hard))\n"
        "try: x = bytearray(1 << 40)\nfinally: resource.setrlimit(resource.RLIMIT_AS, (soft, hard))"
    )
    nb = await server.open("large.ipynb", code, "print('alive')")
    result = await nb.run("c0", TIMEOUT_SECONDS)
    assert (result.state, result.outputs[-1]["ename"]) == ("error", "MemoryError")
    assert (await nb.run("c1", TIMEOUT_SECONDS)).text == "alive\n"
    await nb.shutdown()


async def test_a_cell_that_exits_the_kernel_ends_and_cancels_queued_runs(server: Server) -> None:
    nb = await server.open("exits.ipynb", "exit()", "print('x')")
    results = await asyncio.gather(nb.run("c0"), nb.run("c1"))
    assert results[0].state in ("ok", "lost")
    assert results[1].state in ("ok", "lost", "cancelled")
    await nb.wait_for(lambda: nb.kernel.state == "idle", TIMEOUT_SECONDS)
    assert (await nb.run("c1", TIMEOUT_SECONDS)).text == "x\n"
    await nb.shutdown()


async def test_shutdown_and_restart_end_the_running_cell(server: Server) -> None:
    endless = "import time\nprint('on', flush=True)\nwhile True: time.sleep(0.1)"
    nb = await server.open("ends.ipynb", endless, "1")
    first = await begun(nb, "c0")
    second = asyncio.create_task(nb.run("c1"))
    await become(nb, "running", "queued")
    await nb.restart()
    assert [(await first).state, (await second).state] == ["lost", "cancelled"]
    assert nb.last_run("c0").reason == "restarted"  # type: ignore[union-attr]
    third = await begun(nb, "c0")
    await nb.shutdown()
    assert (await third).state == "lost"
    assert nb.last_run("c0").reason == "the kernel was shut down"  # type: ignore[union-attr]
    assert nb.kernel.state == "none"


async def test_a_room_is_not_collected_while_a_silent_cell_runs(
    server: Server, tmp_path: Path
) -> None:
    """Idle rooms close after half a second here; the cell is silent until a file exists.

    `tests/room` tests ten silent minutes in simulated time.
    """
    go = tmp_path / "go"
    nb = await server.open("quiet.ipynb", f"{until(go)}\nprint('after')")
    running = await begun(nb, "c0")
    running.cancel()
    await server.leave()
    # Another room without clients closes in between, which proves that enough time has passed.
    server.write("other.ipynb", "1")
    await server.ask("PUT", "api/runtimed/rooms", {"path": "other.ipynb"})
    open_rooms = {"quiet.ipynb", "other.ipynb"}
    while "other.ipynb" in open_rooms:
        listed = await server.ask("GET", "api/runtimed/rooms")
        open_rooms = {room["path"] for room in listed["rooms"]}
    assert "quiet.ipynb" in open_rooms
    go.touch()
    nb = await server.open("quiet.ipynb")
    await become(nb, "ok")
    assert nb.outputs("c0")[0]["text"] == "so far\nafter\n"
    await nb.shutdown()


class TestSeveralAtOnce:
    async def test_kernels_of_one_server_never_wait_for_each_other(
        self, server: Server, tmp_path: Path
    ) -> None:
        """Each cell waits for the next one's action, which would never end in a single queue."""
        names = [f"k{n}" for n in range(3)]
        files = [tmp_path / name for name in [*names, "last"]]
        notebooks = [
            await server.open(
                f"{name}.ipynb", f"{until(files[n + 1])}\npathlib.Path({str(files[n])!r}).touch()"
            )
            for n, name in enumerate(names)
        ]
        tasks = [await begun(nb, "c0") for nb in notebooks]
        (tmp_path / "last").touch()
        assert [(await task).state for task in tasks] == ["ok"] * 3
        for nb in notebooks:
            await nb.shutdown()

    async def test_two_notebooks_on_one_kernel_keep_their_own_run_states(
        self, server: Server
    ) -> None:
        show = "from IPython.display import display, update_display\n"
        asks, shows = "print(input('go? '))\n1 / 0", show + "display(1, display_id='d');"
        one = await server.open("one.ipynb", asks, "'behind'", shows)
        two = await server.open("two.ipynb", "print('mine')", "update_display(2, display_id='d')")
        await one.run("c2", TIMEOUT_SECONDS)
        session = {"path": "two.ipynb", "name": "two", "type": "notebook"}
        await server.ask("POST", "api/sessions", {**session, "kernel": {"id": one.kernel.id}})
        await two.wait_for(lambda: two.kernel.id == one.kernel.id, TIMEOUT_SECONDS)
        asking = asyncio.gather(one.run("c0"), one.run("c1"))
        await one.wait_for(lambda: bool(one.prompts()), TIMEOUT_SECONDS)
        mine = asyncio.create_task(two.run("c0"))
        await two.wait_for(lambda: states(two)[0] != "-", TIMEOUT_SECONDS)
        assert two.last_run("c0").started_at is None  # type: ignore[union-attr]
        await one.answer_input("c0", "yes")
        failed, behind = await asking
        assert (failed.state, behind.state) == ("error", "cancelled")
        result = await mine
        assert (result.state, result.text) == ("ok", "mine\n"), (
            "an error of one notebook changed the other"
        )
        await two.run("c1", TIMEOUT_SECONDS)
        await one.wait_for(
            lambda: one.outputs("c2")[0]["data"]["text/plain"] == "2", TIMEOUT_SECONDS
        )
        assert two.outputs("c1") == []
        await one.shutdown()


async def test_a_killed_server_loses_the_running_cell_and_cancels_queued_ones(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path)
    server.start()
    try:
        endless = "import time\nprint('so far', flush=True)\nwhile True: time.sleep(0.1)"
        nb = await server.open("a.ipynb", "1 + 1", endless, "'never'", "6 * 7")
        await nb.run("c0", TIMEOUT_SECONDS)
        first = await begun(nb, "c1")
        second = asyncio.create_task(nb.run("c2"))
        await become(nb, "ok", "running", "queued", "-")
        # A later change is durable, so this one is durable too.
        await nb.append("c3", " # more")
        await nb.wait_acknowledged(TIMEOUT_SECONDS)
        server.kill()
        await asyncio.to_thread(server.start)
        assert [(await first).state, (await second).state] == ["lost", "cancelled"]
        fresh = await server.open("a.ipynb")
        for who in (nb, fresh):
            await become(who, "ok", "lost", "cancelled", "-")
        run = fresh.last_run("c1")
        assert run is not None and run.reason == "the server was restarted"
        assert fresh.outputs("c1")[0]["text"] == "so far\n"
        assert (await fresh.run("c3", TIMEOUT_SECONDS)).text == "42\n"
        await server.leave()
    finally:
        server.stop()
