"""The messages of a real ipykernel become the outputs of a cell."""

from __future__ import annotations

import pytest
from live_lab import Live

from jupyter_runtimed.document.content import Blob, DisplayOutput, ErrorOutput, StreamOutput
from jupyter_runtimed.execution.cell_timing import timing

pytestmark = pytest.mark.kernel


def test_a_real_table_and_a_result_are_shown(live: Live) -> None:
    code = "import pandas as pd\nprint('rows')\npd.DataFrame({'a': [1, 2]})"
    assert live.do(code) == "ok"
    printed, table = live.outputs()
    assert isinstance(printed, StreamOutput)
    assert isinstance(table, DisplayOutput)
    assert table.type == "execute_result"
    assert "<table" in str(table.data["text/html"])
    assert table.execution_count == live.run().execution_count
    assert live.run().started_at is not None
    assert "shell.execute_reply" in timing(live.run())


def test_a_real_image_is_a_blob(live: Live) -> None:
    code = "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);"
    assert live.do(code) == "ok"
    picture = live.outputs()[-1]
    assert isinstance(picture, DisplayOutput)
    image = picture.data["image/png"]
    assert isinstance(image, Blob)
    assert live.blobs[image.sha256].startswith(b"\x89PNG")


def test_a_real_display_is_updated_across_cells(live: Live) -> None:
    live.do("from IPython.display import display\nh = display('start', display_id=True)", "a")
    live.do("for n in range(50): h.update(n)", "b")
    (shown,) = live.outputs("a")
    assert isinstance(shown, DisplayOutput)
    assert shown.data["text/plain"] == "49"
    assert live.outputs("b") == ()


def test_progress_bars_of_a_real_kernel_keep_one_line_each(live: Live) -> None:
    code = """
import sys
for outer in range(3):
    print(f"\\router {outer + 1}/3", end="", file=sys.stderr, flush=True)
    for inner in range(100):
        print(f"\\n\\rinner {inner + 1:3}%\\x1b[A\\r", end="", file=sys.stderr, flush=True)
"""
    assert live.do(code) == "ok"
    assert live.text(name="stderr") == "outer 3/3\ninner 100%"


def test_real_progress_bars(live: Live) -> None:
    pytest.importorskip("tqdm")
    code = """
from tqdm import tqdm
for _ in tqdm(range(3), desc="outer"):
    for _ in tqdm(range(200), desc="inner", leave=False):
        pass
"""
    assert live.do(code) == "ok"
    lines = live.text(name="stderr").splitlines()
    assert lines[0].startswith("outer: 100%|██████████| 3/3")
    assert not "".join(lines[1:]).strip()


def test_an_animation_shows_its_last_frame(live: Live) -> None:
    code = """
from IPython.display import clear_output, display
for n in range(100):
    clear_output(wait=True)
    print("frame", n)
    display(n)
"""
    assert live.do(code) == "ok"
    assert live.text() == "frame 99\n"
    assert len(live.outputs()) == 2


def test_an_error_stops_the_queue(live: Live) -> None:
    live.carry_out(live.ask("a", code="print('x')\n1 / 0"))
    live.carry_out(live.ask("b", code="print('never')"))
    while "a" not in live.over:
        live.listen()
    printed, error = live.outputs("a")
    assert isinstance(printed, StreamOutput)
    assert isinstance(error, ErrorOutput)
    assert error.ename == "ZeroDivisionError"
    assert live.over == {"a": "error", "b": "cancelled"}


def test_a_hundred_thousand_lines_come_whole(live: Live) -> None:
    assert live.do("for n in range(100_000): print(n)") == "ok"
    assert live.text() == "".join(f"{n}\n" for n in range(100_000))
    (stream,) = live.outputs()
    assert isinstance(stream, StreamOutput)
    assert sum(len(chunk) for chunk in stream.chunks if isinstance(chunk, str)) <= 8192
    assert len(stream.chunks) < 200


def test_real_stdout_and_stderr_are_in_order(live: Live) -> None:
    code = """
import sys
for n in range(20):
    print("out", n, flush=True)
    print("err", n, file=sys.stderr, flush=True)
"""
    assert live.do(code) == "ok"
    names = [o.name for o in live.outputs() if isinstance(o, StreamOutput)]
    assert names == ["stdout", "stderr"] * 20


def test_a_real_input_request_is_answered(live: Live) -> None:
    live.carry_out(live.ask("a", code="name = input('Who? ')\nprint('hello', name)"))
    while (prompt := live.run().prompt) is None:
        live.listen()
    assert prompt.text == "Who? "
    live.execution.writer.answered(prompt.id, "Ana")
    live.client.input("Ana")
    while "a" not in live.over:
        live.listen()
    assert live.text() == "hello Ana\n"
    assert live.text(name="stdin") == "Who?  Ana\n"
    assert live.run().prompt is None


def test_help_is_shown_below_the_cell(live: Live) -> None:
    assert live.do("len?") == "ok"
    (shown,) = live.outputs()
    assert isinstance(shown, DisplayOutput)
    assert "Return the number of items" in str(shown.data["text/plain"])
