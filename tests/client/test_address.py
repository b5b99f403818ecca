"""Finding a server: the forms of its address, and the error for each wrong answer."""

from __future__ import annotations

import json
import socket

import pytest

import jupyter_runtimed
from jupyter_runtimed.client import LiveNotebook
from jupyter_runtimed.client.address import Address
from jupyter_runtimed.errors import (
    Forbidden,
    LoginWanted,
    NotebookError,
    NotFound,
    NotThisExtension,
    PeerError,
    RuntimedError,
    SaveFailed,
    ServerUnreachable,
    error_named,
)

from .hub_server import TOKEN, HubServer


@pytest.mark.parametrize(
    ("url", "bases"),
    [
        ("http://localhost:8888", ["http://localhost:8888/"]),
        ("localhost:8888/", ["http://localhost:8888/"]),
        ("http://h:1/lab?token=abc", ["http://h:1/", "http://h:1/lab/"]),
        ("https://hub.org/user/ana", ["https://hub.org/user/ana/"]),
        ("https://hub.org/user/lab", ["https://hub.org/user/", "https://hub.org/user/lab/"]),
        ("http://h/user/a b/", ["http://h/user/a%20b/"]),
        ("http://h/user/a%20b/", ["http://h/user/a%20b/"]),
        ("http://h/user/a%2Fb/", ["http://h/user/a%2Fb/"]),
        ("http://h/user/ana@x.org~1/", ["http://h/user/ana@x.org~1/"]),
        ("http://h/user/zoë/", ["http://h/user/zo%C3%AB/"]),
        ("http://h/user/zo%c3%ab/", ["http://h/user/zo%c3%ab/"]),
        ("http://h/a%40b/", ["http://h/a%40b/"]),
        ("http://h/100%/", ["http://h/100%25/"]),
        ("http://bücher.example/", ["http://xn--bcher-kva.example/"]),
        ("http://[::1]:8888/", ["http://[::1]:8888/"]),
        ("  http://h/  ", ["http://h/"]),
        ("http://h/a//b/", ["http://h/a/b/"]),
    ],
)
def test_an_address_gives_the_candidate_base_urls(url: str, bases: list[str]) -> None:
    assert Address(url).candidates == bases


@pytest.mark.parametrize(
    "base",
    ["", "user/lab", "user/tree/lab", "lab", "doc/edit", "user/a%20b", "user/zo%C3%AB", "user/ana"],
)
@pytest.mark.parametrize(
    "page", ["", "lab", "lab/tree/a.ipynb", "tree", "notebooks/edit/lab/a b.ipynb", "doc/user/x"]
)
async def test_the_base_url_is_the_candidate_that_this_extension_answers(
    base: str, page: str
) -> None:
    """Users, folders and pages may have equal names, so the client infers nothing from names."""
    server = HubServer(f"/{base}".rstrip("/"))
    try:
        address = Address(f"http://127.0.0.1:{server.port}/{base}/{page}", TOKEN)
        await address.open_room("a.ipynb")
        assert address.base == f"{server.url}/"
        assert server.strayed == [], "a token was sent to another program"
    finally:
        await server.stop()


async def test_no_token_is_sent_while_the_server_is_not_found() -> None:
    """The server of a user named lab is stopped: the token does not go to another one."""
    server = HubServer("/user")
    server.own = False
    try:
        with pytest.raises(ServerUnreachable, match="give the server's base url"):
            await Address(f"{server.url}/lab", TOKEN).open_room("a.ipynb")
        assert server.opened == 0 and server.strayed == []
    finally:
        await server.stop()


def test_a_token_may_be_in_the_url() -> None:
    assert Address("http://h:1/lab?token=abc").token == "abc"


def test_a_socket_uses_tls_if_the_page_does() -> None:
    assert Address("https://h/x").socket("a b") == "wss://h/x/api/runtimed/rooms/a%20b/socket"
    assert Address("http://h").socket("r") == "ws://h/api/runtimed/rooms/r/socket"


