"""Kernel messages with names that have a meaning in JavaScript."""

from __future__ import annotations

import pytest
from execution_lab import Lab, idle, message, shown

from jupyter_runtimed.document.content import DisplayOutput
from jupyter_runtimed.document.schema import FORBIDDEN_KEY
from jupyter_runtimed.ids import CellId, RunId
from tests.document.test_names import NAMES, PLAIN


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    lab.execution.queue.ready()
    return lab


def begin(lab: Lab, run: str, cell: str = "a") -> None:
    lab.execution.others.begin(RunId(run), CellId(cell), "1", by="script", now_ms=lab.now_ms)
    lab.commit()


@pytest.mark.parametrize("name", PLAIN)
def test_a_run_of_another_client_may_have_the_name(lab: Lab, name: str) -> None:
    begin(lab, name)
    lab.say(message(name, "stream", name="stdout", text="hello"), idle(name))
    assert (lab.run().id, lab.run().state) == (name, "ok")
    assert lab.reopened().run(RunId(name)) == lab.run()
    assert shown(lab) == ["stdout: hello"]


def test_a_run_of_the_forbidden_name_changes_nothing(lab: Lab) -> None:
    mine = lab.running("a")
    begin(lab, FORBIDDEN_KEY)
    begin(lab, FORBIDDEN_KEY, "b")
    lab.say(
        message(FORBIDDEN_KEY, "stream", name="stdout", text="lost"),
        message(FORBIDDEN_KEY, "input_request", prompt="?"),
        idle(FORBIDDEN_KEY),
    )
    lab.say(message(mine, "stream", name="stdout", text="kept"), idle(mine))
    assert [run.id for run in lab.runtime.runs()] == [mine]
    assert shown(lab) == ["stdout: kept"]


@pytest.mark.parametrize("name", NAMES)
def test_a_display_may_have_the_name_everywhere(lab: Lab, name: str) -> None:
    run = lab.running("a")
    bundle = {
        "data": {name: "x", "text/plain": "y"},
        "metadata": {name: {name: 1}},
        "transient": {"display_id": name},
    }
    lab.say(message(run, "display_data", **bundle))
    lab.say(message(run, "update_display_data", **{**bundle, "data": {name: "x", "a/b": "z"}}))
    (output,) = lab.outputs()
    assert isinstance(output, DisplayOutput)
    assert output.display_id == name
    assert set(output.data) == {name, "a/b"} - {FORBIDDEN_KEY}
    assert lab.reopened().outputs(run) == [output]
