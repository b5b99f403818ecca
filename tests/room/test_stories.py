"""Stories of a room, on the simulated network. Each replays from its seed."""

from __future__ import annotations

import pytest

from jupyter_runtimed.crdt import ROOT
from jupyter_runtimed.document.content import Cell, JsonText, to_json
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.peer.events import RefusedChange, RoomEvent
from jupyter_runtimed.protocol import frames
from jupyter_runtimed.room import effects as fx
from jupyter_runtimed.room import events as ev
from jupyter_runtimed.room.file.autosave import SavePhase
from jupyter_runtimed.room.settings import Settings

from ..support.network import MAY_ALL, MAY_EDIT, MAY_READ, Network, notebook_bytes

SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_users_and_an_agent_edit_while_the_kernel_prints(seed: int) -> None:
    net = Network("print one\nwait 300\nprint two\nwait 300\nprint three", "", seed=seed)
    ana, ben = net.join("ana"), net.join("ben")
    bot = net.join("bot", kind="agent")
    ana.run("c0")
    for i in range(10):
        ana.type("c1", f"<a{i}>", at=0)
        ben.type("c1", f"<b{i}>")
        bot.type("c1", f"<c{i}>")
        net.run_for(60)
    net.run_until_quiet()
    net.assert_converged()
    net.assert_nothing_lost()
    assert ben.outputs("c0") == "one\ntwo\nthree\n"
    assert ana.source("c1") == ben.source("c1") == bot.source("c1")
    assert all(f"<{who}{i}>" in ana.source("c1") for who in "abc" for i in range(10))


@pytest.mark.parametrize("seed", SEEDS)
def test_offline_edits_arrive_after_reconnecting(seed: int) -> None:
    net = Network("x = 1", seed=seed)
    ana, ben = net.join("ana"), net.join("ben")
    net.cut("ana")
    ana.type("c0", "\n# offline")
    ben.type("c0", "# online\n", at=0)
    net.run_for(5_000)
    assert ana.peer.pending_edits == 1
    net.heal("ana")
    net.run_until_quiet()
    net.assert_converged()
    assert ana.source("c0") == "# online\nx = 1\n# offline"
    assert ana.peer.pending_edits == 0
    assert not ana.dropped, "its earlier name is known to be its own: nothing had to be re-based"


@pytest.mark.parametrize("seed", SEEDS)
def test_every_acknowledged_character_survives_a_crash(seed: int) -> None:
    net = Network("", seed=seed)
    ana, ben = net.join("ana"), net.join("ben")
    for i in range(40):
        (ana if i % 2 else ben).type("c0", f"<{i}>")
        net.run_for(net.clock.random.randint(0, 15))
    net.crash_server()
    net.run_for(500)
    net.start_server()
    net.run_until_quiet()
    net.assert_converged()
    net.assert_nothing_lost()
    # The unacknowledged text is not lost either, because its author still has it.
    assert all(f"<{i}>" in ana.source("c0") for i in range(40))


@pytest.mark.parametrize("seed", SEEDS)
def test_an_acknowledged_edit_is_kept_if_its_author_never_returns(seed: int) -> None:
    net = Network("", seed=seed)
    ana = net.join("ana")
    ana.type("c0", "<a>")
    net.run_until(lambda: ana.peer.pending_edits == 0)
    net.crash_server()
    net.leave("ana")
    net.start_server()
    assert net.join("ben").source("c0") == "<a>"


@pytest.mark.parametrize("seed", SEEDS)
def test_output_printed_while_no_browser_is_open_is_there_when_one_opens(seed: int) -> None:
    lines = "\n".join(f"print line {i}\nwait 1000" for i in range(20))
    net = Network(lines, seed=seed, settings=Settings(idle_ms=1_000))
    ana = net.join("ana")
    ana.run("c0")
    net.run_for(4_500)
    net.leave("ana")
    net.run_for(60_000)
    assert net.server.room is None, "an idle room is dropped once its run is over"
    ben = net.join("ben")
    assert ben.outputs("c0") == "".join(f"line {i}\n" for i in range(20))
    assert ben.run_state("c0") == "ok"


