"""What goes over a kernel's own socket, and what rooms make of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from jupyter_runtimed.client import LiveNotebook

from .people import Place
from .test_kernels import V1, Browser

pytestmark = pytest.mark.kernel

OUT = "import ipywidgets\nout = ipywidgets.Output()"
INTO = "with out:\n    print('inside')\n    print('more')\nprint('beside')"
HELD = "print([output['text'] for output in out.outputs])"


@pytest.fixture(params=["legacy", "v1"])
def protocol(request: pytest.FixtureRequest) -> str | None:
    return V1 if request.param == "v1" else None


@asynccontextmanager
async def at_kernel(place: Place, kernel: str, protocol: str | None = V1) -> AsyncIterator[Browser]:
    url = f"ws{place.url.removeprefix('http')}api/kernels/{kernel}/channels"
    headers = {"Authorization": f"token {place.token}"}
    protocols: Any = None if protocol is None else [protocol]
    async with connect(url, additional_headers=headers, subprotocols=protocols) as socket:
        browser = Browser(socket)
        await browser.until_idle(await browser.execute("0"))
        yield browser


async def begun(place: Place, *cells: str) -> tuple[LiveNotebook, str]:
    place.write("a.ipynb", *cells)
    nb = await place.open("a.ipynb")
    session = await place.start_session("a.ipynb")
    await nb.until(lambda: nb.kernel.state == "idle", 60)
    return nb, session["kernel"]["id"]


def state(nb: LiveNotebook, cell: str) -> str:
    run = nb.last_run(cell)
    return "" if run is None else run.state


class TestOutputWidgets:
    async def test_hold_what_a_run_prints_into_them(
        self, place: Place, protocol: str | None
    ) -> None:
        nb, kernel = await begun(place, OUT, INTO, HELD)
        async with at_kernel(place, kernel, protocol) as browser:
            await nb.run("c0", 60)
            assert (await nb.run("c1", 60)).text == "beside\n"
            assert (await nb.run("c2", 60)).text == "['inside\\nmore\\n']\n"
            await browser.until_idle(nb.last_run("c2").id)
            shown = [m for m in browser.messages if m["header"]["msg_type"] == "comm_msg"]
            states = [m["content"]["data"]["state"].get("outputs") for m in shown]
            assert [{"output_type": "stream", "name": "stdout", "text": "inside\nmore\n"}] in states
            sessions = {m["header"]["session"] for m in browser.messages}
            assert len(sessions - {"browser"}) == 1  # as if the kernel had said it

    async def test_of_a_kernel_that_was_there_before_the_room_knew(self, place: Place) -> None:
        nb, _ = await begun(place, f"{OUT}\nwith out: print('early')", INTO, HELD)
        await nb.run("c0", 60)
        place.host("a.ipynb").room.running._execution.captures.forget()
        assert (await nb.run("c1", 60)).text == "beside\n"
        # The kernel is asked, says what there was, and is told the whole: each waits its turn.
        for _ in range(5):
            if "early" in (held := (await nb.run("c2", 60)).text) and "inside" in held:
                break
        assert held == "['early\\n', 'inside\\nmore\\n']\n"

    async def test_printing_from_a_thread_goes_on_after_the_run(self, place: Place) -> None:
        thread = (
            "import threading\ngo = threading.Event()\n"
            "def late():\n    with out:\n        go.wait(); print('late')\n"
            "worker = threading.Thread(target=late); worker.start()"
        )
        nb, _ = await begun(place, OUT, thread, "go.set(); worker.join()", HELD)
        for cell in ("c0", "c1", "c2"):
            assert (await nb.run(cell, 60)).ok
        assert (await nb.run("c3", 60)).text == "['late\\n']\n"
        assert nb.outputs("c1") == [] and nb.outputs("c2") == []


class TestRunsOfOthers:
    async def test_are_the_cells_and_the_askers(self, place: Place, protocol: str | None) -> None:
        nb, kernel = await begun(place, "print('by hand')\n6 * 7")
        async with (
            at_kernel(place, kernel, protocol) as asker,
            at_kernel(place, kernel) as other,
        ):
            run = await asker.execute("print('by hand')\n6 * 7", {"cellId": "c0"})
            assert {"stream", "execute_result"} <= set(await asker.until_idle(run))
            assert not {"stream", "execute_result"} & set(await other.until_idle(run))
            await nb.until(lambda: state(nb, "c0") == "ok", 60)
        last = nb.last_run("c0")
        assert (last.id, last.started_at is not None) == (run, True)
        assert [o["output_type"] for o in nb.outputs("c0")] == ["stream", "execute_result"]
        assert last.execution_count == nb.outputs("c0")[1]["execution_count"]
        assert last.source_hash

    async def test_that_fail_say_so(self, place: Place) -> None:
        nb, kernel = await begun(place, "1 / 0")
        async with at_kernel(place, kernel) as asker:
            await asker.until_idle(await asker.execute("1 / 0", {"cellId": "c0"}))
        await nb.until(lambda: state(nb, "c0") == "error", 60)
        assert nb.outputs("c0")[0]["ename"] == "ZeroDivisionError"

    async def test_that_wait_when_the_kernel_dies_are_lost(self, place: Place) -> None:
        nb, kernel = await begun(place, "import time; time.sleep(600)", "2")
        async with at_kernel(place, kernel) as asker:
            await asker.execute("import time; time.sleep(600)", {"cellId": "c0"})
            await asker.execute("2", {"cellId": "c1"})
            await nb.until(lambda: state(nb, "c0") == "running" and state(nb, "c1") == "queued", 60)
            await place.app.kernel_manager.restart_kernel(kernel, now=True)
            await nb.until(lambda: state(nb, "c1") == "lost" and nb.kernel.state == "idle", 60)
        assert {state(nb, "c0"), state(nb, "c1")} == {"lost"}
        assert (await nb.run("c1", 60)).text == "2\n"

    async def test_that_name_no_cell_are_none_of_ours(self, place: Place) -> None:
        nb, kernel = await begun(place, "print('no')")
        asked: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"cellId": "nobody"}, {}),
            ({"cellId": 7}, {}),
            ({}, {}),
            ({"cellId": "c0"}, {"silent": True}),
        ]
        async with at_kernel(place, kernel) as asker:
            for metadata, more in asked:
                await asker.until_idle(await asker.execute("print('mine')", metadata, **more))
            own = await asker.execute("print('mine')")
            assert "stream" in await asker.until_idle(own)
        assert nb.outputs("c0") == [] and nb.last_run("c0") is None

    async def test_of_percent_run_is_the_cells(self, place: Place) -> None:
        (place.root / "other.py").write_text("print('from the file')\n")
        nb, _ = await begun(place, "%run other.py")
        assert (await nb.run("c0", 60)).text == "from the file\n"
