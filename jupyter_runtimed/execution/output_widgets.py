"""Output widgets (`ipywidgets.Output`): widgets that capture the outputs of a run.

While a widget's `msg_id` equals the id of a run, the outputs of the run belong to the widget
instead of the cell; if several widgets name the run, the outputs belong to the latest widget. In
plain JupyterLab, each browser captures the outputs of its own requests. Here the server sends the
requests, so the server captures the outputs: it shows them to all browsers at once, and sends them
after the run to the kernel, which stores the state of every widget.

Replies to a message of a browser (such as the callback of a button) do not belong to a run; that
browser captures them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ..ids import NewId
from .message_fields import map_of, text_of
from .messages import (
    ClearOutput,
    DisplayData,
    Error,
    KernelMessage,
    Meaning,
    Stream,
    UpdateDisplayData,
)
from .terminal import Terminal

Shape: TypeAlias = "dict[str, object]"
"""An output in nbformat's form, text as one string."""

_CAPTURED: Final = frozenset(
    {"stream", "display_data", "execute_result", "error", "clear_output", "update_display_data"}
)
_COMM: Final = frozenset({"comm_open", "comm_msg", "comm_close"})
_CHANGES: Final = frozenset({"update", "echo_update"})
_MODEL: Final = ("@jupyter-widgets/output", "OutputModel")
_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class ShowWidget:
    """Present outputs of a widget, for the browsers.

    If `told` is not None, the outputs also go to the kernel, in a message with this id.
    """

    comm_id: str
    outputs: tuple[Mapping[str, object], ...]
    told: str | None


@dataclass(frozen=True, slots=True)
class RequestWidgetState:
    """Request to the kernel for the state of a widget that existed before the server listened."""

    comm_id: str
    message_id: str


WidgetEffect: TypeAlias = ShowWidget | RequestWidgetState


@dataclass(slots=True)
class _Widget:
    known: bool = True
    """Whether `outputs` includes the outputs from before the first captured one."""
    outputs: list[Shape] = field(default_factory=list)
    display_ids: list[str | None] = field(default_factory=list)
    clear_next: bool = False
    captures: str = ""
    """The `msg_id` of the request with the captured outputs; empty if the widget captures none."""
    tail: Terminal | None = None
    """Terminal of the last output, if the last output is a stream that this object wrote."""

    def hold(self, outputs: object) -> None:
        held = outputs if isinstance(outputs, (list, tuple)) else ()
        self.outputs = [dict(map_of(output)) for output in held]
        self.display_ids = [None] * len(self.outputs)
        self.tail = None

    def after(self, outputs: object) -> None:
        """Insert `outputs` before the outputs that were captured so far."""
        ours, ids, tail = self.outputs, self.display_ids, self.tail
        self.hold(outputs)
        self.outputs += ours
        self.display_ids += ids
        self.tail, self.known = tail, True

    def take(self, said: Meaning) -> None:
        if isinstance(said, ClearOutput):
            self.clear_next = True
            if not said.wait:
                self._clear_if_due()
            return
        self._clear_if_due()
        if isinstance(said, Stream):
            self._stream(said)
        elif isinstance(said, DisplayData):
            shape: Shape = {"output_type": said.type, "data": said.data, "metadata": said.metadata}
            if said.type == "execute_result":
                shape["execution_count"] = said.execution_count
            self._append(shape, said.display_id)
        elif isinstance(said, Error):
            self._append(
                {
                    "output_type": "error",
                    "ename": said.ename,
                    "evalue": said.evalue,
                    "traceback": list(said.traceback),
                }
            )

    def update(self, said: UpdateDisplayData) -> bool:
        """Update the outputs with this display id; return whether there are any."""
        places = [at for at, shown in enumerate(self.display_ids) if shown == said.display_id]
        for at in places:
            self.outputs[at] = {**self.outputs[at], "data": said.data, "metadata": said.metadata}
        return bool(places)

    def _stream(self, said: Stream) -> None:
        last = self.outputs[-1] if self.outputs else {}
        if last.get("output_type") != "stream" or last.get("name") != said.name:
            self._append({"output_type": "stream", "name": said.name, "text": ""})
        text = text_of(self.outputs[-1].get("text"))
        if self.tail is None:
            self.tail = Terminal(text)
        edit = self.tail.feed(said.text)
        text = text[: len(text) - edit.back] + edit.text
        self.outputs[-1] = {"output_type": "stream", "name": said.name, "text": text}

    def _append(self, shape: Shape, display_id: str | None = None) -> None:
        self.outputs.append(shape)
        self.display_ids.append(display_id)
        self.tail = None

    def _clear_if_due(self) -> None:
        if self.clear_next:
            self.clear_next = False
            self.hold(())
            # The clear also removes the unknown earlier outputs.
            self.known = True