def test_a_room_stays_while_its_kernel_runs_something() -> None:
    net = Network("wait 50000\nprint done", settings=Settings(idle_ms=100))
    net.join("ana").run("c0")
    net.run_for(1_000)
    net.leave("ana")
    net.run_for(40_000)
    assert net.server.room is not None
    net.run_for(60_000)
    assert net.server.room is None
    assert b"done" in net.disk.file


def test_opening_and_closing_a_notebook_writes_nothing() -> None:
    net = Network("x = 1", "y = 2", settings=Settings(idle_ms=100))
    before = net.disk.file
    net.join("ana")
    net.run_for(20_000)
    net.leave("ana")
    net.run_for(20_000)
    assert net.disk.writes == 0
    assert net.disk.file == before


def test_all_clients_learn_when_the_file_is_behind_and_when_it_is_saved() -> None:
    net = Network("print one")
    ana = net.join("ana")
    event_names = [h.name for h in ana.happened if isinstance(h, RoomEvent)]
    assert event_names == [], "opening changes nothing"
    ana.run("c0")
    net.run_until_quiet()
    net.run_for(100)
    names = [h.name for h in ana.happened if isinstance(h, RoomEvent)]
    assert names == ["unsaved", "saved"], "outputs go into the file"
    net.server.post(ev.KernelStatusChanged("restarting"))
    net.server.post(ev.KernelStatusChanged("idle"))
    net.run_for(30_000)
    assert [h.name for h in ana.happened if isinstance(h, RoomEvent)] == names, (
        "a kernel's state does not"
    )


def test_steady_typing_is_saved_within_the_maximum_delay() -> None:
    net = Network("")
    ana = net.join("ana")
    for _ in range(100):
        ana.type("c0", "x")
        net.run_for(150)
    assert 2 <= net.disk.writes <= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_an_outside_edit_is_merged_with_what_is_being_typed(seed: int) -> None:
    net = Network("first", "second", seed=seed)
    ana = net.join("ana")
    for i in range(30):
        ana.type("c0", f"<{i}>")
        if i == 15:
            net.server.write_outside(notebook_bytes("first", "second, by another hand"))
        net.run_for(50)
    net.run_until_quiet()
    net.assert_converged()
    assert ana.source("c0") == "first" + "".join(f"<{i}>" for i in range(30))
    assert ana.source("c1") == "second, by another hand"


def test_an_outside_edit_meets_typing_in_the_same_cell() -> None:
    net = Network("one two")
    ana = net.join("ana")
    ana.type("c0", "zero ", at=0)
    net.server.write_outside(notebook_bytes("one two three"))
    net.run_for(30)
    ana.type("c0", "minus one, ", at=0)
    net.run_until_quiet()
    net.assert_converged()
    assert ana.source("c0") == "minus one, zero one two three"


def test_a_file_that_changes_while_it_is_being_saved_is_merged_and_saved_again() -> None:
    net = Network("first", "second")
    ana = net.join("ana")
    ana.type("c0", " typed")
    room = net.server.open_room()
    net.run_until(lambda: room.filing.saving.phase is SavePhase.WRITING)
    net.disk.file = notebook_bytes("first", "second, by another hand")
    net.run_until_quiet()
    net.assert_converged()
    assert (ana.source("c0"), ana.source("c1")) == ("first typed", "second, by another hand")


def test_a_change_of_the_file_while_the_server_was_down_is_merged_on_opening() -> None:
    net = Network("first", "second")
    ana = net.join("ana")
    ana.type("c0", " typed")
    net.run_until_quiet()
    net.crash_server()
    net.disk.file = net.disk.file.replace(b"second", b"second, edited")
    net.start_server()
    net.run_until_quiet()
    net.assert_converged()
    assert ana.source("c0") == "first typed"
    assert ana.source("c1") == "second, edited"


def test_a_viewer_sees_everything_and_changes_nothing() -> None:
    net = Network("x = 1")
    ana, eve = net.join("ana"), net.join("eve", MAY_READ)
    eve.type("c0", "forged")
    ana.type("c0", "\ny = 2")
    net.run_until_quiet()
    net.assert_converged()
    assert ana.source("c0") == eve.source("c0") == "x = 1\ny = 2"
    refused = [h for h in eve.happened if isinstance(h, RefusedChange)]
    assert refused and refused[0].code == "read-only"


