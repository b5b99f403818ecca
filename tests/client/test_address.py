"""Finding a server: the forms of its address, and what each wrong answer is told as."""

from __future__ import annotations

import json
import socket

import pytest

import jupyter_runtimed
from jupyter_runtimed.client.address import Address, error_named
from jupyter_runtimed.errors import (
    Forbidden,
    NotebookError,
    NotFound,
    RuntimedError,
    SaveFailed,
    Unreachable,
)

from .hub_server import TOKEN, HubServer


@pytest.mark.parametrize(
    ("url", "base", "token"),
    [
        ("http://localhost:8888", "http://localhost:8888/", ""),
        ("localhost:8888/", "http://localhost:8888/", ""),
        ("http://h:1/lab?token=abc", "http://h:1/", "abc"),
        ("https://hub.org/user/ana/lab/tree/a.ipynb", "https://hub.org/user/ana/", ""),
        ("https://hub.org/user/ana/tree", "https://hub.org/user/ana/", ""),
    ],
)
def test_an_address_may_come_from_a_browser(url: str, base: str, token: str) -> None:
    address = Address(url)
    assert (address.base, address.token) == (base, token)


def test_sockets_are_as_safe_as_the_pages() -> None:
    assert Address("https://h/x").socket("a b") == "wss://h/x/api/runtimed/rooms/a%20b/socket"
    assert Address("http://h").socket("r") == "ws://h/api/runtimed/rooms/r/socket"


def test_the_token_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "env")
    assert Address("http://h").token == "env"
    assert Address("http://h?token=url").token == "url"
    assert Address("http://h?token=url", "given").token == "given"


@pytest.mark.parametrize("url", ["ftp://h", "http://", ""])
def test_what_is_no_address_says_what_one_looks_like(url: str) -> None:
    with pytest.raises(Unreachable, match="localhost:8888"):
        Address(url)


async def test_a_wrong_token(server: HubServer) -> None:
    with pytest.raises(Forbidden, match="is the token right"):
        await jupyter_runtimed.open(server.url, "a.ipynb", "wrong")


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, "", Forbidden, "not authenticated"),
        (302, "", Forbidden, "not authenticated"),
        (404, '{"message": "no handler"}', Unreachable, "extension installed"),
        (404, '{"code": "not-found", "message": "no file a.ipynb"}', NotFound, "no file a.ipynb"),
        (400, '{"code": "not-a-notebook", "message": "v2"}', NotebookError, "v2"),
        (500, "oops", Unreachable, "the server failed"),
        (200, "<html>", Unreachable, "not a Jupyter server"),
        (200, "[]", Unreachable, "does not answer as this extension"),
    ],
)
async def test_every_wrong_answer_has_its_error(
    server: HubServer, status: int, body: str, kind: type[RuntimedError], words: str
) -> None:
    server.answer_rooms = (status, body)
    with pytest.raises(kind, match=words):
        await jupyter_runtimed.open(server.url, "a.ipynb", TOKEN)


async def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(Unreachable, match="no answer from"):
            await jupyter_runtimed.open(f"http://127.0.0.1:{port}", "a.ipynb", TOKEN)


async def test_a_server_without_the_socket(server: HubServer) -> None:
    server.room = "x"
    server.answer_rooms = (200, json.dumps({"room": "other", "path": "a.ipynb"}))
    notebook = jupyter_runtimed.LiveNotebook(
        Address(server.url, TOKEN), "a", name="t", kind="agent"
    )
    with pytest.raises(Unreachable, match="did not come within"):
        await notebook.start(timeout_seconds=0.2)


def test_errors_come_back_as_what_they_were() -> None:
    assert isinstance(error_named("save-failed", "full"), SaveFailed)
    unknown = error_named("brand-new", "hm")
    assert (type(unknown), unknown.code, str(unknown)) == (RuntimedError, "brand-new", "hm")
