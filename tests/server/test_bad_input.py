"""Invalid input: the sender gets a clear error, nothing is lost, and others are not affected."""

from __future__ import annotations

import asyncio
import json
import random
import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
import nbformat
import pytest
from websockets.exceptions import ConnectionClosed

import jupyter_runtimed
from jupyter_runtimed.errors import RoomElsewhere
from jupyter_runtimed.protocol import frames

from ..client.live_server import LiveServer
from .clients import Place, Socket, change_of

FRAME_BYTES = 1 << 20


class TestFrames:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"RuntimedExtension": {"max_message_size": FRAME_BYTES, "call_timeout": 0.1}}

    async def closed(self, place: Place, room: str, data: bytes | str) -> tuple[int, str]:
        socket = await place.socket(room)
        await socket.hello()
        with suppress(ConnectionClosed):
            await socket.send(data)
        return await socket.closed()

    async def test_an_invalid_frame_closes_its_connection(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        ana = await place.open("a.ipynb")
        room = await place.room("a.ipynb")
        deep = b"\x91" * 100_000 + b"\xc0"
        for data in (
            "text", b"", b"\xc1", b"\x90", b"\x91\xa5hello", b"\x92\xa5hello\x80", deep,
            msgpack.packb(["welcome", {}]), msgpack.packb(["ack", "notebook", []]),
            msgpack.packb(["fly", 1]), msgpack.packb(["change", "other", b""]),
            msgpack.packb(["call", -1, "run", {}, []]),
            msgpack.packb(["call", 1, "run", {}, ["x"]]),
            msgpack.packb(["presence", "", {1: 2}]),
            msgpack.packb({"kind": "hello"}), msgpack.packb(["hello", {"kind": "cat"}]),
        ):  # fmt: skip
            code, reason = await self.closed(place, room, data)
            assert (code, bool(reason)) == (4400, True), data[:20]
        await ana.append("c0", "!")
        await ana.wait_saved(30)
        assert place.on_disk("a.ipynb") == ["x!"]

    async def test_a_too_large_frame_closes_its_connection(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        ana = await place.open("a.ipynb")
        room = await place.room("a.ipynb")
        large = frames.encode(frames.Change("notebook", b"x" * FRAME_BYTES))
        code, reason = await self.closed(place, room, large)
        assert (code, str(FRAME_BYTES) in reason) == (4400, True)
        huge = frames.encode(frames.Change("notebook", b"x" * 20 * FRAME_BYTES))
        code, _ = await self.closed(place, room, huge)
        assert code in (1006, 1009)
        assert ana.connected

    async def test_a_frame_before_hello_closes_the_connection(self, place: Place) -> None:
        place.write("a.ipynb")
        socket = await place.socket(await place.room("a.ipynb"))
        await socket.send(frames.Call(1, "save"))
        assert (await socket.closed())[0] == 4400

    async def test_another_protocol_version_is_refused(self, place: Place) -> None:
        place.write("a.ipynb")
        socket = await place.socket(await place.room("a.ipynb"))
        await socket.send(frames.Hello("test", "browser", protocol=2))
        code, reason = await socket.closed()
        assert (code, "reload" in reason) == (4409, True)

    async def test_a_socket_of_a_room_that_is_not_open_is_closed(self, place: Place) -> None:
        for name in ("nowhere", "..", "%2e%2e%2f", "x" * 500):
            if "/" not in name and "%" not in name and name != "..":
                code, reason = await (await place.socket(name)).closed()
                assert (code, "open the notebook again" in reason) == (4404, True)
            assert (await place.ask("GET", f"api/runtimed/rooms/{name}")).status in (400, 404)

    async def test_calls_with_missing_heads_or_a_deleted_cell_fail(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        socket = await place.socket(await place.room("a.ipynb"))
        await socket.hello()
        late = await socket.reply(frames.Call(1, "run_all", {}, ("0" * 64,)))
        assert late.error is not None and late.error["code"] == "heads-missing"
        assert "try again" in late.error["message"]
        gone = await socket.reply(frames.Call(2, "run", {"cells": ["gone"]}))
        assert gone.error is not None and gone.error["code"] == "not-found"

    async def test_changes_that_are_not_allowed_are_refused(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        ana = await place.open("a.ipynb")
        socket = await place.socket(await place.room("a.ipynb"))
        await socket.hello()
        foreign = change_of(ana, lambda nb: nb.splice("c0", 0, 0, "z"))
        for data, doc in ((b"junk", "notebook"), (foreign, "notebook"), (foreign, "runtime")):
            await socket.send(frames.Change(doc, data))
            refused = await socket.until(frames.Refuse)
            assert refused.doc == doc and refused.reason
        bob = await place.open("a.ipynb", "bob")
        assert bob.source("c0") == "x"

    async def test_random_frames_do_not_affect_other_clients(self, place: Place) -> None:
        place.write("a.ipynb", "x")
        ana = await place.open("a.ipynb")
        room = await place.room("a.ipynb")
        chance = random.Random(4711)
        seeds = [frames.encode(frame) for frame in FRAMES]
        for i in range(150):
            socket = await place.socket(room)
            await socket.hello()
            await socket.send(_spoilt(chance, chance.choice(seeds)))
            await socket.send("the end")
            assert (await socket.closed())[0] in (4400, 4409), f"frame {i}"
        assert [cell.source for cell in ana.cells] == ["x"]
        await ana.append("c0", "!")
        await ana.wait_saved(30)
        assert place.on_disk("a.ipynb") == ["x!"]


FRAMES = [
    frames.Hello("test", "browser", {"notebook": ("epoch", ("0" * 64,))}, ((b"x" * 16, b"y"),)),
    frames.Change("notebook", b"\x85\x6f\x4a\x83" + bytes(40)),
    frames.Call(1, "run", {"cells": ["c0"]}, ("0" * 64,)),
    frames.Call(2, "import_outputs", {"cell": "c0", "outputs": [{"output_type": "stream"}]}),
    frames.Call(3, "answer", {"prompt": "p", "text": "t"}),
    frames.Call(4, "cancel", {"runs": ["r"]}),
    frames.Presence("", {"cell": "c0", "cursors": [["a", "b"]], "doing": "typing"}),
    frames.Ack("notebook", ("0" * 64,)),
    frames.Event("saved", {"heads": []}),
]


def _spoilt(chance: random.Random, data: bytes) -> bytes:
    spoilt = bytearray(data)
    for _ in range(chance.randrange(4)):
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
    return bytes(
        spoilt[: chance.randrange(1, len(spoilt) + 1)] if chance.random() < 0.2 else spoilt
    )


class TestASlowReader:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"RuntimedExtension": {"max_send_buffer": 1 << 20}}

    async def test_a_slow_reader_is_disconnected_and_delays_no_other_client(
        self, place: Place
    ) -> None:
        place.write("a.ipynb", "")
        ana, bob = await place.open("a.ipynb"), await place.open("a.ipynb", "bob")
        socket = await place.socket(await place.room("a.ipynb"), max_queue=1)
        await socket.hello()
        await socket.until(frames.Sync)
        socket.connection.transport.pause_reading()
        chance = random.Random(1)
        many = 0
        while place.host("a.ipynb").summary()["peers"] == 3:
            # Random text, because changes are compressed.
            text = chance.randbytes(300_000).hex()
            await ana.set_metadata("c0", "large", text)
            await ana.wait_acknowledged(30)
            many += 1
            assert many < 100, "the slow reader is still there"
        await bob.wait_for(lambda: bob.cell("c0").metadata.get("large") == text, 30)
        socket.connection.transport.resume_reading()
        code, _ = await socket.closed()
        assert code in (4429, 1006)


class TestNotebooks:
    async def opening(self, place: Place, path: str) -> tuple[int, str]:
        answer = await place.ask("PUT", "api/runtimed/rooms", {"path": path})
        return answer.status, str(answer.json.get("message", ""))

    @pytest.mark.parametrize(
        "content",
        [
            b"not json", b"[]", b"{}", b"\xff\xfe\x00", b'{"nbformat": 4, "cells": {}}',
            json.dumps({"nbformat": 99, "nbformat_minor": 0, "cells": []}).encode(),
            b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [' + b"[" * 10_000,
        ],
        ids=["text", "list", "empty", "utf16", "cells", "v99", "deep"],
    )  # fmt: skip
    async def test_a_file_that_is_not_a_notebook_is_refused(
        self, place: Place, content: bytes
    ) -> None:
        file = place.root / "a.ipynb"
        file.write_bytes(content)
        status, message = await self.opening(place, "a.ipynb")
        assert status == 400
        assert "a.ipynb" in message
        assert file.read_bytes() == content
        assert (await place.ask("GET", "api/runtimed/rooms")).json["rooms"] == []

    @pytest.mark.parametrize(
        "path",
        ["../x.ipynb", "/../x.ipynb", "d/../../x.ipynb", "%2e%2e/x.ipynb", "..%2fx.ipynb",
         "..\\x.ipynb", "a\0.ipynb", "missing.ipynb", "no/folder.ipynb", "d", ".", ".hidden.ipynb",
         ".h/x.ipynb"],
    )  # fmt: skip
    async def test_a_path_outside_the_root_hidden_or_missing_is_refused(
        self, place: Place, path: str
    ) -> None:
        place.write("d/inside.ipynb", "x")
        place.write(".hidden.ipynb", "secret")
        place.write(".h/x.ipynb", "secret")
        outside = place.root.parent / "x.ipynb"
        outside.write_bytes((place.root / "d/inside.ipynb").read_bytes())
        status, message = await self.opening(place, path)
        assert status in (400, 404), message
        assert message
        absolute = await self.opening(place, str(outside))
        assert absolute[0] == 404

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"path": 1}', b'{"path": "/"}', b"\xff"])
    async def test_a_request_without_a_valid_path_is_refused(
        self, place: Place, body: bytes
    ) -> None:
        answer = await place.ask("PUT", "api/runtimed/rooms", raw=body)
        assert answer.status == 400
        assert answer.json["message"]

    async def test_different_spellings_of_a_path_give_one_room(self, place: Place) -> None:
        place.write("d/a.ipynb", "x")
        names = ("d/a.ipynb", "/d/a.ipynb", "d//a.ipynb", "./d/./a.ipynb", "d/a.ipynb/")
        assert len({await place.room(name) for name in names}) == 1

    async def test_old_and_unusual_notebooks_are_opened_and_kept(self, place: Place) -> None:
        v3 = nbformat.v3.new_notebook(
            worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell(input="x")])]
        )
        (place.root / "v3.ipynb").write_text(json.dumps(v3))
        cell = {"cell_type": "code", "id": "same", "metadata": {}, "outputs": [], "source": "x"}
        cell["execution_count"] = None
        whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell, cell]}
        (place.root / "twice.ipynb").write_text(json.dumps(whole))
        bare = {key: value for key, value in cell.items() if key != "id"}
        none = {**whole, "nbformat_minor": 4, "cells": [bare, bare]}
        (place.root / "none.ipynb").write_text(json.dumps(none))
        (place.root / "empty.ipynb").write_bytes(b"")
        for path, count in (("v3", 1), ("twice", 2), ("none", 2), ("empty", 0)):
            nb = await place.open(f"{path}.ipynb")
            assert len({cell.id for cell in nb.cells}) == count
            await nb.add_cell("new")
            await nb.wait_saved(30)
            assert place.on_disk(f"{path}.ipynb") == ["x"] * count + ["new"]

    @pytest.mark.parametrize("cells", [3, pytest.param(50, marks=pytest.mark.long)])
    async def test_large_notebooks_are_opened_and_saved(self, place: Place, cells: int) -> None:
        """Each cell has a megabyte of text."""
        text = "".join(f"{i:07}\n" for i in range(1 << 16))
        place.write("a.ipynb", *[text] * cells)
        assert (place.root / "a.ipynb").stat().st_size > cells << 20
        nb = await place.open("a.ipynb")
        await nb.splice("c2", 0, 0, "!")
        await nb.save()
        assert place.on_disk("a.ipynb")[2] == "!" + text


