"""Rooms over REST and over the WebSocket, in one real server."""

from __future__ import annotations

import pytest

from jupyter_runtimed.protocol import frames

from .clients import Place


async def test_a_room_is_opened_and_an_edit_acknowledged(place: Place) -> None:
    place.write("a.ipynb", "x = 1")
    room = await place.room("a.ipynb")
    assert await place.room("/a.ipynb/") == room
    listed = (await place.ask("GET", "api/runtimed/rooms")).json["rooms"]
    assert [(r["room"], r["path"], r["peers"], r["unsaved"]) for r in listed] == [
        (room, "a.ipynb", 0, False)
    ]
    ana, bob = await place.open("a.ipynb"), await place.open("a.ipynb", "bob")
    await ana.append("c0", " + 1")
    await ana.wait_acknowledged(30)
    await bob.wait_for(lambda: bob.source("c0") == "x = 1 + 1", 30)
    whole = (await place.ask("GET", f"api/runtimed/rooms/{room}")).json
    assert [cell["source"] for cell in whole["cells"]] == ["x = 1 + 1"]
    assert whole["nbformat"] == 4
    await ana.wait_saved(30)
    assert place.on_disk("a.ipynb") == ["x = 1 + 1"]


async def test_the_welcome_has_the_user_and_the_path(place: Place) -> None:
    place.write("a.ipynb")
    room = await place.room("a.ipynb")
    socket = await place.socket(room)
    welcome = await socket.hello()
    assert (welcome.room, welcome.path, welcome.role) == (room, "a.ipynb", "runner")
    assert welcome.server.startswith("jupyter-runtimed ")
    assert len(welcome.actor) == 16
    assert welcome.user["username"] and str(welcome.user["name"]).startswith("Anonymous")
    syncs = [await socket.until(frames.Sync) for _ in range(2)]
    assert [(sync.doc, sync.full) for sync in syncs] == [("notebook", True), ("runtime", True)]


async def test_the_status_request_reports_version_and_conflicts(place: Place) -> None:
    answer = await place.ask("GET", "api/runtimed/status")
    assert answer.json["protocol"] == frames.PROTOCOL
    assert answer.json["conflicts"] == []


@pytest.mark.kernel
async def test_every_call_over_rest(place: Place) -> None:
    place.write("a.ipynb", "print('x' * 20_000)", "input('who? ')", "2 + 2")
    room = await place.room("a.ipynb")
    ana = await place.open("a.ipynb")
    (run,) = (await place.call(room, "run", cells=["c0"], heads=list(ana.heads))).json["runs"]
    await ana.wait_for(lambda: (last := ana.last_run("c0")) is not None and last.state == "ok", 60)
    assert ana.last_run("c0").id == run
    await place.call(room, "run", cells=["c1", "c2"])
    await ana.wait_for(lambda: "c1" in ana.prompts(), 60)
    prompt = ana.prompts()["c1"].id
    assert (await place.call(room, "answer", prompt=prompt, text="Ana")).json == {}
    await ana.wait_for(lambda: (last := ana.last_run("c2")) is not None and last.state == "ok", 60)
    assert (await place.call(room, "save")).json.keys() == {"hash", "last_modified"}
    assert "4" in place.on_disk_outputs("a.ipynb")
    await place.call(room, "clear", cells=["c0"])
    await ana.wait_for(lambda: not ana.outputs("c0"), 30)
    assert (await place.call(room, "trust")).json == {}
    output = {"output_type": "stream", "name": "stdout", "text": "imported"}
    answer = await place.call(
        room, "import_outputs", cell="c0", outputs=[output], execution_count=7
    )
    assert answer.json == {}
    await ana.wait_for(lambda: ana.execution_count("c0") == 7, 30)
    assert (await place.call(room, "interrupt")).json == {}
    assert (await place.call(room, "restart", clear=True)).json == {}
    assert not ana.outputs("c2")
    assert (await place.call(room, "run_all")).status == 200
    assert (await place.call(room, "cancel", runs=[])).json == {}
    assert (await place.call(room, "shutdown")).json == {}
    await ana.wait_for(lambda: ana.kernel.state == "none", 30)


async def test_invalid_rest_calls_are_refused(place: Place) -> None:
    place.write("a.ipynb", "x")
    room = await place.room("a.ipynb")
    answer = await place.call(room, "run", cells=["gone"])
    assert (answer.status, answer.json["code"]) == (404, "not-found")
    assert "not in this notebook any more" in answer.json["message"]
    assert (await place.call(room, "fly")).status == 400
    assert (await place.call(room, "run", cells="c0")).status == 400
    assert (await place.call(room, "interrupt")).json["code"] == "no-kernel"
    assert (await place.call("nowhere", "save")).status == 404
    path = f"api/runtimed/rooms/{room}/save"
    for bad in (b"[]", b"{", b'{"heads": "x"}', b"\xff"):
        assert (await place.ask("POST", path, raw=bad)).status == 400, bad


class TestBlobs:
    @pytest.fixture
    async def blob(self, place: Place) -> str:
        output = {
            "output_type": "display_data",
            "metadata": {},
            "data": {"text/html": "<script>alert(1)</script>" * 1000},
        }
        place.write("a.ipynb", "x")
        room = await place.room("a.ipynb")
        answer = await place.call(room, "import_outputs", cell="c0", outputs=[output])
        assert answer.status == 200, answer.body
        (shown,) = place.host("a.ipynb").room.runtime.outcome("c0").outputs
        return str(shown.data["text/html"].sha256)

    async def test_a_blob_is_served_with_headers_that_prevent_scripts(
        self, place: Place, blob: str
    ) -> None:
        answer = await place.ask("GET", f"api/runtimed/blobs/{blob}", params={"type": "text/html"})
        assert answer.status == 200
        assert answer.body.startswith(b"<script>")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"
        assert "immutable" in answer.headers["Cache-Control"]

    async def test_a_blob_is_served_with_a_safe_type(self, place: Place, blob: str) -> None:
        for wanted, given in (
            ("text/plain", "text/plain; charset=utf-8"),
            ("image/png", "image/png"),
            ("image/svg+xml", "application/octet-stream"),
            ("", "application/octet-stream"),
            ("text/plain\r\nSet-Cookie: a=b", "application/octet-stream"),
        ):
            params = {"type": wanted}
            answer = await place.ask("GET", f"api/runtimed/blobs/{blob}", params=params)
            assert answer.headers["Content-Type"] == given
            assert "Set-Cookie" not in answer.headers or "a=b" not in answer.headers["Set-Cookie"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    async def test_an_unchanged_blob_is_not_sent_again(self, place: Place, blob: str) -> None:
        again = {"If-None-Match": f'"{blob}"'}
        answer = await place.ask("GET", f"api/runtimed/blobs/{blob}", headers=again)
        assert answer.status == 304

    @pytest.mark.parametrize("name", ["x", "A" * 64, "0" * 63, "0" * 65, "..%2f..%2fsecret"])
    async def test_a_blob_with_an_invalid_hash_is_not_found(self, place: Place, name: str) -> None:
        assert (await place.ask("GET", f"api/runtimed/blobs/{name}")).status in (400, 404)

    async def test_an_unknown_blob_is_not_found(self, place: Place) -> None:
        answer = await place.ask("GET", "api/runtimed/blobs/" + "0" * 64)
        assert answer.status == 404

    async def test_a_blob_requires_a_login(self, place: Place, blob: str) -> None:
        answer = await place.ask(
            "GET",
            f"api/runtimed/blobs/{blob}",
            headers={"Authorization": "token wrong"},
            follow_redirects=False,
        )
        assert answer.status == 403
