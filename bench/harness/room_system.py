"""This project, through its own Python client."""

from __future__ import annotations

import asyncio

import jupyter_runtimed
from harness.process import TOKEN, Server, lab_argv
from harness.systems import Client, Printer, System, plain_text
from jupyter_runtimed import LiveNotebook, RunResult


class RoomClient(Client):
    """A live notebook with cells by index."""

    def __init__(self, notebook: LiveNotebook) -> None:
        self.notebook = notebook
        self.ids = [cell.id for cell in notebook.cells]
        notebook.on_change(lambda _: self.on_change())

    async def insert(self, cell: int, position: int, text: str) -> None:
        self.notebook.insert_now(self.ids[cell], position, text)

    def source(self, cell: int) -> str:
        return self.notebook.source(self.ids[cell])

    def length(self, cell: int) -> int:
        return len(self.source(cell))

    def received_bytes(self) -> int:
        return self.notebook.received_bytes

    async def close(self) -> None:
        await self.notebook.close()


class RoomPrinter(Printer):
    """Two clients: one requests runs, the other views their output."""

    def __init__(self, runner: RoomClient, viewer: RoomClient) -> None:
        self._runner = runner
        self._viewer = viewer
        self._run: asyncio.Task[RunResult] | None = None
        viewer.notebook.on_change(lambda _: self.on_change())

    async def run(self, cell: int) -> None:
        notebook, cell_id = self._runner.notebook, self._runner.ids[cell]
        self._run = asyncio.create_task(notebook.run(cell_id))

    async def text(self, cell: int) -> str:
        return plain_text(await self._viewer.notebook.fetch_outputs(self._viewer.ids[cell]))

    def finished(self) -> bool:
        return self._run is not None and self._run.done()

    async def close(self) -> None:
        if self._run is not None:
            await self._run
        await self._runner.notebook.shutdown()
        await self._runner.close()
        await self._viewer.close()


class RoomSystem(System):
    name = "room"

    @staticmethod
    def launch() -> Server:
        return Server(lab_argv())

    async def open(self, path: str) -> RoomClient:
        return RoomClient(await jupyter_runtimed.connect(self.server.url, path, token=TOKEN))

    async def printer(self, path: str, sources: list[str]) -> RoomPrinter:
        return RoomPrinter(await self.open(path), await self.open(path))
