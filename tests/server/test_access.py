"""Authentication, origins, and the authorizer that an administrator configured."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest
from jupyter_server.auth import Authorizer
from websockets.exceptions import InvalidStatus

from jupyter_runtimed.errors import Forbidden
from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.host.storage.owner import claim, this_user
from jupyter_runtimed.protocol import frames

from .clients import Place, change_of

READ = ("read", "contents")
WRITE = ("write", "contents")
RUN = ("execute", "kernels")
KERNELS = ("write", "kernels")
SESSIONS = ("write", "sessions")


class Allowing(Authorizer):
    """An authorizer that allows the questions in `allowed` and counts all questions."""

    allowed: ClassVar[set[tuple[str, str]]] = set()
    asked: ClassVar[list[tuple[str, str]]] = []

    def _judge(self, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return (action, resource) in self.allowed

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> Any:
        return self._judge(action, resource)


class AllowingLater(Allowing):
    async def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        await asyncio.sleep(0)
        return self._judge(action, resource)


class TestAuthentication:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PUT", "api/runtimed/rooms"),
            ("GET", "api/runtimed/rooms"),
            ("GET", "api/runtimed/rooms/x"),
            ("POST", "api/runtimed/rooms/x/save"),
            ("GET", "api/runtimed/status"),
            ("GET", "api/runtimed/blobs/" + "0" * 64),
        ],
    )
    async def test_requests_without_a_token_are_refused(
        self, place: Place, method: str, path: str
    ) -> None:
        headers = {"Authorization": "token wrong"}
        answer = await place.ask(method, path, {}, headers=headers, follow_redirects=False)
        assert answer.status == 403

    async def test_a_socket_without_a_token_is_refused(self, place: Place) -> None:
        place.write("a.ipynb")
        room = await place.room("a.ipynb")
        with pytest.raises(InvalidStatus) as refused:
            await place.connect(room, token="wrong")
        assert refused.value.response.status_code == 403

    async def test_a_socket_from_a_foreign_origin_is_refused(self, place: Place) -> None:
        place.write("a.ipynb")
        room = await place.room("a.ipynb")
        cookie = {"Cookie": f"_xsrf=x; token={place.token}"}
        for origin in ("https://evil.example", "null"):
            with pytest.raises(InvalidStatus) as refused:
                await place.connect(room, token="", origin=origin, headers=cookie)
            assert refused.value.response.status_code == 403


@pytest.fixture(params=[Allowing, AllowingLater], ids=["sync", "async"])
def authorizer(request: pytest.FixtureRequest) -> type[Allowing]:
    kind: type[Allowing] = request.param
    kind.allowed, kind.asked = {READ, WRITE, RUN}, []
    return kind


class TestAuthorizer:
    @pytest.fixture
    def settings(self, authorizer: type[Allowing]) -> dict[str, Any]:
        return {"ServerApp": {"authorizer_class": authorizer}}

    async def test_a_viewer_sees_and_changes_nothing(
        self, place: Place, authorizer: type[Allowing]
    ) -> None:
        place.write("a.ipynb", "x")
        editor = await place.open("a.ipynb", "editor")
        authorizer.allowed = {READ}
        viewer = await place.open("a.ipynb", "viewer")
        assert viewer.role == "viewer"
        assert viewer.source("c0") == "x"
        with pytest.raises(Forbidden):
            await viewer.append("c0", "y")
        room = await place.room("a.ipynb")
        socket = await place.socket(room)
        await socket.hello()
        data = change_of(viewer, lambda nb: nb.splice("c0", 0, 0, "z"))
        await socket.send(frames.Change("notebook", data))
        assert (await socket.until(frames.Refuse)).code == "read-only"
        for call in ("run_all", "interrupt", "restart", "shutdown", "clear", "trust", "save"):
            assert (await socket.reply(frames.Call(1, call))).error["code"] == "forbidden", call
            assert (await place.call(room, call)).status == 403, call
        assert editor.source("c0") == "x"

    async def test_an_editor_edits_and_does_not_run(
        self, place: Place, authorizer: type[Allowing]
    ) -> None:
        place.write("a.ipynb", "x")
        authorizer.allowed = {READ, WRITE}
        nb = await place.open("a.ipynb")
        assert nb.role == "editor"
        await nb.append("c0", "y")
        await nb.save()
        with pytest.raises(Forbidden, match="run code"):
            await nb.run("c0", 30)
        with pytest.raises(Forbidden):
            await nb.restart()

    async def test_execute_permission_without_write_permission_does_not_allow_runs(
        self, place: Place, authorizer: type[Allowing]
    ) -> None:
        """Edits contain the code, so a user who may not edit may not run code either."""
        place.write("a.ipynb", "x")
        authorizer.allowed = {READ, RUN}
        assert (await place.open("a.ipynb")).role == "viewer"

    async def test_a_user_without_permissions_is_refused(
        self, place: Place, authorizer: type[Allowing]
    ) -> None:
        place.write("a.ipynb", "x")
        room = await place.room("a.ipynb")
        authorizer.allowed = {WRITE, RUN}
        with pytest.raises(InvalidStatus) as refused:
            await place.connect(room)
        assert refused.value.response.status_code == 403
        for method, path in (
            ("GET", "api/runtimed/rooms"),
            ("GET", f"api/runtimed/rooms/{room}"),
            ("POST", f"api/runtimed/rooms/{room}/save"),
            ("GET", "api/runtimed/status"),
        ):
            assert (await place.ask(method, path, {})).status == 403, path
        answer = await place.ask("PUT", "api/runtimed/rooms", {"path": "a.ipynb"})
        assert answer.status == 403

    async def test_the_authorizer_is_asked_for_every_frame(
        self, place: Place, authorizer: type[Allowing]
    ) -> None:
        place.write("a.ipynb", "x")
        nb = await place.open("a.ipynb")
        for _ in range(5):
            before = len(authorizer.asked)
            await nb.append("c0", "y")
            await nb.wait_acknowledged(30)
            assert set(authorizer.asked[before:]) == {READ, WRITE, RUN, KERNELS, SESSIONS}

    async def test_changed_permissions_count_from_the_next_frame(
        self, place: Place, authorizer: type[Allowing]
    ) -> None:
        place.write("a.ipynb", "x")
        ana = await place.open("a.ipynb")
        socket = await place.socket(await place.room("a.ipynb"))
        assert (await socket.hello()).role == "runner"
        authorizer.allowed = {READ, WRITE}
        data = change_of(ana, lambda nb: nb.splice("c0", 0, 0, "z"))
        await socket.send(frames.Presence("", None))
        assert await socket.event("rights") == {"role": "editor"}
        authorizer.allowed = {READ}
        await socket.send(frames.Change("notebook", data))
        assert await socket.event("rights") == {"role": "viewer"}
        assert (await socket.until(frames.Refuse)).code == "read-only"
        authorizer.allowed = {READ, WRITE, RUN}
        await socket.send(frames.Presence("", None))
        assert await socket.event("rights") == {"role": "runner"}
        authorizer.allowed = set()
        await socket.send(frames.Presence("", None))
        code, reason = await socket.closed()
        assert (code, "may not read" in reason) == (4403, True)

    async def test_frames_keep_their_order(self, place: Place, authorizer: type[Allowing]) -> None:
        place.write("a.ipynb", "")
        ana, bob = await place.open("a.ipynb"), await place.open("a.ipynb", "bob")
        text = "".join(chr(97 + i % 26) for i in range(200))
        for i, letter in enumerate(text):
            ana.insert_now("c0", i, letter)
        await bob.wait_for(lambda: bob.source("c0") == text, 30)


class Failing(Authorizer):
    broken = False

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        if self.broken:
            raise RuntimeError("the directory of users does not answer")
        return True


class TestAnAuthorizerThatFails:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        Failing.broken = False
        return {"ServerApp": {"authorizer_class": Failing}}

    async def test_an_authorizer_that_raises_allows_nothing(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        ana = await place.open("a.ipynb")
        socket = await place.socket(await place.room("a.ipynb"))
        await socket.hello()
        data = change_of(ana, lambda nb: nb.splice("c0", 0, 0, "z"))
        Failing.broken = True
        await socket.send(frames.Change("notebook", data))
        await socket.closed()
        Failing.broken = False
        assert [c.source for c in place.host("a.ipynb").room.content().cells] == ["x"]


class TestForeignDataFolder:
    """The data folder belongs to another user of a JupyterHub."""

    async def test_a_foreign_data_folder_opens_no_room_and_gives_the_reason(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.write("a.ipynb", "a = 1")
        claim(DataDir(place.extension.config_frozen.data_dir).root, this_user("ana"))
        monkeypatch.setattr(place.extension.rooms, "_hub_user", "bob")
        answer = await place.ask("PUT", "api/runtimed/rooms", {"path": "a.ipynb"})
        assert answer.status == 409
        assert "belongs to the user ana of JupyterHub" in answer.json["message"]
