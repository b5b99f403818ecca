"""Write the outputs of runs to the runtime document.

Outputs follow JupyterLab's rules. Consecutive stream text of one name is one output. An
`update_display_data` message, or a display with a known display id, changes every output with that
id in all cells. A `clear_output` with `wait` takes effect at the next output. A batch of messages
is written with the fewest edits that keep the order. `queue` decides which run is next and when a
run is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ..document import json_text
from ..document.content import DisplayOutput, ErrorOutput, MimeValue, Output, Prompt, StreamOutput
from ..document.mime import (
    DEFAULT_LIMITS,
    Limits,
    PutBlob,
    text_value,
    traceback_of,
    value_of,
)
from ..document.runtime import Runtime
from ..document.schema import FORBIDDEN_KEY
from ..ids import CellId, NewId, RunId
from .message_fields import FieldProblem
from .messages import (
    ClearOutput,
    DisplayData,
    Error,
    ExecuteInput,
    ExecuteReply,
    InputRequest,
    KernelMessage,
    Meaning,
    Status,
    Stream,
    UpdateDisplayData,
)
from .streams import StreamTail

HIDDEN_ANSWER: Final = "········"
_MOST_PROBLEMS: Final = 100


@dataclass(frozen=True, slots=True)
class NextInput:
    """Request of the kernel for a new cell below with `text`, or for `text` as this cell's source.

    `replace` tells whether `text` replaces the source.
    """

    run_id: RunId
    cell_id: CellId
    text: str
    replace: bool


@dataclass(frozen=True, slots=True)
class Written:
    """Result of a batch, apart from the edits of the document.

    `unmatched` are the messages that belong to no run of this document, in order. `problems` are
    the problems that were not reported before.
    """

    unmatched: tuple[KernelMessage, ...] = ()
    problems: tuple[FieldProblem, ...] = ()
    next_inputs: tuple[NextInput, ...] = ()


_Said: TypeAlias = "tuple[RunId, Meaning, KernelMessage]"
_Fresh: TypeAlias = Stream | DisplayData | Error
"""Message values that append an output."""


@dataclass(slots=True)
class _Live:
    """State of a run between batches that the document does not hold."""

    tail: StreamTail | None = None
    clear_next: bool = False
    texts: list[str] = field(default_factory=list)
    """Stream text of this batch that is not written yet; its stream is `name`."""
    name: str = ""

    @property
    def worth_keeping(self) -> bool:
        return self.tail is not None or self.clear_next


class OutputWriter:
    """Writer of the outputs of one room's runs."""

    def __init__(
        self, runtime: Runtime, *, put_blob: PutBlob, new_id: NewId, limit: Limits = DEFAULT_LIMITS
    ) -> None:
        self._runtime = runtime
        self._put_blob = put_blob
        self._new_id = new_id
        self._limit = limit
        self._live: dict[RunId, _Live] = {}
        self._told: set[FieldProblem] = set()

    def write(self, batch: Sequence[KernelMessage]) -> Written:
        """Write a batch in the order of the kernel. Never raises for invalid messages."""
        strangers: list[KernelMessage] = []
        problems: dict[FieldProblem, None] = {}
        inputs: list[NextInput] = []
        said: list[_Said] = []
        for message in batch:
            run_id = RunId(message.parent_id)
            known = self._runtime.run(run_id) is not None
            if not known:
                strangers.append(message)
            if known or message.type == "update_display_data":
                meaning, found = message.parsed
                problems.update(dict.fromkeys(found))
                if meaning is not None:
                    said.append((run_id, meaning, message))
        for run_id, meaning, message in _without_cleared(said):
            if (wish := self._take(run_id, meaning, message)) is not None:
                inputs.append(wish)
        for run_id, live in self._live.items():
            self._flush(run_id, live)
        self._live = {run_id: live for run_id, live in self._live.items() if live.worth_keeping}
        return Written(tuple(strangers), self._new_problems(problems), tuple(inputs))

    def answered(self, prompt_id: str, text: str) -> RunId | None:
        """Replace an answered prompt by a stream output named stdin with prompt and answer.

        Returns the run with the prompt, or None if the prompt is unknown. The answer to a password
        prompt is never stored.
        """
        for run in self._runtime.runs():
            if run.prompt is not None and run.prompt.id == prompt_id:
                shown = (
                    HIDDEN_ANSWER
                    if run.prompt.password
                    else json_text.replace_lone_surrogates(text)
                )
                line = f"{run.prompt.text} {shown}\n"
                self._runtime.set_run(run.id, prompt=None)
                self._clear_if_due(run.id, self._of(run.id))
                self._runtime.append_output(run.id, StreamOutput(self._new_id(), "stdin", (line,)))
                return run.id
        return None

    def forget(self, run_id: RunId) -> None:
        """Drop the state of a finished run; late outputs are appended to its outputs."""
        self._live.pop(run_id, None)

    def use(self, runtime: Runtime) -> None:
        """Continue with the rotated document `runtime`."""
        self._runtime = runtime
        for live in self._live.values():
            if live.tail is not None:
                live.tail.use(runtime)

    # ------------------------------------------------------------ one message

    def _take(self, run_id: RunId, meaning: Meaning, message: KernelMessage) -> NextInput | None:
        match meaning:
            case Stream():
                self._stream(run_id, meaning)
            case DisplayData() | Error():
                self._output(run_id, meaning)
            case UpdateDisplayData():
                self._update(meaning)
            case ClearOutput():
                self._clear(run_id, wait=meaning.wait)
            case ExecuteInput():
                self._count(run_id, meaning.execution_count)
            case InputRequest():
                self._ask(run_id, Prompt(message.msg_id, meaning.prompt, meaning.password))
            case ExecuteReply():
                return self._reply(run_id, meaning)
            case Status():
                pass
        return None

    def _stream(self, run_id: RunId, said: Stream) -> None:
        live = self._of(run_id)
        if live.texts and live.name != said.name:
            self._flush(run_id, live)
        self._clear_if_due(run_id, live)
        live.name = said.name
        live.texts.append(said.text)

    def _output(self, run_id: RunId, said: DisplayData | Error) -> None:
        live = self._of(run_id)
        self._flush(run_id, live)
        self._clear_if_due(run_id, live)
        if isinstance(said, Error):
            self._runtime.append_output(run_id, self._error(said))
            return
        display = self._display(said)
        if display.display_id is not None:
            self._change_displays(display.display_id, display)
        self._runtime.append_output(run_id, display)

    def _update(self, said: UpdateDisplayData) -> None:
        # An update of an unknown display must not store a blob.
        if self._runtime.displays(said.display_id):
            shown = DisplayData("display_data", said.data, said.metadata, said.display_id)
            self._change_displays(said.display_id, self._display(shown))

    def _change_displays(self, display_id: str, display: DisplayOutput) -> None:
        for run_id, output_id in self._runtime.displays(display_id):
            self._runtime.replace_display(run_id, output_id, display)

    def _clear(self, run_id: RunId, *, wait: bool) -> None:
        live = self._of(run_id)
        if wait:
            self._flush(run_id, live)
            live.clear_next = True
            return
        live.clear_next = True
        live.texts.clear()
        self._clear_if_due(run_id, live)

    def _clear_if_due(self, run_id: RunId, live: _Live) -> None:
        if live.clear_next:
            live.clear_next = False
            self._runtime.clear_outputs(run_id)

    def _ask(self, run_id: RunId, prompt: Prompt) -> None:
        run = self._runtime.run(run_id)
        if run is not None and run.state == "running":
            self._runtime.set_run(run_id, prompt=prompt)

    def _count(self, run_id: RunId, count: int | None) -> None:
        if count is not None:
            self._runtime.set_run(run_id, execution_count=count)

    def _reply(self, run_id: RunId, said: ExecuteReply) -> NextInput | None:
        self._count(run_id, said.execution_count)
        for page in said.pages:
            self._output(run_id, DisplayData("display_data", page, {}, None))
        run = self._runtime.run(run_id)
        if said.next_input is None or run is None:
            return None
        text, replace = said.next_input
        return NextInput(run_id, run.cell_id, text, replace)

    # ------------------------------------------------------------ writing

    def _of(self, run_id: RunId) -> _Live:
        return self._live.setdefault(run_id, _Live())

    def _flush(self, run_id: RunId, live: _Live) -> None:
        """Write the pending stream text."""
        text = "".join(live.texts)
        live.texts.clear()
        if not text:
            return
        tail = live.tail
        if tail is None or tail.stream.name != live.name or self._last(run_id) is not tail.stream:
            tail = live.tail = self._tail(run_id, live.name)
        tail.write(text)

    def _tail(self, run_id: RunId, name: str) -> StreamTail:
        """Return a writer of the last output if it is the stream `name`, else of a new stream."""
        stream = self._last(run_id)
        if not isinstance(stream, StreamOutput) or stream.name != name:
            stream = StreamOutput(self._new_id(), name, ())
            self._runtime.append_output(run_id, stream)
        limit = self._limit.inline_chars
        return StreamTail(self._runtime, run_id, stream, put_blob=self._put_blob, limit=limit)

    def _last(self, run_id: RunId) -> Output | None:
        outputs = self._runtime.outputs(run_id)
        return outputs[-1] if outputs else None

    def _error(self, said: Error) -> ErrorOutput:
        evalue = text_value(said.evalue, put_blob=self._put_blob, limit=self._limit)
        lines = traceback_of(said.traceback, put_blob=self._put_blob, limit=self._limit)
        return ErrorOutput(self._new_id(), said.ename, evalue, lines)

    def _display(self, said: DisplayData) -> DisplayOutput:
        return DisplayOutput(
            id=self._new_id(),
            type=said.type,
            data=self._values(said.data),
            metadata=json_text.compact(json_text.finite(said.metadata)),
            display_id=said.display_id,
            execution_count=said.execution_count,
        )

    def _values(self, data: Mapping[str, object]) -> dict[str, MimeValue]:
        return {
            mime: value_of(mime, json_text.finite(raw), put_blob=self._put_blob, limit=self._limit)
            for mime, raw in data.items()
            if mime != FORBIDDEN_KEY
        }

    def _new_problems(self, problems: Mapping[FieldProblem, None]) -> tuple[FieldProblem, ...]:
        new = tuple(problem for problem in problems if problem not in self._told)
        if len(self._told) < _MOST_PROBLEMS:
            self._told.update(new)
        return new


def _without_cleared(said: Sequence[_Said]) -> list[_Said]:
    """Leave out outputs that the same batch clears, such as all but the last frame of a plot."""
    if not any(isinstance(meaning, ClearOutput) for _, meaning, _ in said):
        return list(said)
    kept: list[_Said] = []
    followed: set[RunId] = set()
    cleared: set[RunId] = set()
    for item in reversed(said):
        run_id, meaning, _ = item
        if isinstance(meaning, _Fresh):
            followed.add(run_id)
            # A display with a display id also changes the other outputs with that id.
            if run_id in cleared and not (isinstance(meaning, DisplayData) and meaning.display_id):
                continue
        elif isinstance(meaning, ClearOutput):
            if run_id in cleared:
                continue
            if not meaning.wait or run_id in followed:
                cleared.add(run_id)
        kept.append(item)
    kept.reverse()
    return kept
