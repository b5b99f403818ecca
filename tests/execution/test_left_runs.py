"""Runs that a former server left with a kernel that lives on."""

from __future__ import annotations

import pytest
from execution_lab import Lab, display, failed, finished, idle, message, printed, status

from jupyter_runtimed.document.mime import DEFAULT_LIMITS
from jupyter_runtimed.document.runtime import Runtime
from jupyter_runtimed.execution.execution import Execution
from jupyter_runtimed.execution.others import UNHEARD
from jupyter_runtimed.execution.steps import Interrupt, WakeAt


class After(Lab):
    """A lab that begins with the document that another one left, in the middle of a run."""

    def __init__(self) -> None:
        super().__init__()
        run = self.running()
        self.say(printed(run, "before "))
        self.left = run
        self.execution = Execution(
            Runtime(self.reopened().document),
            put_blob=self.put_blob,
            new_id=iter(f"n{n}" for n in range(99)).__next__,
            limit=DEFAULT_LIMITS,
        )

    def wake(self, after_ms: int) -> list[tuple[str, str]]:
        self.now_ms += after_ms
        return finished(self.execution.wake(now_ms=self.now_ms))


@pytest.fixture
def lab() -> After:
    return After()


def test_it_goes_on_and_is_over_when_the_kernel_is_idle(lab: After) -> None:
    assert lab.execution.others.left
    lab.say(printed(lab.left, "after"))
    assert finished(lab.say(idle(lab.left)).steps) == [("a", "ok")]
    assert lab.text() == "before after"
    assert not lab.execution.others.left
    lab.assert_mirror()


def test_it_may_fail(lab: After) -> None:
    assert finished(lab.say(failed(lab.left), idle(lab.left)).steps) == [("a", "error")]


def test_a_kernel_that_does_nothing_or_something_else_leaves_it_in_doubt(lab: After) -> None:
    steps = lab.say(status("console", "busy")).steps
    assert WakeAt(lab.now_ms + 2000) in steps
    assert lab.wake(1999) == []
    assert lab.wake(1) == [("a", "lost")]
    assert lab.run().reason == UNHEARD
    assert lab.say(idle(lab.left)).steps == ()
    assert lab.run().state == "lost"


def test_a_word_of_it_ends_the_doubt(lab: After) -> None:
    lab.execution.others.doubt(now_ms=lab.now_ms)
    lab.say(display(lab.left, "still here"))
    assert lab.wake(10_000) == []
    assert finished(lab.say(idle(lab.left)).steps) == [("a", "ok")]


def test_its_end_may_come_just_after_the_kernel_was_found_idle(lab: After) -> None:
    lab.execution.others.doubt(now_ms=lab.now_ms)
    assert finished(lab.say(idle(lab.left)).steps) == [("a", "ok")]
    assert lab.wake(10_000) == []


def test_without_a_kernel_it_is_lost(lab: After) -> None:
    assert finished(lab.execution.others.gone(now_ms=lab.now_ms)) == [("a", "lost")]
    assert not lab.execution.others.left


def test_a_kernel_that_dies_takes_it_along(lab: After) -> None:
    assert finished(lab.execution.lost("died", now_ms=lab.now_ms)) == [("a", "lost")]
    assert not lab.execution.others.left
    assert lab.run().reason == "died"


def test_its_question_goes_with_its_cell(lab: After) -> None:
    asked = message(lab.left, "input_request", channel="stdin", msg_id="p", prompt="?")
    lab.say(asked)
    assert lab.run().prompt is not None
    assert Interrupt() in lab.ask("a", code="again")
