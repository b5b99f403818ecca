"""Servers and browsers with other settings: readers, run times in the file, culled kernels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from .browser import User
from .lab import Lab, write_notebook
from .test_environments import READERS

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
# Return whether the list at this address of the API is empty.
IS_EMPTY = """async what => {
  const settings = window.jupyterapp.serviceManager.serverSettings;
  const answer = await fetch(settings.baseUrl + what, { credentials: 'same-origin' });
  return (await answer.json()).length === 0;
}"""


@pytest.fixture(scope="module")
def lab_with_readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("readers"))
    config = lab.home / "config/jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text(READERS)
    lab.set("@jupyterlab/notebook-extension:tracker", recordTiming=True)
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def culling_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("culls"), *CULLING)
    lab.start()
    yield lab
    lab.stop()


async def test_a_reader_sees_a_disabled_input_box_with_the_reason(
    shared_browser: Browser, lab_with_readers: Lab, screenshots: Path
) -> None:
    write_notebook(lab_with_readers, "asks.ipynb", "print('hello', input('Who? '))")
    ana = await User.with_notebook(shared_browser, lab_with_readers, "asks.ipynb", screenshots)
    reader = await User.with_empty_page(shared_browser, lab_with_readers, screenshots)
    await reader.page.goto(f"{lab_with_readers.url}/lab/tree/asks.ipynb?reset&token=reader-token")
    await reader.status_is("Read-only")
    await ana.kernel_ready()
    await ana.run(0)
    await expect(reader.page.locator(".jp-Stdin-prompt")).to_have_text("Who? ")
    field = reader.page.locator(".jp-Stdin-input")
    await expect(field).to_be_disabled()
    await expect(field).to_have_attribute("placeholder", "Only those who may run cells can answer")
    # JupyterLab's style hides a placeholder in a field without focus.
    assert await field.evaluate("it => getComputedStyle(it, '::placeholder').opacity") == "1"
    await reader.screenshot("input-reader")
    own_field = ana.page.locator(".jp-Stdin-input")
    await expect(own_field).to_have_attribute("placeholder", re.compile("earlier answers"))
    await own_field.fill("Ana")
    await own_field.press("Enter")
    await reader.sees_output(0, "hello Ana")
    await expect(field).to_have_count(0)
    await reader.close()
    await ana.close()


async def test_run_times_are_in_the_file_if_the_setting_records_them(
    shared_browser: Browser, lab_with_readers: Lab, screenshots: Path
) -> None:
    file = write_notebook(lab_with_readers, "timed.ipynb", "6 * 7")
    ana = await User.with_notebook(shared_browser, lab_with_readers, "timed.ipynb", screenshots)
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
    assert ana.errors == []
    await ana.close()


def culled_notice(user: User) -> Locator:
    text = "has no kernel: the server shut the kernel down after a time without activity"
    return user.page.locator(".Toastify__toast", has_text=text)


async def test_a_culled_kernel_is_reported_also_to_users_who_open_the_notebook_later(
    shared_browser: Browser, culling_lab: Lab, screenshots: Path
) -> None:
    write_notebook(culling_lab, "culled.ipynb", "6 * 7")
    ana = await User.with_notebook(shared_browser, culling_lab, "culled.ipynb", screenshots)
    await expect(culled_notice(ana)).to_have_count(1, timeout=60_000)
    await expect(ana.page.locator(".jp-NotebookPanel .jp-KernelName")).to_have_text("No Kernel")
    await ana.screenshot("kernel-culled")
    # The next run of a cell starts a kernel.
    await ana.run(0)
    await ana.sees_output(0, "42")
    assert ana.errors == []
    await ana.status_is("Saved")
    await ana.page.goto(f"{culling_lab.url}/lab?reset")
    await ana.page.wait_for_function("() => window.jupyterapp?.serviceManager.isReady")
    for what in ("api/kernels", "api/runtimed/rooms"):
        await ana.page.wait_for_function(IS_EMPTY, arg=what, timeout=60_000)
    await ana.open("culled.ipynb")
    await expect(culled_notice(ana)).to_have_count(1)
    await ana.close()


async def test_a_kernel_shut_down_by_a_user_is_not_reported_as_culled(
    shared_browser: Browser, lab_with_readers: Lab, screenshots: Path
) -> None:
    write_notebook(lab_with_readers, "shut.ipynb", "1")
    ana = await User.with_notebook(shared_browser, lab_with_readers, "shut.ipynb", screenshots)
    ben = await User.with_notebook(shared_browser, lab_with_readers, "shut.ipynb", screenshots)
    await ana.kernel_ready()
    await ana.command("kernelmenu:shutdown")
    state = (
        "() => String(window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".documents.runtime.kernel.state) === 'none'"
    )
    for user in (ana, ben):
        await user.page.wait_for_function(state)
        # Notices appear in order, so an earlier notice would be visible by now.
        await user.command("apputils:notify", {"message": "hello", "options": {"autoClose": False}})
        toasts = user.page.locator(".Toastify__toast")
        await expect(toasts.filter(has_text="hello")).to_have_count(1)
        await expect(toasts).to_have_count(1)
        await user.close()