class TestDisks:
    async def test_a_read_only_file_is_reported_and_loses_nothing(self, place: Place) -> None:
        file = place.write("a.ipynb", "x")
        file.chmod(0o444)
        nb = await place.open("a.ipynb")
        socket = await place.socket(await place.room("a.ipynb"))
        await socket.hello()
        await nb.append("c0", "!")
        message = (await socket.event("save_failed"))["message"]
        assert "read-only" in message.lower() or "permissions" in message
        answer = await place.call(await place.room("a.ipynb"), "save")
        assert (answer.status, answer.json["code"]) == (503, "save-failed")
        body = {"type": "notebook", "content": (await place.contents("a.ipynb"))["content"]}
        answer = await place.ask("PUT", "api/contents/a.ipynb", body)
        assert answer.status >= 400
        assert "permissions" in answer.json["message"]
        assert place.on_disk("a.ipynb") == ["x"]
        file.chmod(0o644)
        await nb.wait_saved(30)
        assert place.on_disk("a.ipynb") == ["x!"]

    async def test_a_full_disk_is_reported_and_loses_nothing(self, place: Place) -> None:
        """A limit on the size of files interrupts a write, as a full disk does."""
        file = place.write("a.ipynb", "x" * 4_000_000)
        before = file.read_bytes()
        nb = await place.open("a.ipynb")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
        try:
            socket = await place.socket(await place.room("a.ipynb"))
            await socket.hello()
            await nb.splice("c0", 0, 0, "!")
            await nb.wait_acknowledged(30)
            assert "keeps the notebook until then" in (await socket.event("save_failed"))["message"]
            assert file.read_bytes() == before
            assert [f.name for f in place.root.iterdir()] == ["a.ipynb"]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await nb.save()
        assert place.on_disk("a.ipynb")[0].startswith("!xxx")


