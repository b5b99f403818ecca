"""Clients and kernels for `bench/store.py`, in this process and without a network."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import nbformat

from jupyter_runtimed.document.permissions import Permissions
from jupyter_runtimed.execution.messages import KernelMessage
from jupyter_runtimed.host.files.local import LocalFiles
from jupyter_runtimed.host.files.watcher import Watcher
from jupyter_runtimed.host.host import Host
from jupyter_runtimed.host.kernels.port import READY_SECONDS, Deliver, Link
from jupyter_runtimed.host.registry import Registry
from jupyter_runtimed.host.storage.blob_gc import stored
from jupyter_runtimed.ids import CellId, RoomId, RunId
from jupyter_runtimed.peer.peer import Peer
from jupyter_runtimed.protocol import frames
from jupyter_runtimed.room.events import KernelStatusChanged, User
from jupyter_runtimed.room.settings import Settings

PICTURE_BYTES = 30_000


class Pen:
    """A client that types like a user and records when each keystroke is acknowledged."""

    def __init__(self, host: Host, seed: int) -> None:
        self.peer = Peer("pen")
        self.latencies: list[float] = []
        self._host = host
        self._dice = random.Random(seed)
        self._at = 0
        self._waiting: list[float] = []
        self._news = asyncio.Event()
        self._session = host.join(User("pen", "Pen"), Permissions(True, True), self)
        self._flush(self.peer.connected())

    def send(self, data: bytes) -> None:
        self.peer.received(data)
        now = time.perf_counter()
        while len(self._waiting) > self.peer.pending_edits:
            self.latencies.append(now - self._waiting.pop(0))
        asyncio.get_running_loop().call_soon(self.flush)
        self._news.set()

    def disconnect(self, code: int, reason: str) -> None:
        self._news.set()

    def leave(self) -> None:
        self._host.leave(self._session)

    def is_at(self, host: Host) -> bool:
        return self._host is host

    def flush(self) -> None:
        self._flush(self.peer.drain())

    def _flush(self, out: Sequence[bytes]) -> None:
        for data in out:
            self._host.receive(self._session, frames.decode(data), Permissions(True, True))

    def keystroke(self, cell: str) -> None:
        """Type a letter after the last one; sometimes delete one, sometimes type elsewhere."""
        notebook, dice = self.peer.notebook, self._dice
        length = len(notebook.source(CellId(cell)))
        self._at = dice.randrange(length + 1) if dice.random() < 0.02 else min(self._at, length)
        if self._at and dice.random() < 0.15:
            self._at -= 1
            notebook.splice(CellId(cell), self._at, 1)
        else:
            notebook.splice(CellId(cell), self._at, 0, dice.choice("etaoin shrdlu(=)\n"))
            self._at += 1
        self._waiting.append(time.perf_counter())
        self.peer.edited(now_ms=int(time.time() * 1000))
        self.flush()

    def call(self, name: str, **args: object) -> None:
        self.peer.call(name, args)
        self.flush()

    async def until(self, true: Any) -> None:
        while not true():
            self._news.clear()
            await self._news.wait()

    async def durable(self) -> None:
        await self.until(lambda: self.peer.pending_edits == 0)

    async def ran(self, cell: str) -> None:
        """Run a cell and wait for its picture."""
        runtime = self.peer.runtime
        before = None if runtime is None else runtime.run_of(CellId(cell))
        self.call("run", cells=[cell], stop_on_error=True)

        def done() -> bool:
            now = self.peer.runtime
            run = None if now is None else now.run_of(CellId(cell))
            return (
                run is not None
                and run is not before
                and run.state == "ok"
                and (before is None or run.id != before.id)
            )

        await self.until(done)


class Painter:
    """A kernel that prints a line and draws a new picture in every run."""

    def __init__(self) -> None:
        self._deliver: Deliver | None = None
        self._count = 0
        self.language_info: Mapping[str, object] = {}

    def start(self, deliver: Deliver) -> None:
        self._deliver = deliver

    async def ready(self, timeout_seconds: float = READY_SECONDS) -> Literal["idle", "busy"]:
        return "idle"

    def execute(self, run: RunId, cell: CellId, code: str, *, stop_on_error: bool) -> None:
        self._count += 1
        picture = base64.b64encode(os.urandom(PICTURE_BYTES)).decode()
        shown = {"data": {"image/png": picture, "text/plain": "<Figure>"}, "metadata": {}}
        reply = {"status": "ok", "execution_count": self._count, "payload": []}
        said: list[tuple[str, dict[str, Any], Literal["iopub", "shell"]]] = [
            ("status", {"execution_state": "busy"}, "iopub"),
            ("execute_input", {"execution_count": self._count}, "iopub"),
            ("stream", {"name": "stdout", "text": f"run {self._count}\n"}, "iopub"),
            ("display_data", shown, "iopub"),
            ("execute_reply", reply, "shell"),
            ("status", {"execution_state": "idle"}, "iopub"),
        ]
        messages = tuple(
            KernelMessage(channel, kind, run, f"{run}-{i}", content, parent_type="execute_request")
            for i, (kind, content, channel) in enumerate(said)
        )
        asyncio.get_running_loop().call_soon(self._say, messages)

    def _say(self, messages: tuple[KernelMessage, ...]) -> None:
        if self._deliver is not None:
            self._deliver(messages)

    def reply_input(self, text: str) -> None: ...

    def tell_comm(self, comm_id: str, data: Mapping[str, Any], message_id: str) -> None: ...

    def restarted(self, connection: Mapping[str, Any] | None = None) -> None: ...

    async def close(self) -> None: ...


class Painters:
    """Kernels port that gives each notebook a `Painter`."""

    async def find(self, path: str) -> tuple[Link, KernelStatusChanged] | None:
        return None

    async def ensure(self, path: str, name: str) -> tuple[Link, KernelStatusChanged]:
        return Painter(), KernelStatusChanged(
            "starting", f"painter of {path}", "painter", "Painter"
        )

    async def interrupt(self, kernel_id: str) -> None: ...

    async def restart(self, kernel_id: str) -> None: ...

    async def shutdown(self, kernel_id: str) -> None: ...

    def show_widget(
        self, kernel_id: str, comm_id: str, outputs: Sequence[Mapping[str, Any]]
    ) -> None: ...


class Desk:
    """A folder of notebooks with its rooms."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.data = folder / "data"
        self._root = folder / "notebooks"
        self._root.mkdir(exist_ok=True)
        self._watcher = Watcher()
        self._pens: list[Pen] = []
        self.rooms = Registry(
            self.data,
            settings=Settings(**settings),
            files=LocalFiles(self._root, self._watcher),
            kernels=Painters(),
            room_id=lambda path: RoomId(path.replace(".", "-")),
            server="bench",
        )

    def put(self, path: str, sources: Sequence[str]) -> None:
        cells = [nbformat.v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(sources)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), self._root / path)

    async def open(self, path: str, seed: int = 0) -> Pen:
        pen = Pen(await self.rooms.open(path), seed)
        self._pens.append(pen)
        await pen.until(lambda: pen.peer.live and pen.peer.runtime is not None)
        return pen

    async def end_visit(self, path: str) -> None:
        """Save, disconnect all clients of a room, and wait until the room closes."""
        host = self.rooms.by_path(path)
        assert host is not None
        pens = [pen for pen in self._pens if pen.is_at(host)]
        pens[0].call("save")
        await pens[0].until(lambda: not host.room.filing.unsaved)
        for pen in pens:
            pen.leave()
        while self.rooms.by_path(path) is not None:
            await asyncio.sleep(0.01)
        await asyncio.gather(*self.rooms._ending.values())

    def swept(self) -> None:
        """Collect unreferenced blobs without a grace time."""
        blobs = self.rooms._made().blobs
        for _ in ("marked", "removed"):
            blobs.sweep(stored(self.data / "rooms"), grace_seconds=-1)

    async def close(self) -> None:
        """Disconnect all clients, then close the rooms."""
        for pen in self._pens:
            pen.leave()
        await self.rooms.close_all()
        await self._watcher.close()