def test_the_token_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "env")
    assert Address("http://h").token == "env"
    assert Address("http://h?token=url").token == "url"
    assert Address("http://h?token=url", "given").token == "given"


@pytest.mark.parametrize("url", ["ftp://h", "http://", "", "http://h:x", "http://[h"])
def test_an_invalid_address_error_shows_a_valid_address(url: str) -> None:
    with pytest.raises(ServerUnreachable, match="localhost:8888"):
        Address(url)


async def test_a_wrong_token_is_refused_with_advice(server: HubServer) -> None:
    with pytest.raises(Forbidden, match="check the token"):
        await jupyter_runtimed.connect(server.url, "a.ipynb", "wrong")


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, "", Forbidden, "check the token"),
        (404, '{"message": "no handler"}', PeerError, "no handler"),
        (404, '{"code": "not-found", "message": "no file a.ipynb"}', NotFound, "no file a.ipynb"),
        (400, '{"code": "not-a-notebook", "message": "v2"}', NotebookError, "v2"),
        (500, "oops", ServerUnreachable, "the server failed"),
    ],
)
async def test_every_wrong_answer_has_its_error(
    server: HubServer, status: int, body: str, kind: type[RuntimedError], words: str
) -> None:
    server.answer_rooms = (status, body)
    with pytest.raises(kind, match=words):
        await jupyter_runtimed.connect(server.url, "a.ipynb", TOKEN)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (200, "<html>", NotThisExtension, "not a Jupyter server"),
        (200, "[]", NotThisExtension, "not from jupyter-runtimed"),
        (302, "", LoginWanted, "not authenticated"),
        (401, "", LoginWanted, "not authenticated"),
        (403, "<html>", LoginWanted, "not authenticated"),
        (404, "<html>", NotThisExtension, "is installed there"),
        (
            424,
            '{"message": "Restart it at /hub/spawn"}',
            NotThisExtension,
            "stopped. Restart it at",
        ),
        (429, "", NotThisExtension, "too many requests"),
        (500, "oops", NotThisExtension, "the server failed"),
        (502, "", NotThisExtension, "a proxy does not reach"),
        (503, "", NotThisExtension, "a proxy does not reach"),
        (504, "", NotThisExtension, "a proxy does not reach"),
    ],
)
async def test_an_answer_of_another_program_is_retried(
    server: HubServer,
    nb: LiveNotebook,
    status: int,
    body: str,
    kind: type[RuntimedError],
    words: str,
) -> None:
    """Opening a notebook then raises; an open notebook stays open and retries."""
    server.own, server.answer_rooms = False, (status, body)
    with pytest.raises(kind, match=words):
        await jupyter_runtimed.connect(server.url, "a.ipynb", TOKEN)
    server.room = "another"
    server.cut()
    await nb.wait_for(lambda: words in nb.waiting_for, 30)
    await nb.append(nb.cells[0], " typed meanwhile")
    server.own, server.answer_rooms = True, None
    await nb.wait_acknowledged(30)
    assert nb.waiting_for == ""


async def test_an_unreachable_server_raises_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ServerUnreachable, match="does not answer"):
            await jupyter_runtimed.connect(f"http://127.0.0.1:{port}", "a.ipynb", TOKEN)


async def test_a_server_without_a_room_socket_raises_unreachable(server: HubServer) -> None:
    server.room = "x"
    server.answer_rooms = (200, json.dumps({"room": "other", "path": "a.ipynb"}))
    notebook = jupyter_runtimed.LiveNotebook(
        Address(server.url, TOKEN), "a", name="t", kind="agent"
    )
    with pytest.raises(ServerUnreachable, match="did not load within"):
        await notebook.start(timeout_seconds=0.2)


def test_each_error_code_becomes_its_exception() -> None:
    assert isinstance(error_named("save-failed", "full"), SaveFailed)
    unknown = error_named("brand-new", "hm")
    assert (type(unknown), unknown.code, str(unknown)) == (RuntimedError, "brand-new", "hm")
