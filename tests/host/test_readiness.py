"""The readiness of a kernel's process, without sockets."""

from __future__ import annotations

import pytest

from jupyter_runtimed.host.kernels.readiness import (
    BUSY_SECONDS,
    NUDGE_SECONDS,
    OLD_PROCESS_SECONDS,
    STDIN_TIMEOUT_SECONDS,
    Evidence,
    OldProcess,
    Readiness,
    ReadyPhase,
)


@pytest.fixture
def readiness() -> Readiness:
    fresh = Readiness()
    fresh.start(0.0)
    return fresh


def connected() -> bool:
    return True


def unconnected() -> bool:
    return False


@pytest.mark.parametrize(
    "order", [(Evidence.IOPUB, Evidence.SHELL), (Evidence.SHELL, Evidence.IOPUB)]
)
def test_a_kernel_is_idle_after_a_shell_reply_and_an_iopub_message(
    readiness: Readiness, order: tuple[Evidence, Evidence]
) -> None:
    for evidence in order:
        assert readiness.state(0.0, stdin_connected=connected) is None
        readiness.note(evidence)
    assert readiness.state(0.0, stdin_connected=connected) == "idle"
    assert readiness.state(0.0, stdin_connected=connected) is None, "the state is reported once"
    assert readiness.due(0.0) is None


def test_a_kernel_without_a_shell_reply_is_busy_after_a_moment(readiness: Readiness) -> None:
    assert readiness.questions(0.0, restarted=False) == ("control", "shell")
    readiness.note(Evidence.CONTROL)
    readiness.note(Evidence.IOPUB)
    assert readiness.state(0.0, stdin_connected=connected) is None
    assert readiness.due(0.0) == BUSY_SECONDS
    assert readiness.state(BUSY_SECONDS, stdin_connected=connected) == "busy"


def test_a_silent_kernel_is_asked_again_on_control_only(readiness: Readiness) -> None:
    assert readiness.questions(0.0, restarted=False) == ("control", "shell")
    assert readiness.questions(NUDGE_SECONDS / 2, restarted=False) == ()
    assert readiness.questions(NUDGE_SECONDS, restarted=False) == ("control",)
    assert readiness.questions(2 * NUDGE_SECONDS, restarted=True) == ("control", "shell")


def test_a_kernel_is_ready_without_stdin_after_a_timeout(readiness: Readiness) -> None:
    readiness.note(Evidence.SHELL)
    readiness.note(Evidence.IOPUB)
    assert readiness.state(0.0, stdin_connected=unconnected) is None
    assert readiness.phase is ReadyPhase.IDLE
    assert readiness.state(STDIN_TIMEOUT_SECONDS, stdin_connected=unconnected) == "idle"


def test_a_message_of_the_process_before_a_restart_is_recognised_for_a_while() -> None:
    process = OldProcess()
    process.replaced(0.0)
    assert not process.existed
    assert not process.sent("first", 1.0)
    process.replaced(2.0)
    assert process.existed
    assert process.sent("first", 3.0)
    assert not process.sent("second", 3.0)
    assert not process.sent("first", 2.0 + OLD_PROCESS_SECONDS)