def test_a_run_by_an_editor_without_execute_permission_is_refused() -> None:
    net = Network("print 1")
    ed = net.join("ed", MAY_EDIT)
    call = ed.run("c0")
    net.run_for(1_000)
    reply = ed.reply_to(call)
    assert reply is not None and reply.error is not None
    assert reply.error["code"] == "forbidden"
    assert net.server.kernel is None


def test_a_run_waits_for_the_keystrokes_before_it() -> None:
    net = Network("print old")
    ana = net.join("ana")
    ana.edit(lambda nb: nb.set_source(CellId("c0"), "print new"))
    ana.run("c0")
    net.run_until_quiet()
    assert ana.outputs("c0") == "new\n"


def test_a_run_whose_edits_never_arrive_fails_with_a_reason() -> None:
    net = Network("print 1")
    ana = net.join("ana")
    call = ana.peer.call("run", {"cells": ["c0"]}, heads=("0" * 64,))
    ana.edited()
    net.run_for(20_000)
    reply = ana.reply_to(call)
    assert reply is not None and reply.error is not None
    assert reply.error["code"] == "heads-missing"
    assert ana.outputs("c0") == ""


def test_a_repeated_run_call_with_other_heads_is_answered_once() -> None:
    net = Network("print 1")
    ana = net.join("ana")
    room = net.server.open_room()

    def ask(heads: tuple[str, ...]) -> list[frames.Reply]:
        call = frames.Call(7, "run", {"cells": ["c0"]}, heads)
        effects = room.handle(ev.Received(ana.session, call, MAY_ALL), net.clock.now)
        sent = [frames.decode(effect.data) for effect in effects if isinstance(effect, fx.Send)]
        return [frame for frame in sent if isinstance(frame, frames.Reply)]

    assert ask(("0" * 64,)) == []
    (reply,) = ask(())
    assert reply.error is None
    assert room.calls.wake_at() is None


def test_a_run_of_a_deleted_cell_fails_with_a_reason() -> None:
    net = Network("print 1", "print 2")
    ana = net.join("ana")
    ana.edit(lambda nb: nb.delete_cell(CellId("c0")))
    call = ana.run("c0")
    net.run_for(1_000)
    reply = ana.reply_to(call)
    assert reply is not None and reply.error is not None and reply.error["code"] == "not-found"


def test_an_error_cancels_the_queued_runs() -> None:
    net = Network("print 1", "fail because", "print 3")
    ana = net.join("ana")
    ana.call("run_all")
    net.run_until_quiet()
    assert [ana.run_state(c) for c in ("c0", "c1", "c2")] == ["ok", "error", "cancelled"]
    assert ana.outputs("c1") == "Failure: because"


def test_an_error_without_stop_on_error_cancels_nothing() -> None:
    net = Network("fail on purpose", "print 2")
    ana = net.join("ana")
    tags = to_json(["raises-exception"])
    ana.edit(lambda nb: nb.set_metadata(CellId("c0"), "tags", tags))
    ana.call("run_all")
    net.run_until_quiet()
    assert [ana.run_state(c) for c in ("c0", "c1")] == ["error", "ok"]


def test_set_next_input_adds_a_cell_below() -> None:
    net = Network("next x = 1", "last")
    ana, ben = net.join("ana"), net.join("ben")
    ana.run("c0")
    net.run_until_quiet()
    net.assert_converged()
    assert [cell.source for cell in ben.notebook.content().cells] == ["next x = 1", "x = 1", "last"]


def test_a_kernel_that_dies_loses_its_run_with_a_reason() -> None:
    net = Network("print 1\ndie", "print 2")
    ana = net.join("ana")
    ana.call("run_all")
    net.run_until_quiet()
    assert [ana.run_state(c) for c in ("c0", "c1")] == ["lost", "cancelled"]
    assert ana.outputs("c0") == "1\n"
    ana.run("c1")
    net.run_until_quiet()
    assert ana.outputs("c1") == "2\n"


