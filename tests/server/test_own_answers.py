"""Each answer has a header that marks it as this extension's, and one if it requires a login."""

from __future__ import annotations

import pytest

from jupyter_runtimed.server.response_mark import LOGIN_HEADER, OWN_HEADER

from .clients import Place

WRONG = {"Authorization": "token wrong"}
PATHS = [
    ("GET", "api/runtimed/status"),
    ("PUT", "api/runtimed/rooms"),
    ("GET", "api/runtimed/rooms/none"),
    ("POST", "api/runtimed/rooms/none/save"),
    ("GET", "api/runtimed/rooms/none/socket"),
    ("POST", "api/runtimed/rooms/none/polling"),
    ("GET", "api/runtimed/rooms/none/polling/none"),
    ("GET", f"api/runtimed/blobs/{'0' * 64}"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_an_answer_is_marked(place: Place, method: str, path: str) -> None:
    body = None if method == "GET" else b"{}"
    good = await place.ask(method, path, raw=body)
    bad = await place.ask(method, path, raw=body, headers=WRONG)
    assert OWN_HEADER in good.headers and LOGIN_HEADER not in good.headers
    assert bad.status == 403
    assert OWN_HEADER in bad.headers


async def test_an_answer_without_a_login_has_the_login_header(place: Place) -> None:
    answer = await place.ask("GET", "api/runtimed/status", headers=WRONG)
    assert (answer.status, LOGIN_HEADER in answer.headers) == (403, True)


async def test_the_login_page_is_behind_the_login(place: Place) -> None:
    answer = await place.ask("GET", "api/runtimed/login")
    assert answer.status == 200 and OWN_HEADER in answer.headers
    stranger = await place.ask("GET", "api/runtimed/login", headers=WRONG, follow_redirects=False)
    assert stranger.status == 302 and "/login" in stranger.headers["Location"]


async def test_other_answers_of_the_server_are_not_marked(place: Place) -> None:
    answer = await place.ask("GET", "api/nothing/of/ours")
    assert answer.status == 404 and OWN_HEADER not in answer.headers
