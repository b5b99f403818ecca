"""Rooms on a real disk: opened, edited, saved, changed outside, closed and opened again."""

import asyncio
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import get_args

import pytest

import jupyter_runtimed
from jupyter_runtimed import crdt
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.errors import (
    DocumentError,
    Forbidden,
    HeadsMissing,
    NotebookError,
    NotFound,
    PeerError,
    RoomElsewhere,
    RuntimedError,
    ServerClosing,
)
from jupyter_runtimed.host.host import Host
from jupyter_runtimed.host.storage.data_dir import DataDir
from jupyter_runtimed.host.storage.log_records import Kind
from jupyter_runtimed.host.storage.log_store import LogStore
from jupyter_runtimed.ids import RoomId
from jupyter_runtimed.protocol.close_codes import CloseCode
from jupyter_runtimed.room import effects as fx
from jupyter_runtimed.room import events as ev
from jupyter_runtimed.room.settings import Settings

from .conftest import notebook
from .damage import CHANGES, spoil
from .local_client import ALL, READ, LocalClient


async def dropped(last):
    """Disconnect the last client; return when the room is closed."""
    gone = asyncio.Event()
    told = last.host._closed

    def closed(host):
        told(host)
        gone.set()

    last.host._closed = closed
    last.leave()
    await asyncio.wait_for(gone.wait(), 30)


async def test_the_host_carries_out_every_effect(place):
    place.put("a.ipynb", notebook("1"))
    host: Host = await place.server().open("a.ipynb")
    assert {*host._does, fx.Send} == set(get_args(fx.Effect))


async def test_an_edit_reaches_another_client_and_the_file(place):
    place.put("a.ipynb", notebook("x = 1"))
    host = await place.server().open("a.ipynb")
    ana, ben = LocalClient(host, "ana"), LocalClient(host, "ben")
    await ben.until(lambda: ana.peer.live and ben.peer.live)
    ana.type("c0", "23")
    assert ben.source("c0") == "x = 123"
    await ana.durable()
    await ana.wait_for_event("saved")
    assert place.sources() == ["x = 123"]


async def test_all_sessions_get_the_same_bytes(place):
    place.put("a.ipynb", notebook("x"))
    host = await place.server().open("a.ipynb")
    ana, *readers = (LocalClient(host, f"p{n}") for n in range(5))
    await ana.until(lambda: all(r.peer.live for r in readers))
    ana.type("c0", "y")
    assert len({id(reader.sent_bytes[-1]) for reader in readers}) == 1


