"""Output widgets (`ipywidgets.Output`): what is printed into one goes there and not to its cell.

While a widget's `msg_id` names a run, what the kernel says for that run is the widget's; of several
widgets, the one that came last. In plain JupyterLab each browser captures what it asked for itself.
Here the server asks for runs, so it captures, once: browsers are shown the widget's outputs at
once; the kernel, which keeps every widget's state, is told when it listens, after the run.

What answers a browser (the callback of a button) is not a run, and that browser's to capture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ..ids import NewId
from .fields import map_of, text_of
from .messages import Cleared, Failed, KernelMessage, Meaning, Shown, StreamText, Updated, read
from .terminal import Terminal

Shape: TypeAlias = "dict[str, object]"
"""One output in nbformat's form, text as one string."""

_CAPTURED: Final = frozenset(
    {"stream", "display_data", "execute_result", "error", "clear_output", "update_display_data"}
)
_COMM: Final = frozenset({"comm_open", "comm_msg", "comm_close"})
_CHANGES: Final = frozenset({"update", "echo_update"})
_MODEL: Final = ("@jupyter-widgets/output", "OutputModel")
_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class WidgetShows:
    """What a widget holds now. `told`: the kernel is to keep it, told by a message of this id."""

    comm_id: str
    outputs: tuple[Mapping[str, object], ...]
    told: str | None


@dataclass(frozen=True, slots=True)
class WidgetAsked:
    """The kernel is to say what this widget holds: it was made before anybody listened."""

    comm_id: str
    message_id: str


WidgetNews: TypeAlias = WidgetShows | WidgetAsked


@dataclass(slots=True)
class _Widget:
    known: bool = True
    """Is it known what the widget held before?"""
    outputs: list[Shape] = field(default_factory=list)
    display_ids: list[str | None] = field(default_factory=list)
    clear_next: bool = False
    captures: str = ""
    """The `msg_id` whose output it takes."""
    tail: Terminal | None = None
    """Of the last output, if that is a stream which was written here."""

    def hold(self, outputs: object) -> None:
        held = outputs if isinstance(outputs, (list, tuple)) else ()
        self.outputs = [dict(map_of(output)) for output in held]
        self.display_ids = [None] * len(self.outputs)
        self.tail = None

    def after(self, outputs: object) -> None:
        """These came before what was captured so far."""
        ours, ids, tail = self.outputs, self.display_ids, self.tail
        self.hold(outputs)
        self.outputs += ours
        self.display_ids += ids
        self.tail, self.known = tail, True

    def take(self, said: Meaning) -> None:
        if isinstance(said, Cleared):
            self.clear_next = True
            if not said.wait:
                self._clear_if_due()
            return
        self._clear_if_due()
        if isinstance(said, StreamText):
            self._stream(said)
        elif isinstance(said, Shown):
            shape: Shape = {"output_type": said.type, "data": said.data, "metadata": said.metadata}
            if said.type == "execute_result":
                shape["execution_count"] = said.execution_count
            self._append(shape, said.display_id)
        elif isinstance(said, Failed):
            self._append(
                {
                    "output_type": "error",
                    "ename": said.ename,
                    "evalue": said.evalue,
                    "traceback": list(said.traceback),
                }
            )

    def update(self, said: Updated) -> bool:
        """Show this in place of what has its display id; whether there is any."""
        places = [at for at, shown in enumerate(self.display_ids) if shown == said.display_id]
        for at in places:
            self.outputs[at] = {**self.outputs[at], "data": said.data, "metadata": said.metadata}
        return bool(places)

    def _stream(self, said: StreamText) -> None:
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
            # Whatever it held before is gone, too.
            self.known = True


class Captures:
    """The output widgets of one kernel, as far as runs write into them."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._widgets: dict[str, _Widget] = {}
        self._stacks: dict[str, list[str]] = {}
        """Who captures the output of a request, the last first to be asked."""
        self._changed: dict[str, None] = {}
        self._unsettled: dict[str, None] = {}
        self._asked: dict[str, str] = {}
        self._told: deque[str] = deque(maxlen=_REMEMBERED)

    def take(
        self, batch: Sequence[KernelMessage], is_run: Callable[[str], bool]
    ) -> list[KernelMessage]:
        """What of a batch is not a widget's, in order."""
        return [message for message in batch if not self._takes(message, is_run)]

    def news(self, *, settle: bool) -> tuple[WidgetNews, ...]:
        """What browsers are to be shown; with `settle` the kernel listens, and is told as well."""
        changed, self._changed = self._changed, {}
        due = [*self._unsettled, *changed] if settle else changed
        self._unsettled = {} if settle else {**self._unsettled, **changed}
        news = [self._news(comm_id, settle) for comm_id in dict.fromkeys(due)]
        return tuple(found for found in news if found is not None)

    def forget(self) -> None:
        """The kernel is another one, or its process is."""
        self._widgets.clear()
        self._stacks.clear()
        self._changed.clear()
        self._unsettled.clear()
        self._asked.clear()

    # ------------------------------------------------------------ inside

    def _news(self, comm_id: str, settle: bool) -> WidgetNews | None:
        widget = self._widgets.get(comm_id)
        if widget is None:
            return None
        if not widget.known:
            if not settle or comm_id in self._asked.values():
                return None
            message_id = self._new_id()
            self._asked[message_id] = comm_id
            return WidgetAsked(comm_id, message_id)
        told = self._new_id() if settle else None
        if told is not None:
            self._told.append(told)
        return WidgetShows(comm_id, tuple(widget.outputs), told)

    def _takes(self, message: KernelMessage, is_run: Callable[[str], bool]) -> bool:
        if message.channel != "iopub":
            return False
        if message.type in _COMM:
            self._comm(message, is_run)
            return True
        if not self._widgets or message.type not in _CAPTURED:
            return False
        if message.type == "update_display_data":
            # Cells may show the same display.
            self._update(message)
            return False
        stack = self._stacks.get(message.parent_id)
        if not stack or not is_run(message.parent_id):
            return False
        meaning, _ = read(message)
        if meaning is not None:
            self._widgets[stack[-1]].take(meaning)
            self._changed[stack[-1]] = None
        return True

    def _update(self, message: KernelMessage) -> None:
        meaning, _ = read(message)
        if isinstance(meaning, Updated):
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
        """The widget captures nothing."""
        widget = self._widgets.get(comm_id)
        stack = self._stacks.get(widget.captures) if widget is not None else None
        if widget is not None and stack is not None and comm_id in stack:
            stack.remove(comm_id)
            if not stack:
                del self._stacks[widget.captures]
