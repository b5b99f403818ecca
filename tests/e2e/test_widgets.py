"""Widgets live in every browser, and Output widgets hold what was printed into them, once."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import Locator, WebSocketRoute, expect

from .browser import Person
from .pair import Pair

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.asyncio(loop_scope="session"),
]

PLOT = """%matplotlib widget
import matplotlib.pyplot as plt
figure = plt.figure(); figure.gca().plot([1, 3, 2]);"""
MEGABYTES = 10
PICTURE = f"""
import os, struct, zlib
def chunk(kind, data):
    whole = kind + data
    return struct.pack('>I', len(data)) + whole + struct.pack('>I', zlib.crc32(whole))
side = 1024
high = {MEGABYTES} * 1024 * 1024 // (side * 3)
rows = b''.join(b'\\0' + os.urandom(side * 3) for _ in range(high))
png = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, high, 8, 2, 0, 0, 0))
png += chunk(b'IDAT', zlib.compress(rows, 0)) + chunk(b'IEND', b'')
import ipywidgets as w
print(len(png) >> 20, 'MB')
display(w.Image(value=png, width=200))
"""


class SlowKernel:
    """The way of a kernel's messages to one page: from some message on they can be held back."""

    def __init__(self) -> None:
        self._held: list[tuple[WebSocketRoute, str | bytes]] | None = None
        self._mark: bytes | None = None

    def route(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        server.on_message(lambda message: self._pass(page, message))

    def hold_back(self, mark: bytes) -> None:
        self._mark = mark

    def let_go(self) -> None:
        held, self._held, self._mark = self._held or [], None, None
        for page, message in held:
            page.send(message)

    def _pass(self, page: WebSocketRoute, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        if self._held is None and self._mark is not None and self._mark in data:
            self._held = []
        if self._held is None:
            page.send(message)
        else:
            self._held.append((page, message))


async def ready(both: Pair, *cells: str) -> None:
    await both.ana.kernel_ready()
    await both.lay(*cells)


async def answer(person: Person, text: str) -> None:
    await person.page.locator(".jp-Stdin-input").fill(text)
    await person.page.locator(".jp-Stdin-input").press("Enter")


def widget(person: Person, index: int) -> Locator:
    """An Output widget of a cell."""
    return person.cell(index).locator(".jp-Cell-outputArea .widget-output")


def bars(person: Person) -> Locator:
    """Of a plotly figure in the first cell."""
    return person.cell(0).locator(".js-plotly-plot .bars .point")


async def test_a_slider_is_moved_by_one_and_seen_by_all_also_after_a_reload(both: Pair) -> None:
    slider = "import ipywidgets as w\nslider = w.IntSlider(3); display(slider)"
    await ready(both, slider, "print('it is', slider.value)")
    await both.ana.run(0)
    for person in both.people:
        await expect(person.cell(0).locator(".widget-readout")).to_have_text("3")
    await both.ana.cell(0).locator(".noUi-handle").focus()
    await both.ana.press("ArrowRight", "ArrowRight")
    await expect(both.ben.cell(0).locator(".widget-readout")).to_have_text("5")
    await both.ben.open("shared.ipynb")
    await expect(both.ben.cell(0).locator(".widget-readout")).to_have_text("5")
    await both.ben.run(1)
    await both.ana.sees_output(1, "it is 5")


async def test_a_widget_whose_model_comes_late_is_waited_for(both: Pair) -> None:
    """The output comes with the document, the model over the kernel's socket, which may be slow."""
    slow = SlowKernel()
    await both.ben.page.route_web_socket(re.compile("/channels"), slow.route)
    await both.ben.open("shared.ipynb")
    await both.ben.kernel_ready()
    await ready(both, "import ipywidgets as w\nw.HTML('<b>late but here</b>')")
    slow.hold_back(b"late but here")
    try:
        await both.ana.run(0)
        await both.ana.sees_output(0, "late but here")
        await both.ben.sees_output(0, "Loading widget…", 5_000)
    finally:
        slow.let_go()
    await both.ben.sees_output(0, "late but here")


async def test_an_output_widget_takes_what_is_printed_into_it_while_it_runs(both: Pair) -> None:
    await ready(
        both,
        "import ipywidgets as w\nout = w.Output(layout={'border': '1px solid'}); display(out)",
        "print('before')\nwith out:\n    print('inside'); input('go on? '); print('la' + 'ter')\n"
        "    1 / 0\nprint('after')",
        "print([o['output_type'] for o in out.outputs])",
    )
    await both.ana.run(0)
    await both.ana.run(1)
    for person in both.people:
        await expect(widget(person, 0)).to_contain_text("inside")
    await answer(both.ben, "yes")
    for person in both.people:
        await person.sees_output(1, "after")
        await expect(widget(person, 0)).to_contain_text("ZeroDivisionError")
        assert "inside" not in await person.output(1)
    await both.ana.shot("widgets-output")
    await both.ana.run(2)
    await both.ben.sees_output(2, "['stream', 'error']")
    await both.ben.open("shared.ipynb")
    await expect(widget(both.ben, 0)).to_contain_text("later")
    assert (await both.ben.output(0)).count("later\n") == 1
    texts = [o.get("text") for o in (await both.agree())[1]["outputs"]]
    assert texts[0] == "before\n" and texts[-1] == "after\n"


async def test_interact_runs_for_whoever_moves_it_and_all_see_it_once(both: Pair) -> None:
    await ready(
        both, "from ipywidgets import interact\ninteract(lambda x: print('x is', x), x=(0, 9));"
    )
    await both.ana.run(0)
    for person in both.people:
        await expect(widget(person, 0)).to_have_text("x is 4\n")
    await both.ben.cell(0).locator(".noUi-handle").focus()
    await both.ben.press("ArrowRight")
    for person in both.people:
        await expect(widget(person, 0)).to_have_text("x is 5\n")


async def test_a_notebook_progress_bar(both: Pair) -> None:
    await ready(both, "from tqdm.notebook import tqdm\nfor i in tqdm(range(200)): pass")
    await both.ana.run(0)
    for person in both.people:
        await expect(person.cell(0).locator(".jp-Cell-outputArea")).to_contain_text("200/200")


async def test_an_interactive_plot(both: Pair) -> None:
    await ready(both, PLOT)
    await both.ana.run(0)
    for person in both.people:
        await expect(person.cell(0).locator("canvas").first).to_be_visible(timeout=30_000)
    await both.ben.shot("widgets-plot")


@pytest.mark.long  # fails after test_other_ways only; see docs/design/debts.md
async def test_a_plotly_figure_is_changed_from_python_and_seen_by_all_also_after_a_reload(
    both: Pair,
) -> None:
    figure = (
        "import plotly.graph_objects as go\nfigure = go.FigureWidget(go.Bar(y=[1, 2, 3])); figure"
    )
    await ready(
        both,
        figure,
        "figure.layout.title.text = 'as it is now'; figure.add_bar(y=[3, 2]);",
        "figure.layout.title.text = 'later'",
    )
    await both.ana.run(0)
    for person in both.people:
        await expect(bars(person)).to_have_count(3, timeout=60_000)
    await both.ben.run(1)
    for person in both.people:
        await expect(bars(person)).to_have_count(5)
        await expect(person.cell(0).locator(".gtitle")).to_have_text("as it is now")
    await both.ana.shot("widgets-plotly")
    await both.ben.open("shared.ipynb")
    # Plotly's own state in the kernel is that of the last time it was displayed.
    await expect(bars(both.ben)).to_have_count(3, timeout=60_000)
    await both.ana.run(2)
    for person in both.people:
        await expect(person.cell(0).locator(".gtitle")).to_have_text("later")


async def test_ten_megabytes_in_one_buffer_are_shown(both: Pair) -> None:
    await ready(both, PICTURE)
    await both.ana.run(0)
    for person in both.people:
        await person.page.wait_for_function(
            "() => document.querySelector('.jp-Cell-outputArea img.widget-image')"
            "?.naturalWidth === 1024",
            timeout=60_000,
        )
    await both.ben.shot("widgets-buffer")


async def test_the_state_is_saved_when_the_setting_says_so(both: Pair) -> None:
    setting = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"
    # The state is that of all widgets in the kernel, and an entry of metadata has at most 16 MiB.
    await ready(both, "import ipywidgets as w\nw.Widget.close_all()\nw.IntSlider(41)")
    await both.ana.command(setting)
    await both.ana.run(0)
    await both.ben.page.wait_for_function(
        "() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".getMetadata('widgets') ?? {}).includes('\"value\":41')",
        timeout=30_000,
    )
    await both.ana.status_is("Saved")
    saved = json.loads((both.ana.lab.root / "shared.ipynb").read_text())["metadata"]["widgets"]
    models = saved["application/vnd.jupyter.widget-state+json"]["state"].values()
    assert "IntSliderModel" in {model["model_name"] for model in models}
    await both.ana.command(setting)
    await both.ana.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".deleteMetadata('widgets')"
    )
