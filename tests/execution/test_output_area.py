"""A minimal output area with JupyterLab's rules shows the same as a room after any messages."""

from __future__ import annotations

from dataclasses import dataclass, field

from execution_lab import Lab, cleared, display, failed, printed, shown
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_runtimed.execution.messages import KernelMessage


@dataclass
class Area:
    """One cell's outputs: [kind, text, display id]."""

    outputs: list[list[str]] = field(default_factory=list)
    clear_next: bool = False

    def add(self, kind: str, text: str, display_id: str = "") -> None:
        if self.clear_next:
            self.outputs.clear()
            self.clear_next = False
        if kind in ("stdout", "stderr"):
            if self.outputs and self.outputs[-1][0] == kind:
                self.outputs[-1][1] += text
                return
            if not text:
                return
        self.outputs.append([kind, text, display_id])

    def clear(self, wait: bool) -> None:
        if wait:
            self.clear_next = True
        else:
            self.outputs.clear()


def play(areas: dict[str, Area], cell: str, kind: str, text: str, which: str) -> None:
    area = areas[cell]
    match kind:
        case "clear":
            area.clear(wait=which == "x")
        case "stdout" | "stderr":
            area.add(kind, text)
        case "error":
            area.add("error", "ValueError")
        case _:
            for other in areas.values():
                for output in other.outputs:
                    if which and output[2] == which:
                        output[1] = text
            if kind != "update_display_data":
                area.add(kind, text, which)


def said(run: str, kind: str, text: str, which: str) -> KernelMessage:
    match kind:
        case "clear":
            return cleared(run, wait=which == "x")
        case "stdout" | "stderr":
            return printed(run, text, kind)
        case "error":
            return failed(run)
        case _:
            return display(run, text, which or None, kind)


KINDS = ["stdout", "stdout", "stderr", "display_data", "execute_result", "update_display_data",
         "error", "clear", "clear"]  # fmt: skip
MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from(KINDS),
        st.text("12", max_size=2),
        st.sampled_from(["", "x", "y"]),
    ),
    max_size=16,
)


@settings(max_examples=500, deadline=None)
@given(MESSAGES, st.sets(st.integers(0, 16)))
def test_two_cells_show_what_an_output_area_would(
    story: list[tuple[str, str, str, str]], cuts: set[int]
) -> None:
    lab, areas = Lab(), {"a": Area(), "b": Area()}
    runs = {cell: lab.running(cell) for cell in areas}
    batch: list[KernelMessage] = []
    for index, (cell, kind, text, which) in enumerate(story):
        play(areas, cell, kind, text, which)
        batch.append(said(runs[cell], kind, text, which))
        if index in cuts:
            lab.say(*batch)
            batch = []
    lab.say(*batch)
    for cell, area in areas.items():
        assert shown(lab, cell) == [f"{kind}: {text}" for kind, text, _ in area.outputs]
    lab.assert_mirror()