async def test_opening_changes_no_file(place):
    place.put("a.ipynb", notebook("x").replace(b" ", b"  "))
    before = (place.root / "a.ipynb").stat()
    server = place.server(Settings(quiet_ms=0, longest_ms=0))
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    reply = await ana.call("save")
    assert reply.error is None
    await server.close_all()
    after = (place.root / "a.ipynb").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_edits_are_in_the_room_of_the_next_server(place):
    place.put("a.ipynb", notebook("x"))
    first = place.server(Settings(autosave=False))
    ana = LocalClient(await first.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", " and more")
    await ana.durable()
    host = first.by_path("a.ipynb")
    ana.leave()
    host._end()
    await asyncio.gather(*first._ending.values())
    assert place.sources() == ["x"]
    ben = LocalClient(await place.server().open("a.ipynb"), "ben")
    await ben.until(lambda: ben.peer.live)
    assert ben.source("c0") == "x and more"


async def test_a_change_outside_is_merged_with_what_is_typed(place):
    place.put("a.ipynb", notebook("one", "two"))
    ana = LocalClient(await place.server().open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", "!")
    await ana.wait_for_event("saved")
    ana.type("c0", "?")
    place.put("a.ipynb", notebook("one!", "two, from git"))
    await ana.until(lambda: ana.source("c1") == "two, from git")
    assert ana.source("c0") == "one!?"
    while place.sources() != ["one!?", "two, from git"]:
        await ana.news()


async def test_a_file_that_is_being_written_is_waited_for(place):
    place.put("a.ipynb", notebook("one"))
    ana = LocalClient(await place.server().open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    whole = notebook("one, and two")
    looked = asyncio.Event()
    file = ana.host._file
    read = file._read

    def watched(data):
        loop.call_soon_threadsafe(looked.set)
        return read(data)

    loop = asyncio.get_running_loop()
    file._read = watched
    for part in (b"", whole[:10], whole[:-10]):
        place.put("a.ipynb", part)
        looked.clear()
        await asyncio.wait_for(looked.wait(), 30)
    assert ana.source("c0") == "one"
    place.put("a.ipynb", whole)
    await ana.until(lambda: ana.source("c0") == "one, and two")
    assert ana.events("deleted") == []


async def test_a_deleted_file_is_restored_on_request(place):
    place.put("a.ipynb", notebook("one"))
    ana = LocalClient(await place.server().open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    (place.root / "a.ipynb").unlink()
    await ana.wait_for_event("deleted")
    ana.type("c0", " two")
    await ana.durable()
    assert not (place.root / "a.ipynb").exists()
    reply = await ana.call("save")
    assert reply.error is None
    assert place.sources() == ["one two"]


async def test_a_read_only_file_is_reported_and_nothing_is_lost(place):
    place.put("a.ipynb", notebook("one"))
    (place.root / "a.ipynb").chmod(0o444)
    ana = LocalClient(await place.server().open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", " two")
    body = await ana.wait_for_event("save_failed")
    assert "read-only" in body["message"]
    reply = await ana.call("save")
    assert reply.error["code"] == "save-failed"
    assert place.sources() == ["one"]
    (place.root / "a.ipynb").chmod(0o644)
    reply = await ana.call("save")
    assert reply.error is None
    assert place.sources() == ["one two"]


async def test_a_renamed_file_keeps_its_room(place):
    place.put("sub/a.ipynb", notebook("one"))
    server = place.server()
    host = await server.open("sub/a.ipynb")
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live)
    (place.root / "sub").rename(place.root / "other")
    server.moved("sub", "other")
    assert ana.events("moved") == [{"path": "other/a.ipynb"}]
    assert server.by_path("other/a.ipynb") is host
    ana.type("c0", " two")
    await ana.wait_for_event("saved")
    assert place.sources("other/a.ipynb") == ["one two"]


async def test_a_file_moved_in_a_terminal_is_followed_when_it_is_opened(place):
    place.put("a.ipynb", notebook("one"))
    server = place.server()
    host = await server.open("a.ipynb")
    place.ids["b.ipynb"] = host.room_id
    (place.root / "a.ipynb").rename(place.root / "b.ipynb")
    assert await server.open("b.ipynb") is host
    assert host.path == "b.ipynb"


async def test_concurrent_openers_share_one_room(place):
    place.put("a.ipynb", notebook("one"))
    server = place.server()
    hosts = await asyncio.gather(*(server.open("/a.ipynb") for _ in range(5)))
    assert len(set(hosts)) == 1
    assert [room["path"] for room in server.rooms()] == ["a.ipynb"]


async def test_an_opener_that_gives_up_does_not_affect_others(place):
    place.put("a.ipynb", notebook("one"))
    server = place.server()
    first = asyncio.create_task(server.open("a.ipynb"))
    second = asyncio.create_task(server.open("a.ipynb"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).path == "a.ipynb"


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"not json", NotebookError), (b"[]", NotebookError), (b'{"cells": 1}', NotebookError)],
)
async def test_a_file_that_is_not_a_notebook_is_not_opened_and_not_changed(place, data, error):
    place.put("a.ipynb", data)
    server = place.server()
    for _ in range(2):
        with pytest.raises(error, match=r"a\.ipynb cannot be opened"):
            await server.open("a.ipynb")
    assert (place.root / "a.ipynb").read_bytes() == data
    place.put("a.ipynb", notebook("now"))
    assert (await server.open("a.ipynb")).room.content().cells[0].source == "now"


@pytest.mark.parametrize("path", ["none.ipynb", "../a.ipynb", "no/folder.ipynb"])
async def test_a_missing_notebook_is_not_found(place, path):
    with pytest.raises(NotFound):
        await place.server().open(path)


async def test_a_second_server_learns_where_the_room_is_open(place):
    place.put("a.ipynb", notebook("one"))
    first, second = place.server(holder="http://one/"), place.server(holder="http://two/")
    await first.open("a.ipynb")
    with pytest.raises(RoomElsewhere, match="http://one/"):
        await second.open("a.ipynb")
    await first.close_all()
    assert (await second.open("a.ipynb")).path == "a.ipynb"


async def test_an_idle_room_is_closed_and_can_be_opened_again(place):
    place.put("a.ipynb", notebook("one"))
    server = place.server(Settings(quiet_ms=0, longest_ms=0, idle_ms=200))
    host = await server.open("a.ipynb")
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", " two")
    await ana.wait_for_event("saved")
    await ana.durable()
    await dropped(ana)
    again = await server.open("a.ipynb")
    assert again is not host
    assert again.room.content().cells[0].source == "one two"


async def test_a_program_may_have_read_the_file_before_the_room_was_closed_and_opened(place):
    place.put("a.ipynb", notebook("one", "two"))
    server = place.server(Settings(quiet_ms=0, longest_ms=0, idle_ms=200))
    for words in (" typed", " and typed"):
        ana = LocalClient(await server.open("a.ipynb"))
        await ana.until(lambda ana=ana: ana.peer.live)
        ana.type("c0", words)
        await ana.until(lambda ana=ana: ana.events("saved") and ana.peer.pending_edits == 0)
        if words == " typed":
            await dropped(ana)
    place.put("a.ipynb", notebook("one", "two from outside"))
    await ana.until(lambda: ana.source("c1") == "two from outside")
    assert ana.source("c0") == "one typed and typed"


async def test_a_stopping_server_saves_and_sends_closing(place):
    place.put("a.ipynb", notebook("one"))
    server = place.server(Settings(quiet_ms=60_000, longest_ms=60_000))
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", " two")
    await server.close_all()
    assert ana.events("closing")
    assert ana.closed[0] == 4503
    assert place.sources() == ["one two"]
    with pytest.raises(ServerClosing):
        await server.open("a.ipynb")


async def test_calls_without_a_connection_return_results_or_raise_their_errors(place):
    place.put("a.ipynb", notebook("one"))
    host = await place.server().open("a.ipynb")
    user = ev.User("cleo", "Cleo")
    stamp = await host.call("save", {}, (), user, ALL)
    assert set(stamp) == {"hash", "last_modified"}
    with pytest.raises(Forbidden):
        await host.call("save", {}, (), user, READ)
    with pytest.raises(NotFound):
        await host.call("run", {"cells": ["none"]}, (), user, ALL)
    with pytest.raises(PeerError):
        await host.call("dance", {}, (), user, ALL)


async def test_a_client_of_the_contents_api_writes_into_the_room(place):
    place.put("a.ipynb", notebook("one", "two"))
    host = await place.server().open("a.ipynb")
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live)
    model = await host.models.read()
    ana.type("c0", "!")
    model["cells"][1]["source"] = "two, from papermill"
    await host.models.put(model)
    assert ana.source("c0") == "one!"
    assert ana.source("c1") == "two, from papermill"
    assert place.sources() == ["one!", "two, from papermill"]


async def test_a_failing_store_is_reported_and_recovers(place):
    place.put("a.ipynb", notebook("one"))
    server = place.server()
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    rooms = place.data / "rooms"
    rooms.rename(place.data / "aside")
    rooms.write_text("in the way")
    ana.type("c0", " two")
    told = await ana.wait_for_event("storage")
    assert told["ok"] is False
    assert ana.peer.pending_edits
    rooms.unlink()
    await ana.wait_for_event("storage", 2)
    await ana.durable()
    assert ana.events("storage")[-1]["ok"] is True


async def test_the_last_save_has_everything_although_a_client_keeps_typing(place):
    place.put("a.ipynb", notebook("one"))
    server = place.server(Settings(quiet_ms=0, longest_ms=0))
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", "!")
    closing = asyncio.create_task(server.close_all())
    while not closing.done():
        if ana.closed is None:
            ana.type("c0", "x")
        else:
            ana = LocalClient(ana.host, "ana")
        await asyncio.sleep(0)
    stored = await LogStore(DataDir(place.data), server="after").load(RoomId("a-ipynb"))
    kept = Notebook(crdt.load(stored.documents["notebook"].data, actor=b"after"))
    assert place.sources() == [kept.source("c0")]
    assert ana.closed[0] in (CloseCode.CLOSING, CloseCode.NO_SUCH_ROOM)


async def test_a_frame_that_breaks_the_room_costs_its_sender_the_connection(place, monkeypatch):
    place.put("a.ipynb", notebook("one"))
    host = await place.server().open("a.ipynb")
    ana, ben = LocalClient(host, "ana"), LocalClient(host, "ben")
    await ana.until(lambda: ana.peer.live and ben.peer.live)

    def broken(*_):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(host.room._connections._changes, "apply", broken)
        ana.type("c0", "!")
    assert ana.closed[0] == 1011
    ben.type("c0", "?")
    await ben.durable()
    assert ben.closed is None


async def test_a_call_that_breaks_the_room_is_answered_and_others_go_on(place, monkeypatch):
    place.put("a.ipynb", notebook("one"))
    host = await place.server(Settings(heads_ms=500)).open("a.ipynb")
    ana = LocalClient(host, "ana")
    await ana.until(lambda: ana.peer.live)
    user = ev.User("cleo", "Cleo")
    unknown = ("0" * 64,)
    early = asyncio.create_task(host.call("save", {}, unknown, user, ALL))
    await asyncio.sleep(0)
    with monkeypatch.context() as patch:
        patch.setattr(host.room.calls, "submit", _broken)
        with pytest.raises(RuntimedError, match=r"failed at save .*ZeroDivisionError"):
            await asyncio.wait_for(host.call("save", {}, (), user, ALL), 30)
    with pytest.raises(HeadsMissing):
        await asyncio.wait_for(early, 30)
    assert (await ana.call("save")).error is None


async def test_effects_of_a_failing_event_are_carried_out_at_once(place, monkeypatch):
    place.put("a.ipynb", notebook("one"))
    host = await place.server().open("a.ipynb")
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live)
    advance = host.room.calls.run_ready

    def broken_once(now):
        monkeypatch.setattr(host.room.calls, "run_ready", advance)
        raise ZeroDivisionError

    monkeypatch.setattr(host.room.calls, "run_ready", broken_once)
    host.post(ev.StoreFailed("no space"))
    assert ana.events("storage") == [{"ok": False, "message": "no space"}]


