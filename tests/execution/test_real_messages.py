"""Each kind of message, as a real ipykernel sends it."""

from __future__ import annotations

import pytest
from execution_lab import shown
from live_lab import Live

from jupyter_runtimed.document.content import DisplayOutput, ErrorOutput, Prompt

pytestmark = pytest.mark.kernel

DISPLAY = "from IPython.display import clear_output, display, update_display\n"


class TestClearing:
    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("print(1); clear_output()", []),
            ("print(1); clear_output(wait=True)", ["stdout: 1\n"]),
            ("print(1); clear_output(wait=True); print(2)", ["stdout: 2\n"]),
            ("print(1); clear_output(); print(2)", ["stdout: 2\n"]),
            ("clear_output(wait=True); clear_output(); print(2)", ["stdout: 2\n"]),
            ("print(1); clear_output(wait=True); clear_output(wait=True); print(2)",
             ["stdout: 2\n"]),
            ("print(1); clear_output(wait=True); display(2); print(3)",
             ["display_data: 2", "stdout: 3\n"]),
            ("display(1, display_id='c'); clear_output(wait=True); update(2)", ["display_data: 2"]),
            ("display(1, display_id='c'); clear_output(); update(2)", []),
        ],
    )  # fmt: skip
    def test_clear_output_works_in_every_order(
        self, live: Live, code: str, expected: list[str]
    ) -> None:
        update = "def update(what): update_display(what, display_id='c')\n"
        assert live.do(DISPLAY + update + code) == "ok"
        assert shown(live) == expected

    def test_clear_with_wait_clears_before_an_error(self, live: Live) -> None:
        assert live.do(DISPLAY + "print(1); clear_output(wait=True); 1 / 0") == "error"
        assert shown(live) == ["error: ZeroDivisionError"]


class TestDisplayIds:
    def test_a_display_is_updated_from_another_cell_before_and_again(self, live: Live) -> None:
        live.do(DISPLAY + "update_display('early', display_id='d')", "early")
        live.do(DISPLAY + "display('1', display_id='d');", "a")
        live.do("display('2', display_id='d');", "b")
        assert (shown(live, "a"), shown(live, "b")) == (["display_data: '2'"],) * 2
        live.do("update_display('3', display_id='d')", "c")
        assert (shown(live, "a"), shown(live, "b")) == (["display_data: '3'"],) * 2
        assert (shown(live, "early"), shown(live, "c")) == ([], [])

    def test_updating_a_display_of_an_earlier_run_changes_nothing(self, live: Live) -> None:
        live.do(DISPLAY + "shown = display('1', display_id=True)")
        live.do("print('anew')")
        live.do("shown.update('2')", "b")
        assert (shown(live), shown(live, "b")) == (["stdout: anew\n"], [])


class TestErrors:
    def test_a_syntax_error_is_an_error(self, live: Live) -> None:
        assert live.do("1 +") == "error"
        (error,) = live.outputs()
        assert isinstance(error, ErrorOutput)
        assert error.ename == "SyntaxError"

    def test_a_displayed_error_does_not_fail_the_run(self, live: Live) -> None:
        code = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()\n7"
        assert live.do(code) == "ok"
        assert shown(live) == ["error: ZeroDivisionError", "execute_result: 7"]

    def test_an_error_of_an_unusual_exception_class_is_shown(self, live: Live) -> None:
        assert live.do("raise KeyboardInterrupt") == "error"
        assert live.do("raise SystemExit(3)") == "error"
        assert live.do("class E(BaseException): ...\nraise E") == "error"


class TestQuestions:
    def answer(self, live: Live, code: str, text: str) -> Prompt:
        live.over.pop("a", None)
        live.carry_out(live.ask("a", code=code))
        while (prompt := live.run().prompt) is None:
            live.listen()
        live.execution.writer.answered(prompt.id, text)
        live.client.input(text)
        while "a" not in live.over:
            live.listen()
        return prompt

    def test_a_password_is_hidden_and_not_stored(self, live: Live) -> None:
        code = "import getpass\nword = getpass.getpass('Word: ')\nprint(len(word))"
        assert self.answer(live, code, "s3cret").password
        assert shown(live) == ["stdin: Word:  ········\n", "stdout: 6\n"]
        assert b"s3cret" not in live.runtime.document.save() + b"".join(live.changes)

    def test_an_input_answer_applies_a_waiting_clear(self, live: Live) -> None:
        code = DISPLAY + "print(1); clear_output(wait=True); input('go? ')"
        self.answer(live, code, "yes")
        assert shown(live) == ["stdin: go?  yes\n", "execute_result: 'yes'"]


def test_a_result_has_the_count_of_its_run(live: Live) -> None:
    assert live.do("'x'") == "ok"
    (result,) = live.outputs()
    assert isinstance(result, DisplayOutput)
    assert result.type == "execute_result"
    assert result.execution_count == live.run().execution_count
    before = live.run().execution_count or 0
    assert live.do("2;") == "ok"
    assert (live.run().execution_count, live.outputs()) == (before + 1, ())


def test_subprocess_and_python_output_is_in_order(live: Live) -> None:
    code = "import subprocess, sys\nprint('before')\n!echo in; echo err >&2\nprint('after')"
    assert live.do(code) == "ok"
    assert live.text() == "before\nin\nerr\nafter\n"


def test_output_of_a_thread_after_the_end_of_the_run_is_kept(live: Live) -> None:
    code = (
        "import threading\nleave = threading.Event()\n"
        "def late():\n    leave.wait()\n    print('late')\n"
        "thread = threading.Thread(target=late); thread.start(); print('main')"
    )
    assert live.do(code, "a") == "ok"
    live.do("leave.set(); thread.join()", "b")
    while "late" not in live.text("a") + live.text("b"):
        live.listen()
    # The kernel chooses one of the two.
    assert (live.text("a") + live.text("b")).count("late\n") == 1
    assert live.text("a").startswith("main\n")
    assert live.run("a").state == "ok"


def test_a_comm_message_shows_no_output(live: Live) -> None:
    code = (
        "from comm import create_comm\n"
        "c = create_comm('nobody', data={'x': 1}); c.send({'y': 2}); c.close(); print('done')"
    )
    assert live.do(code) == "ok"
    assert shown(live) == ["stdout: done\n"]


def test_a_debugger_message_shows_no_output(live: Live) -> None:
    control = live.client.control_channel
    arguments = {"clientID": "test", "adapterID": "", "pathFormat": "path"}
    content = {"type": "request", "seq": 1, "command": "initialize", "arguments": arguments}
    control.send(live.client.session.msg("debug_request", content))
    reply = control.get_msg(timeout=60)
    assert reply["header"]["msg_type"] == "debug_reply"
    assert live.do("print('on')") == "ok"
    assert shown(live) == ["stdout: on\n"]


def test_silent_code_of_another_client_shows_no_output(live: Live) -> None:
    assert live.do("print('mine')") == "ok"
    live.client.execute("print('not mine')", silent=True)
    live.client.execute("'not mine either'")
    assert live.do("1;", "b") == "ok"
    assert shown(live) == ["stdout: mine\n"]
