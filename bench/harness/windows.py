"""Three ways to run cells and receive all their output.

`BareWindow` uses the kernel's own sockets, `LabWindow` the WebSocket of plain JupyterLab's server.
`RoomWindow` receives the output as a second client of a room, which does not request the runs.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from abc import ABC, abstractmethod
from typing import Any

from jupyter_client import AsyncKernelClient, AsyncKernelManager
from websockets.asyncio.client import ClientConnection

import jupyter_runtimed
from harness.lab_system import LabSystem, execute_request
from harness.process import TOKEN, Server
from harness.systems import plain_text
from harness.wire import received_bytes
from jupyter_runtimed import LiveNotebook
from jupyter_runtimed.peer.events import Changed, PeerEvent
from jupyter_runtimed.peer.runtime_view import RuntimeTouched

now = time.perf_counter
GIVE_UP_SECONDS = 120


class Seen:
    """The outputs of a run, collected from kernel messages."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.outputs: list[dict[str, Any]] = []
        """Outputs as a notebook file stores them: one per message, consecutive text joined."""
        self.over = False

    def take(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            self.parts.append(content["text"])
            last = self.outputs[-1] if self.outputs else {}
            if last.get("name") != content["name"]:
                last = {"output_type": "stream", "name": content["name"], "text": []}
                self.outputs.append(last)
            last["text"].append(content["text"])
        elif kind in ("execute_result", "display_data"):
            self.parts.append(content["data"]["text/plain"])
            keys = ("data", "metadata", "execution_count")
            shown = {key: content[key] for key in keys if key in content}
            self.outputs.append({"output_type": kind, **shown})
        elif kind == "status" and content["execution_state"] == "idle":
            self.over = True


class Window(ABC):
    """A view of one notebook.

    `run` returns the seconds from the request until all output arrived, and the text of the output.
    """

    name: str
    changes = 0
    """Number of changes of the shown outputs since the window was opened."""

    @abstractmethod
    async def run(self, cell: int) -> tuple[float, str]: ...

    def received_bytes(self) -> int:
        """Return the bytes received over the wire, including blobs fetched by hash."""
        return 0

    @abstractmethod
    async def filed(self) -> None:
        """Save the last outputs into the file, in the system's own way."""

    @abstractmethod
    async def close(self) -> None: ...


class BareWindow(Window):
    name = "bare"

    def __init__(self, manager: AsyncKernelManager, sources: list[str]) -> None:
        self._manager = manager
        self._sources = sources
        self._client: AsyncKernelClient = manager.client()
        self._client.start_channels()

    @staticmethod
    async def open(sources: list[str]) -> BareWindow:
        manager = AsyncKernelManager(kernel_name="python3")
        await manager.start_kernel()
        window = BareWindow(manager, sources)
        await window._client.wait_for_ready(timeout=60)
        return window

    async def run(self, cell: int) -> tuple[float, str]:
        seen, start = Seen(), now()
        request = self._client.execute(self._sources[cell], allow_stdin=False)
        while not seen.over:
            message = await self._client.get_iopub_msg(timeout=GIVE_UP_SECONDS)
            if message["parent_header"].get("msg_id") == request:
                seen.take(message["msg_type"], message["content"])
                self.changes += 1
        return now() - start, "".join(seen.parts)

    async def filed(self) -> None:
        """Do nothing, because a bare kernel has no file."""

    async def close(self) -> None:
        self._client.stop_channels()
        await self._manager.shutdown_kernel(now=True)


class LabWindow(Window):
    name = "lab"

    def __init__(
        self, system: LabSystem, path: str, connection: ClientConnection, sources: list[str]
    ) -> None:
        self._system = system
        self._path = path
        self._connection = connection
        self._sources = sources
        self._shown: dict[int, list[dict[str, Any]]] = {}

    @staticmethod
    async def open(server: Server, path: str, sources: list[str]) -> LabWindow:
        system = LabSystem(server)
        return LabWindow(system, path, await system.kernel_socket(path), sources)

    async def run(self, cell: int) -> tuple[float, str]:
        seen, request, start = Seen(), uuid.uuid4().hex, now()
        await self._connection.send(execute_request(request, self._sources[cell]))
        while not seen.over:
            text = await asyncio.wait_for(self._connection.recv(), GIVE_UP_SECONDS)
            told = json.loads(text)
            mine = told["parent_header"].get("msg_id") == request
            if mine and told.get("channel") == "iopub":
                seen.take(told["header"]["msg_type"], told["content"])
                self.changes += 1
        self._shown[cell] = seen.outputs
        return now() - start, "".join(seen.parts)

    async def filed(self) -> None:
        """Save as a browser does: `PUT` the whole notebook."""
        await self._system.save(self._path, self._shown)

    def received_bytes(self) -> int:
        return received_bytes(self._connection)

    async def close(self) -> None:
        await self._connection.close()


class RoomWindow(Window):
    name = "room"

    def __init__(self, runner: LiveNotebook, viewer: LiveNotebook) -> None:
        self._runner = runner
        self._viewer = viewer
        self._text_bytes = 0
        self._ids = [cell.id for cell in viewer.cells]
        viewer.on_change(self._changed)

    @staticmethod
    async def open(server: Server, path: str) -> RoomWindow:
        both = [await jupyter_runtimed.connect(server.url, path, token=TOKEN) for _ in range(2)]
        return RoomWindow(*both)

    def _changed(self, event: PeerEvent) -> None:
        if isinstance(event, Changed) and isinstance(event.touched, RuntimeTouched):
            self.changes += 1

    async def run(self, cell: int) -> tuple[float, str]:
        cell_id, viewer = self._ids[cell], self._viewer
        former = viewer.last_run(cell_id)
        former_id = None if former is None else former.id

        def over() -> bool:
            run = viewer.last_run(cell_id)
            return run is not None and run.id != former_id and run.state in ("ok", "error")

        start = now()
        asked = asyncio.create_task(self._runner.run(cell_id))
        await viewer.wait_for(over, GIVE_UP_SECONDS)
        outputs = await viewer.fetch_outputs(cell_id)
        seconds = now() - start
        await asked
        text = plain_text(outputs)
        self._text_bytes += len(text)
        return seconds, text

    async def filed(self) -> None:
        await self._runner.save()

    def received_bytes(self) -> int:
        # Count the whole text as fetched, which is an upper bound.
        return self._viewer.received_bytes + self._text_bytes

    async def close(self) -> None:
        await self._runner.shutdown()
        await self._runner.close()
        await self._viewer.close()
