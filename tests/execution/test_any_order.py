"""Random events in random order: nothing is lost, doubled or stuck."""

from __future__ import annotations

from collections import Counter

from execution_lab import Lab, cleared, display, failed, idle, printed, reply, status
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_runtimed.document.content import DisplayOutput, StreamOutput
from jupyter_runtimed.execution.messages import KernelMessage
from jupyter_runtimed.execution.steps import Finished, SendExecute, Step, WakeAt
from jupyter_runtimed.ids import CellId, RunId

SAID = st.lists(
    st.one_of(
        st.tuples(
            st.just("print"),
            st.sampled_from(["stdout", "stderr"]),
            st.text("ab\n\r\x08", max_size=6),
        ),
        st.tuples(st.just("show"), st.sampled_from(["", "x", "y"]), st.text("abc", max_size=3)),
        st.tuples(st.just("update"), st.sampled_from(["x", "y"]), st.text("abc", max_size=3)),
        st.tuples(st.just("clear"), st.sampled_from(["", "wait"]), st.just("")),
        st.tuples(st.just("fail"), st.just(""), st.just("")),
    ),
    max_size=14,
)


def as_message(run: str, what: tuple[str, str, str]) -> KernelMessage:
    kind, how, text = what
    match kind:
        case "print":
            return printed(run, text, how)
        case "show":
            return display(run, text, how or None)
        case "update":
            return display(run, text, how, kind="update_display_data")
        case "clear":
            return cleared(run, wait=bool(how))
        case _:
            return failed(run)


def shown(lab: Lab) -> list[object]:
    return [
        (output.name, lab.joined(output))
        if isinstance(output, StreamOutput)
        else dict(output.data)
        if isinstance(output, DisplayOutput)
        else type(output)
        for output in lab.outputs()
        if not (isinstance(output, StreamOutput) and not lab.joined(output))
    ]


@settings(max_examples=300, deadline=None)
@given(SAID, st.sets(st.integers(0, 14)))
def test_how_messages_are_gathered_into_batches_does_not_matter(
    said: list[tuple[str, str, str]], cuts: set[int]
) -> None:
    at_once, in_parts = Lab(), Lab()
    run = at_once.running()
    at_once.say(*(as_message(run, what) for what in said))
    run, batch = in_parts.running(), []
    for index, what in enumerate(said):
        batch.append(as_message(run, what))
        if index in cuts:
            in_parts.say(*batch)
            batch = []
    in_parts.say(*batch)
    assert shown(in_parts) == shown(at_once)
    in_parts.assert_mirror()


class Story:
    """Random events happen to a queue; the machine counts sent and finished runs."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.queue = self.lab.execution.queue
        self.sent: Counter[RunId] = Counter()
        self.ended: Counter[RunId] = Counter()
        self.asked: set[RunId] = set()
        self.wake_at: int | None = None

    def take(self, steps: list[Step] | tuple[Step, ...]) -> None:
        for step in steps:
            match step:
                case SendExecute():
                    self.sent[step.run_id] += 1
                case Finished():
                    self.ended[step.run_id] += 1
                case WakeAt():
                    self.wake_at = step.at_ms
        self.lab.execution.settle(steps)

    def happen(self, what: str, cell: str) -> None:
        lab, queue, now = self.lab, self.queue, self.lab.now_ms
        run = queue.current or "nobody"
        match what:
            case "ask":
                self.take(lab.ask(cell, stop_on_error=cell != "c"))
                self.asked.add(lab.run_id(cell))
            case "ready":
                self.take(queue.ready())
            case "lost":
                self.take(queue.lost("lost", now_ms=now))
            case "cancel":
                waiting = lab.runtime.run_of(CellId(cell))
                self.take(queue.cancel([waiting.id] if waiting else [], now_ms=now))
            case "interrupt":
                self.take(queue.interrupted(now_ms=now))
            case "delete":
                self.take(queue.removed([CellId(cell)], now_ms=now))
            case "time":
                lab.now_ms += 2500
                self.take(queue.wake(now_ms=lab.now_ms))
            case "rotate":
                lab.execution.use(lab.runtime.rotated(lab.runtime.epoch, bytes(16)))
            case _:
                message = {
                    "busy": status(run, "busy"),
                    "idle": idle(run),
                    "reply": reply(run),
                    "error": reply(run, "error"),
                    "aborted": reply(run, "aborted"),
                    "print": printed(run, "x\n"),
                }[what]
                self.take(lab.say(message).steps)

    def check(self) -> None:
        runtime = self.lab.runtime
        for run in runtime.runs():
            assert (run.state == "queued") == (run.id in runtime.queue)
            assert (run.state == "running") == (run.id == self.queue.current)
        assert max(self.sent.values(), default=0) <= 1
        assert max(self.ended.values(), default=0) <= 1
        assert set(self.ended) <= self.asked


EVENTS = st.sampled_from(
    [
        "ask", "ask", "ask", "ready", "ready", "busy", "idle", "idle", "reply", "reply", "error",
        "aborted", "print", "time", "cancel", "interrupt", "delete", "lost", "rotate",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.sampled_from(["a", "b", "c"])), max_size=40))
def test_every_run_is_sent_at_most_once_and_ends_exactly_once(
    events: list[tuple[str, str]],
) -> None:
    story = Story()
    for what, cell in events:
        story.happen(what, cell)
        story.check()
    story.happen("lost", "a")
    story.check()
    assert set(story.ended) == story.asked
    assert not story.queue.busy
    story.lab.commit()
    story.lab.assert_mirror()
