"""Parsing of arbitrary kernel messages."""

from __future__ import annotations

import math

import pytest
from execution_lab import Lab, message
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_runtimed.document.content import Blob, DisplayOutput, ErrorOutput, Json
from jupyter_runtimed.execution.message_fields import FieldProblem
from jupyter_runtimed.execution.messages import (
    DisplayData,
    Error,
    ExecuteReply,
    KernelMessage,
    Stream,
)


def test_a_message_in_the_form_of_jupyter_client() -> None:
    raw = {
        "header": {"msg_id": "m1", "msg_type": "stream"},
        "parent_header": {"msg_id": "r1", "msg_type": "execute_request"},
        "metadata": {},
        "content": {"name": "stdout", "text": "x"},
        "buffers": [memoryview(b"b")],
    }
    said = KernelMessage.of("iopub", raw)
    assert (said.type, said.parent_id, said.msg_id, said.buffers) == ("stream", "r1", "m1", (b"b",))
    assert said.parsed == (Stream("stdout", "x"), ())


@pytest.mark.parametrize("raw", [None, [], "x", {"header": 3, "parent_header": [], "buffers": 1}])
def test_an_invalid_message_parses_as_an_empty_message(raw: object) -> None:
    assert KernelMessage.of("shell", raw) == KernelMessage("shell", "", "", "")


@pytest.mark.parametrize(
    ("said", "meaning", "problem"),
    [
        (
            message("r", "error", ename=None, evalue=3, traceback="text"),
            Error("", "3", ("text",)),
            "traceback is not a list",
        ),
        (
            message("r", "stream", name="stderr", text=["a", "b"]),
            Stream("stderr", "ab"),
            "text is a list of lines",
        ),
        (
            message("r", "display_data", data=[], metadata={}, transient={"display_id": {}}),
            DisplayData("display_data", {}, {}, None),
            "display_id is not text",
        ),
        (
            message("r", "display_data", data={"application/json": math.nan}, metadata={}),
            DisplayData("display_data", {"application/json": None}, {}, None),
            "data holds a value that is not JSON",
        ),
        (
            message("r", "update_display_data", data={}, metadata={}),
            None,
            "display_id is missing",
        ),
        (
            message("r", "execute_reply", channel="shell", status=7, execution_count="x"),
            ExecuteReply("ok", None),
            "execution_count is not a count",
        ),
    ],
)
def test_the_valid_fields_of_a_message_are_used(
    said: KernelMessage, meaning: object, problem: str
) -> None:
    got, problems = said.parsed
    assert got == meaning
    assert FieldProblem(said.type, problem) in problems


def test_lone_surrogates_and_deep_nesting_become_storable_values() -> None:
    lab = Lab()
    run = lab.running()
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    lab.say(
        message(run, "stream", name="stdout", text="\ud83d"),
        message(run, "error", ename="\ud800", evalue="\udfff", traceback=["\ud83d"]),
        message(
            run, "display_data", data={"application/json": deep}, metadata={"\ud800": "\ud800"}
        ),
        message(run, "display_data", data={"application/json": [10**5000]}, metadata={}),
    )
    _, error, shown, _ = lab.outputs()
    assert isinstance(error, ErrorOutput)
    assert error.ename == "\ufffd"
    assert isinstance(shown, DisplayOutput)
    assert isinstance(shown.data["application/json"], (Json, Blob)), "Python 3.13 goes deeper"
    lab.assert_mirror()


TYPES = st.sampled_from(
    [
        "stream", "display_data", "execute_result", "update_display_data", "error", "status",
        "clear_output", "execute_input", "execute_reply", "input_request", "comm_msg", "",
    ]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=3)
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "name", "text", "data", "metadata", "transient", "execution_count", "ename", "evalue",
        "traceback", "wait", "execution_state", "status", "payload", "prompt", "password",
    ]
)  # fmt: skip
VALUES = JUNK | st.just({"display_id": "d"}) | st.just({"text/plain": "x", "image/png": 3})


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["iopub", "shell", "control", "stdin"]),
            TYPES,
            st.booleans(),
            st.dictionaries(KEYS, VALUES, max_size=6),
        ),
        max_size=6,
    )
)
def test_arbitrary_message_content_never_raises(
    batch: list[tuple[str, str, bool, dict[str, object]]],
) -> None:
    lab = Lab(inline_chars=16)
    run = lab.running()
    lab.say(
        *(
            KernelMessage(channel, kind, run if ours else "x", "m", content)  # type: ignore[arg-type]
            for channel, kind, ours, content in batch
        )
    )
    lab.assert_mirror()
