"""External runs with a cell id appear in their cell, as far as the kernel reports them."""

from __future__ import annotations

import pytest
from execution_lab import Lab, idle, message, shown, status

from jupyter_runtimed.ids import CellId, RunId


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    lab.execution.queue.ready()
    return lab


def begin(lab: Lab, run: str = "x", cell: str = "a") -> None:
    lab.execution.others.begin(RunId(run), CellId(cell), "1", by="script", now_ms=lab.now_ms)
    lab.commit()


def test_an_external_run_is_queued_runs_and_ends(lab: Lab) -> None:
    begin(lab)
    assert (lab.run().state, lab.run().by) == ("queued", "script")
    lab.say(status("x", "busy"), message("x", "execute_input", execution_count=4))
    assert lab.run().state == "running"
    lab.say(message("x", "stream", name="stdout", text="hello"), idle("x"))
    assert (lab.run().state, lab.run().execution_count) == ("ok", 4)
    assert shown(lab) == ["stdout: hello"]
    assert lab.runtime.trusted(CellId("a"))


def test_an_error_of_an_external_run_cancels_no_queued_run(lab: Lab) -> None:
    begin(lab)
    lab.ask("b", code="2")
    lab.say(message("x", "error", ename="E", evalue="", traceback=[]), idle("x"))
    assert lab.run("a").state == "error"
    assert lab.run("b").state == "running"


def test_an_external_run_that_the_kernel_skips_is_cancelled(lab: Lab) -> None:
    begin(lab)
    lab.say(status("x", "busy"), idle("x"))
    assert (lab.run().state, lab.run().reason) == ("cancelled", "the kernel skipped it")


def test_an_external_run_with_a_known_id_changes_nothing(lab: Lab) -> None:
    lab.running("a")
    before = lab.runtime.runs()
    begin(lab, lab.run_id("a"), "b")
    begin(lab, "", "b")
    assert lab.runtime.runs() == before


def test_a_run_whose_cell_runs_again_is_forgotten(lab: Lab) -> None:
    begin(lab)
    lab.ask("a", code="2")
    ours = lab.run_id("a")
    lab.say(message("x", "stream", name="stdout", text="late"), idle("x"))
    assert (lab.run_id("a"), shown(lab)) == (ours, [])


def test_external_runs_are_lost_when_the_kernel_dies(lab: Lab) -> None:
    begin(lab, "x", "a")
    begin(lab, "y", "b")
    lab.say(status("x", "busy"))
    lab.execution.lost("the kernel died", now_ms=lab.now_ms)
    assert {lab.run("a").state, lab.run("b").state} == {"lost"}
    lab.say(idle("x"))
    assert lab.run("a").state == "lost"