class OutputWidgets:
    """The output widgets of one kernel that capture outputs of runs."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._widgets: dict[str, _Widget] = {}
        self._stacks: dict[str, list[str]] = {}
        """Widgets that capture the outputs of a request, by `msg_id`; the last one gets them."""
        self._changed: dict[str, None] = {}
        self._unsettled: dict[str, None] = {}
        self._asked: dict[str, str] = {}
        self._told: deque[str] = deque(maxlen=_REMEMBERED)

    def take(
        self, batch: Sequence[KernelMessage], is_run: Callable[[str], bool]
    ) -> list[KernelMessage]:
        """Process a batch; return the messages that no widget captures, in order."""
        return [message for message in batch if not self._takes(message, is_run)]

    def news(self, *, settle: bool) -> tuple[WidgetEffect, ...]:
        """Return the changes since the last call, for the browsers.

        With `settle`, the kernel can receive messages: all changes since the last settled call go
        to the kernel too.
        """
        changed, self._changed = self._changed, {}
        due = [*self._unsettled, *changed] if settle else changed
        self._unsettled = {} if settle else {**self._unsettled, **changed}
        news = [self._news(comm_id, settle) for comm_id in dict.fromkeys(due)]
        return tuple(found for found in news if found is not None)

    def forget(self) -> None:
        """Drop all widgets, because the kernel or its process was replaced."""
        self._widgets.clear()
        self._stacks.clear()
        self._changed.clear()
        self._unsettled.clear()
        self._asked.clear()

    # ------------------------------------------------------------ inside

    def _news(self, comm_id: str, settle: bool) -> WidgetEffect | None:
        widget = self._widgets.get(comm_id)
        if widget is None:
            return None
        if not widget.known:
            if not settle or comm_id in self._asked.values():
                return None
            message_id = self._new_id()
            self._asked[message_id] = comm_id
            return RequestWidgetState(comm_id, message_id)
        told = self._new_id() if settle else None
        if told is not None:
            self._told.append(told)
        return ShowWidget(comm_id, tuple(widget.outputs), told)

    def _takes(self, message: KernelMessage, is_run: Callable[[str], bool]) -> bool:
        if message.channel != "iopub":
            return False
        if message.type in _COMM:
            self._comm(message, is_run)
            return True
        if not self._widgets or message.type not in _CAPTURED:
            return False
        if message.type == "update_display_data":
            # Outputs of cells may have the same display id, so the message also goes to them.
            self._update(message)
            return False
        stack = self._stacks.get(message.parent_id)
        if not stack or not is_run(message.parent_id):
            return False
        meaning = message.meaning
        if meaning is not None:
            self._widgets[stack[-1]].take(meaning)
            self._changed[stack[-1]] = None
        return True

    def _update(self, message: KernelMessage) -> None:
        meaning = message.meaning
        if isinstance(meaning, UpdateDisplayData):
            for comm_id, widget in self._widgets.items():
                if widget.update(meaning):
                    self._changed[comm_id] = None

    def _comm(self, message: KernelMessage, is_run: Callable[[str], bool]) -> None:
        comm_id = text_of(message.content.get("comm_id"))
        data = map_of(message.content.get("data"))
        state = map_of(data.get("state"))
        if message.type == "comm_close":
            self._release(comm_id)
            self._widgets.pop(comm_id, None)
            return
        if message.type == "comm_open":
            if (state.get("_model_module"), state.get("_model_name")) == _MODEL:
                self._widgets[comm_id] = _Widget()
        elif data.get("method") not in _CHANGES or message.parent_id in self._told:
            return
        elif comm_id not in self._widgets and is_run(text_of(state.get("msg_id"))):
            self._widgets[comm_id] = _Widget(known=False)
        if (widget := self._widgets.get(comm_id)) is not None:
            self._change(comm_id, widget, state, message.parent_id)

    def _change(
        self, comm_id: str, widget: _Widget, state: Mapping[str, object], parent_id: str
    ) -> None:
        if "outputs" in state:
            if self._asked.pop(parent_id, None) is None:
                widget.hold(state["outputs"])
                widget.known = True
            elif not widget.known:
                widget.after(state["outputs"])
                self._changed[comm_id] = None
        if "msg_id" in state:
            self._release(comm_id)
            widget.captures = text_of(state["msg_id"])
            if widget.captures:
                self._stacks.setdefault(widget.captures, []).append(comm_id)

    def _release(self, comm_id: str) -> None:
        """Stop the widget's capture."""
        widget = self._widgets.get(comm_id)
        stack = self._stacks.get(widget.captures) if widget is not None else None
        if widget is not None and stack is not None and comm_id in stack:
            stack.remove(comm_id)
            if not stack:
                del self._stacks[widget.captures]
