"""Open connections that send nothing while their user loses the login or a permission."""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_server.auth import IdentityProvider

from jupyter_runtimed.client import LiveNotebook, connect
from jupyter_runtimed.errors import Forbidden, LoggedOut
from jupyter_runtimed.protocol import frames

from .clients import Place, Socket
from .revoking import Accounts, SlowTable, Table, as_at_first

CHECKS = {"permission_check_interval": 0.1, "identity_check_interval": 0.1}
READ = ("read", "contents")


async def listener(place: Place, name: str, path: str = "a.ipynb") -> Socket:
    """A client that sends only `hello`."""
    headers = {"Authorization": f"token {name}-token"}
    answer = await place.ask("PUT", "api/runtimed/rooms", {"path": path}, headers=headers)
    assert answer.status == 200, answer.body
    socket = await place.socket(answer.json["room"], token=f"{name}-token")
    await socket.hello()
    return socket


async def agent(place: Place, name: str, path: str = "a.ipynb") -> LiveNotebook:
    return await connect(place.url, path, f"{name}-token", name=name)


class TestPermissions:
    @pytest.fixture(params=[Table, SlowTable], ids=["sync", "async"])
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        as_at_first()
        server = {"identity_provider_class": Accounts, "authorizer_class": request.param}
        return {"ServerApp": server, "RuntimedExtension": CHECKS}

    async def test_a_changed_role_is_reported_to_a_client_that_sends_nothing(
        self, place: Place
    ) -> None:
        place.write("a.ipynb", "x")
        ana, ben = await listener(place, "ana"), await listener(place, "ben")
        Table.may = {"ana": {READ}}
        assert await ana.event("rights") == {"role": "viewer"}
        Table.may = {"ana": {READ, ("write", "contents")}}
        assert await ana.event("rights") == {"role": "editor"}
        Table.may = {"ben": {READ}}
        assert await ana.event("rights") == {"role": "runner"}
        assert await ben.event("rights") == {"role": "viewer"}

    async def test_a_client_that_may_not_read_any_more_is_closed(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        ana, ben = await listener(place, "ana"), await listener(place, "ben")
        Table.may = {"ana": set()}
        code, reason = await ana.closed()
        assert (code, "may not read" in reason) == (4403, True)
        reply = await ben.reply(frames.Call(1, "save"))
        assert reply.error is None

    async def test_other_connections_of_the_user_follow_at_once(self, place: Place) -> None:
        """The timer is longer than this test, so it has no influence."""
        place.extension.watch._rights_seconds = 3600
        place.write("a.ipynb", "x")
        ana, also_ana = await listener(place, "ana"), await listener(place, "ana")
        Table.may = {"ana": {READ}}
        await ana.send(frames.Presence("", None))
        assert await also_ana.event("rights") == {"role": "viewer"}

    async def test_a_failing_authorizer_ends_the_connection_temporarily(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        ana = await listener(place, "ana")
        Table.broken = True
        code, reason = await ana.closed()
        assert (code, "failed to check" in reason) == (1011, True)
        Table.broken = False
        await listener(place, "ana")

    async def test_a_lost_permission_raises_a_clear_error_in_an_agent(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        nb = await agent(place, "ana")
        Table.may = {"ana": set()}
        with pytest.raises(Forbidden, match="may not read this notebook"):
            await nb.wait_for(lambda: False, 30)
        with pytest.raises(Forbidden, match="may not read this notebook"):
            await nb.append("c0", "y")
        await nb.close()


class TestIdentity:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        as_at_first()
        server = {"identity_provider_class": Accounts, "authorizer_class": Table}
        return {"ServerApp": server, "RuntimedExtension": CHECKS}

    async def test_a_deleted_account_ends_its_connections(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        ana, ben = await listener(place, "ana"), await listener(place, "ben")
        Accounts.accounts.discard("ana")
        code, reason = await ana.closed()
        assert (code, "not logged in" in reason) == (4401, True)
        assert (await ben.reply(frames.Call(1, "save"))).error is None

    async def test_a_deleted_account_raises_in_an_agent_with_its_pending_edits(
        self, place: Place
    ) -> None:
        place.write("a.ipynb", "x")
        nb = await agent(place, "ana")
        Accounts.accounts.discard("ana")
        with pytest.raises(LoggedOut, match="log in again"):
            await nb.wait_for(lambda: False, 30)
        with pytest.raises(LoggedOut):
            await nb.append("c0", "y")
        await nb.close()

    async def test_a_silent_identity_provider_ends_no_connection_at_first(
        self, place: Place
    ) -> None:
        place.write("a.ipynb", "x")
        ana = await listener(place, "ana")
        watch = place.extension.watch
        await watch.close()
        for failures in (2, 2):
            Accounts.broken = True
            for _ in range(failures):
                await watch._look_at_identities()
            Accounts.broken = False
            await watch._look_at_identities()
            assert (await ana.reply(frames.Call(1, "save"))).error is None
        Accounts.broken = True
        for _ in range(3):
            await watch._look_at_identities()
        code, reason = await ana.closed()
        assert (code, "cannot check who you are" in reason) == (4503, True)

    async def test_connections_with_the_same_credentials_are_asked_about_once(
        self, place: Place
    ) -> None:
        place.write("a.ipynb", "x")
        for _ in range(5):
            await listener(place, "ana")
        watch = place.extension.watch
        await watch.close()
        Accounts.asked = 0
        await watch._look_at_identities()
        assert Accounts.asked == 1

    async def test_authorizers_get_the_current_user_of_the_identity_provider(
        self, place: Place
    ) -> None:
        place.write("a.ipynb", "x")
        await listener(place, "ana")
        (socket,) = place.extension.watch._open
        before = socket.handler.current_user
        await place.extension.watch._look_at_identities()
        assert socket.handler.current_user is not before
        assert socket.handler.current_user.username == "ana"


class Own(IdentityProvider):
    """Jupyter's own identity provider, with a token and a cookie."""


class TestJupytersOwnLogin:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"ServerApp": {"identity_provider_class": Own}, "RuntimedExtension": CHECKS}

    async def _logged_in(self, place: Place) -> dict[str, str]:
        """Return the cookies of a browser that opened an address with the token."""
        answer = await place.ask("GET", "api/status", params={"token": place.token})
        cookies = [c.split(";")[0] for c in answer.headers.get_list("Set-Cookie")]
        return {"Cookie": "; ".join(cookies)}

    async def test_a_connection_with_the_servers_token_continues(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        socket = await place.socket(await place.room("a.ipynb"))
        await socket.hello()
        for _ in range(3):
            await place.extension.watch._look_at_identities()
        assert (await socket.reply(frames.Call(1, "save"))).error is None

    async def test_a_token_that_was_changed_ends_the_connection(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        socket = await place.socket(await place.room("a.ipynb"))
        await socket.hello()
        place.app.identity_provider.token = "another"
        assert (await socket.closed())[0] == 4401

    async def test_a_logout_closes_the_connections_of_its_browser_only(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        room = await place.room("a.ipynb")
        mine, other = await self._logged_in(place), await self._logged_in(place)
        assert mine != other
        here = await place.socket(room, token="", headers=mine)
        there = await place.socket(room, token="", headers=other)
        await here.hello()
        await there.hello()
        answer = await place.ask("GET", "logout", headers={**mine, "Authorization": ""})
        assert answer.status == 200
        assert (await here.closed())[0] == 4401
        assert (await there.reply(frames.Call(1, "save"))).error is None
