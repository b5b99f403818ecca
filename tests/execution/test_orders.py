"""Messages in unusual orders: every output is in place, every run ends, nothing is stuck."""

from __future__ import annotations

from dataclasses import replace

import pytest
from execution_lab import (
    Lab,
    cleared,
    display,
    failed,
    finished,
    idle,
    message,
    printed,
    reply,
    sent,
    shown,
    status,
)

from jupyter_runtimed.execution.queue import Phase
from jupyter_runtimed.execution.steps import Interrupt
from jupyter_runtimed.ids import CellId


@pytest.fixture
def lab() -> Lab:
    return Lab()


def updated(run: str, text: str, display_id: str = "x") -> object:
    return display(run, text, display_id, kind="update_display_data")


class TestTheEndOfARun:
    def test_a_run_with_idle_before_output_and_reply_is_complete(self, lab: Lab) -> None:
        run = lab.running()
        assert finished(lab.say(idle(run), printed(run, "late")).steps) == []
        assert finished(lab.say(reply(run)).steps) == [("a", "ok")]
        assert shown(lab) == ["stdout: late"]

    def test_a_run_with_the_reply_before_output_and_idle_is_complete(self, lab: Lab) -> None:
        run = lab.running()
        assert finished(lab.say(reply(run), display(run, "late")).steps) == []
        assert finished(lab.say(printed(run, "later"), idle(run)).steps) == [("a", "ok")]
        assert shown(lab) == ["display_data: late", "stdout: later"]

    def test_output_after_the_end_of_a_run_is_appended(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(reply(run), idle(run))
        lab.say(printed(run, "1"), display(run, "2"), display(run, "3", kind="execute_result"))
        lab.say(failed(run), cleared(run, wait=True), printed(run, "4"))
        assert shown(lab) == ["stdout: 4"]
        assert lab.run().state == "ok"

    def test_a_second_end_of_a_run_changes_nothing(self, lab: Lab) -> None:
        lab.execution.queue.ready()
        lab.ask("a", "b")
        first, second = lab.run_id("a"), lab.run_id("b")
        lab.say(reply(first), idle(first))
        assert lab.say(reply(first, "error"), idle(first), idle(first)).steps == ()
        assert (lab.run("a").state, lab.run("b").state) == ("ok", "running")
        assert finished(lab.say(reply(second), idle(second)).steps) == [("b", "ok")]

    def test_a_run_ends_without_execute_input_and_count(self, lab: Lab) -> None:
        lab.execution.queue.ready()
        lab.ask("a")
        run = lab.run_id()
        lab.say(printed(run, "x"), reply(run, execution_count=4), idle(run))
        assert (lab.run().state, lab.run().execution_count) == ("ok", 4)

    def test_the_execution_count_is_the_last_one_received(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(message(run, "execute_input", execution_count=7))
        assert lab.run().execution_count == 7
        lab.say(reply(run, execution_count=8), idle(run))
        assert lab.run().execution_count == 8

    def test_a_kernel_without_an_idle_message_becomes_idle_after_a_timeout(self, lab: Lab) -> None:
        lab.runtime.set_kernel(replace(lab.runtime.kernel, state="idle"))
        run = lab.running()
        lab.say(status(run, "busy"), reply(run))
        assert lab.runtime.kernel.state == "busy"
        assert finished(lab.execution.wake(now_ms=lab.now_ms + 2000)) == [("a", "ok")]
        assert lab.runtime.kernel.state == "idle"

    def test_the_kernel_is_busy_while_it_works_for_another_client(self, lab: Lab) -> None:
        lab.runtime.set_kernel(replace(lab.runtime.kernel, state="idle"))
        run = lab.running()
        lab.say(reply(run), status("console", "busy"))
        lab.execution.wake(now_ms=lab.now_ms + 2000)
        assert lab.runtime.kernel.state == "busy"


class TestErrors:
    """The reply decides the state; a traceback is ordinary output."""

    def test_a_displayed_traceback_does_not_fail_the_run(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(failed(run), reply(run, "ok"), idle(run))
        assert lab.run().state == "ok"

    def test_a_displayed_traceback_after_the_reply_does_not_fail_the_run(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(reply(run, "ok"), failed(run), idle(run))
        assert lab.run().state == "ok"
        assert shown(lab) == ["error: ValueError"]

    def test_a_traceback_without_a_reply_fails_the_run(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(idle(run), failed(run))
        lab.execution.wake(now_ms=lab.now_ms + 2000)
        assert lab.run().state == "error"

    def test_an_error_of_another_run_cancels_nothing(self, lab: Lab) -> None:
        lab.execution.queue.ready()
        lab.ask("a", "b")
        run = lab.run_id("a")
        lab.say(failed("console"), reply("console", "error"), idle("console"))
        steps = lab.say(reply(run), idle(run)).steps
        assert (finished(steps), sent(steps)) == ([("a", "ok")], ["b"])


class TestTwoRunsMixed:
    def test_each_message_goes_to_its_own_run(self, lab: Lab) -> None:
        lab.execution.queue.ready()
        lab.ask("a", "b")
        a, b = lab.run_id("a"), lab.run_id("b")
        lab.say(reply(a), idle(a))
        lab.say(
            printed(b, "b1 "), printed(a, "a1 "), printed(b, "b2"), printed(a, "a2"),
            display(a, "a3"), display(b, "b3"), printed(a, "a4"),
        )  # fmt: skip
        assert shown(lab, "a") == ["stdout: a1 a2", "display_data: a3", "stdout: a4"]
        assert shown(lab, "b") == ["stdout: b1 b2", "display_data: b3"]
        lab.assert_mirror()

    def test_clear_output_of_one_run_leaves_the_other_runs_output(self, lab: Lab) -> None:
        lab.execution.queue.ready()
        lab.ask("a", "b")
        a, b = lab.run_id("a"), lab.run_id("b")
        lab.say(printed(a, "a"), reply(a), idle(a), printed(b, "b"))
        lab.say(cleared(b, wait=True), printed(a, "+"), cleared(a, wait=False))
        assert (shown(lab, "a"), shown(lab, "b")) == ([], ["stdout: b"])
        lab.say(printed(b, "new"), printed(a, "new"))
        assert shown(lab, "a") == shown(lab, "b") == ["stdout: new"]

    def test_a_bar_goes_on_where_it_was_while_another_prints(self, lab: Lab) -> None:
        lab.execution.queue.ready()
        lab.ask("a", "b")
        a, b = lab.run_id("a"), lab.run_id("b")
        lab.say(printed(a, "10%"), reply(a), idle(a), printed(b, "x"))
        lab.say(printed(a, "\r20%"), printed(b, "\ry"), printed(a, "\b!"))
        assert (shown(lab, "a"), shown(lab, "b")) == (["stdout: 20!"], ["stdout: y"])


class TestDisplayIds:
    def test_a_display_is_updated_from_another_cell_after_both_runs_ended(self, lab: Lab) -> None:
        first = lab.running("a")
        lab.say(display(first, "0", "x"), reply(first), idle(first))
        second = lab.running("b")
        lab.say(reply(second), idle(second), updated(second, "1"))
        assert (shown(lab, "a"), shown(lab, "b")) == (["display_data: 1"], [])

    def test_an_update_before_its_display_waits_for_nothing(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(updated(run, "early"))
        lab.say(display(run, "0", "x"), updated(run, "1"))
        assert shown(lab) == ["display_data: 1"]

    def test_an_execute_result_may_have_a_display_id(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(display(run, "0", "x", kind="execute_result"), updated(run, "1"))
        assert shown(lab) == ["execute_result: 1"]

    def test_a_display_id_can_be_used_again_after_clearing(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(display(run, "0", "x"), cleared(run, wait=True), updated(run, "1"))
        assert shown(lab) == ["display_data: 1"], "an update cleared the outputs"
        lab.say(display(run, "2", "x"), updated(run, "3"))
        assert shown(lab) == ["display_data: 3"]

    def test_a_new_run_of_a_cell_creates_its_displays_again(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(display(run, "0", "x"), reply(run), idle(run))
        again = lab.running()
        lab.say(updated(again, "lost"), display(again, "1", "x"), updated(run, "2"))
        assert shown(lab) == ["display_data: 2"]
        lab.assert_mirror()

    def test_another_process_does_not_touch_what_an_earlier_one_showed(self, lab: Lab) -> None:
        first = lab.running("a")
        lab.say(display(first, "of the first", "x"), reply(first), idle(first))
        lab.execution.lost("restarted", now_ms=lab.now_ms)
        second = lab.running("b")
        lab.say(updated(second, "no"), display(second, "of the second", "x"), updated(second, "!"))
        assert shown(lab, "a") == ["display_data: of the first"]
        assert shown(lab, "b") == ["display_data: !"]
        lab.assert_mirror()


class TestQuestions:
    def asks(self, run: str, msg_id: str = "p1") -> object:
        return message(run, "input_request", channel="stdin", msg_id=msg_id, prompt="?")

    def test_two_prompts_of_one_run_follow_each_other(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(self.asks(run), self.asks(run, "p2"))
        assert lab.execution.writer.answered("p1", "late") is None
        assert lab.execution.writer.answered("p2", "now") == run

    def test_an_input_request_of_a_finished_run_shows_no_prompt(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(reply(run), idle(run))
        lab.say(self.asks(run))
        assert lab.run().prompt is None

    def test_an_input_request_of_an_unknown_run_shows_no_prompt(self, lab: Lab) -> None:
        lab.running()
        assert len(lab.say(self.asks("other")).unmatched) == 1
        assert lab.run().prompt is None

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("how", ["deleted", "run again"])
    def test_an_input_request_that_cannot_be_answered_interrupts_the_kernel(
        self, lab: Lab, how: str, when: str
    ) -> None:
        run = lab.running()
        lab.ask("b")
        steps = list(lab.say(self.asks(run)).steps) if when == "before" else []
        if how == "deleted":
            steps += lab.execution.queue.removed([CellId("a")], now_ms=lab.now_ms)
        else:
            steps += lab.ask("a", code="new")
        if when == "after":
            steps += lab.say(self.asks(run)).steps
        assert [step for step in steps if isinstance(step, Interrupt)] == [Interrupt()]
        steps = list(
            lab.say(failed(run, "KeyboardInterrupt"), reply(run, "error"), idle(run)).steps
        )
        assert sent(steps) == ["b"], "an error of no run cancelled the queue"


def test_a_run_that_is_only_aborted_leaves_the_queue_at_work(lab: Lab) -> None:
    lab.execution.queue.ready()
    lab.ask("a", "b")
    run = lab.run_id("a")
    steps = lab.say(reply(run, "aborted"), idle(run)).steps
    assert (finished(steps), sent(steps)) == ([("a", "cancelled")], ["b"])


def test_messages_without_effect_on_a_run_change_nothing(lab: Lab) -> None:
    run = lab.running()
    before = lab.runtime.document.heads
    for kind in (
        "comm_open",
        "comm_msg",
        "comm_close",
        "debug_event",
        "iopub_welcome",
        "unheard_of",
    ):
        lab.say(message(run, kind, comm_id="nobody", data={}))
    for kind in ("shutdown_reply", "interrupt_reply", "kernel_info_reply", "debug_reply"):
        lab.say(message(run, kind, channel="control", status="ok"))
    assert lab.runtime.document.heads == before
    assert lab.execution.queue.phase is Phase.SENT
