"""Widgets work in every browser, and Output widgets show captured output once."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import Locator, WebSocketRoute, expect

from .browser import User
from .two_users import TwoUsers

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


class DelayedKernelSocket:
    """A kernel's WebSocket to one page that can hold back messages from some message on."""

    def __init__(self) -> None:
        self._held: list[tuple[WebSocketRoute, str | bytes]] | None = None
        self._mark: bytes | None = None

    def route(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        server.on_message(lambda message: self._pass(page, message))

    def hold_back(self, mark: bytes) -> None:
        self._mark = mark

    def release(self) -> None:
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


async def ready(two_users: TwoUsers, *cells: str) -> None:
    await two_users.ana.kernel_ready()
    await two_users.set_cells(*cells)


async def answer(user: User, text: str) -> None:
    await user.page.locator(".jp-Stdin-input").fill(text)
    await user.page.locator(".jp-Stdin-input").press("Enter")


def output_widget(user: User, index: int) -> Locator:
    """Return the Output widget in the output of a cell."""
    return user.cell(index).locator(".jp-Cell-outputArea .widget-output")


def bars(user: User) -> Locator:
    """Return the bars of the plotly figure in the first cell."""
    return user.cell(0).locator(".js-plotly-plot .bars .point")


async def test_a_slider_moved_by_one_user_moves_for_all_users_and_after_a_reload(
    two_users: TwoUsers,
) -> None:
    slider = "import ipywidgets as w\nslider = w.IntSlider(3); display(slider)"
    await ready(two_users, slider, "print('it is', slider.value)")
    await two_users.ana.run(0)
    for user in two_users.users:
        await expect(user.cell(0).locator(".widget-readout")).to_have_text("3")
    await two_users.ana.cell(0).locator(".noUi-handle").focus()
    await two_users.ana.press("ArrowRight", "ArrowRight")
    await expect(two_users.ben.cell(0).locator(".widget-readout")).to_have_text("5")
    await two_users.ben.open("shared.ipynb")
    await expect(two_users.ben.cell(0).locator(".widget-readout")).to_have_text("5")
    await two_users.ben.run(1)
    await two_users.ana.sees_output(1, "it is 5")


async def test_a_widget_is_shown_when_its_late_model_arrives(two_users: TwoUsers) -> None:
    """The output arrives with the document, and the model over a slower WebSocket."""
    socket = DelayedKernelSocket()
    await two_users.ben.page.route_web_socket(re.compile("/channels"), socket.route)
    await two_users.ben.open("shared.ipynb")
    await two_users.ben.kernel_ready()
    await ready(two_users, "import ipywidgets as w\nw.HTML('<b>late but here</b>')")
    socket.hold_back(b"late but here")
    try:
        await two_users.ana.run(0)
        await two_users.ana.sees_output(0, "late but here")
        await two_users.ben.sees_output(0, "Loading widget…", 5_000)
    finally:
        socket.release()
    await two_users.ben.sees_output(0, "late but here")


async def test_an_output_widget_captures_output_during_a_run(two_users: TwoUsers) -> None:
    await ready(
        two_users,
        "import ipywidgets as w\nout = w.Output(layout={'border': '1px solid'}); display(out)",
        "print('before')\nwith out:\n    print('inside'); input('go on? '); print('la' + 'ter')\n"
        "    1 / 0\nprint('after')",
        "print([o['output_type'] for o in out.outputs])",
    )
    await two_users.ana.run(0)
    await two_users.ana.run(1)
    for user in two_users.users:
        await expect(output_widget(user, 0)).to_contain_text("inside")
    await answer(two_users.ben, "yes")
    for user in two_users.users:
        await user.sees_output(1, "after")
        await expect(output_widget(user, 0)).to_contain_text("ZeroDivisionError")
        assert "inside" not in await user.output(1)
    await two_users.ana.screenshot("widgets-output")
    await two_users.ana.run(2)
    await two_users.ben.sees_output(2, "['stream', 'error']")
    await two_users.ben.open("shared.ipynb")
    await expect(output_widget(two_users.ben, 0)).to_contain_text("later")
    assert (await two_users.ben.output(0)).count("later\n") == 1
    texts = [o.get("text") for o in (await two_users.converge())[1]["outputs"]]
    assert texts[0] == "before\n" and texts[-1] == "after\n"


async def test_the_output_of_interact_is_shown_once_to_all_users(two_users: TwoUsers) -> None:
    await ready(
        two_users,
        "from ipywidgets import interact\ninteract(lambda x: print('x is', x), x=(0, 9));",
    )
    await two_users.ana.run(0)
    for user in two_users.users:
        await expect(output_widget(user, 0)).to_have_text("x is 4\n")
    await two_users.ben.cell(0).locator(".noUi-handle").focus()
    await two_users.ben.press("ArrowRight")
    for user in two_users.users:
        await expect(output_widget(user, 0)).to_have_text("x is 5\n")


async def test_a_tqdm_progress_bar_is_shown_to_all_users(two_users: TwoUsers) -> None:
    await ready(two_users, "from tqdm.notebook import tqdm\nfor i in tqdm(range(200)): pass")
    await two_users.ana.run(0)
    for user in two_users.users:
        await expect(user.cell(0).locator(".jp-Cell-outputArea")).to_contain_text("200/200")


async def test_an_interactive_matplotlib_plot_is_shown_to_all_users(two_users: TwoUsers) -> None:
    await ready(two_users, PLOT)
    await two_users.ana.run(0)
    for user in two_users.users:
        await expect(user.cell(0).locator("canvas").first).to_be_visible(timeout=90_000)
    await two_users.ben.screenshot("widgets-plot")


@pytest.mark.long  # fails after test_other_execution only; see docs/design/debts.md
async def test_a_plotly_figure_that_python_updates_is_shown_to_all_users_and_after_a_reload(
    two_users: TwoUsers,
) -> None:
    figure = (
        "import plotly.graph_objects as go\nfigure = go.FigureWidget(go.Bar(y=[1, 2, 3])); figure"
    )
    await ready(
        two_users,
        figure,
        "figure.layout.title.text = 'as it is now'; figure.add_bar(y=[3, 2]);",
        "figure.layout.title.text = 'later'",
    )
    await two_users.ana.run(0)
    for user in two_users.users:
        await expect(bars(user)).to_have_count(3, timeout=60_000)
    await two_users.ben.run(1)
    for user in two_users.users:
        await expect(bars(user)).to_have_count(5)
        await expect(user.cell(0).locator(".gtitle")).to_have_text("as it is now")
    await two_users.ana.screenshot("widgets-plotly")
    await two_users.ben.open("shared.ipynb")
    # Plotly's state in the kernel is the state of the last display.
    await expect(bars(two_users.ben)).to_have_count(3, timeout=60_000)
    await two_users.ana.run(2)
    for user in two_users.users:
        await expect(user.cell(0).locator(".gtitle")).to_have_text("later")


async def test_a_widget_with_a_buffer_of_ten_megabytes_is_shown(two_users: TwoUsers) -> None:
    await ready(two_users, PICTURE)
    await two_users.ana.run(0)
    for user in two_users.users:
        await user.page.wait_for_function(
            "() => document.querySelector('.jp-Cell-outputArea img.widget-image')"
            "?.naturalWidth === 1024",
            timeout=60_000,
        )
    await two_users.ben.screenshot("widgets-buffer")


async def test_widget_state_is_saved_if_the_setting_is_on(two_users: TwoUsers) -> None:
    setting = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"
    # The state has all widgets of the kernel, and an entry of the metadata has at most 16 MiB.
    await ready(two_users, "import ipywidgets as w\nw.Widget.close_all()\nw.IntSlider(41)")
    await two_users.ana.command(setting)
    await two_users.ana.run(0)
    await two_users.ben.page.wait_for_function(
        "() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".getMetadata('widgets') ?? {}).includes('\"value\":41')",
        timeout=90_000,
    )
    await two_users.ana.status_is("Saved")
    saved = json.loads((two_users.ana.lab.root / "shared.ipynb").read_text())["metadata"]["widgets"]
    models = saved["application/vnd.jupyter.widget-state+json"]["state"].values()
    assert "IntSliderModel" in {model["model_name"] for model in models}
    await two_users.ana.command(setting)
    await two_users.ana.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".deleteMetadata('widgets')"
    )
