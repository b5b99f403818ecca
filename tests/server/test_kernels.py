"""Rooms use Jupyter's own kernels: sessions, restarts, deaths, and configured classes."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.provisioning import KernelProvisionerFactory
from websockets.asyncio.client import connect

from jupyter_runtimed.client import LiveNotebook

from ..client.live_server import LiveServer
from . import chosen
from .clients import Place

pytestmark = pytest.mark.kernel

CHOSEN = "tests.server.chosen"
V1 = "v1.kernel.websocket.jupyter.org"


@pytest.fixture(autouse=True)
def seen() -> list[str]:
    chosen.SEEN.clear()
    return chosen.SEEN


async def kernel_is(nb: LiveNotebook, *states: str) -> None:
    await nb.wait_for(lambda: nb.kernel.state in states, 60)


class TestSessions:
    async def test_a_room_uses_the_kernel_of_a_new_jupyter_session(self, place: Place) -> None:
        place.write("a.ipynb", "6 * 7")
        nb = await place.open("a.ipynb")
        assert nb.kernel.state == "none"
        session = await place.start_session("a.ipynb")
        await kernel_is(nb, "idle")
        assert (nb.kernel.id, nb.kernel.name) == (session["kernel"]["id"], "python3")
        assert (await nb.run("c0", 60)).text == "42\n"
        assert len((await place.ask("GET", "api/kernels")).json) == 1

    async def test_a_room_uses_the_kernel_of_an_existing_session(self, place: Place) -> None:
        place.write("a.ipynb", "6 * 7")
        session = await place.start_session("a.ipynb")
        nb = await place.open("a.ipynb")
        await kernel_is(nb, "idle")
        assert nb.kernel.id == session["kernel"]["id"]
        assert (await nb.run("c0", 60)).text == "42\n"

    async def test_a_room_follows_a_change_and_the_removal_of_its_kernel(
        self, place: Place
    ) -> None:
        place.write("a.ipynb", "words")
        nb = await place.open("a.ipynb")
        session = await place.start_session("a.ipynb")
        await kernel_is(nb, "idle")
        path = f"api/sessions/{session['id']}"
        changed = await place.ask("PATCH", path, {"kernel": {"name": "echo"}})
        assert changed.status == 200, changed.body
        await nb.wait_for(lambda: nb.kernel.name == "echo" and nb.kernel.state == "idle", 60)
        assert (await nb.run("c0", 60)).text == "words"
        assert (await place.ask("DELETE", path)).status == 204
        await kernel_is(nb, "none")
        assert (await place.ask("GET", "api/kernels")).json == []

    async def test_a_kernel_is_shut_down_by_its_id(self, place: Place) -> None:
        place.write("a.ipynb")
        nb = await place.open("a.ipynb")
        session = await place.start_session("a.ipynb")
        await kernel_is(nb, "idle")
        kernel = session["kernel"]["id"]
        assert (await place.ask("DELETE", f"api/kernels/{kernel}")).status == 204
        await kernel_is(nb, "none")

    async def test_a_run_starts_the_kernel_that_the_notebook_names(self, place: Place) -> None:
        spec = {"name": "echo", "display_name": "Echo"}
        place.write("a.ipynb", "said", kernelspec=spec)
        nb = await place.open("a.ipynb")
        assert (await nb.run("c0", 60)).text == "said"
        (session,) = (await place.ask("GET", "api/sessions")).json
        assert (session["path"], session["type"]) == ("a.ipynb", "notebook")
        assert session["kernel"]["name"] == nb.kernel.name == "echo"

    async def test_an_unknown_kernel_name_is_reported(self, place: Place) -> None:
        place.write("a.ipynb", "x", kernelspec={"name": "fortran77", "display_name": "F"})
        nb = await place.open("a.ipynb")
        result = await nb.run("c0", 60)
        assert result.state != "ok"
        assert "fortran77" in nb.kernel.reason

    async def test_a_renamed_notebook_keeps_its_kernel(self, place: Place) -> None:
        place.write("a.ipynb", "6 * 7")
        nb = await place.open("a.ipynb")
        session = await place.start_session("a.ipynb")
        await kernel_is(nb, "idle")
        await place.ask("PATCH", "api/contents/a.ipynb", {"path": "b.ipynb"})
        await place.ask("PATCH", f"api/sessions/{session['id']}", {"path": "b.ipynb"})
        assert (await nb.run("c0", 60)).text == "42\n"
        assert nb.kernel.id == session["kernel"]["id"]
        assert len((await place.ask("GET", "api/kernels")).json) == 1


async def test_a_kernel_that_failed_to_start_does_not_prevent_the_servers_end(
    place: Place,
) -> None:
    place.write("a.ipynb", "x", kernelspec={"name": "fortran77", "display_name": "F"})
    nb = await place.open("a.ipynb")
    assert (await nb.run("c0", 60)).state == "cancelled"
    await place.app.kernel_manager.shutdown_all()


class TestWhatHappensToIt:
    async def test_restart_and_interrupt_by_jupyters_own_api(self, place: Place) -> None:
        endless = "import time\nwhile True: print(1); time.sleep(0.1)"
        place.write("a.ipynb", "x = 1", "'x' in globals()", endless)
        nb = await place.open("a.ipynb")
        await nb.run("c0", 60)
        kernel = f"api/kernels/{nb.kernel.id}"
        states: list[str] = []
        nb.on_change(lambda _: states.append(nb.kernel.state))
        assert (await place.ask("POST", f"{kernel}/restart", {})).status == 200
        await nb.wait_for(lambda: "restarting" in states and nb.kernel.state == "idle", 60)
        assert (await nb.run("c1", 60)).text == "False\n"
        room = await place.room("a.ipynb")
        await place.call(room, "run", cells=["c2"])
        await nb.wait_for(lambda: bool(nb.outputs("c2")), 60)
        assert (await place.ask("POST", f"{kernel}/interrupt", {})).status == 204
        await nb.wait_for(lambda: nb.last_run("c2").state == "error", 60)
        assert nb.outputs("c2")[-1]["ename"] == "KeyboardInterrupt"

    async def test_a_kernel_that_dies_is_restarted(self, place: Place) -> None:
        place.write("a.ipynb", "import os\nos._exit(1)", "6 * 7")
        nb = await place.open("a.ipynb")
        reasons: set[str] = set()
        nb.on_change(lambda _: reasons.add(nb.kernel.reason))
        result = await nb.run("c0", 60)
        assert result.state not in ("ok", "running", "queued")
        await kernel_is(nb, "idle")
        assert any("died" in reason for reason in reasons)
        assert (await nb.run("c1", 60)).text == "42\n"


class Browser:
    """A kernel's WebSocket, as JupyterLab opens it."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []

    async def until_idle(self, parent: str) -> list[str]:
        """Return the message types of a request up to its end."""
        while True:
            message = _message(await self.socket.recv())
            self.messages.append(message)
            over = message["content"].get("execution_state") == "idle"
            if message["parent_header"].get("msg_id") == parent and over:
                return self.types(parent)

    def types(self, parent: str) -> list[str]:
        ours = [m for m in self.messages if m["parent_header"].get("msg_id") == parent]
        return [message["header"]["msg_type"] for message in ours]

    async def until_states(self, *states: str) -> None:
        """Wait until exactly these kernel states were received, in this order."""
        while self.states != list(states):
            self.messages.append(_message(await asyncio.wait_for(self.socket.recv(), 60)))

    @property
    def states(self) -> list[str]:
        statuses = [m["content"] for m in self.messages if m["header"]["msg_type"] == "status"]
        return [content["execution_state"] for content in statuses]

    async def execute(self, code: str, metadata: dict[str, Any] | None = None, **more: Any) -> str:
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        return await self.ask("execute_request", content | more, metadata)

    async def ask(
        self,
        msg_type: str,
        content: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        channel: str = "shell",
    ) -> str:
        header = {
            "msg_id": uuid.uuid4().hex, "msg_type": msg_type, "username": "",
            "session": "browser", "version": "5.3", "date": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        whole = [header, {}, metadata or {}, content or {}]
        if self.socket.subprotocol == V1:
            await self.socket.send(_v1(channel, whole))
        else:
            names = ("header", "parent_header", "metadata", "content")
            message = dict(zip(names, whole, strict=True)) | {"channel": channel, "buffers": []}
            await self.socket.send(json.dumps(message))
        return str(header["msg_id"])


def _v1(channel: str, parts: list[Any]) -> bytes:
    chunks = [channel.encode(), *(json.dumps(part).encode() for part in parts)]
    places = [8 * (len(chunks) + 2)]
    for chunk in chunks:
        places.append(places[-1] + len(chunk))
    numbers = [len(places), *places]
    return b"".join([*(number.to_bytes(8, "little") for number in numbers), *chunks])


def _message(data: str | bytes) -> dict[str, Any]:
    if isinstance(data, str):
        return dict(json.loads(data))
    count = int.from_bytes(data[:8], "little")
    at = [int.from_bytes(data[8 * i : 8 * i + 8], "little") for i in range(1, count + 1)]
    names = ("header", "parent_header", "metadata", "content")
    return {name: json.loads(data[at[i + 1] : at[i + 2]]) for i, name in enumerate(names)}


@pytest.mark.parametrize("protocol", [None, V1])
async def test_a_browser_gets_output_of_rooms_once(place: Place, protocol: str | None) -> None:
    code = "print('out')\nfrom ipykernel.comm import Comm\nComm(target_name='x')\n1 / 0"
    place.write("a.ipynb", code)
    nb = await place.open("a.ipynb")
    session = await place.start_session("a.ipynb")
    url = f"ws{place.url.removeprefix('http')}api/kernels/{session['kernel']['id']}/channels"
    headers = {"Authorization": f"token {place.token}"}
    protocols = None if protocol is None else [protocol]
    async with connect(url, additional_headers=headers, subprotocols=protocols) as socket:  # type: ignore[arg-type]
        browser = Browser(socket)
        await browser.until_idle(await browser.execute("0"))
        result = await nb.run("c0", 60)
        assert "out" in result.text
        types = await browser.until_idle(nb.last_run("c0").id)
        assert not {"stream", "error", "display_data", "execute_result"} & set(types)
        assert {"status", "execute_input", "comm_open"} <= set(types)
        own = await browser.execute("print('mine')\n5")
        assert {"status", "stream", "execute_result"} <= set(await browser.until_idle(own))


class TestChosenClasses:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {
            "ServerApp": {
                "kernel_manager_class": f"{CHOSEN}.ChosenKernels",
                "session_manager_class": f"{CHOSEN}.ChosenSessions",
                "kernel_websocket_connection_class": f"{CHOSEN}.ChosenSocket",
            }
        }

    async def test_configured_kernel_and_session_classes_are_used(
        self, place: Place, seen: list[str]
    ) -> None:
        place.write("a.ipynb", "print('out')")
        nb = await place.open("a.ipynb")
        assert (await nb.run("c0", 60)).text == "out\n"
        assert seen == ["session", "start"]
        assert isinstance(place.app.kernel_manager, chosen.ChosenKernels)
        assert isinstance(place.app.session_manager, chosen.ChosenSessions)
        url = f"ws{place.url.removeprefix('http')}api/kernels/{nb.kernel.id}/channels"
        headers = {"Authorization": f"token {place.token}"}
        async with connect(url, additional_headers=headers) as socket:
            browser = Browser(socket)
            await browser.until_idle(await browser.execute("1"))
        assert "message" in seen


class TestSyncKernels:
    @pytest.fixture(params=["SyncKernels", "PlainKernels"])
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        classes = {"kernel_manager_class": f"{CHOSEN}.{request.param}"}
        if request.param == "PlainKernels":
            classes["session_manager_class"] = f"{CHOSEN}.PlainSessions"
        return {"ServerApp": classes}

    async def test_a_cell_runs_and_the_kernel_restarts_and_shuts_down(self, place: Place) -> None:
        place.write("a.ipynb", "6 * 7")
        nb = await place.open("a.ipynb")
        assert (await nb.run("c0", 60)).text == "42\n"
        await nb.restart()
        assert (await nb.run("c0", 60)).text == "42\n"
        kernel = nb.kernel.id
        assert (await place.ask("DELETE", f"api/kernels/{kernel}")).status == 204
        await kernel_is(nb, "none")
        assert (await nb.run("c0", 60)).text == "42\n"
        await place.app.cleanup_kernels()


async def test_a_provisioner_launches_the_kernel(
    place: Place, jp_kernel_dir: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Provisioned",
        "language": "python",
        "metadata": {"kernel_provisioner": {"provisioner_name": "chosen"}},
    }
    (jp_kernel_dir / "provisioned").mkdir()
    (jp_kernel_dir / "provisioned" / "kernel.json").write_text(json.dumps(spec))
    group = KernelProvisionerFactory.GROUP_NAME
    point = EntryPoint("chosen", f"{CHOSEN}:ChosenProvisioner", group)
    monkeypatch.setitem(KernelProvisionerFactory.instance().provisioners, "chosen", point)
    place.write("a.ipynb", "6 * 7", kernelspec={"name": "provisioned", "display_name": "P"})
    nb = await place.open("a.ipynb")
    assert (await nb.run("c0", 60)).text == "42\n"
    await nb.restart()
    assert seen.count("launch") == 2


async def test_a_kernel_of_another_language_runs_cells(place: Place, jp_kernel_dir: Path) -> None:
    spec = {
        "argv": [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"],
        "display_name": "Bash",
        "language": "bash",
    }
    (jp_kernel_dir / "bash").mkdir()
    (jp_kernel_dir / "bash" / "kernel.json").write_text(json.dumps(spec))
    cells = ("word=hello; echo $word there", "echo oops >&2; false", "echo again $word")
    place.write("a.ipynb", *cells, kernelspec={"name": "bash", "display_name": "Bash"})
    nb = await place.open("a.ipynb")
    assert (await nb.run("c0", 60)).text == "hello there\n"
    failed = await nb.run("c1", 60)
    assert (failed.state, "oops" in failed.text) == ("error", True)
    assert (await nb.run("c2", 60)).text == "again hello\n"
    await nb.restart()
    assert (await nb.run("c2", 60)).text == "again\n"


class TestGateway:
    """Another Jupyter server runs the kernels."""

    @pytest.fixture(scope="class")
    def gateway(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
        gateway = LiveServer(tmp_path_factory.mktemp("gateway"))
        gateway.start()
        yield gateway
        gateway.stop()

    @pytest.fixture
    def settings(self, gateway: LiveServer) -> dict[str, Any]:
        return {"GatewayClient": {"url": gateway.url, "auth_token": gateway.token}}

    async def test_a_cell_runs_and_the_kernel_restarts_and_shuts_down(self, place: Place) -> None:
        place.write(
            "a.ipynb", "print('out')\n6 * 7", "print(1, flush=True)\nimport time; time.sleep(600)"
        )
        nb = await place.open("a.ipynb")
        result = await nb.run("c0", 60)
        assert (result.state, result.text) == ("ok", "out\n42\n")
        room = await place.room("a.ipynb")
        await place.call(room, "run", cells=["c1"])
        await nb.wait_for(lambda: bool(nb.outputs("c1")), 60)
        await nb.interrupt()
        await nb.wait_for(lambda: nb.last_run("c1").state == "error", 60)
        await nb.restart()
        assert (await nb.run("c0", 60)).text == "out\n42\n"
        await nb.shutdown()
        await kernel_is(nb, "none")

    async def test_output_widgets_work_through_a_gateway(self, place: Place) -> None:
        place.write(
            "a.ipynb",
            "import ipywidgets\nout = ipywidgets.Output()",
            "with out: print('inside')\nprint('beside')",
            "print([output['text'] for output in out.outputs])",
        )
        nb = await place.open("a.ipynb")
        texts = [(await nb.run(cell, 60)).text for cell in ("c0", "c1", "c2")]
        assert texts == ["", "beside\n", "['inside\\n']\n"]
