"""Messages on a kernel's WebSocket, and their effect on rooms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from jupyter_runtimed.client import LiveNotebook

from .clients import Place
from .test_kernels import V1, Browser

pytestmark = pytest.mark.kernel

OUT = "import ipywidgets\nout = ipywidgets.Output()"
INTO = "with out:\n    print('inside')\n    print('more')\nprint('beside')"
HELD = "print([output['text'] for output in out.outputs])"


@pytest.fixture(params=["legacy", "v1"])
def protocol(request: pytest.FixtureRequest) -> str | None:
    return V1 if request.param == "v1" else None


ASKS = "print('hello', input('Who? '))"


@asynccontextmanager
async def connected(place: Place, kernel: str, protocol: str | None = V1) -> AsyncIterator[Browser]:
    url = f"ws{place.url.removeprefix('http')}api/kernels/{kernel}/channels"
    headers = {"Authorization": f"token {place.token}"}
    protocols: Any = None if protocol is None else [protocol]
    async with connect(url, additional_headers=headers, subprotocols=protocols) as socket:
        yield Browser(socket)


@asynccontextmanager
async def at_kernel(place: Place, kernel: str, protocol: str | None = V1) -> AsyncIterator[Browser]:
    async with connected(place, kernel, protocol) as browser:
        await browser.until_idle(await browser.execute("0"))
        yield browser


async def begun(place: Place, *cells: str) -> tuple[LiveNotebook, str]:
    place.write("a.ipynb", *cells)
    nb = await place.open("a.ipynb")
    session = await place.start_session("a.ipynb")
    await nb.wait_for(lambda: nb.kernel.state == "idle", 60)
    return nb, session["kernel"]["id"]


def state(nb: LiveNotebook, cell: str) -> str:
    run = nb.last_run(cell)
    return "" if run is None else run.state


class TestOutputWidgets:
    async def test_output_widgets_capture_the_output_of_a_run(
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
            assert len(sessions - {"browser"}) == 1  # The message looks like the kernel's own.

    async def test_output_widgets_of_an_older_kernel_capture_output(self, place: Place) -> None:
        nb, _ = await begun(place, f"{OUT}\nwith out: print('early')", INTO, HELD)
        await nb.run("c0", 60)
        place.host("a.ipynb").room.running._execution.captures.forget()
        assert (await nb.run("c1", 60)).text == "beside\n"
        # The server requests the state, the kernel answers, and the server sends the whole state.
        for _ in range(5):
            if "early" in (held := (await nb.run("c2", 60)).text) and "inside" in held:
                break
        assert held == "['early\\n', 'inside\\nmore\\n']\n"

    async def test_a_thread_prints_into_an_output_widget_after_the_run(self, place: Place) -> None:
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
    async def test_output_of_an_external_run_goes_to_its_cell_and_its_client(
        self, place: Place, protocol: str | None
    ) -> None:
        nb, kernel = await begun(place, "print('by hand')\n6 * 7")
        async with (
            at_kernel(place, kernel, protocol) as asker,
            at_kernel(place, kernel) as other,
        ):
            run = await asker.execute("print('by hand')\n6 * 7", {"cellId": "c0"})
            assert {"stream", "execute_result"} <= set(await asker.until_idle(run))
            assert not {"stream", "execute_result"} & set(await other.until_idle(run))
            await nb.wait_for(lambda: state(nb, "c0") == "ok", 60)
        last = nb.last_run("c0")
        assert (last.id, last.started_at is not None) == (run, True)
        assert [o["output_type"] for o in nb.outputs("c0")] == ["stream", "execute_result"]
        assert last.execution_count == nb.outputs("c0")[1]["execution_count"]
        assert last.source_hash

    async def test_a_failed_external_run_is_an_error(self, place: Place) -> None:
        nb, kernel = await begun(place, "1 / 0")
        async with at_kernel(place, kernel) as asker:
            await asker.until_idle(await asker.execute("1 / 0", {"cellId": "c0"}))
        await nb.wait_for(lambda: state(nb, "c0") == "error", 60)
        assert nb.outputs("c0")[0]["ename"] == "ZeroDivisionError"

    async def test_waiting_external_runs_are_lost_when_the_kernel_dies(self, place: Place) -> None:
        nb, kernel = await begun(place, "import time; time.sleep(600)", "2")
        async with at_kernel(place, kernel) as asker:
            await asker.execute("import time; time.sleep(600)", {"cellId": "c0"})
            await asker.execute("2", {"cellId": "c1"})
            await nb.wait_for(
                lambda: state(nb, "c0") == "running" and state(nb, "c1") == "queued", 60
            )
            await place.app.kernel_manager.restart_kernel(kernel, now=True)
            await nb.wait_for(lambda: state(nb, "c1") == "lost" and nb.kernel.state == "idle", 60)
        assert {state(nb, "c0"), state(nb, "c1")} == {"lost"}
        assert (await nb.run("c1", 60)).text == "2\n"

    async def test_requests_without_a_cell_id_do_not_change_the_room(self, place: Place) -> None:
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

    async def test_output_of_percent_run_goes_to_its_cell(self, place: Place) -> None:
        (place.root / "other.py").write_text("print('from the file')\n")
        nb, _ = await begun(place, "%run other.py")
        assert (await nb.run("c0", 60)).text == "from the file\n"


class TestBusyWhileACellWaitsForInput:
    async def test_a_page_that_connects_during_input_sees_a_busy_kernel(
        self, place: Place, protocol: str | None
    ) -> None:
        nb, kernel = await begun(place, ASKS)
        running = asyncio.create_task(nb.run("c0", 60))
        await nb.wait_for(lambda: "c0" in nb.prompts(), 60)
        async with connected(place, kernel, protocol) as browser:
            await browser.until_states("busy")
            await nb.answer_input("c0", "Ana")
            await browser.until_states("busy", "idle")
        assert (await running).text.endswith("hello Ana\n")

    async def test_requests_during_input_do_not_make_the_kernel_idle(
        self, place: Place, protocol: str | None
    ) -> None:
        nb, kernel = await begun(place, ASKS)
        async with at_kernel(place, kernel, protocol) as browser:
            browser.messages.clear()
            running = asyncio.create_task(nb.run("c0", 60))
            await nb.wait_for(lambda: "c0" in nb.prompts(), 60)
            await browser.ask("kernel_info_request", channel="control")
            await browser.until_states("busy", "busy", "idle", "busy")
            await nb.answer_input("c0", "Ana")
            await browser.until_states("busy", "busy", "idle", "busy", "idle")
        assert (await running).ok