class TestTwoServers:
    """Two servers share one store and one notebook folder."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> dict[str, Any]:
        shared = tmp_path / "first"
        (shared / "notebooks").mkdir(parents=True)
        (shared / "data").mkdir()
        return {
            "ServerApp": {"root_dir": str(shared / "notebooks")},
            "RuntimedExtension": {"data_dir": str(shared / "data" / "runtimed")},
            "BaseFileIdManager": {"db_path": str(shared / "data" / "file_id_manager.db")},
        }

    @pytest.fixture
    def jp_root_dir(self, tmp_path: Path) -> Path:
        return tmp_path / "first" / "notebooks"

    async def test_one_of_two_servers_has_a_room_until_it_ends(
        self, place: Place, tmp_path: Path
    ) -> None:
        place.write("a.ipynb", "x")
        first = LiveServer(tmp_path / "first")
        await asyncio.to_thread(first.start)
        try:
            ana = await jupyter_runtimed.connect(first.url, "a.ipynb", first.token)
            await ana.append("c0", "!")
            await ana.wait_acknowledged(30)
            answer = await place.ask("PUT", "api/runtimed/rooms", {"path": "a.ipynb"})
            assert (answer.status, answer.json.get("code")) == (409, "conflict"), answer.body
            assert str(first.port) in answer.json["message"]
            with pytest.raises(RoomElsewhere):
                await place.open("a.ipynb")
            first.kill()
            await ana.wait_for(lambda: not ana.connected, 30)
            await ana._connection.stop()
            nb = await place.open("a.ipynb")
            assert nb.source("c0") == "x!"
        finally:
            first.stop()


async def test_a_client_that_disconnects_in_the_middle_affects_nothing(place: Place) -> None:
    place.write("a.ipynb", "x")
    ana = await place.open("a.ipynb")
    socket: Socket = await place.socket(await place.room("a.ipynb"))
    await socket.hello()
    await socket.send(frames.Presence("", {"doing": "leaving"}))
    await ana.wait_for(lambda: bool(ana._peer.presences), 30)
    socket.connection.transport.abort()
    await ana.wait_for(lambda: not ana._peer.presences, 30)
    assert place.host("a.ipynb").summary()["peers"] == 1