def test_a_crash_during_a_run_is_reported_and_keeps_the_output() -> None:
    net = Network("print 1\nwait 9000\nprint 2")
    ana = net.join("ana")
    ana.run("c0")
    net.run_for(5_000)
    net.crash_server()
    net.start_server()
    net.run_until_quiet()
    assert ana.run_state("c0") == "lost"
    assert ana.outputs("c0") == "1\n"


def test_an_input_prompt_takes_the_first_answer() -> None:
    net = Network("ask name?\nprint bye")
    ana, ben = net.join("ana"), net.join("ben")
    ana.run("c0")
    net.run_for(500)
    assert ben.peer.runtime is not None
    run = ben.peer.runtime.run_of(CellId("c0"))
    assert run is not None and run.prompt is not None and run.prompt.text == "name?"
    first = ben.call("answer", prompt=run.prompt.id, text="Ben")
    net.run_for(100)
    second = ana.call("answer", prompt=run.prompt.id, text="Ana")
    net.run_until_quiet()
    one, two = ben.reply_to(first), ana.reply_to(second)
    assert one is not None and one.error is None
    assert two is not None and two.error is not None
    assert "you said Ben" in ana.outputs("c0")


def test_a_save_is_answered_when_the_file_is_written() -> None:
    net = Network("x = 1", settings=Settings(autosave=False))
    ana = net.join("ana")
    ana.type("c0", "\ny = 2")
    net.run_for(60_000)
    assert net.disk.writes == 0, "autosave off means off"
    call = ana.call("save")
    net.run_until(lambda: ana.reply_to(call) is not None)
    assert net.disk.writes == 1
    assert b"y = 2" in net.disk.file


def test_concurrent_adds_moves_and_deletes_of_cells_converge() -> None:
    net = Network("a", "b", "c", "d")
    ana, ben = net.join("ana"), net.join("ben")
    net.cut("ana")
    net.cut("ben")
    ana.edit(lambda nb: nb.move_cell(CellId("c0"), after=CellId("c3")))
    ben.edit(lambda nb: nb.move_cell(CellId("c0"), after=CellId("c1")))
    ana.edit(lambda nb: nb.delete_cell(CellId("c2")))
    ben.edit(lambda nb: nb.delete_cell(CellId("c2")))
    ana.edit(lambda nb: nb.add_cell(Cell(CellId("n1"), "code", "ana"), after=CellId("c1")))
    ben.edit(lambda nb: nb.add_cell(Cell(CellId("n2"), "code", "ben"), after=CellId("c1")))
    ben.type("c0", " edited while it moved")
    net.heal("ana")
    net.heal("ben")
    net.run_until_quiet()
    net.assert_converged()
    order = [str(cell_id) for cell_id in ana.notebook.order]
    assert sorted(order) == ["c0", "c1", "c3", "n1", "n2"]
    assert ana.source("c0") == "a edited while it moved"


# ---------------------------------------------------------------- hostile and unlucky peers


def test_a_file_that_vanishes_and_returns_loses_nothing() -> None:
    net = Network("a = 1")
    ana = net.join("ana")
    was = net.disk.file
    net.server.post(ev.FileDeleted("moved away for a moment"))
    ana.type("c0", "  # typed meanwhile")
    net.run_for(500)
    net.server.write_outside(was)
    net.run_for(50)
    net.run_until_quiet()
    net.assert_converged()
    assert ana.source("c0") == "a = 1  # typed meanwhile"


def test_a_save_that_meets_a_changed_file_is_answered_with_autosave_off() -> None:
    net = Network("# a", settings=Settings(autosave=False))
    ana = net.join("ana")
    ana.type("c0", " typed")
    net.run_for(100)
    net.disk.file = net.disk.file.replace(b"# a", b"# outside a")
    call = ana.call("save")
    net.run_until(lambda: ana.reply_to(call) is not None)
    assert b"# outside a typed" in net.disk.file


def test_a_failed_interrupt_affects_nothing_else() -> None:
    net = Network("wait 500\nprint one", "print two")
    ana = net.join("ana")
    ana.run("c0")
    net.run_for(200)
    call = ana.call("interrupt")
    net.server.refuse_interrupts = True
    net.run_for(100)
    ana.run("c1")
    net.run_until_quiet()
    reply = ana.reply_to(call)
    assert reply is not None and reply.error is not None
    assert (ana.outputs("c0"), ana.outputs("c1")) == ("one\n", "two\n")