@pytest.mark.parametrize("error", [ZeroDivisionError, DocumentError("no such place")])
async def test_a_notebook_that_cannot_be_merged_is_not_called_saved(place, monkeypatch, error):
    place.put("a.ipynb", notebook("one"))
    host = await place.server().open("a.ipynb")
    ana = LocalClient(host)
    await ana.until(lambda: ana.peer.live)
    model = await host.models.read()
    model["cells"][0]["source"] = "two"
    with monkeypatch.context() as patch:
        patch.setattr(host.room.filing, "contents_put", partial(_broken, error=error))
        with pytest.raises(RuntimedError, match=r"ZeroDivisionError|no such place"):
            await host.models.put(model)
        with pytest.raises(RuntimedError, match=r"ZeroDivisionError|no such place"):
            host.models.put_now(model)
    await host.models.put(model)
    assert place.sources() == ["two"]


async def test_a_notebook_for_a_room_that_was_closed_is_not_called_saved(place):
    place.put("a.ipynb", notebook("one"))
    server = place.server()
    host = await server.open("a.ipynb")
    model = await host.models.read()
    await server.close_all()
    with pytest.raises(ServerClosing):
        host.models.put_now(model)


def _broken(*_, error=ZeroDivisionError, **__):
    raise error


def log_of(place):
    (log,) = (place.data / "rooms").glob("*/*.log")
    return log


