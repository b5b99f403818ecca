"""Output widgets capture exactly the output that is printed into them, and the kernel stores it."""

from __future__ import annotations

import itertools

from execution_lab import message

from jupyter_runtimed.execution.messages import KernelMessage
from jupyter_runtimed.execution.output_widgets import (
    OutputWidgets,
    RequestWidgetState,
    ShowWidget,
    WidgetEffect,
)

RUN = "run-1"
MODEL = {"_model_module": "@jupyter-widgets/output", "_model_name": "OutputModel"}


class KernelRun:
    """One kernel whose run is `run-1`; `cell` has the output that no widget captured."""

    def __init__(self) -> None:
        ids = itertools.count(1)
        self.captures = OutputWidgets(lambda: f"id-{next(ids)}")
        self.cell: list[KernelMessage] = []

    def say(self, *messages: KernelMessage) -> None:
        self.cell += self.captures.take(messages, lambda id_: id_.startswith("run-"))

    def open(self, comm: str, **state: object) -> None:
        self.say(message(RUN, "comm_open", comm_id=comm, data={"state": {**MODEL, **state}}))

    def set(self, comm: str, *, parent: str = RUN, method: str = "update", **state: object) -> None:
        data = {"method": method, "state": state}
        self.say(message(parent, "comm_msg", comm_id=comm, data=data))

    def print(self, text: str, *, parent: str = RUN, name: str = "stdout") -> None:
        self.say(message(parent, "stream", name=name, text=text))

    def show(self, text: str, display_id: str | None = None) -> None:
        self.say(message(RUN, "display_data", **shown(text, display_id)))

    def news(self, *, settle: bool = False) -> tuple[WidgetEffect, ...]:
        return self.captures.news(settle=settle)

    def held(self, comm: str = "w") -> list[str]:
        """Return the last reported content of a widget, one line for each output."""
        found = [one for one in self.news() if isinstance(one, ShowWidget) and one.comm_id == comm]
        return lines(found[-1]) if found else []

    @property
    def beside(self) -> list[object]:
        return [each.content.get("text") for each in self.cell]


def shown(text: str, display_id: str | None) -> dict[str, object]:
    transient = {} if display_id is None else {"display_id": display_id}
    return {"data": {"text/plain": text}, "metadata": {}, "transient": transient}


def lines(news: ShowWidget) -> list[str]:
    return [
        str(o.get("text") or o.get("ename") or o.get("data", {}).get("text/plain"))  # type: ignore[attr-defined]
        for o in news.outputs
    ]


def test_output_inside_a_widget_is_captured_and_the_rest_goes_to_the_cell() -> None:
    table = KernelRun()
    table.open("w")
    table.print("before\n")
    table.set("w", msg_id=RUN)
    table.print("inside ")
    table.print("still\n")
    table.print("oh\n", name="stderr")
    table.show("picture")
    table.say(message(RUN, "error", ename="Oops", evalue="", traceback=["Oops"]))
    table.set("w", msg_id="")
    table.print("after\n")
    assert table.held() == ["inside still\n", "oh\n", "picture", "Oops"]
    assert table.beside == ["before\n", "after\n"]


def test_the_innermost_of_nested_widgets_captures_output() -> None:
    table = KernelRun()
    table.open("outer")
    table.open("inner")
    table.set("outer", msg_id=RUN)
    table.print("1")
    table.set("inner", msg_id=RUN)
    table.print("2")
    table.set("inner", msg_id="")
    table.print("3")
    news = {one.comm_id: lines(one) for one in table.news() if isinstance(one, ShowWidget)}
    assert news == {"outer": ["13"], "inner": ["2"]}


def test_output_for_a_browser_request_is_left_to_the_browser() -> None:
    table = KernelRun()
    table.open("w")
    table.set("w", msg_id="click-1", parent="click-1")
    table.print("clicked", parent="click-1")
    assert table.news() == ()
    # The browser captured the output and informed the kernel, which informs all clients.
    outputs = [{"output_type": "stream", "name": "stdout", "text": "clicked"}]
    table.set("w", method="echo_update", parent="click-2", outputs=outputs, msg_id="")
    table.set("w", msg_id=RUN)
    table.print(" and run")
    assert table.held() == ["clicked and run"]


def test_other_widgets_capture_nothing() -> None:
    table = KernelRun()
    table.say(message(RUN, "comm_open", comm_id="w", data={"state": {"_model_name": "Slider"}}))
    table.set("w", value=3)
    table.set("w", msg_id="of something else")
    table.print("the cell's")
    assert table.beside == ["the cell's"]


