"""The style that a save keeps, and the time of a save."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from jupyter_runtimed.room.settings import Settings
from jupyter_runtimed.server.contents.trust import NotaryTrust
from tests.host.conftest import Place as Folder
from tests.host.local_client import LocalClient
from tests.support.network import Network

HTML = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<b>shown</b>"}}


@pytest.fixture
async def folder(tmp_path: Path) -> Any:
    folder = Folder(tmp_path)
    yield folder
    await folder.close()


def a_notebook(**more: Any) -> dict[str, Any]:
    cell = {
        "cell_type": "code", "id": "c0", "metadata": {}, "execution_count": 1,
        "outputs": [HTML], "source": ["x = 1"],
    }  # fmt: skip
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


async def opened(folder: Any, data: bytes, **how: Any) -> LocalClient:
    folder.put("a.ipynb", data)
    client = LocalClient(await folder.server(**how).open("a.ipynb"))
    await client.until(lambda: client.peer.live)
    return client


@pytest.mark.parametrize("indent", [None, 1, 2, 4, "\t"])
@pytest.mark.parametrize("minor", [0, 2, 4, 5])
async def test_a_save_keeps_minor_version_and_indentation(
    folder: Any, indent: Any, minor: int
) -> None:
    whole = a_notebook(nbformat_minor=minor)
    if minor < 5:
        del whole["cells"][0]["id"]
    data = json.dumps(whole, indent=indent).encode()
    client = await opened(folder, data)
    (cell,) = client.peer.notebook.order
    client.type(cell, "23")
    await client.wait_for_event("saved")
    assert (folder.root / "a.ipynb").read_bytes() == data.replace(b"x = 1", b"x = 123")


async def test_without_autosave_the_file_is_written_only_on_request(folder: Any) -> None:
    data = json.dumps(a_notebook()).encode()
    never = Settings(quiet_ms=0, longest_ms=0, autosave=False)
    client = await opened(folder, data, settings=never)
    client.type("c0", "23")
    await client.durable()
    await client.wait_for_event("unsaved")
    assert (folder.root / "a.ipynb").read_bytes() == data
    assert (await client.call("save")).error is None
    assert folder.sources() == ["x = 123"]


def test_without_autosave_time_alone_writes_nothing() -> None:
    net = Network("x = 1", settings=Settings(autosave=False))
    before = net.disk.file
    net.join("ana").type("c0", "23")
    net.run_for(3_600_000)
    assert net.disk.file == before


@pytest.mark.parametrize("quiet_ms", [500, 1_000, 3_000])
def test_autosave_uses_the_configured_delays(quiet_ms: int) -> None:
    net = Network("", settings=Settings(quiet_ms=quiet_ms, longest_ms=4 * quiet_ms))
    ana = net.join("ana")
    before = net.disk.writes
    ana.type("c0", "x")
    net.run_for(quiet_ms - 50)
    assert net.disk.writes == before
    net.run_for(150)
    assert net.disk.writes == before + 1
    for _ in range(15):
        ana.type("c0", "x")
        net.run_for(quiet_ms // 3)
    assert net.disk.writes == before + 2, "steady typing was not saved after the longest delay"


class Signed:
    """A notary of Jupyter, and its verdict about a file."""

    def __init__(self, tmp_path: Path) -> None:
        self.notary = NotebookNotary(data_dir=str(tmp_path), db_file=str(tmp_path / "n.db"))

    def trusts(self, data: bytes) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(self.notary.check_signature(nbformat.reads(data.decode(), as_version=4)))

    def sign(self, data: bytes) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.notary.sign(nbformat.reads(data.decode(), as_version=4))


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "foreign"])
async def test_a_save_keeps_the_trust_of_the_file(
    folder: Any, tmp_path: Path, *, trusted: bool
) -> None:
    signed = Signed(tmp_path)
    data = json.dumps(a_notebook(), indent=1).encode()
    if trusted:
        signed.sign(data)
    client = await opened(folder, data, trust=NotaryTrust(signed))
    client.type("c0", "23")
    await client.wait_for_event("saved")
    written = (folder.root / "a.ipynb").read_bytes()
    assert b"x = 123" in written
    assert signed.trusts(written) == trusted
