"""Rooms over plain HTTP: the requests, and a program behind proxies without WebSockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

import jupyter_runtimed
from jupyter_runtimed.client import LiveNotebook
from jupyter_runtimed.client import websocket as client_websocket
from jupyter_runtimed.peer.peer import Peer
from jupyter_runtimed.protocol.batches import pack, unpack
from jupyter_runtimed.protocol.close_codes import CloseCode
from jupyter_runtimed.protocol.frames import Call, Reply, Welcome, decode, encode
from jupyter_runtimed.server import polling, room_websocket

from ..support.proxy import KERNELS_ONLY, Proxy, Request
from .clients import Answer, Place


class HttpConnection:
    """A raw connection over HTTP."""

    def __init__(self, place: Place, room: str) -> None:
        self.place = place
        self.path = f"api/runtimed/rooms/{room}/polling"

    @classmethod
    async def open(cls, place: Place, path: str) -> HttpConnection:
        http_connection = cls(place, await place.room(path))
        answer = await place.ask("POST", http_connection.path, raw=b"")
        assert answer.status == 200, answer.body
        http_connection.path = f"{http_connection.path}/{answer.json['connection']}"
        return http_connection

    @property
    def connection(self) -> polling.PollingConnection:
        return self.place.extension.polling._open[self.path.rsplit("/", 1)[1]]

    async def send(self, first: int, *frames: bytes) -> Answer:
        params = {"first": str(first)}
        return await self.place.ask("POST", self.path, raw=pack(frames), params=params)

    async def get(self, after: int) -> Answer:
        return await self.place.ask("GET", self.path, params={"after": str(after)})


def hello() -> bytes:
    return Peer("by hand").connected()[0]


def call(number: int, name: str = "interrupt") -> bytes:
    return encode(Call(number, name, {}, ()))


@pytest.fixture(autouse=True)
def _waits_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "WAIT_SECONDS", 0.05)


async def read(http_connection: HttpConnection, count: int, after: int = 0) -> list[Any]:
    """Request frames after `after` until this many have arrived."""
    found: list[Any] = []
    while len(found) < count:
        answer = await http_connection.get(after + len(found))
        assert answer.status == 200, answer.body
        found += [decode(data, cap_bytes=1 << 30) for data in unpack(answer.body)]
    return found


async def test_frames_go_both_ways(place: Place) -> None:
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    assert (await http_connection.send(1, hello())).json == {"received": 1}
    welcome, *syncs = await read(http_connection, 3)
    assert isinstance(welcome, Welcome)
    assert {sync.doc for sync in syncs} == {"notebook", "runtime"}


async def test_a_repeated_request_is_done_once_and_answered_again(place: Place) -> None:
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    await http_connection.send(1, hello())
    before = len(await read(http_connection, 3))
    for _ in range(3):
        assert (await http_connection.send(2, call(7))).json == {"received": 2}
    first = await read(http_connection, 1, after=before)
    again = await read(http_connection, 1, after=before)
    assert first == again and isinstance(first[0], Reply)
    assert (await http_connection.send(2, call(7), call(8))).json == {"received": 3}
    (other,) = await read(http_connection, 1, after=before + 1)
    assert other.id == 8, "the call that was repeated has one answer"


async def test_a_missing_frame_is_requested(place: Place) -> None:
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    answer = await http_connection.send(2, hello())
    assert answer.status == 400 and "frame 1 is missing" in answer.json["message"]
    assert (await http_connection.send(1, hello())).status == 200


@pytest.mark.parametrize("number", ["-1", "5", "x", ""])
async def test_an_invalid_frame_number_is_refused(place: Place, number: str) -> None:
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    got = await place.ask("GET", http_connection.path, params={"after": number})
    sent = await place.ask(
        "POST", http_connection.path, raw=pack([hello()]), params={"first": number}
    )
    assert (got.status, sent.status) == (400, 400)


async def test_the_newest_request_gets_the_answer(place: Place) -> None:
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    connection = http_connection.connection
    older = asyncio.create_task(connection.after(0, 60))
    await asyncio.sleep(0)
    newer = asyncio.create_task(connection.after(0, 60))
    assert await older == []
    await http_connection.send(1, hello())
    assert len(await newer) >= 1


async def test_bad_frames_end_the_connection_with_their_code(place: Place) -> None:
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    await http_connection.send(1, b"\xc1")
    answer = await http_connection.get(0)
    assert answer.status == 410
    assert (answer.json["code"], answer.json["close"]) == ("closed", CloseCode.BAD_FRAME)
    assert (await http_connection.send(2, hello())).json["close"] == 1006, "it is forgotten"


async def test_a_request_to_a_room_that_is_not_open_is_refused(place: Place) -> None:
    answer = await place.ask("POST", "api/runtimed/rooms/none/polling", raw=b"")
    assert (answer.status, answer.json["close"]) == (410, 4404)


async def test_deleting_an_http_connection_ends_its_session(place: Place) -> None:
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    await http_connection.send(1, hello())
    assert len(place.host("a.ipynb").room.sessions) == 1
    assert (await place.ask("DELETE", http_connection.path)).status == 204
    assert len(place.host("a.ipynb").room.sessions) == 0


async def test_a_silent_client_is_disconnected(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "EXPIRE_SECONDS", 0.2)
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    await http_connection.send(1, hello())
    host = place.host("a.ipynb")
    while host.room.sessions:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # The server's timer sends no event.
    assert (await http_connection.get(0)).status == 410


async def test_a_too_slow_reader_is_disconnected(place: Place) -> None:
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    connection = http_connection.connection
    connection._backlog_bytes = 1000
    await http_connection.send(1, hello())
    connection.send(bytes(1001))
    assert (await http_connection.get(0)).json["close"] == CloseCode.TOO_SLOW


async def test_the_number_of_connections_of_a_user_is_limited(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "CONNECTIONS_OF_USER", 2)
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    await HttpConnection.open(place, "a.ipynb")
    answer = await place.ask("POST", http_connection.path.rsplit("/", 1)[0], raw=b"")
    assert answer.status == 429 and "close some notebooks" in answer.json["message"]


async def test_large_requests_are_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    place.extension.polling.body_bytes = 10
    assert (await http_connection.send(1, bytes(11))).status == 413


async def test_a_stranger_cannot_use_a_connection(place: Place) -> None:
    place.write("a.ipynb", "x")
    http_connection = await HttpConnection.open(place, "a.ipynb")
    for method in ("GET", "POST", "DELETE"):
        answer = await place.ask(
            method, http_connection.path, raw=b"" if method == "POST" else None,
            headers={"Authorization": "token wrong"}, params={"after": "0", "first": "1"},
        )  # fmt: skip
        assert answer.status == 403


def test_an_answer_is_complete_before_an_idle_proxy_cuts() -> None:
    assert room_websocket.PING_MS <= 10_000
    assert client_websocket.PING_SECONDS <= 10
    assert polling.EXPIRE_SECONDS >= 3 * 10


# ------------------------------------------------------------ a program behind a proxy


@pytest_asyncio.fixture
async def proxy(place: Place) -> AsyncIterator[Proxy]:
    port = urlsplit(place.url).port
    assert port is not None
    proxy = Proxy(port, host="127.0.0.1")
    await proxy.start()
    yield proxy
    await proxy.stop()


async def open_through(proxy: Proxy, place: Place, path: str) -> LiveNotebook:
    url = f"{proxy.url}{urlsplit(place.url).path}"
    return await jupyter_runtimed.connect(url, path, place.token)


async def test_a_program_works_where_no_websocket_passes(
    place: Place, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.websockets = KERNELS_ONLY
    place.write("a.ipynb", "x = 1")
    ben = await place.open("a.ipynb", "ben")
    async with await open_through(proxy, place, "a.ipynb") as ana:
        assert (ana.transport, ben.transport) == ("http", "websocket")
        await ana.append("c0", " + 1")
        await ben.wait_for(lambda: ben.source("c0") == "x = 1 + 1", 30)
        await ben.append("c0", " + 2")
        await ana.wait_for(lambda: ana.source("c0") == "x = 1 + 1 + 2", 30)
        await ana.wait_acknowledged(30)
    messages = [record.getMessage() for record in caplog.records if "proxy" in record.getMessage()]
    assert len(messages) == 1
    assert "must pass WebSockets at" in messages[0] and "/socket" in messages[0]


async def test_nothing_is_lost_or_doubled_by_broken_requests(place: Place, proxy: Proxy) -> None:
    """One of five requests does not arrive, and one gets no answer."""
    proxy.websockets = KERNELS_ONLY
    chance = random.Random(4)

    def lose(request: Request) -> Any:
        if "/polling/" not in request.path:
            return None
        return chance.choice(["request", "answer", None, None, None])

    place.write("a.ipynb", "")
    ben = await place.open("a.ipynb", "ben")
    async with await open_through(proxy, place, "a.ipynb") as ana:
        proxy.lose = lose
        for number in range(40):
            await ana.append("c0", f"[{number}]")
            await ben.splice("c0", 0, 0, f"({number})")
            await asyncio.sleep(0)
        await asyncio.gather(ana.wait_acknowledged(60), ben.wait_acknowledged(60))
        await ana.wait_for(lambda: ana.heads == ben.heads, 60)
        text = ana.source("c0")
        for number in range(40):
            assert text.count(f"[{number}]") == text.count(f"({number})") == 1
        proxy.lose = lambda _: None


async def test_a_websocket_that_passes_again_is_used(
    place: Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_runtimed.client.transport_choice.FIRST_RETRY_SECONDS", 0.1)
    proxy.websockets = KERNELS_ONLY
    place.write("a.ipynb", "x")
    async with await open_through(proxy, place, "a.ipynb") as ana:
        assert ana.transport == "http"
        proxy.websockets = None
        await ana.wait_for(lambda: ana.transport == "websocket" and ana.connected, 60)
        await ana.append("c0", "!")
        await ana.wait_acknowledged(30)
        proxy.websockets = KERNELS_ONLY
        proxy.cut()
        await ana.wait_for(lambda: ana.transport == "http" and ana.connected, 60)
        await ana.append("c0", "?")
        await ana.wait_acknowledged(30)
    await place.host("a.ipynb").call("save", {}, (), *_logged_in())
    assert place.on_disk("a.ipynb") == ["x!?"]


def _logged_in() -> Any:
    from jupyter_runtimed.document.permissions import Permissions
    from jupyter_runtimed.room.events import User

    return User("t", "t"), Permissions(True, True)


async def test_a_program_waits_while_a_hub_answers_for_the_server(
    place: Place, proxy: Proxy
) -> None:
    """The proxy answers 404, then the Hub 424, while a program types; both kinds of transport."""
    place.write("a.ipynb", "x")
    for pattern in (None, KERNELS_ONLY):
        proxy.websockets = pattern
        async with await open_through(proxy, place, "a.ipynb") as ana:
            proxy.answer = (404, "text/html", "<html>no route")
            proxy.cut()
            await ana.wait_for(
                lambda ana=ana: "404" in ana.waiting_for or "not found" in ana.waiting_for, 60
            )
            await ana.append("c0", "y")
            proxy.answer = (424, "application/json", '{"message": "Restart it at /hub/spawn"}')
            await ana.wait_for(lambda ana=ana: "Restart it at" in ana.waiting_for, 60)
            proxy.answer = None
            await ana.wait_acknowledged(60)
            assert ana.waiting_for == ""
    ben = await place.open("a.ipynb", "ben")
    assert ben.source("c0") == "xyy"
