"""Driver of this project for a comparison harness: ``Driver``, ``Client`` and ``Runner``.

The harness is an importable package ``peerbench``, which ``beside_peers.py`` provides. It runs the
scenarios S1 to S6 through the interface of its ``drivers/base.py``.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peerbench.core import TOKEN, ServerProcess, free_port
from peerbench.drivers.base import Client, Runner
from peerbench.drivers.jupyter import JupyterDriver

import jupyter_runtimed
from jupyter_runtimed import LiveNotebook
from jupyter_runtimed.peer.events import Changed, Synced
from jupyter_runtimed.peer.runtime_view import RuntimeTouched


class RoomClient(Client):
    """A live notebook with cells by index."""

    def __init__(self, notebook: LiveNotebook) -> None:
        self.notebook = notebook
        self.ids = [cell.id for cell in notebook.cells]
        self._shown: dict[str, list[dict[str, Any]]] = {}
        self._stale: set[str] = set()
        self._showing: asyncio.Task[None] | None = None
        notebook.on_change(self._happened)

    def _happened(self, event: object) -> None:
        self.on_change()
        if isinstance(event, Changed | Synced) and isinstance(event.touched, RuntimeTouched):
            self._stale |= event.touched.cells
            if self._stale and (self._showing is None or self._showing.done()):
                self._showing = asyncio.create_task(self._show())

    async def _show(self) -> None:
        """Fetch the outputs of changed cells, including large ones, as a browser does."""
        while self._stale:
            cell = self._stale.pop()
            self._shown[cell] = await self.notebook.fetch_outputs(cell)
            self.on_change()

    async def insert(self, cell: int, pos: int, text: str) -> None:
        self.notebook.insert_now(self.ids[cell], pos, text)

    def source(self, cell: int) -> str:
        return self.notebook.source(self.ids[cell])

    def source_len(self, cell: int) -> int:
        return len(self.source(cell))

    def cell_count(self) -> int:
        return len(self.notebook.cells)

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        return self._shown.get(self.ids[cell], [])

    def wire(self) -> tuple[int, int]:
        return self.notebook.received_bytes, self.notebook.sent_bytes

    async def close(self) -> None:
        if self._showing is not None:
            await self._showing
        await self.notebook.close()


class RoomRunner(Runner):
    """A separate client that requests runs."""

    def __init__(self, client: RoomClient) -> None:
        self.client = client
        self.running: asyncio.Task[Any] | None = None

    async def run(self, cell: int) -> None:
        notebook = self.client.notebook
        self.running = asyncio.create_task(notebook.run(self.client.ids[cell]))

    async def idle(self, timeout: float) -> bool:
        if self.running is None:
            return False
        done, _ = await asyncio.wait([self.running], timeout=timeout)
        return bool(done)

    async def close(self) -> None:
        await self.client.notebook.shutdown()
        await self.client.close()


class RuntimedRoomsDriver(JupyterDriver):
    """JupyterLab of this environment with the installed extension."""

    name = "jupyter-runtimed"
    packages = ("jupyter-runtimed", "pyautomerge", "jupyterlab", "jupyter-server")

    async def start(self) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        argv = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
            "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={self.root}",
        ]  # fmt: skip
        self.server = ServerProcess(self.workdir, argv, ready_url=f"{self.base}/api")
        self.server.start()
        await self.attach(self.address())

    async def open(self, path: str) -> RoomClient:
        return RoomClient(await jupyter_runtimed.connect(self.base, path, token=TOKEN))

    async def runner(self, path: str) -> RoomRunner:
        return RoomRunner(await self.open(path))

    def store_paths(self) -> list[Path]:
        return [self.workdir / "home" / "data" / "runtimed"]

    def versions(self) -> dict[str, str]:
        return {name: version(name) for name in self.packages}
