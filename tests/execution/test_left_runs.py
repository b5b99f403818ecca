"""Runs of a previous server in a kernel that outlived the server."""

from __future__ import annotations

import pytest
from execution_lab import Lab, display, failed, finished, idle, message, printed, status

from jupyter_runtimed.document.mime import DEFAULT_LIMITS
from jupyter_runtimed.document.runtime import Runtime
from jupyter_runtimed.execution.execution import Execution
from jupyter_runtimed.execution.external_runs import UNHEARD
from jupyter_runtimed.execution.steps import Interrupt, WakeAt


class After(Lab):
    """A lab that starts with the document of another lab, in the middle of a run."""

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


def test_an_orphaned_run_ends_when_the_kernel_is_idle(lab: After) -> None:
    assert lab.execution.others.orphaned
    lab.say(printed(lab.left, "after"))
    assert finished(lab.say(idle(lab.left)).steps) == [("a", "ok")]
    assert lab.text() == "before after"
    assert not lab.execution.others.orphaned
    lab.assert_mirror()


def test_an_orphaned_run_may_fail(lab: After) -> None:
    assert finished(lab.say(failed(lab.left), idle(lab.left)).steps) == [("a", "error")]


def test_another_run_in_the_kernel_starts_the_grace_time_of_an_orphaned_run(lab: After) -> None:
    steps = lab.say(status("console", "busy")).steps
    assert WakeAt(lab.now_ms + 2000) in steps
    assert lab.wake(1999) == []
    assert lab.wake(1) == [("a", "lost")]
    assert lab.run().reason == UNHEARD
    assert lab.say(idle(lab.left)).steps == ()
    assert lab.run().state == "lost"


def test_a_message_of_the_orphaned_run_ends_the_grace_time(lab: After) -> None:
    lab.execution.others.start_grace(now_ms=lab.now_ms)
    lab.say(display(lab.left, "still here"))
    assert lab.wake(10_000) == []
    assert finished(lab.say(idle(lab.left)).steps) == [("a", "ok")]


def test_the_end_of_an_orphaned_run_may_follow_the_idle_status(lab: After) -> None:
    lab.execution.others.start_grace(now_ms=lab.now_ms)
    assert finished(lab.say(idle(lab.left)).steps) == [("a", "ok")]
    assert lab.wake(10_000) == []


def test_an_orphaned_run_without_a_kernel_is_lost(lab: After) -> None:
    assert finished(lab.execution.others.kernel_gone(now_ms=lab.now_ms)) == [("a", "lost")]
    assert not lab.execution.others.orphaned


def test_an_orphaned_run_is_lost_when_its_kernel_dies(lab: After) -> None:
    assert finished(lab.execution.lost("died", now_ms=lab.now_ms)) == [("a", "lost")]
    assert not lab.execution.others.orphaned
    assert lab.run().reason == "died"


def test_the_prompt_of_an_orphaned_run_goes_with_its_cell(lab: After) -> None:
    asked = message(lab.left, "input_request", channel="stdin", msg_id="p", prompt="?")
    lab.say(asked)
    assert lab.run().prompt is not None
    assert Interrupt() in lab.ask("a", code="again")
