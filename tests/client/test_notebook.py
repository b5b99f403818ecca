"""A live notebook against a hub with a real socket: editing, lost connections, running, closing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

import jupyter_runtimed
from jupyter_runtimed.client import LiveNotebook
from jupyter_runtimed.document.content import (
    Blob,
    DisplayOutput,
    ErrorOutput,
    JsonText,
    Prompt,
    StreamOutput,
)
from jupyter_runtimed.errors import (
    ClientError,
    Forbidden,
    NoKernel,
    NotFound,
    PeerError,
    StorageError,
    UnsavedEdits,
)
from jupyter_runtimed.ids import RunId, Sha256
from jupyter_runtimed.peer.events import Changed, PeerEvent, Rebased
from jupyter_runtimed.protocol.frames import Call, Event, Presence

from ..protocol.hub import ONE, TWO
from .hub_server import TOKEN, HubServer, RoomSocket


def queues(server: HubServer) -> Callable[[RoomSocket, Call], None]:
    """Answer `run` as the room does: the reply first, then the change."""

    def on_call(socket: RoomSocket, call: Call) -> None:
        cells = call.args.get("cells", server.hub.notebook.order)
        runs = [server.queue_run(cell) for cell in cells]
        socket.answer(call, {"runs": runs})
        server.say()

    return on_call


class TestEditing:
    async def test_cells_are_read_from_the_local_copy(self, nb: LiveNotebook) -> None:
        first, second = nb.cells
        assert (first.id, first.cell_type, first.source) == (ONE, "code", "print(1)")
        assert (second.source, second.metadata, second.outputs) == ("text", {}, [])
        assert first.execution_count is None
        assert nb.cell(ONE) == first
        assert nb.role == "runner"
        assert nb.path == "a.ipynb"

    async def test_every_edit_is_local_at_once_and_on_the_server_when_acknowledged(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        top = await nb.add_cell("# Title", "markdown", after=None)
        end = await nb.add_cell("x = 1", metadata={"tags": ["a"]})
        await nb.append(end, "\nx")
        await nb.splice(end, 0, 1, "y")
        await nb.replace(TWO, "other text")
        await nb.move_cell(ONE, after="end")
        await nb.set_cell_type(TWO, "raw")
        await nb.set_metadata(None, "title", {"a": 1})
        await nb.set_metadata(end, "tags", None)
        middle = await nb.add_cell("gone", after=nb.cell(TWO))
        await nb.delete_cell(middle)
        assert [cell.id for cell in nb.cells] == [top, TWO, end, ONE]
        assert nb.pending_edits > 0
        await nb.wait_acknowledged(5)
        content = server.hub.notebook.content()
        assert [cell.source for cell in content.cells] == [
            "# Title",
            "other text",
            "y = 1\nx",
            "print(1)",
        ]
        assert content.cells[1].cell_type == "raw"
        assert content.metadata == {"title": '{"a":1}'}
        assert nb.metadata == {"title": {"a": 1}}
        assert nb.cell(end).metadata == {}

    async def test_two_clients_in_one_cell_end_with_the_same_text(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        async with jupyter_runtimed.connect(server.url + "/lab/tree/x", "a.ipynb", TOKEN) as other:
            for i in range(20):
                await nb.splice(ONE, 0, 0, str(i % 10))
                await other.append(ONE, "👍")
            await asyncio.gather(nb.wait_acknowledged(5), other.wait_acknowledged(5))
            everything = "".join(str(i % 10) for i in reversed(range(20))) + "print(1)" + "👍" * 20
            await nb.wait_for(lambda: nb.source(ONE) == everything, 5)
            await other.wait_for(lambda: other.source(ONE) == everything, 5)
            assert server.hub.text() == everything

    async def test_an_edit_without_checks_is_written_in_the_same_tick(
        self, nb: LiveNotebook
    ) -> None:
        before = nb.sent_bytes
        nb.insert_now(ONE, 0, "k")
        assert nb.sent_bytes > before + 90
        assert nb.source(ONE) == "kprint(1)"
        await nb.wait_acknowledged(5)
        assert nb.received_bytes > 0

    async def test_invalid_edits_raise_and_change_nothing(self, nb: LiveNotebook) -> None:
        with pytest.raises(NotFound, match="no cell 'nope'"):
            await nb.append("nope", "x")
        with pytest.raises(PeerError, match="8 characters"):
            await nb.splice(ONE, 5, 4)
        with pytest.raises(PeerError, match="surrogate"):
            await nb.append(ONE, "\ud83d")
        assert nb.pending_edits == 0
        assert nb.source(ONE) == "print(1)"

    async def test_a_viewer_may_not_edit(self, server: HubServer) -> None:
        server.role = "viewer"
        async with jupyter_runtimed.connect(server.url, "a.ipynb", TOKEN) as nb:
            with pytest.raises(Forbidden, match="may only read"):
                await nb.append(ONE, "x")

    async def test_a_refused_edit_is_reported_with_its_text(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        received_events: list[PeerEvent] = []
        stop = nb.on_change(received_events.append)
        server.hub.refuse = "read-only"
        await nb.append(ONE, "no")
        await nb.wait_for(lambda: any(isinstance(event, Rebased) for event in received_events), 5)
        (rebased,) = [event for event in received_events if isinstance(event, Rebased)]
        assert rebased.dropped.texts[ONE].after == "print(1)no"
        assert nb.source(ONE) == "print(1)"
        stop()
        seen = len(received_events)
        server.hub.refuse = None
        await nb.append(ONE, "yes")
        await nb.wait_acknowledged(5)
        assert len(received_events) == seen

    async def test_listeners_hear_which_cells_others_touched(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        received_events: list[PeerEvent] = []
        nb.on_change(received_events.append)
        server.hub.notebook.splice(TWO, 0, 0, "!")
        server.hub.edit()
        server.pump()
        await nb.wait_for(lambda: bool(received_events), 5)
        (event,) = received_events
        assert isinstance(event, Changed)
        assert event.touched.cells == {TWO}

    async def test_a_listener_that_raises_does_not_affect_others(
        self, nb: LiveNotebook, server: HubServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(event: PeerEvent) -> None:
            raise KeyError("mine")

        nb.on_change(fail)
        await nb.append(ONE, "x")
        await nb.wait_acknowledged(5)
        assert nb.connected
        assert "A listener of a.ipynb failed" in caplog.text

    async def test_saved_waits_for_the_saved_event_of_the_server(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        await nb.wait_saved(1)
        await nb.append(ONE, "x")
        await nb.wait_acknowledged(5)
        with pytest.raises(TimeoutError):
            await nb.wait_saved(0.01)
        heads = list(server.hub.notebook.heads)
        server.sockets[0].link.to_peer.append(Event("saved", {"hash": "", "heads": heads}))
        server.pump()
        await nb.wait_saved(5)

    async def test_presence_of_a_peer_is_sent_to_others(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        nb.set_presence(ONE, "editing")
        await nb.append(ONE, "x")
        await nb.wait_acknowledged(5)
        assert Presence("", {"cell": ONE, "doing": "editing"}) in server.sockets[0].link.sent


class TestALostConnection:
    async def test_edits_made_while_disconnected_arrive_afterwards(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        server.cut()
        await nb.wait_for(lambda: not nb.connected, 5)
        await nb.append(ONE, " # offline")
        assert nb.pending_edits == 1
        server.hub.notebook.splice(ONE, 0, 0, "# theirs\n")
        server.hub.notebook.commit(now_ms=0)
        await nb.wait_acknowledged(5)
        assert nb.source(ONE) == server.hub.text() == "# theirs\nprint(1) # offline"

    async def test_a_room_that_has_another_name_now_is_found_by_path(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        server.room = "another"
        server.cut()
        await nb.wait_for(lambda: not nb.connected, 5)
        await nb.append(ONE, "!")
        await nb.wait_acknowledged(10)
        assert server.opened == 2

    async def test_a_server_that_is_away_for_a_while_is_waited_for(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        server.room, server.answer_rooms = (
            "another",
            (503, '{"code": "closing", "message": "soon"}'),
        )
        server.cut()
        await nb.wait_for(lambda: not nb.connected, 5)
        await nb.append(ONE, "!")

        def come_back() -> None:
            if server.opened == 3:
                server.answer_rooms = None

        server.on_rooms = come_back
        await nb.wait_acknowledged(10)
        assert server.opened == 3

    async def test_a_final_close_code_is_raised_by_every_pending_call(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        waiting = asyncio.create_task(nb.wait_for(lambda: False))
        await asyncio.sleep(0)
        server.sockets[0].close(4409, "please reload")
        with pytest.raises(PeerError, match="please reload"):
            await waiting
        with pytest.raises(PeerError, match="please reload"):
            await nb.append(ONE, "x")
        with pytest.raises(PeerError, match="please reload"):
            await nb.save()


class TestLeaving:
    async def test_close_reports_edits_that_may_be_lost(self, server: HubServer) -> None:
        nb = await jupyter_runtimed.connect(server.url, "a.ipynb", TOKEN)
        server.mute_acks = True
        await nb.append(ONE, "x")
        with pytest.raises(UnsavedEdits, match="1 edits of"):
            await nb.close(0.05)
        await nb.close()
        with pytest.raises(ClientError, match="is closed"):
            await nb.append(ONE, "y")

    async def test_close_waits_for_the_last_edit(self, server: HubServer) -> None:
        async with jupyter_runtimed.connect(server.url, "a.ipynb", TOKEN) as nb:
            await nb.append(ONE, "x")
        assert server.hub.text() == "print(1)x"

    async def test_an_error_in_the_block_is_not_hidden_by_an_error_of_close(
        self, server: HubServer
    ) -> None:
        async def work() -> None:
            async with jupyter_runtimed.connect(server.url, "a.ipynb", TOKEN) as nb:
                server.mute_acks = True
                await nb.append(ONE, "x")
                server.sockets[0].close(4409, "please reload")
                raise KeyError("mine")

        with pytest.raises(KeyError):
            await work()


class TestRunning:
    async def test_a_run_is_waited_for_and_its_outputs_come_whole(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        server.on_call = queues(server)
        running = asyncio.create_task(nb.run(ONE))
        await nb.wait_for(lambda: nb.last_run(ONE) is not None, 5)
        large = "long " * 5000
        blob = Blob(Sha256(server.keep_blob(large.encode())), len(large), "utf-8")
        server.finish(
            RunId("run-1"),
            StreamOutput("o1", "stdout", (blob, "tail\n")),
            DisplayOutput("o2", "execute_result", {"text/plain": "42"}, execution_count=7),
            count=7,
        )
        result = await running
        assert (result.state, result.ok, result.execution_count) == ("ok", True, 7)
        assert [output["output_type"] for output in result.outputs] == ["stream", "execute_result"]
        assert result.text == large + "tail\n42\n"
        assert nb.cell(ONE).execution_count == 7
        assert nb.outputs(ONE) == result.outputs, "what was fetched is known from then on"

    async def test_a_large_output_that_was_not_fetched_is_marked(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        run_id = server.queue_run(ONE)
        picture = Blob(Sha256(server.keep_blob(b"\x89PNG")), 4, "base64")
        damaged = Blob(Sha256("ab" * 32), 4, "base64")
        server.blobs["ab" * 32] = b"else"
        server.finish(
            run_id, DisplayOutput("o", "display_data", {"image/png": picture}, JsonText("{}"))
        )
        await nb.wait_for(lambda: bool(nb.outputs(ONE)), 5)
        assert nb.outputs(ONE)[0]["data"] == {"image/png": "<4 bytes: await fetch_outputs>"}
        assert (await nb.fetch_outputs(ONE))[0]["data"] == {"image/png": "iVBORw=="}
        server.finish(run_id, DisplayOutput("o2", "display_data", {"image/png": damaged}))
        await nb.wait_for(lambda: len(nb.outputs(ONE)) == 2, 5)
        with pytest.raises(StorageError, match="arrived damaged"):
            await nb.fetch_outputs(ONE)

    async def test_an_exception_is_a_result(self, nb: LiveNotebook, server: HubServer) -> None:
        server.on_call = queues(server)
        running = asyncio.create_task(nb.run(ONE))
        await nb.wait_for(lambda: nb.last_run(ONE) is not None, 5)
        error = ErrorOutput("o", "ValueError", "no", ("Traceback", "ValueError: no"))
        server.finish(RunId("run-1"), error, state="error")
        result = await running
        assert (result.state, result.text) == ("error", "Traceback\nValueError: no\n")

    async def test_all_runs_come_in_order(self, nb: LiveNotebook, server: HubServer) -> None:
        server.on_call = queues(server)
        running = asyncio.create_task(nb.run_all())
        await nb.wait_for(lambda: nb.last_run(TWO) is not None, 5)
        server.finish(RunId("run-2"))
        server.finish(RunId("run-1"))
        assert [result.cell for result in await running] == [ONE, TWO]

    async def test_a_connection_lost_in_the_middle_costs_only_time(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        server.on_call = queues(server)
        running = asyncio.create_task(nb.run(ONE))
        await nb.wait_for(lambda: nb.last_run(ONE) is not None, 5)
        server.cut()
        await nb.wait_for(lambda: not nb.connected, 5)
        server.finish(RunId("run-1"), StreamOutput("o", "stdout", ("meanwhile",)))
        assert (await running).text == "meanwhile"

    async def test_a_lost_reply_does_not_run_the_cell_twice(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        def on_call(socket: RoomSocket, call: Call) -> None:
            server.queue_run(ONE)
            server.hub.runtime.commit(now_ms=0)
            server.cut()

        server.on_call = on_call
        running = asyncio.create_task(nb.run(ONE))
        await nb.wait_for(lambda: nb.last_run(ONE) is not None, 5)
        server.finish(RunId("run-1"))
        assert (await running).run == "run-1"
        assert server.runs == 1

    async def test_a_lost_run_call_is_sent_again(self, nb: LiveNotebook, server: HubServer) -> None:
        def on_call(socket: RoomSocket, call: Call) -> None:
            server.on_call = queues(server)
            server.cut()

        server.on_call = on_call
        running = asyncio.create_task(nb.run(ONE))
        await nb.wait_for(lambda: nb.last_run(ONE) is not None, 5)
        server.finish(RunId("run-1"))
        assert (await running).ok

    async def test_a_run_that_another_run_replaced_is_lost(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        server.on_call = queues(server)
        running = asyncio.create_task(nb.run(ONE))
        await nb.wait_for(lambda: nb.last_run(ONE) is not None, 5)
        server.queue_run(ONE)
        server.say()
        result = await running
        assert result.state == "lost"
        assert "replaced this run" in result.reason

    async def test_a_run_continues_after_the_client_stops_waiting(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        server.on_call = queues(server)
        with pytest.raises(TimeoutError):
            await nb.run(ONE, 0.05)
        run = nb.last_run(ONE)
        assert run is not None
        assert run.state == "queued"
        assert not nb._asking._watched

    async def test_a_server_error_is_raised_as_its_exception(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        errors = {"code": "no-kernel", "message": "run a cell first"}
        server.on_call = lambda socket, call: socket.answer(call, None, errors)
        with pytest.raises(NoKernel, match="run a cell first"):
            await nb.interrupt()

    async def test_a_run_uses_text_that_was_just_typed(
        self, nb: LiveNotebook, server: HubServer
    ) -> None:
        texts = []

        def on_call(socket: RoomSocket, call: Call) -> None:
            assert server.hub.notebook.heads == call.heads
            texts.append(server.hub.text())
            queues(server)(socket, call)
            server.finish(RunId(f"run-{server.runs}"))

        server.on_call = on_call
        await nb.replace(ONE, "print(2)")
        assert (await nb.run(ONE)).ok
        assert texts == ["print(2)"]

    async def test_an_input_request_is_answered(self, nb: LiveNotebook, server: HubServer) -> None:
        asked: list[Call] = []
        run_id = server.queue_run(ONE)
        server.hub.runtime.set_run(run_id, prompt=Prompt("p1", "Name? ", password=False))
        server.say()
        await nb.wait_for(lambda: ONE in nb.prompts(), 5)

        def on_call(socket: RoomSocket, call: Call) -> None:
            asked.append(call)
            socket.answer(call, {})

        server.on_call = on_call
        await nb.answer_input(ONE, "Ana")
        assert (asked[0].name, asked[0].args) == ("answer", {"prompt": "p1", "text": "Ana"})
        with pytest.raises(NotFound, match="waits for no input"):
            await nb.answer_input(TWO, "x")
