"""Rooms with real kernel processes: ipykernel, or a scripted kernel that its cells control."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager

from jupyter_runtimed.document.content import DisplayOutput, ErrorOutput, StreamOutput
from jupyter_runtimed.document.diff.output_equality import stream_text
from jupyter_runtimed.document.mime import shown as value_shown

from ..host.conftest import Place, notebook
from ..host.local_client import LocalClient, LocalKernels

SCRIPTED = Path(__file__).parents[1] / "support" / "scripted_kernel.py"


class ScriptedKernels(LocalKernels):
    """One scripted kernel for each path."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        spec = {"argv": [sys.executable, str(SCRIPTED), "{connection_file}"], "language": "script",
                "display_name": "Scripted", "interrupt_mode": "message"}  # fmt: skip
        (folder / "scripted").mkdir(parents=True)
        (folder / "scripted" / "kernel.json").write_text(json.dumps(spec))
        self._specs = KernelSpecManager(kernel_dirs=[str(folder)])

    async def ensure(self, path: str, name: str) -> Any:
        if self._id(path) not in self.managers:
            manager = AsyncKernelManager(kernel_name="scripted", kernel_spec_manager=self._specs)
            await manager.start_kernel()
            self.managers[self._id(path)] = manager
        return self._link(path)


class RoomClient:
    """A notebook in a room, with its client."""

    def __init__(self, place: Place, client: LocalClient) -> None:
        self.place = place
        self.client = client

    @property
    def runtime(self) -> Any:
        return self.client.peer.runtime

    def state(self, cell: str) -> str:
        return str(self.client.run_of(cell).state)

    async def run(self, *cells: str) -> list[str]:
        """Run cells to their ends and return their states."""
        reply = await self.client.call("run", cells=list(cells))
        assert reply.error is None, reply.error
        return [(await self.client.finished(cell)).state for cell in cells]

    def shown(self, cell: str) -> str:
        """Return all visible text of a cell, concatenated."""
        get = self.client.host._ports.blobs.get
        parts = []
        for output in self.outputs(cell):
            match output:
                case StreamOutput():
                    parts.append(stream_text(output, get))
                case DisplayOutput():
                    parts += [value_shown(v, get_blob=get)[0] for v in output.data.values()]
                case ErrorOutput():
                    parts.append(f"{output.ename}: {output.evalue}")
        return "".join(parts)

    def outputs(self, cell: str) -> tuple[Any, ...]:
        return tuple(self.runtime.outcome(cell).outputs)


async def open_in_room(place: Place, *sources: str, path: str = "a.ipynb") -> RoomClient:
    place.put(path, notebook(*sources))
    client = LocalClient(await place.server().open(path))
    await client.until(lambda: client.peer.live)
    return RoomClient(place, client)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path)
    yield place
    await place.close()


@pytest.fixture
def scripted(place: Place, tmp_path: Path) -> Place:
    place.kernels = ScriptedKernels(tmp_path / "specs")
    return place