async def test_a_damaged_runtime_document_costs_no_notebook(place):
    place.put("a.ipynb", notebook("one"))
    first = place.server()
    ana = LocalClient(await first.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", " two")
    await ana.durable()
    await first.close_all()
    spoil(log_of(place), Kind.SNAPSHOT, doc=1)
    ben = LocalClient(await place.server().open("a.ipynb"))
    await ben.until(lambda: ben.peer.live)
    assert ben.source("c0") == "one two"


async def test_a_change_lost_from_the_store_comes_back_from_a_browser(place):
    place.put("a.ipynb", notebook("one"))
    first = place.server(Settings(autosave=False))
    ana = LocalClient(await first.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    for text in "abc":
        ana.type("c0", text)
    await ana.durable()
    first.by_path("a.ipynb")._end()
    await asyncio.gather(*first._ending.values())
    ana.peer.disconnected()
    spoil(log_of(place), *CHANGES, nth=1)
    host = await place.server().open("a.ipynb")
    assert host.room.content().cells[0].source == "onea"
    again = LocalClient.__new__(LocalClient)
    again.__dict__.update(ana.__dict__, host=host)
    again._session = host.join(ev.User("ana", "ana"), ALL, again)
    for data in again.peer.connected():
        again._out(data)
    await again.until(lambda: again.peer.live and again.peer.pending_edits == 0)
    assert again.source("c0") == "oneabc"
    assert host.room.content().cells[0].source == "oneabc"


TYPIST = """
import asyncio, sys
from pathlib import Path
from tests.host.conftest import Place
from tests.host.local_client import LocalClient

async def main():
    place = Place(Path(sys.argv[1]))
    ana = LocalClient(await place.server().open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    for n in range(10**9):
        ana.type("c0", f"{n},")
        await ana.durable()
        print(n, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [3, 60])
async def test_acknowledged_edits_survive_kill_9_of_the_server(place, after):
    place.put("a.ipynb", notebook(""))

    def type_and_kill():
        package = str(Path(jupyter_runtimed.__path__[0]).parent)
        typist = subprocess.Popen(
            [sys.executable, "-c", TYPIST, place.root.parent],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": package},
        )
        for line in typist.stdout:
            if int(line) >= after:
                typist.kill()
                break
        rest = typist.stdout.read().split()
        typist.wait()
        return max([after, *map(int, rest)])

    acknowledged = await asyncio.to_thread(type_and_kill)
    host = await place.server().open("a.ipynb")
    source = host.room.content().cells[0].source
    typed = [int(n) for n in source.split(",")[:-1]]
    assert typed == list(range(len(typed)))
    assert len(typed) > acknowledged


# ---------------------------------------------------------------- with a kernel


@pytest.mark.kernel
class TestWithAKernel:
    async def test_a_cell_runs_and_its_output_is_seen_and_saved(self, place):
        place.put("a.ipynb", notebook("print('hello'); 6 * 7"))
        server = place.server()
        ana = LocalClient(await server.open("a.ipynb"))
        await ana.until(lambda: ana.peer.live)
        reply = await ana.call("run", cells=["c0"])
        assert reply.error is None
        run = await ana.finished("c0")
        assert run.state == "ok"
        assert ana.outputs("c0", server._ports.blobs) == "hello\n42"
        await ana.call("save")
        assert b"hello" in (place.root / "a.ipynb").read_bytes()

    async def test_output_without_a_connected_client_is_complete(self, place):
        code = "import sys\nfor i in range(5000): print(i, flush=True)\nprint(input() or 'end')"
        place.put("a.ipynb", notebook(code))
        server = place.server(Settings(quiet_ms=20, longest_ms=100, idle_ms=200))
        host = await server.open("a.ipynb")
        ana = LocalClient(host)
        await ana.until(lambda: ana.peer.live)
        await ana.call("run", cells=["c0"])
        await ana.until(lambda: ana.outputs("c0", server._ports.blobs))
        ana.leave()
        ben = LocalClient(await server.open("a.ipynb"), "ben")
        assert ben.host is host
        await ben.until(lambda: ben.run_of("c0") and ben.run_of("c0").prompt)
        await ben.call("answer", prompt=ben.run_of("c0").prompt.id, text="")
        await ben.finished("c0")
        lines = "".join(f"{i}\n" for i in range(5000))
        shown = ben.outputs("c0", server._ports.blobs)
        assert shown.startswith(lines)
        assert shown.endswith("end\n")

    async def test_interrupt_restart_and_death(self, place):
        place.put(
            "a.ipynb",
            notebook("print(1); import time; time.sleep(1000)", "1 + 1", "import os; os._exit(1)"),
        )
        server = place.server()
        host = await server.open("a.ipynb")
        ana = LocalClient(host)
        await ana.until(lambda: ana.peer.live)
        await ana.call("run", cells=["c0"])
        await ana.until(lambda: ana.outputs("c0", server._ports.blobs))
        assert (await ana.call("interrupt")).error is None
        assert (await ana.finished("c0")).state == "error"
        assert (await ana.call("restart")).error is None
        await ana.call("run", cells=["c1"])
        assert (await ana.finished("c1")).state == "ok"
        await ana.call("run", cells=["c2"])
        manager = place.kernels.managers[host.kernel_id]
        await manager.provisioner.wait()
        host.post(ev.KernelStatusChanged("dead", reason="the kernel died"))
        lost = await ana.finished("c2")
        assert (lost.state, lost.reason) == ("lost", "the kernel died")
        await manager.restart_kernel(now=True)
        host.post(ev.KernelStatusChanged("restarting"))
        await ana.call("run", cells=["c1"])
        assert (await ana.finished("c1")).state == "ok"

    async def test_a_kernel_that_cannot_start_is_reported(self, place):
        data = notebook("1").replace(
            b'"metadata": {},\n "nbformat"',
            b'"metadata": {"kernelspec": {"name": "cobol", "display_name": "C"}},\n "nbformat"',
        )
        place.put("a.ipynb", data)
        ana = LocalClient(await place.server().open("a.ipynb"))
        await ana.until(lambda: ana.peer.live)
        await ana.call("run", cells=["c0"])
        run = await ana.finished("c0")
        assert run.state in ("lost", "cancelled")
        assert "cobol" in run.reason

    async def test_a_reopened_room_joins_its_running_kernel(self, place):
        place.put("a.ipynb", notebook("a = 1", "a + 1"))
        server = place.server(Settings(quiet_ms=0, longest_ms=0, idle_ms=200))
        ana = LocalClient(await server.open("a.ipynb"))
        await ana.until(lambda: ana.peer.live)
        await ana.call("run", cells=["c0"])
        await ana.finished("c0")
        await dropped(ana)
        ben = LocalClient(await server.open("a.ipynb"), "ben")
        await ben.until(lambda: ben.peer.live)
        await ben.until(lambda: ben.peer.runtime.kernel.state == "idle")
        await ben.call("run", cells=["c1"])
        await ben.finished("c1")
        assert ben.outputs("c1", server._ports.blobs) == "2"
