"""The queue: the order of runs, and the end of a run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from execution_lab import Lab, failed, finished, idle, message, printed, reply, sent, status

from jupyter_runtimed.execution.cancel_reasons import EXPECTED
from jupyter_runtimed.execution.cell_timing import timing
from jupyter_runtimed.execution.queue import MAX_DELETED, TABLE, Phase, Signal
from jupyter_runtimed.execution.steps import WakeAt, source_hash
from jupyter_runtimed.ids import CellId


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    lab.execution.queue.ready()
    return lab


def states(lab: Lab) -> dict[str, str]:
    runs = (lab.runtime.run_of(cell) for cell in lab.runtime.cells())
    return {run.cell_id: run.state for run in runs if run is not None}


def test_cells_run_one_after_another(lab: Lab) -> None:
    assert sent(lab.ask("a", "b", "c", code="1")) == ["a"]
    assert states(lab) == {"a": "running", "b": "queued", "c": "queued"}
    assert lab.runtime.queue == (lab.run_id("b"), lab.run_id("c"))
    first = lab.run_id("a")
    assert lab.say(reply(first)).steps == (WakeAt(lab.now_ms + 2000),)
    steps = lab.say(idle(first)).steps
    assert finished(steps) == [("a", "ok")]
    assert sent(steps) == ["b"]
    lab.assert_mirror()


def test_output_in_the_last_batch_is_there_when_the_run_is_over(lab: Lab) -> None:
    lab.ask("a")
    run = lab.run_id()
    heard = lab.say(printed(run, "x"), reply(run), idle(run))
    assert finished(heard.steps) == [("a", "ok")]
    assert lab.text() == "x"


def test_idle_may_come_before_the_reply(lab: Lab) -> None:
    lab.ask("a")
    run = lab.run_id()
    assert finished(lab.say(idle(run)).steps) == []
    assert finished(lab.say(reply(run)).steps) == [("a", "ok")]


def test_without_a_kernel_runs_wait_until_there_is_one() -> None:
    lab = Lab()
    assert lab.ask("a") == []
    assert lab.execution.queue.busy
    assert sent(lab.execution.queue.ready()) == ["a"]


def test_a_cell_without_code_is_done_and_shows_nothing(lab: Lab) -> None:
    run = lab.running("a")
    lab.say(printed(run, "old"), reply(run), idle(run))
    lab.ask("b")
    steps = lab.ask("a", code=" \n\t")
    assert (finished(steps), sent(steps)) == ([("a", "ok")], [])
    assert lab.outputs("a") == ()
    assert (lab.run("a").execution_count, lab.run("a").started_at) == (None, None)
    assert lab.runtime.queue == ()


class TestGrace:
    def test_a_run_ends_after_a_timeout_without_idle(self, lab: Lab) -> None:
        lab.ask("a", "b")
        queue = lab.execution.queue
        lab.say(reply(lab.run_id()))
        assert queue.wake(now_ms=lab.now_ms + 1999) == [WakeAt(lab.now_ms + 2000)]
        steps = queue.wake(now_ms=lab.now_ms + 2000)
        assert finished(steps) == [("a", "ok")]
        assert sent(steps) == ["b"]

    def test_output_extends_the_timeout_of_a_run_without_idle(self, lab: Lab) -> None:
        lab.ask("a")
        run = lab.run_id()
        lab.say(reply(run))
        lab.now_ms += 1500
        assert lab.say(printed(run, "more")).steps == (WakeAt(lab.now_ms + 2000),)
        assert finished(lab.execution.queue.wake(now_ms=lab.now_ms + 1999)) == []
        assert finished(lab.execution.queue.wake(now_ms=lab.now_ms + 2000)) == [("a", "ok")]

    def test_a_reply_that_never_comes_does_not_hang_the_queue(self, lab: Lab) -> None:
        lab.ask("a")
        run = lab.run_id()
        lab.say(failed(run), idle(run))
        assert finished(lab.execution.queue.wake(now_ms=lab.now_ms + 2000)) == [("a", "error")]

    def test_a_run_without_a_reply_has_no_timeout(self, lab: Lab) -> None:
        lab.ask("a")
        lab.say(status(lab.run_id(), "busy"))
        assert lab.execution.queue.wake(now_ms=lab.now_ms + 10**9) == []


class TestErrors:
    def test_an_error_cancels_the_queued_runs(self, lab: Lab) -> None:
        lab.ask("a", "b")
        lab.ask("c")
        run = lab.run_id()
        steps = lab.say(failed(run), reply(run, "error"), idle(run)).steps
        assert finished(steps) == [("a", "error"), ("b", "cancelled"), ("c", "cancelled")]
        assert lab.run("b").reason == "an earlier cell failed"
        assert lab.runtime.queue == ()
        assert sent(lab.ask("d")) == ["d"]

    def test_an_error_does_not_cancel_the_queue_without_stop_on_error(self, lab: Lab) -> None:
        lab.ask("a", "b", stop_on_error=False)
        run = lab.run_id()
        steps = lab.say(reply(run, "error"), idle(run)).steps
        assert finished(steps) == [("a", "error")]
        assert sent(steps) == ["b"]

    def test_a_run_that_the_kernel_skipped_is_cancelled(self, lab: Lab) -> None:
        lab.ask("a")
        run = lab.run_id()
        assert finished(lab.say(reply(run, "aborted"), idle(run)).steps) == [("a", "cancelled")]


class TestAskingAgain:
    def test_a_queued_cell_that_is_requested_again_moves_to_the_end(self, lab: Lab) -> None:
        lab.ask("a", "b", "c")
        old = lab.run_id("b")
        steps = lab.ask("b", code="new")
        assert finished(steps) == [("b", "cancelled")]
        assert lab.runtime.run(old) is None
        assert lab.runtime.queue == (lab.run_id("c"), lab.run_id("b"))

    def test_a_running_cell_that_is_requested_again_is_queued_and_drops_its_output(
        self, lab: Lab
    ) -> None:
        lab.ask("a")
        first = lab.run_id()
        lab.say(printed(first, "first"))
        assert lab.ask("a", code="new") == []
        second = lab.run_id()
        heard = lab.say(printed(first, "late"), reply(first), idle(first))
        assert heard.unmatched == ()
        assert finished(heard.steps) == [("a", "ok")]
        assert sent(heard.steps) == ["a"]
        lab.say(printed(second, "second"))
        assert lab.text() == "second"
        lab.assert_mirror()

    def test_a_cell_twice_in_one_request_runs_once(self, lab: Lab) -> None:
        lab.ask("x")
        assert finished(lab.ask("a", "a")) == [("a", "cancelled")]
        assert len(lab.runtime.queue) == 1


class TestTakingBack:
    def test_a_cancelled_run_never_reaches_the_kernel(self, lab: Lab) -> None:
        lab.ask("a", "b", "c")
        running, second = lab.run_id("a"), lab.run_id("b")
        steps = lab.execution.queue.cancel([second, running], now_ms=lab.now_ms)
        assert finished(steps) == [("b", "cancelled")]
        assert sent(lab.say(reply(running), idle(running)).steps) == ["c"]

    def test_an_interrupt_empties_the_queue(self, lab: Lab) -> None:
        lab.ask("a", "b")
        assert finished(lab.execution.queue.interrupted(now_ms=5)) == [("b", "cancelled")]
        assert lab.run("b").reason == "interrupted"
        assert states(lab)["a"] == "running"

    def test_a_deleted_cell_does_not_run(self, lab: Lab) -> None:
        lab.ask("a", "b", "c")
        steps = lab.execution.queue.removed([CellId("b")], now_ms=5)
        assert finished(steps) == [("b", "cancelled")]
        assert lab.runtime.run_of(CellId("b")) is None
        run = lab.run_id()
        assert sent(lab.say(reply(run), idle(run)).steps) == ["c"]
        lab.assert_mirror()

    def test_the_run_of_a_deleted_cell_ends_normally(self, lab: Lab) -> None:
        lab.ask("a", "b")
        run = lab.run_id()
        assert lab.execution.queue.removed([CellId("a")], now_ms=5) == []
        assert lab.execution.queue.current == run
        steps = lab.say(reply(run), idle(run)).steps
        assert finished(steps) == [("a", "ok")]
        assert sent(steps) == ["b"]

    def test_only_the_last_deleted_cells_keep_their_runs(self, lab: Lab) -> None:
        names = [f"cell {i}" for i in range(MAX_DELETED + 3)]
        for name in names:
            run = lab.running(name)
            lab.execution.queue.removed([CellId(name)], now_ms=5)
            lab.say(reply(run), idle(run))
        lab.execution.queue.removed([], now_ms=5)
        assert list(lab.runtime.cells()) == names[3:]
        lab.execution.queue.restored([CellId(names[3])])
        for name in ("one", "two"):
            run = lab.running(name)
            lab.execution.queue.removed([CellId(name)], now_ms=5)
            lab.say(reply(run), idle(run))
        lab.execution.queue.removed([], now_ms=5)
        assert list(lab.runtime.cells()) == [names[3], *names[5:], "one", "two"]


class TestLosingTheKernel:
    def test_a_lost_kernel_loses_the_running_cell_and_cancels_queued_ones(self, lab: Lab) -> None:
        lab.ask("a", "b")
        lab.say(printed(lab.run_id(), "so far"))
        steps = lab.execution.queue.lost("the kernel died", now_ms=7)
        assert finished(steps) == [("a", "lost"), ("b", "cancelled")]
        assert lab.run("a").reason == lab.run("b").reason == "the kernel died"
        assert lab.text() == "so far"
        assert not lab.execution.queue.busy
        assert lab.ask("c") == []
        assert sent(lab.execution.queue.ready()) == ["c"]
        lab.commit()
        lab.assert_mirror()

    def test_no_run_stays_running_after_a_crash_of_the_server(self, lab: Lab) -> None:
        lab.ask("a", "b")
        lab.commit()
        after = Lab()
        after.execution.use(lab.reopened())
        steps = after.execution.queue.lost("the server was started again", now_ms=9)
        assert sorted(finished(steps)) == [("a", "lost"), ("b", "cancelled")]
        assert after.runtime.queue == ()

    def test_a_run_that_an_earlier_server_queued_never_runs(self, lab: Lab) -> None:
        lab.ask("a", "b")
        lab.commit()
        after = Lab()
        after.execution.use(lab.reopened())
        assert after.execution.queue.ready() == []
        assert ("b", "lost") in finished(after.execution.queue.lost("gone", now_ms=9))

    def test_a_lost_run_of_a_deleted_cell_is_reported(self, lab: Lab) -> None:
        lab.ask("a")
        lab.execution.queue.removed([CellId("a")], now_ms=5)
        assert finished(lab.execution.queue.lost("restarted", now_ms=6)) == [("a", "lost")]

    def test_late_messages_of_a_lost_run_change_no_state(self, lab: Lab) -> None:
        lab.ask("a")
        run = lab.run_id()
        lab.execution.queue.lost("restarted", now_ms=6)
        assert lab.say(reply(run), idle(run)).steps == ()
        assert lab.run().state == "lost"


class TestRecords:
    def test_a_run_records_user_source_hash_and_times(self, lab: Lab) -> None:
        lab.ask("a", code="print(1)")
        run_id = lab.run_id()
        lab.now_ms += 10
        lab.say(status(run_id, "busy"), message(run_id, "execute_input", execution_count=3))
        lab.now_ms += 1500
        lab.say(reply(run_id), idle(run_id))
        run = lab.run()
        assert (run.by, run.source_hash) == ("ana", source_hash("print(1)"))
        assert (run.queued_at, run.started_at, run.finished_at) == (1_000_000, 1_000_010, 1_001_510)
        assert run.execution_count == 3
        assert lab.runtime.trusted(CellId("a"))
        assert timing(run) == {
            "iopub.status.busy": "1970-01-01T00:16:40.010Z",
            "iopub.execute_input": "1970-01-01T00:16:40.010Z",
            "shell.execute_reply.started": "1970-01-01T00:16:40.010Z",
            "shell.execute_reply": "1970-01-01T00:16:41.510Z",
            "iopub.status.idle": "1970-01-01T00:16:41.510Z",
        }

    def test_a_run_that_never_began_has_no_times(self, lab: Lab) -> None:
        lab.ask("a", "b")
        assert timing(lab.run("b")) == {}

    def test_a_lost_run_records_its_time(self, lab: Lab) -> None:
        lab.ask("a")
        lab.say(status(lab.run_id(), "busy"))
        lab.execution.queue.lost("died", now_ms=0)
        assert timing(lab.run())["execution_failed"] == "1970-01-01T00:00:00.000Z"


def test_every_phase_of_the_queue_can_be_left() -> None:
    for phase in Phase:
        assert TABLE[phase, Signal.LOST] is Phase.NO_KERNEL
        if phase is not Phase.NO_KERNEL:
            reached, around = {phase}, [phase]
            while around:
                here = around.pop()
                for (start, _), end in TABLE.items():
                    if start is here and end not in reached:
                        reached.add(end)
                        around.append(end)
            assert Phase.READY in reached


class TestAborted:
    """Some kernels answer an interrupt with `abort`; ipykernel uses it for skipped requests."""

    def aborted(self, lab: Lab, *, began: bool) -> None:
        lab.ask("a", "b")
        run = lab.run_id("a")
        begun = (message(run, "execute_input", execution_count=1),) if began else ()
        lab.say(status(run, "busy"), *begun, reply(run, "abort"), idle(run))

    def test_an_aborted_run_that_had_started_was_interrupted(self, lab: Lab) -> None:
        self.aborted(lab, began=True)
        assert [lab.run(cell).reason for cell in "ab"] == ["interrupted", "interrupted"]
        assert states(lab) == {"a": "cancelled", "b": "cancelled"}

    def test_an_aborted_run_that_had_not_started_was_skipped(self, lab: Lab) -> None:
        self.aborted(lab, began=False)
        assert lab.run("a").reason == "the kernel skipped it after an error"
        assert states(lab) == {"a": "cancelled", "b": "running"}


def test_the_page_knows_the_cancel_reasons_without_a_mark() -> None:
    """`labextension/src/views/cellMark.ts` shows a mark for every other cancel reason."""
    page = Path(__file__).parents[2] / "labextension/src/views/cellMark.ts"
    listed = re.search(r"EXPECTED = new Set\(\[(.*?)\]\)", page.read_text(), re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"'([^']+)'", listed[1])) == EXPECTED