def test_a_widget_can_be_cleared_at_once_or_with_the_next_output() -> None:
    table = KernelRun()
    table.open("w")
    table.set("w", msg_id=RUN)
    table.print("one")
    table.say(message(RUN, "clear_output", wait=True))
    assert table.held() == ["one"]
    table.print("two")
    assert table.held() == ["two"]
    table.say(message(RUN, "clear_output", wait=False))
    table.news()
    table.print("three")
    assert table.held() == ["three"]
    assert table.cell == []


def test_a_progress_bar_in_a_widget_is_one_line() -> None:
    table = KernelRun()
    table.open("w")
    table.set("w", msg_id=RUN)
    for percent in (10, 50, 100):
        table.print(f"\r{percent}%")
    assert table.held() == ["100%"]


def test_a_display_inside_is_updated_from_anywhere() -> None:
    table = KernelRun()
    table.open("w")
    table.set("w", msg_id=RUN)
    table.show("first", "d")
    table.set("w", msg_id="")
    update = message("run-2", "update_display_data", **shown("second", "d"))
    table.say(update)
    assert table.held() == ["second"]
    assert table.cell == [update]  # A cell may show the same display.


def test_the_kernel_gets_the_widget_state_once_when_it_is_idle() -> None:
    table = KernelRun()
    table.open("w")
    table.set("w", msg_id=RUN)
    table.print("1")
    (first,) = table.news()
    assert isinstance(first, ShowWidget) and first.told is None
    table.set("w", msg_id="")
    (second,) = table.news(settle=True)
    assert isinstance(second, ShowWidget) and second.told is not None
    assert lines(second) == ["1"]
    assert table.news(settle=True) == ()


def test_the_echo_of_a_sent_widget_state_changes_nothing() -> None:
    table = KernelRun()
    table.open("w")
    table.set("w", msg_id=RUN)
    table.print("1")
    (told,) = table.news(settle=True)
    assert isinstance(told, ShowWidget) and told.told is not None
    table.print("2")  # A thread of the run prints before the kernel has received the state.
    table.set("w", method="echo_update", parent=told.told, outputs=told.outputs)
    table.print("3")
    assert table.held() == ["123"]


def test_captured_output_is_appended_to_widget_outputs_that_the_kernel_set() -> None:
    table = KernelRun()
    table.open("w", outputs=[])
    table.set("w", outputs=[{"output_type": "stream", "name": "stdout", "text": "set"}])
    assert table.news() == ()  # Browsers received the message directly.
    table.set("w", msg_id=RUN)
    table.print(" more")
    assert table.held() == ["set more"]


def test_a_widget_from_before_the_connection_keeps_its_content() -> None:
    table = KernelRun()
    table.set("w", msg_id=RUN)
    table.print("new")
    table.set("w", msg_id="")
    assert table.news() == ()  # No client may see less than the full content.
    (asked,) = table.news(settle=True)
    assert isinstance(asked, RequestWidgetState)
    assert table.news(settle=True) == ()
    old = [{"output_type": "stream", "name": "stdout", "text": "old "}]
    table.set("w", parent=asked.message_id, outputs=old, msg_id="")
    (shows,) = table.news(settle=True)
    assert isinstance(shows, ShowWidget) and shows.told is not None
    assert lines(shows) == ["old ", "new"]


def test_closed_widgets_and_dead_kernels_are_forgotten() -> None:
    table = KernelRun()
    table.open("w")
    table.set("w", msg_id=RUN)
    table.say(message(RUN, "comm_close", comm_id="w", data={}))
    table.print("cell")
    table.open("v")
    table.set("v", msg_id=RUN)
    table.captures.forget()
    table.print(" cell")
    assert table.beside == ["cell", " cell"]


def test_arbitrary_kernel_messages_do_not_break_output_widgets() -> None:
    table = KernelRun()
    table.open("w")
    for state in (None, 3, "x", {"msg_id": 5}, {"outputs": 7}, {"outputs": [1, None]}):
        table.say(message(RUN, "comm_msg", comm_id="w", data={"method": "update", "state": state}))
    table.say(message(RUN, "comm_msg", comm_id=None, data=None))
    table.say(message(RUN, "comm_close"))
    table.set("w", msg_id=RUN)
    table.say(message(RUN, "stream"), message(RUN, "display_data"), message(RUN, "error"))
    table.news(settle=True)
