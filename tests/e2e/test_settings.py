"""Servers and browsers that are set otherwise: readers, times in the file, culled kernels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from .browser import Person
from .lab import Lab, write_notebook
from .test_ways_in import READERS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

CULLING = (
    "--MappingKernelManager.cull_idle_timeout=2",
    "--MappingKernelManager.cull_interval=1",
    "--MappingKernelManager.cull_connected=True",
    "--RuntimedExtension.room_idle_timeout=1",
)
# Whether the server has none of these.
HAS_NO = """async what => {
  const settings = window.jupyterapp.serviceManager.serverSettings;
  const answer = await fetch(settings.baseUrl + what, { credentials: 'same-origin' });
  return (await answer.json()).length === 0;
}"""


@pytest.fixture(scope="module")
def with_readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("readers"))
    config = lab.home / "config/jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text(READERS)
    lab.set("@jupyterlab/notebook-extension:tracker", recordTiming=True)
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def that_culls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("culls"), *CULLING)
    lab.start()
    yield lab
    lab.stop()


async def test_a_reader_sees_a_question_and_why_it_is_not_theirs_to_answer(
    one_browser: Browser, with_readers: Lab, shots: Path
) -> None:
    write_notebook(with_readers, "asks.ipynb", "print('hello', input('Who? '))")
    ana = await Person.arrive(one_browser, with_readers, "asks.ipynb", shots)
    reader = await Person.settle(one_browser, with_readers, shots)
    await reader.page.goto(f"{with_readers.url}/lab/tree/asks.ipynb?reset&token=reader-token")
    await reader.status_is("Read-only")
    await ana.kernel_ready()
    await ana.run(0)
    await expect(reader.page.locator(".jp-Stdin-prompt")).to_have_text("Who? ")
    field = reader.page.locator(".jp-Stdin-input")
    await expect(field).to_be_disabled()
    await expect(field).to_have_attribute("placeholder", "Only those who may run cells can answer")
    # JupyterLab keeps what stands in a field unseen until somebody is about to type.
    assert await field.evaluate("it => getComputedStyle(it, '::placeholder').opacity") == "1"
    await reader.shot("input-reader")
    mine = ana.page.locator(".jp-Stdin-input")
    await expect(mine).to_have_attribute("placeholder", re.compile("earlier answers"))
    await mine.fill("Ana")
    await mine.press("Enter")
    await reader.sees_output(0, "hello Ana")
    await expect(field).to_have_count(0)
    await reader.leave()
    await ana.leave()


async def test_when_a_cell_ran_is_in_the_file_where_that_is_wanted(
    one_browser: Browser, with_readers: Lab, shots: Path
) -> None:
    file = write_notebook(with_readers, "timed.ipynb", "6 * 7")
    ana = await Person.arrive(one_browser, with_readers, "timed.ipynb", shots)
    await ana.kernel_ready()
    await ana.run(0)
    await ana.sees_output(0, "42")
    await ana.page.wait_for_function(
        "() => 'shell.execute_reply' in (window.jupyterapp.shell.currentWidget.content.model"
        ".sharedModel.cells[0].getMetadata('execution') ?? {})"
    )
    await ana.press("Control+s")
    await ana.status_is("Saved")
    times = json.loads(file.read_text())["cells"][0]["metadata"]["execution"]
    assert sorted(times) == [
        "iopub.execute_input",
        "iopub.status.busy",
        "iopub.status.idle",
        "shell.execute_reply",
        "shell.execute_reply.started",
    ]
    assert all(time.startswith("20") and time.endswith("Z") for time in times.values())
    assert times["iopub.status.busy"] <= times["shell.execute_reply"]
    assert ana.complaints == []
    await ana.leave()


def said(person: Person) -> Locator:
    text = "has no kernel: the server shut the kernel down after a time without activity"
    return person.page.locator(".Toastify__toast", has_text=text)


async def test_that_a_kernel_was_culled_is_said_also_to_who_comes_later(
    one_browser: Browser, that_culls: Lab, shots: Path
) -> None:
    write_notebook(that_culls, "culled.ipynb", "6 * 7")
    ana = await Person.arrive(one_browser, that_culls, "culled.ipynb", shots)
    await expect(said(ana)).to_have_count(1, timeout=60_000)
    await expect(ana.page.locator(".jp-NotebookPanel .jp-KernelName")).to_have_text("No Kernel")
    await ana.shot("kernel-culled")
    # It is not the end: who runs a cell gets a kernel.
    await ana.run(0)
    await ana.sees_output(0, "42")
    assert ana.complaints == []
    await ana.status_is("Saved")
    await ana.page.goto(f"{that_culls.url}/lab?reset")
    await ana.page.wait_for_function("() => window.jupyterapp?.serviceManager.isReady")
    for what in ("api/kernels", "api/runtimed/rooms"):
        await ana.page.wait_for_function(HAS_NO, arg=what, timeout=60_000)
    await ana.open("culled.ipynb")
    await expect(said(ana)).to_have_count(1)
    await ana.leave()


async def test_of_a_kernel_that_people_shut_down_nothing_is_said(
    one_browser: Browser, with_readers: Lab, shots: Path
) -> None:
    write_notebook(with_readers, "shut.ipynb", "1")
    ana = await Person.arrive(one_browser, with_readers, "shut.ipynb", shots)
    ben = await Person.arrive(one_browser, with_readers, "shut.ipynb", shots)
    await ana.kernel_ready()
    await ana.command("kernelmenu:shutdown")
    state = (
        "() => String(window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".documents.runtime.kernel.state) === 'none'"
    )
    for person in (ana, ben):
        await person.page.wait_for_function(state)
        # What is told is shown in turns, so that something said before would be there by now.
        await person.command(
            "apputils:notify", {"message": "hello", "options": {"autoClose": False}}
        )
        toasts = person.page.locator(".Toastify__toast")
        await expect(toasts.filter(has_text="hello")).to_have_count(1)
        await expect(toasts).to_have_count(1)
        await person.leave()
