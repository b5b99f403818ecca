"""The output of runs without an open browser is complete afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_runtimed.client import LiveNotebook
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.room.settings import Settings

from ..support.network import Network
from .clients import Place

COLLECTED_SECONDS = 2
SILENT_SECONDS = 20
TEN_MINUTES_MS = 600_000

QUIET = f"import time; time.sleep({SILENT_SECONDS}); print('after all'); 6 * 7"
LOUD = f"for i in range({SILENT_SECONDS * 4}):\n    print(i, flush=True); time.sleep(0.25)"
SHORT = "print('at once')"
FAILS = "1 / 0"
ASKS = "print(input('who? '))"


async def ask_to_run(place: Place, path: str, *cells: str) -> None:
    """Request runs without connecting to the room."""
    answer = await place.call(await place.room(path), "run", cells=list(cells))
    assert answer.status == 200, answer.body


async def opened(place: Place, path: str) -> LiveNotebook:
    """Open the notebook and wait until all its runs have ended."""
    nb = await place.open(path)
    await nb.wait_for(lambda: all(cell.run and cell.run.finished_at for cell in nb.cells), 60)
    return nb


async def let_pass(clock: LiveNotebook, seconds: float) -> None:
    """Wait real time, measured by another notebook's kernel."""
    await clock.replace("c0", f"import time; time.sleep({seconds})")
    assert (await clock.run("c0", 120)).ok


class TestARealServer:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"RuntimedExtension": {"room_idle_timeout": COLLECTED_SECONDS}}

    @pytest.mark.kernel
    async def test_runs_of_every_kind_with_every_browser_closed(self, place: Place) -> None:
        place.write("clock.ipynb", "1")
        place.write("short.ipynb", SHORT, FAILS, "never")
        place.write("quiet.ipynb", QUIET, "'next'")
        place.write("loud.ipynb", "import time", LOUD)
        place.write("asks.ipynb", ASKS)
        clock = await place.open("clock.ipynb")
        await let_pass(clock, 0)
        await ask_to_run(place, "short.ipynb", "c0", "c1", "c2")
        await ask_to_run(place, "quiet.ipynb", "c0", "c1")
        await ask_to_run(place, "loud.ipynb", "c0", "c1")
        await ask_to_run(place, "asks.ipynb", "c0")
        await let_pass(clock, 4 * COLLECTED_SECONDS)
        for path in ("quiet.ipynb", "loud.ipynb", "asks.ipynb"):
            assert not len(place.host(path).room.sessions)
        await let_pass(clock, SILENT_SECONDS)
        await self.assert_short(place)
        await self.assert_quiet(place)
        await self.assert_loud(place)
        await self.assert_asks(place)

    async def assert_short(self, place: Place) -> None:
        nb = await opened(place, "short.ipynb")
        states = [run.state for cell in nb.cells if (run := cell.run) is not None]
        assert states == ["ok", "error", "cancelled"]
        assert [cell.execution_count for cell in nb.cells] == [1, 2, None]
        assert "at once" in nb.cells[0].outputs[0]["text"]
        assert nb.cells[1].outputs[0]["ename"] == "ZeroDivisionError"

    async def assert_quiet(self, place: Place) -> None:
        nb = await opened(place, "quiet.ipynb")
        (said, result), (following,) = nb.cells[0].outputs, nb.cells[1].outputs
        assert said["text"] == "after all\n"
        assert (result["data"]["text/plain"], following["data"]["text/plain"]) == ("42", "'next'")
        assert [cell.execution_count for cell in nb.cells] == [1, 2]
        run = nb.cells[0].run
        assert run is not None and run.started_at is not None and run.finished_at is not None
        assert run.finished_at - run.started_at >= (SILENT_SECONDS - 1) * 1000
        assert "after all" in place.on_disk_outputs("quiet.ipynb")

    async def assert_loud(self, place: Place) -> None:
        nb = await opened(place, "loud.ipynb")
        whole = "".join(f"{i}\n" for i in range(SILENT_SECONDS * 4))
        assert [output["text"] for output in nb.cells[1].outputs] == [whole]
        assert json.dumps(whole) in place.on_disk_outputs("loud.ipynb")

    async def assert_asks(self, place: Place) -> None:
        nb = await place.open("asks.ipynb")
        await nb.wait_for(lambda: CellId("c0") in nb.prompts(), 60)
        assert nb.prompts()[CellId("c0")].text == "who? "
        await nb.answer_input("c0", "ana")
        await nb.wait_for(lambda: nb.cells[0].run is not None and nb.cells[0].run.state == "ok", 60)
        assert "ana" in "".join(output["text"] for output in nb.cells[0].outputs)


class TestCulling:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        culling = {"cull_idle_timeout": 2, "cull_interval": 1, "cull_connected": True}
        return {
            "MappingKernelManager": culling,
            "RuntimedExtension": {"room_idle_timeout": COLLECTED_SECONDS},
        }

    @pytest.mark.kernel
    async def test_a_run_outlives_culling_and_a_culled_idle_kernel_is_reported(
        self, place: Place
    ) -> None:
        place.write("a.ipynb", "import time; time.sleep(6); 6 * 7", "7 * 8")
        await ask_to_run(place, "a.ipynb", "c0", "c1")
        nb = await place.open("a.ipynb")
        await nb.wait_for(lambda: "without activity" in nb.kernel.reason, 60)
        assert nb.kernel.state == "none"
        shown = [cell.outputs[0]["data"]["text/plain"] for cell in nb.cells]
        assert shown == ["42", "56"]
        assert [run.state for cell in nb.cells if (run := cell.run) is not None] == ["ok", "ok"]
        # The next run of a cell starts a kernel.
        assert (await nb.run("c1", 60)).text == "56\n"


@pytest.mark.parametrize("seed", range(3))
def test_a_run_survives_ten_silent_minutes_without_clients(seed: int) -> None:
    code = f"print before\nwait {TEN_MINUTES_MS}\nprint after\nwait 5\nresult 7"
    settings = Settings(idle_ms=COLLECTED_SECONDS * 1000)
    net = Network(code, "result next", "ask who", seed=seed, settings=settings)
    ana = net.join("ana")
    ana.run("c0", "c1", "c2")
    net.run_for(500)
    net.leave("ana")
    net.run_for(TEN_MINUTES_MS - 10_000)
    assert net.server.room is not None
    assert net.server.opened == 1
    net.run_for(60_000)
    ben = net.join("ben")
    assert net.server.opened == 1, "a question waits, so the room is never collected"
    assert ben.outputs("c0") == "before\nafter\n7"
    assert ben.outputs("c1") == "next"
    assert (ben.run_state("c0"), ben.run_state("c2")) == ("ok", "running")
    assert ben.peer.runtime is not None
    run = ben.peer.runtime.run_of(CellId("c0"))
    assert run is not None and run.started_at is not None and run.finished_at is not None
    assert run.finished_at - run.started_at >= TEN_MINUTES_MS
    prompts = [run.prompt for run in ben.peer.runtime.runs().values() if run.prompt is not None]
    assert [prompt.text for prompt in prompts] == ["who"]
    ben.call("answer", prompt=prompts[0].id, text="ben")
    net.run_until_quiet()
    assert ben.run_state("c2") == "ok"
    net.leave("ben")
    net.run_for(60_000)
    assert net.server.room is None, "now nothing is left to do in it"
