"""Kernel messages become the outputs of a cell."""

from __future__ import annotations

from dataclasses import replace

import pytest
from execution_lab import (
    Lab,
    cleared,
    display,
    failed,
    idle,
    message,
    printed,
    reply,
    shown,
    status,
)

from jupyter_runtimed.document.content import Blob, DisplayOutput, Prompt, StreamOutput
from jupyter_runtimed.execution.message_fields import FieldProblem
from jupyter_runtimed.ids import CellId


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_cell_that_prints_shows_and_returns_has_its_outputs_in_order(lab: Lab) -> None:
    run = lab.running()
    lab.say(
        printed(run, "one\n"),
        display(run, "table"),
        printed(run, "two\n"),
        display(run, "42", kind="execute_result"),
        reply(run, execution_count=7),
        idle(run),
    )
    assert shown(lab) == [
        "stdout: one\n",
        "display_data: table",
        "stdout: two\n",
        "execute_result: 42",
    ]
    assert lab.runtime.outcome(CellId("a")).execution_count == 7
    lab.assert_mirror()


def test_neighbouring_text_of_one_name_is_one_output_across_batches(lab: Lab) -> None:
    run = lab.running()
    lab.say(printed(run, "a"), printed(run, "b\n"))
    lab.say(printed(run, "c\n"))
    assert shown(lab) == ["stdout: ab\nc\n"]


def test_stdout_and_stderr_stay_in_the_order_in_which_they_were_printed(lab: Lab) -> None:
    run = lab.running()
    lab.say(printed(run, "out 1\n"), printed(run, "err\n", "stderr"), printed(run, "out 2\n"))
    lab.say(printed(run, "out 3\n"))
    assert shown(lab) == ["stdout: out 1\n", "stderr: err\n", "stdout: out 2\nout 3\n"]


def test_a_batch_of_prints_is_one_chunk(lab: Lab) -> None:
    run = lab.running()
    lab.say(*(printed(run, f"{n}\n") for n in range(100)))
    (stream,) = lab.outputs()
    assert isinstance(stream, StreamOutput)
    assert len(stream.chunks) == 1


def test_an_error_is_an_output(lab: Lab) -> None:
    run = lab.running()
    lab.say(failed(run), reply(run, "error"), idle(run))
    assert shown(lab) == ["error: ValueError"]
    assert lab.run().state == "error"


