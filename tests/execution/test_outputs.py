"""What a kernel says becomes what a cell shows."""

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

from jupyter_runtimed.document.content import Blob, Display, Prompt, Stream
from jupyter_runtimed.execution.fields import Problem
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
    assert isinstance(stream, Stream)
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

    def test_an_update_from_a_request_of_somebody_else_still_arrives(self, lab: Lab) -> None:
        run = lab.running()
        lab.say(display(run, "0", "x"))
        heard = lab.say(display("console", "1", "x", kind="update_display_data"))
        assert shown(lab) == ["display_data: 1"]
        assert len(heard.strangers) == 1

    def test_an_id_goes_with_its_output(self, lab: Lab) -> None:
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
        assert isinstance(before, Display)
        assert after == replace(before, data={"text/plain": "1"})


class TestClearing:
    def test_clear_now(self, lab: Lab) -> None:
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

    def test_output_in_one_batch_around_a_clear(self, lab: Lab) -> None:
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

    def test_of_an_animation_in_one_batch_only_the_last_picture_is_written(self, lab: Lab) -> None:
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

    def test_a_question_is_a_prompt_until_it_is_answered(self, lab: Lab) -> None:
        run = self.ask_for_name(lab)
        assert lab.run().prompt == Prompt("p1", "Name:", False)
        assert lab.execution.writer.answered("p1", "Ana") == run
        lab.commit()
        assert lab.run().prompt is None
        assert shown(lab) == ["stdin: Name: Ana\n"]
        assert lab.execution.writer.answered("p1", "again") is None
        lab.assert_mirror()

    def test_a_password_is_nowhere(self, lab: Lab) -> None:
        self.ask_for_name(lab, password=True)
        lab.execution.writer.answered("p1", "s3cret")
        lab.commit()
        assert b"s3cret" not in lab.runtime.document.save() + b"".join(lab.changes)
        assert shown(lab) == ["stdin: Name: ········\n"]

    def test_a_prompt_goes_when_the_run_ends(self, lab: Lab) -> None:
        run = self.ask_for_name(lab)
        lab.say(reply(run, "error"), idle(run))
        assert lab.run().prompt is None


def test_messages_of_nobodys_run_are_handed_back_in_order(lab: Lab) -> None:
    lab.running()
    strange = [printed("other", "1"), status("", "busy"), printed("other", "2")]
    assert lab.say(*strange).strangers == tuple(strange)


def test_the_output_of_a_run_whose_cell_is_gone_goes_nowhere(lab: Lab) -> None:
    run = lab.running()
    lab.say(printed(run, "before"))
    lab.execution.queue.removed([CellId("a")], now_ms=lab.now_ms)
    heard = lab.say(printed(run, "after"), reply(run), idle(run))
    assert heard.strangers == ()
    assert lab.runtime.cells() == ()
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
    assert isinstance(table, Display)
    value = table.data["text/plain"]
    assert isinstance(value, Blob)
    assert lab.blobs[value.sha256] == b"x" * 10_000


def test_a_pager_shows_and_the_next_input_is_handed_out(lab: Lab) -> None:
    run = lab.running()
    payload = [
        {"source": "page", "data": {"text/plain": "help"}, "start": 0},
        {"source": "set_next_input", "text": "print(1)", "replace": False},
    ]
    heard = lab.say(reply(run, payload=payload), idle(run))
    assert shown(lab) == ["display_data: help"]
    (wish,) = heard.next_inputs
    assert (wish.cell_id, wish.text, wish.replace) == ("a", "print(1)", False)


def test_a_problem_is_told_once(lab: Lab) -> None:
    run = lab.running()
    bad = message(run, "error", ename="E", evalue="x", traceback="not a list")
    assert lab.say(bad).problems == (Problem("error", "traceback is not a list"),)
    assert lab.say(bad).problems == ()
    assert len(lab.outputs()) == 2


def test_the_kernels_state_is_what_it_last_said(lab: Lab) -> None:
    run = lab.running()
    lab.runtime.set_kernel(replace(lab.runtime.kernel, state="idle"))
    lab.say(status(run, "busy"))
    assert lab.runtime.kernel.state == "busy"
    completion = replace(status("c", "busy"), parent_type="complete_request")
    lab.say(status(run, "idle"), completion)
    assert lab.runtime.kernel.state == "idle"
    lab.assert_mirror()


ANSWER = message("a nudge", "kernel_info_reply", channel="shell")


def test_a_kernel_that_was_taken_for_busy_is_idle_when_it_answers(lab: Lab) -> None:
    """It started slowly: it has done nothing, and so it says of nothing that it is over."""
    lab.runtime.set_kernel(replace(lab.runtime.kernel, state="busy"))
    lab.say(ANSWER)
    assert lab.runtime.kernel.state == "idle"


def test_its_answer_may_be_overtaken_by_a_run(lab: Lab) -> None:
    lab.runtime.set_kernel(replace(lab.runtime.kernel, state="busy"))
    run = lab.running()
    lab.say(status(run, "busy"), ANSWER)
    assert lab.runtime.kernel.state == "busy"
    lab.say(idle(run))
    assert lab.runtime.kernel.state == "idle"


def test_a_kernel_that_answered_before_its_start_was_heard_is_idle(lab: Lab) -> None:
    lab.runtime.set_kernel(replace(lab.runtime.kernel, state="idle"))
    lab.say(replace(status("", "starting"), parent_type=""))
    assert lab.runtime.kernel.state == "idle"