def test_a_viewers_change_is_refused_before_decoding() -> None:
    net = Network("a = 1")
    eve = net.join("eve", MAY_READ)
    net.server.receive(
        eve.session, frames.encode(frames.Change("notebook", b"no change")), MAY_READ
    )
    net.run_for(200)
    codes = [h.code for h in eve.happened if isinstance(h, RefusedChange)]
    assert codes == ["read-only"]


def test_an_editor_cannot_make_script_trusted() -> None:
    net = Network("show fine")
    ana, eve = net.join("ana"), net.join("eve", MAY_EDIT)
    ana.run("c0")
    net.run_until_quiet()
    assert net.server.open_room().runtime.trusted(CellId("c0"))
    script = {"output_type": "display_data", "data": {"text/html": "<script>"}, "metadata": {}}
    eve.call("import_outputs", cell="c0", outputs=[script], execution_count=None)
    refused = eve.call("trust")
    net.run_until_quiet()
    assert not net.server.open_room().runtime.trusted(CellId("c0"))
    reply = eve.reply_to(refused)
    assert reply is not None and reply.error is not None and reply.error["code"] == "forbidden"


def test_pasted_trusted_outputs_stay_trusted_if_the_user_may_run() -> None:
    net = Network("a", "b", "c")
    ana, eve = net.join("ana"), net.join("eve", MAY_EDIT)
    table = {"output_type": "display_data", "data": {"text/html": "<b>1</b>"}, "metadata": {}}
    for peer, cell, trusted in ((ana, "c0", True), (ana, "c1", False), (eve, "c2", True)):
        peer.call("import_outputs", cell=cell, outputs=[table], trusted=trusted)
    net.run_until_quiet()
    runtime = net.server.open_room().runtime
    assert [runtime.trusted(CellId(cell)) for cell in ("c0", "c1", "c2")] == [True, False, False]


def test_outputs_that_come_with_the_file_are_not_trusted() -> None:
    net = Network("show fine")
    ana = net.join("ana")
    ana.run("c0")
    net.run_until_quiet()
    net.server.write_outside(net.disk.file.replace(b'"fine"', b'"<script>"'))
    net.run_for(50)
    net.run_until_quiet()
    assert ana.outputs("c0") == "<script>"
    assert not net.server.open_room().runtime.trusted(CellId("c0"))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("run", {"cells": ["\ud800"]}),
        ("run", {"cells": [["x"]]}),
        ("import_outputs", {"cell": "c0", "outputs": [{1: b"bytes"}]}),
        ("import_outputs", {"cell": {"a": 1}}),
        ("cancel", {"runs": 3}),
        ("nonsense", {}),
    ],
)
def test_an_invalid_call_is_answered_with_an_error(name: str, args: dict[str, object]) -> None:
    net = Network("print 1")
    net.join("ana")
    net.server.post(ev.CallReceived(7, name, args, (), ev.User("e", "e"), MAY_ALL))
    net.run_until_quiet()
    assert net.server.answers[7].error is not None


def test_invalid_metadata_does_not_prevent_a_run() -> None:
    net = Network("print 1")
    ana, eve = net.join("ana"), net.join("eve", MAY_EDIT)
    eve.edit(lambda nb: nb.set_metadata(CellId("c0"), "tags", JsonText("[" * 100_000)))
    eve.edit(lambda nb: nb.set_metadata(None, "kernelspec", JsonText("[" * 100_000)))
    net.run_for(200)
    ana.run("c0")
    net.run_until_quiet()
    assert ana.outputs("c0") == "1\n"


def test_a_forged_change_is_refused_as_a_whole_and_not_sent_to_others() -> None:
    net = Network("a = 1")
    ana, eve = net.join("ana"), net.join("eve")
    eve.edit(lambda nb: nb.document.put(ROOT, "outputs", "forged"))
    net.run_until_quiet()
    net.assert_converged()
    codes = {h.code for h in eve.happened if isinstance(h, RefusedChange)}
    assert codes == {"not-allowed"}
    assert "outputs" not in ana.notebook.document.keys(ROOT)
    assert "outputs" not in net.server.open_room().notebook.document.keys(ROOT)