class TestDisplayUpdates:
    def test_an_update_changes_every_output_of_that_id_in_every_cell(self, lab: Lab) -> None:
        first = lab.running("a")
        lab.say(display(first, "0%", "bar"), display(first, "0%", "bar"), reply(first), idle(first))
        second = lab.running("b")
        lab.say(display(second, "0%", "bar"), display(second, "other", "else"))
        update = display(second, "50%", "bar", kind="update_display_data")
        lab.say(update)
        assert shown(lab, "a") == ["display_data: 50%", "display_data: 50%"]
        assert shown(lab, "b") == ["display_data: 50%", "display_data: other"]
        lab.assert_mirror()

    def test_a_display_with_a_known_id_changes_the_others_too(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(display(run, "old", "x"), display(run, "new", "x"))
        assert shown(lab) == ["display_data: new", "display_data: new"]

    def test_an_update_before_its_display_is_not_an_output(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(display(run, "early", "x", kind="update_display_data"), display(run, "first", "x"))
        assert shown(lab) == ["display_data: first"]

    def test_an_update_from_another_clients_request_changes_the_display(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(display(run, "0", "x"))
        heard = lab.say(display("console", "1", "x", kind="update_display_data"))
        assert shown(lab) == ["display_data: 1"]
        assert len(heard.unmatched) == 1

    def test_a_display_id_is_forgotten_with_its_output(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(display(run, "0", "x"), cleared(run, wait=False))
        assert lab.runtime.displays("x") == ()
        lab.say(display(run, "1", "x", kind="update_display_data"))
        assert shown(lab) == []

    def test_outputs_keep_their_ids_when_they_change(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(display(run, "0", "x"))
        (before,) = lab.outputs()
        lab.say(display(run, "1", "x", kind="update_display_data"))
        (after,) = lab.outputs()
        assert isinstance(before, DisplayOutput)
        assert after == replace(before, data={"text/plain": "1"})


class TestClearing:
    def test_clear_output_removes_the_outputs_at_once(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(printed(run, "old"))
        lab.say(cleared(run, wait=False))
        assert shown(lab) == []
        lab.say(printed(run, "new"))
        assert shown(lab) == ["stdout: new"]

    def test_clear_with_wait_happens_when_the_next_output_comes(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(display(run, "frame 1"))
        lab.say(cleared(run, wait=True))
        assert shown(lab) == ["display_data: frame 1"]
        lab.say(display(run, "frame 2"))
        assert shown(lab) == ["display_data: frame 2"]
        lab.assert_mirror()

    def test_clear_output_inside_a_batch_removes_only_earlier_output(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(
            printed(run, "old"),
            cleared(run, wait=True),
            printed(run, "new"),
            cleared(run, wait=True),
        )
        assert shown(lab) == ["stdout: new"]
        lab.say(reply(run), idle(run))
        assert shown(lab) == ["stdout: new"]

    def test_only_the_last_frame_of_an_animation_in_one_batch_is_written(self, lab: Lab) -> None:
        run = lab.running()
        frames = []
        for n in range(200):
            frames += [cleared(run, wait=True), display(run, f"{n} " + "x" * 10_000)]
        lab.say(*frames)
        assert len(lab.outputs()) == 1
        assert len(lab.blobs) == 1

    def test_a_display_that_is_cleared_at_once_still_changes_the_others(self, lab: Lab) -> None:
        first = lab.running("a")
        lab.say(display(first, "old", "x"), reply(first), idle(first))
        second = lab.running("b")
        lab.say(display(second, "new", "x"), cleared(second, wait=False))
        assert shown(lab, "a") == ["display_data: new"]
        assert shown(lab, "b") == []


class TestInput:
    def ask_for_name(self, lab: Lab, *, password: bool = False) -> str:
        run = lab.running()
        lab.say(
            message(
                run,
                "input_request",
                channel="stdin",
                msg_id="p1",
                prompt="Name:",
                password=password,
            )
        )
        return run

    def test_an_input_request_is_a_prompt_until_it_is_answered(self, lab: Lab) -> None:
        run = self.ask_for_name(lab)
        assert lab.run().prompt == Prompt("p1", "Name:", False)
        assert lab.execution.writer.answered("p1", "Ana") == run
        lab.commit()
        assert lab.run().prompt is None
        assert shown(lab) == ["stdin: Name: Ana\n"]
        assert lab.execution.writer.answered("p1", "again") is None
        lab.assert_mirror()

    def test_a_password_is_not_stored(self, lab: Lab) -> None:
        self.ask_for_name(lab, password=True)
        lab.execution.writer.answered("p1", "s3cret")
        lab.commit()
        assert b"s3cret" not in lab.runtime.document.save() + b"".join(lab.changes)
        assert shown(lab) == ["stdin: Name: ········\n"]

    def test_a_prompt_goes_when_the_run_ends(self, lab: Lab) -> None:
        run = self.ask_for_name(lab)
        lab.say(reply(run, "error"), idle(run))
        assert lab.run().prompt is None


def test_messages_of_unknown_runs_are_returned_in_order(lab: Lab) -> None:
    lab.running()
    strange = [printed("other", "1"), status("", "busy"), printed("other", "2")]
    assert lab.say(*strange).unmatched == tuple(strange)


def test_the_output_of_a_run_whose_cell_was_deleted_is_collected(lab: Lab) -> None:
    run = lab.running()
    lab.say(printed(run, "before"))
    lab.execution.queue.removed([CellId("a")], now_ms=lab.now_ms)
    heard = lab.say(printed(run, "after"), reply(run), idle(run))
    assert heard.unmatched == ()
    lab.execution.queue.restored([CellId("a")])
    assert (lab.run().state, lab.text()) == ("ok", "beforeafter")
    lab.assert_mirror()


def test_output_after_the_end_of_a_run_is_appended_to_it(lab: Lab) -> None:
    run = lab.running()
    lab.say(printed(run, "main\n"), reply(run), idle(run))
    lab.say(printed(run, "thread\n"))
    assert shown(lab) == ["stdout: main\nthread\n"]


def test_large_values_are_blobs(lab: Lab) -> None:
    run = lab.running()
    lab.say(display(run, "x" * 10_000))
    (table,) = lab.outputs()
    assert isinstance(table, DisplayOutput)
    value = table.data["text/plain"]
    assert isinstance(value, Blob)
    assert lab.blobs[value.sha256] == b"x" * 10_000


def test_pager_text_is_shown_and_set_next_input_is_returned(lab: Lab) -> None:
    run = lab.running()
    payload = [
        {"source": "page", "data": {"text/plain": "help"}, "start": 0},
        {"source": "set_next_input", "text": "print(1)", "replace": False},
    ]
    heard = lab.say(reply(run, payload=payload), idle(run))
    assert shown(lab) == ["display_data: help"]
    (wish,) = heard.next_inputs
    assert (wish.cell_id, wish.text, wish.replace) == ("a", "print(1)", False)


def test_a_problem_of_a_message_is_reported_once(lab: Lab) -> None:
    run = lab.running()
    bad = message(run, "error", ename="E", evalue="x", traceback="not a list")
    assert lab.say(bad).problems == (FieldProblem("error", "traceback is not a list"),)
    assert lab.say(bad).problems == ()
    assert len(lab.outputs()) == 2


def test_the_kernel_state_is_the_last_reported_status(lab: Lab) -> None:
    run = lab.running()
    lab.runtime.set_kernel(replace(lab.runtime.kernel, state="idle"))
    lab.say(status(run, "busy"))
    assert lab.runtime.kernel.state == "busy"
    completion = replace(status("c", "busy"), parent_type="complete_request")
    lab.say(status(run, "idle"), completion)
    assert lab.runtime.kernel.state == "idle"
    lab.assert_mirror()


ANSWER = message("a nudge", "kernel_info_reply", channel="shell")


def test_a_kernel_that_was_assumed_busy_is_idle_when_it_answers(lab: Lab) -> None:
    """A slowly started kernel has run nothing, so it reports no end of a run."""
    lab.runtime.set_kernel(replace(lab.runtime.kernel, state="busy"))
    lab.say(ANSWER)
    assert lab.runtime.kernel.state == "idle"


def test_a_run_may_start_before_the_kernels_first_answer(lab: Lab) -> None:
    lab.runtime.set_kernel(replace(lab.runtime.kernel, state="busy"))
    run = lab.running()
    lab.say(status(run, "busy"), ANSWER)
    assert lab.runtime.kernel.state == "busy"
    lab.say(idle(run))
    assert lab.runtime.kernel.state == "idle"


def test_a_kernel_that_answers_before_its_starting_status_is_idle(lab: Lab) -> None:
    lab.runtime.set_kernel(replace(lab.runtime.kernel, state="idle"))
    lab.say(replace(status("", "starting"), parent_type=""))
    assert lab.runtime.kernel.state == "idle"
