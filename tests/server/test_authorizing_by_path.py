"""Authorizers that decide by the handler: they see the same as with Jupyter's API."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from jupyter_server.auth import Authorizer
from websockets.exceptions import InvalidStatus

from jupyter_runtimed.document.content import Blob, StreamOutput
from jupyter_runtimed.document.permissions import Permissions
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.room.events import User

from .clients import Place

KERNELS = {("execute", "kernels"), ("write", "kernels"), ("write", "sessions")}


class ByArguments(Authorizer):
    """Forbids everything in the folder `secret`, by the path argument of the handler."""

    asked: ClassVar[list[tuple[str, str, str, str]]] = []

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        path = handler.path_kwargs.get("path", "")
        self.asked.append((action, resource, handler.request.method, handler.request.path))
        return not path.startswith("/secret/")


class ByUrl(Authorizer):
    """Forbids the same by the URL; for sessions by the body, which alone has the path."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        if resource == "sessions" and handler.request.method == "POST":
            return not handler.get_json_body()["path"].startswith("secret/")
        return "/api/contents/secret/" not in handler.request.path


@pytest.fixture(params=[ByArguments, ByUrl])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    ByArguments.asked.clear()
    return {"ServerApp": {"authorizer_class": request.param}}


async def test_rooms_of_hidden_notebooks_are_closed_to_all(place: Place) -> None:
    place.write("open.ipynb", "x")
    place.write("secret/a b.ipynb", "x")
    host = await place.extension.rooms.open("secret/a b.ipynb")
    await place.open("open.ipynb")
    answer = await place.ask("PUT", "api/runtimed/rooms", {"path": "secret/a b.ipynb"})
    assert answer.status == 403
    assert (await place.ask("GET", f"api/runtimed/rooms/{host.room_id}")).status == 403
    assert (await place.call(host.room_id, "save")).status == 403
    with pytest.raises(InvalidStatus) as refused:
        await place.connect(host.room_id)
    assert refused.value.response.status_code == 403
    listed = (await place.ask("GET", "api/runtimed/rooms")).json["rooms"]
    assert [room["path"] for room in listed] == ["open.ipynb"]


LARGE = {"output_type": "stream", "name": "stdout", "text": "a line of a large output\n" * 1000}


async def large_output(place: Place, path: str) -> str:
    """Return the SHA-256 of a large output of this notebook."""
    place.write(path, "x")
    host = await place.extension.rooms.open(path)
    everything = Permissions(write=True, execute=True)
    args = {"cell": "c0", "outputs": [LARGE]}
    await host.call("import_outputs", args, (), User("ana", "Ana"), everything)
    (output,) = host.room.runtime.outcome(CellId("c0")).outputs
    assert isinstance(output, StreamOutput)
    return str(next(chunk.sha256 for chunk in output.chunks if isinstance(chunk, Blob)))


async def test_blobs_are_served_to_readers_of_a_notebook_that_refers_to_them(place: Place) -> None:
    sha256 = await large_output(place, "secret/a b.ipynb")
    url, known = f"api/runtimed/blobs/{sha256}", {"If-None-Match": f'"{sha256}"'}
    assert (await place.ask("GET", url)).status == 404
    assert (await place.ask("GET", url, headers=known)).status == 404
    assert await large_output(place, "open.ipynb") == sha256
    assert (await place.ask("GET", url)).status == 200
    assert (await place.ask("GET", url, headers=known)).status == 304
    place.host("open.ipynb").moved("secret/open.ipynb")
    assert (await place.ask("GET", url)).status == 404


async def test_a_moved_notebook_is_authorized_by_its_new_path(place: Place) -> None:
    place.write("secret/x.ipynb", "x")
    place.write("a.ipynb", "x")
    socket = await place.socket(await place.room("a.ipynb"))
    await socket.hello()
    place.host("a.ipynb").moved("secret/a.ipynb")
    await place.extension.watch._look_at_rights(place.extension.watch._open)
    assert (await socket.closed())[0] == 4403


async def test_the_authorizer_gets_the_same_questions_as_from_jupyters_api(place: Place) -> None:
    """Compare method, path, action and resource with the questions of Jupyter's handlers."""
    place.write("a.ipynb", "x")
    session = await place.start_session("a.ipynb")
    kernel = session["kernel"]["id"]
    await place.ask("GET", "api/contents/a.ipynb")
    content = json.dumps({"type": "notebook", "content": (await place.contents("a.ipynb"))})
    await place.ask("PUT", "api/contents/a.ipynb", raw=content.encode())
    await place.ask("POST", f"api/kernels/{kernel}/restart", {})
    theirs = set(ByArguments.asked)
    socket = await place.socket(await place.room("a.ipynb"))
    await socket.hello()
    ByArguments.asked.clear()
    await place.extension.watch._look_at_rights(place.extension.watch._open)
    channels = [one for one in ByArguments.asked if one[3].endswith("/channels")]
    ours = set(ByArguments.asked) - set(channels)
    if theirs:
        assert [one[:3] for one in channels] == [("execute", "kernels", "GET")]
        assert len(ours) == 4 and ours <= theirs
