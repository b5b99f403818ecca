"""A failure after the decisive step of a save doubles nothing.

The failures: contents managers that fail after writing, the notary, hooks after saving.
"""

import json

import nbformat
import pytest
from tornado.web import HTTPError

from jupyter_runtimed.errors import SaveFailed
from jupyter_runtimed.host.files.local import LocalFiles
from jupyter_runtimed.server.contents import manager_files as server_files
from jupyter_runtimed.server.contents.manager_files import ContentsFiles

from .conftest import notebook
from .local_client import LocalClient


class Manager:
    """A contents manager in memory; `fails` names the next failure after a completed save."""

    def __init__(self):
        self.model = json.loads(notebook("x = 1"))
        self.fails = ""
        self.fresh = False

    async def get(self, path, content=True, **_):
        if self.fails == "get" and self.fresh:
            self.fresh = False
            raise HTTPError(503, "the drive does not answer")
        model = nbformat.from_dict(json.loads(json.dumps(self.model)))
        return {"type": "notebook", "path": path, "content": model, "last_modified": "then"}

    async def save(self, model, path):
        self.model = json.loads(json.dumps(model["content"]))
        self.fresh = True
        if self.fails == "hook":
            raise HTTPError(500, "a hook after saving failed")
        if self.fails == "connection":
            raise ConnectionResetError("the answer was lost")
        return {"type": "notebook", "path": path, "content": None, "last_modified": "now"}

    async def file_exists(self, path):
        return True

    def source(self):
        return "".join(self.model["cells"][0]["source"])


@pytest.mark.parametrize("fails", ["hook", "connection", "get"])
async def test_a_contents_manager_that_fails_after_it_has_saved_doubles_nothing(
    place, monkeypatch, fails
):
    monkeypatch.setattr(server_files, "POLL_SECONDS", 0.05)
    manager = Manager()
    server = place.server()
    server._files = ContentsFiles(manager)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    manager.fails = fails
    for number in range(3):
        ana.type("c0", f"<{number}>")
        reply = await ana.call("save")
        assert reply.error is None, reply.error
    manager.fails = ""
    ana.type("c0", "<3>")
    assert (await ana.call("save")).error is None
    assert ana.source("c0") == manager.source() == "x = 1<0><1><2><3>"
    assert ana.events("merged") == ana.events("save_failed") == []


async def test_a_contents_manager_that_saves_nothing_is_a_failed_save(place):
    manager = Manager()
    server = place.server()
    server._files = ContentsFiles(manager)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)

    async def refused(*_):
        raise HTTPError(507, "the drive is full")

    manager.save = refused
    ana.type("c0", "<0>")
    reply = await ana.call("save")
    assert "the drive is full" in reply.error["message"]
    assert manager.source() == "x = 1"


class NotaryThatFails:
    def trusted(self, data, content):
        return ()

    def sign(self, data):
        raise RuntimeError("the database of signatures is locked")


async def test_a_save_succeeds_although_its_signature_cannot_be_stored(place):
    place.put("a.ipynb", notebook("x = 1"))
    ana = LocalClient(await place.server(trust=NotaryThatFails()).open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    assert (await ana.call("trust")).error is None
    ana.type("c0", "<0>")
    assert (await ana.call("save")).error is None
    assert place.sources() == ["x = 1<0>"]
    assert ana.events("save_failed") == []


class LatelyFailing(LocalFiles):
    """A disk that writes and reports a failure."""

    failing = True

    async def write(self, path, render, expected):
        written = await super().write(path, render, expected)
        if self.failing:
            raise SaveFailed("the disk says that it could not")
        return written


async def test_bytes_of_a_save_with_a_false_failure_are_recognised_as_own(place):
    place.put("a.ipynb", notebook("x = 1"))
    server = place.server()
    server._files = files = LatelyFailing(place.root, server._files._watcher)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    for number in range(3):
        ana.type("c0", f"<{number}>")
        await ana.call("save")
    files.failing = False
    assert (await ana.call("save")).error is None
    assert ana.source("c0") == "x = 1<0><1><2>"
    assert place.sources() == ["x = 1<0><1><2>"]
    assert ana.events("merged") == []


async def test_bytes_of_a_save_with_a_false_failure_are_recognised_after_a_restart(place):
    place.put("a.ipynb", notebook("x = 1"))
    server = place.server()
    server._files = LatelyFailing(place.root, server._files._watcher)
    host = await server.open("a.ipynb")
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", "<0>")
    await ana.call("save")
    ana.type("c0", "<1>")
    await ana.durable()
    await server._ports.store.close()  # The files that a killed process leaves at this moment.
    host._end()
    ben = LocalClient(await place.server().open("a.ipynb"))
    await ben.until(lambda: ben.peer.live)
    assert (await ben.call("save")).error is None
    assert ben.source("c0") == "x = 1<0><1>"
    assert place.sources() == ["x = 1<0><1>"]
    assert ben.events("merged") == []
