"""Long streams: a short tail in the document, the rest in few blobs, the text whole."""

from __future__ import annotations

import pytest
from execution_lab import Lab, idle, printed, reply
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_runtimed.document.content import Blob, StreamOutput
from jupyter_runtimed.ids import Epoch


def stream_of(lab: Lab) -> StreamOutput:
    (stream,) = lab.outputs()
    assert isinstance(stream, StreamOutput)
    return stream


def inline(stream: StreamOutput) -> str:
    return "".join(chunk for chunk in stream.chunks if isinstance(chunk, str))


def test_a_large_batch_is_one_blob_and_a_tail() -> None:
    lab = Lab()
    run = lab.running()
    text = "".join(f"line {n}\n" for n in range(50_000))
    lab.say(printed(run, text))
    stream = stream_of(lab)
    assert [type(chunk) for chunk in stream.chunks] == [Blob, str]
    assert inline(stream).startswith("line ")
    assert inline(stream).endswith("line 49999\n")
    assert len(inline(stream)) <= 8192
    assert lab.text() == text
    lab.assert_mirror()


def test_many_small_batches_settle_into_few_blobs() -> None:
    lab = Lab()
    run = lab.running()
    lines = [f"{n:6} " + "x" * 72 + "\n" for n in range(20_000)]
    longest = 0
    for start in range(0, len(lines), 10):
        lab.say(*(printed(run, line) for line in lines[start : start + 10]))
        longest = max(longest, len(inline(stream_of(lab))))
    stream = stream_of(lab)
    blobs = [chunk for chunk in stream.chunks if isinstance(chunk, Blob)]
    assert lab.text() == "".join(lines)
    assert longest <= 8192
    assert len(blobs) <= 20
    assert max(blob.size for blob in blobs) <= 1 << 20
    written = sum(len(data) for data in lab.blobs.values())
    assert written < 3 * len("".join(lines))
    lab.assert_mirror()


def test_a_hundred_thousand_lines_leave_a_small_document() -> None:
    lab = Lab()
    run = lab.running()
    for batch in range(100):
        lab.say(*(printed(run, f"{batch * 1000 + n}\n") for n in range(1000)))
    lab.say(reply(run), idle(run))
    assert lab.text() == "".join(f"{n}\n" for n in range(100_000))
    assert sum(map(len, lab.changes)) < len(lab.text())
    fresh = lab.runtime.rotated(Epoch("e2"), bytes(16))
    assert len(fresh.document.save()) < 10_000


def test_many_tiny_prints_are_few_chunks() -> None:
    lab = Lab()
    run = lab.running()
    for _ in range(500):
        lab.say(printed(run, "."))
        assert len(stream_of(lab).chunks) <= 64
    assert lab.text() == "." * 500
    lab.assert_mirror()


def test_a_line_longer_than_the_limit_is_whole() -> None:
    lab = Lab()
    run = lab.running()
    for _ in range(300):
        lab.say(printed(run, "." * 100))
    lab.say(printed(run, "\rdone\n"))
    # The carriage return goes back as far as the line can still change.
    assert len(lab.text()) == 30_001
    assert lab.text().replace("done", "....") == "." * 30_000 + "\n"
    assert len(inline(stream_of(lab))) <= 8192


def test_a_progress_bar_is_one_line_however_often_it_is_drawn() -> None:
    lab = Lab()
    run = lab.running()
    lab.say(printed(run, "loading\n", "stderr"))
    for percent in range(101):
        lab.say(printed(run, f"\r{percent:3}%|{'█' * (percent // 10):10}|", "stderr"))
    assert lab.text(name="stderr") == f"loading\n100%|{'█' * 10}|"
    assert len(stream_of(lab).chunks) == 2
    lab.assert_mirror()


def test_a_stream_goes_on_after_the_document_was_rotated() -> None:
    lab = Lab()
    run = lab.running()
    lab.say(printed(run, "a\n50%"))
    lab.execution.use(lab.runtime.rotated(Epoch("e2"), bytes(16)))
    lab.say(printed(run, "\r60%\r"))
    lab.execution.use(lab.runtime.rotated(Epoch("e3"), bytes(15)))
    lab.say(printed(run, "7"))
    assert lab.text() == "a\n70%"
    lab.assert_mirror()


@pytest.mark.parametrize("limit", [16, 64, 1000])
@settings(max_examples=60, deadline=None)
@given(parts=st.lists(st.text(alphabet="ab\n é😀", max_size=60), max_size=20))
def test_no_text_is_lost_whatever_the_limit(limit: int, parts: list[str]) -> None:
    lab = Lab(inline_chars=limit)
    run = lab.running()
    for part in parts:
        lab.say(printed(run, part))
    assert lab.text() == "".join(parts)
    for output in lab.outputs():
        assert isinstance(output, StreamOutput)
        assert len(inline(output)) <= limit
    lab.assert_mirror()
