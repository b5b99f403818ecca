"""A folder of notebooks and the rooms of a server, without the server."""

import json
from pathlib import Path

import pytest

from jupyter_runtimed.host.files.local import LocalFiles
from jupyter_runtimed.host.files.watcher import Watcher
from jupyter_runtimed.host.registry import Registry
from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.ids import RoomId
from jupyter_runtimed.room.settings import Settings

from .local_client import LocalKernels

QUICK = Settings(quiet_ms=20, longest_ms=100, idle_ms=60_000)


def notebook(*sources):
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{index}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for index, source in enumerate(sources)
    ]
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(whole, indent=1) + "\n").encode()


class Place:
    """Notebooks on a disk, and servers that open them in turn or at the same time."""

    def __init__(self, root):
        self.root = Path(root) / "notebooks"
        self.root.mkdir(exist_ok=True)
        self.data = Path(root) / "data"
        self.kernels = LocalKernels()
        self.ids = {}
        self._servers = []

    def put(self, path, data):
        place = self.root / path
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)

    def sources(self, path="a.ipynb"):
        whole = json.loads((self.root / path).read_bytes())
        return ["".join(cell["source"]) for cell in whole["cells"]]

    def room_id(self, path):
        return RoomId(self.ids.get(path, path.replace("/", "-").replace(".", "-")))

    def server(self, settings=QUICK, **more):
        watcher = Watcher()
        registry = Registry(
            self.data,
            settings=settings,
            files=LocalFiles(self.root, watcher),
            kernels=self.kernels,
            room_id=self.room_id,
            server="test",
            **more,
        )
        self._servers.append((registry, watcher))
        return registry

    async def close(self):
        for registry, watcher in self._servers:
            await registry.close_all()
            await watcher.close()
        await self.kernels.close()


@pytest.fixture
def folder(tmp_path):
    return DataDir(tmp_path / "data")


@pytest.fixture
async def place(tmp_path):
    place = Place(tmp_path)
    yield place
    await place.close()
