"""Browsers show the end of very large outputs, and the rest on request, and stay usable."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from .browser import User
from .lab import Lab, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.asyncio(loop_scope="session"),
]

LINE = "x" * 69
FOREVER = "i = 0\nwhile True:\n    print(i); i += 1"
IMAGE = """
import base64, os
from IPython.display import display
data = base64.b64encode(os.urandom({size})).decode()
display({{'application/octet-stream': data, 'text/plain': 'a picture'}}, raw=True)
"""


class OwnNotebook:
    """One user with a separate notebook on the shared server."""

    def __init__(self, user: User, lab: Lab, path: str) -> None:
        self.user = user
        self.lab = lab
        self.path = path

    @property
    def rest_of_output(self) -> Any:
        return self.user.cell(0).locator(".jp-RuntimedLargeOutput")

    async def run(self) -> None:
        await self.user.kernel_ready()
        await self.user.select(0)
        await self.user.press("Control+Enter")

    async def wait_until_done(self, timeout_ms: int = 120_000) -> None:
        prompt = self.user.cell(0).locator(".jp-Cell-inputArea .jp-InputPrompt")
        await expect(prompt).not_to_have_text("[*]:", timeout=timeout_ms)

    async def saved(self) -> list[dict[str, Any]]:
        """Return the outputs of the first cell from the file after everything is saved."""
        await self.user.status_is("Saved", timeout_ms=180_000)
        cells = json.loads((self.lab.root / self.path).read_bytes())["cells"]
        return list(cells[0]["outputs"])

    async def saved_text(self) -> str:
        return "".join("".join(output.get("text", "")) for output in await self.saved())


@pytest_asyncio.fixture(loop_scope="session")
async def open_notebook(
    shared_browser: Browser, shared_lab: Lab, request: Any, screenshots: Any
) -> AsyncIterator[Any]:
    users: list[User] = []

    async def open_(*sources: str) -> OwnNotebook:
        path = f"{request.node.originalname}.ipynb"
        write_notebook(shared_lab, path, *sources)
        user = await User.with_notebook(shared_browser, shared_lab, path, screenshots)
        users.append(user)
        return OwnNotebook(user, shared_lab, path)

    yield open_
    for user in users:
        assert user.errors == [], "\n".join(user.errors)
        await user.close()


async def check_long_stream(open_notebook: Any, lines: int) -> None:
    notebook = await open_notebook(f"for i in range({lines}): print(i, '{LINE}')", "typed = ''")
    await notebook.run()
    await notebook.wait_until_done()
    user = notebook.user
    await user.sees_output(0, f"{lines - 1} {LINE}")
    await expect(notebook.rest_of_output).to_contain_text(
        "MiB more of this output is on the server"
    )
    shown = await user.output(0)
    assert len(shown) < 300_000
    assert not shown.startswith("0 ")
    before = await notebook.rest_of_output.inner_text()
    await notebook.rest_of_output.locator("button").click()
    await expect(notebook.rest_of_output).not_to_have_text(before)
    await user.page.wait_for_function(
        "size => document.querySelector('.jp-Cell-outputArea').textContent.length > size",
        arg=len(shown) + 1_000_000,
        timeout=60_000,
    )
    await user.type(1, " and typed")
    await user.source_is(1, "typed = '' and typed")
    await user.screenshot("sizes-stream")
    assert await notebook.saved_text() == "".join(f"{i} {LINE}\n" for i in range(lines))


async def test_a_long_stream_shows_its_end_and_more_on_request(open_notebook: Any) -> None:
    await check_long_stream(open_notebook, 200_000)


@pytest.mark.long
async def test_a_stream_of_a_hundred_megabytes_shows_its_end_and_more_on_request(
    open_notebook: Any,
) -> None:
    await check_long_stream(open_notebook, 1_350_000)


async def check_endless(open_notebook: Any, seconds: float) -> None:
    notebook = await open_notebook(FOREVER, "typed = ''")
    user = notebook.user
    await notebook.run()
    await expect(notebook.rest_of_output).to_be_visible(timeout=60_000)
    # The user can type while the cell prints.
    await user.type(1, " and typed")
    await user.source_is(1, "typed = '' and typed")
    await user.screenshot("sizes-endless")
    await user.page.evaluate("ms => new Promise(done => setTimeout(done, ms))", seconds * 1000)
    await user.command("notebook:interrupt-kernel")
    await notebook.wait_until_done()
    await user.sees_output(0, "KeyboardInterrupt")
    text = await notebook.saved_text()
    numbers = text.split("\n")[:-1]
    assert numbers == [str(i) for i in range(len(numbers))]
    assert len(numbers) > 50_000


async def test_an_endless_loop_is_interrupted_and_the_file_has_all_its_output(
    open_notebook: Any,
) -> None:
    await check_endless(open_notebook, 2)


@pytest.mark.long
async def test_an_endless_loop_is_interrupted_after_a_minute(open_notebook: Any) -> None:
    await check_endless(open_notebook, 60)


async def check_large_value(open_notebook: Any, size: int) -> None:
    notebook = await open_notebook(IMAGE.format(size=size), "typed = ''")
    await notebook.run()
    await notebook.wait_until_done()
    await notebook.user.sees_output(0, "A large output (application/octet-stream")
    await expect(notebook.rest_of_output).to_be_visible()
    await notebook.user.type(1, " and typed")
    await notebook.user.source_is(1, "typed = '' and typed")
    await notebook.user.screenshot("sizes-value")
    (output,) = await notebook.saved()
    assert len(output["data"]["application/octet-stream"]) == (size + 2) // 3 * 4
    await notebook.rest_of_output.locator("button").click()
    await notebook.user.sees_output(0, "a picture")
    await expect(notebook.rest_of_output).to_have_count(0)
    await notebook.user.type(1, " again")
    await notebook.user.source_is(1, "typed = '' and typed again")


async def test_a_large_binary_display_is_loaded_on_request(open_notebook: Any) -> None:
    await check_large_value(open_notebook, 20_000_000)


@pytest.mark.long
async def test_a_binary_display_of_two_hundred_megabytes_is_loaded_on_request(
    open_notebook: Any,
) -> None:
    await check_large_value(open_notebook, 200_000_000)


async def check_displays(open_notebook: Any, count: int) -> None:
    notebook = await open_notebook(f"for i in range({count}): display(i)", "typed = ''")
    await notebook.run()
    await notebook.wait_until_done()
    await notebook.user.sees_output(0, "49")
    await notebook.user.type(1, " and typed")
    await notebook.user.source_is(1, "typed = '' and typed")
    await notebook.user.screenshot("sizes-displays")
    outputs = await notebook.saved()
    assert [output["data"]["text/plain"] for output in outputs] == [[str(i)] for i in range(count)]


async def test_three_thousand_displays_of_one_cell_are_saved(open_notebook: Any) -> None:
    await check_displays(open_notebook, 3_000)


@pytest.mark.long
async def test_ten_thousand_displays_of_one_cell_are_saved(open_notebook: Any) -> None:
    await check_displays(open_notebook, 10_000)


async def test_a_long_traceback_shows_its_last_lines_and_the_others_on_request(
    open_notebook: Any,
) -> None:
    notebook = await open_notebook("raise ValueError('the first word' + 'x' * 2_000_000)")
    await notebook.run()
    await notebook.wait_until_done()
    await notebook.user.sees_output(0, "ValueError")
    await expect(notebook.rest_of_output).to_contain_text(
        "MiB more of this output is on the server"
    )
    await notebook.rest_of_output.locator("button").click()
    await notebook.user.sees_output(0, "the first word")
    (output,) = await notebook.saved()
    assert output["evalue"] == "the first word" + "x" * 2_000_000


@pytest.mark.long
async def test_the_output_of_a_hundred_thousand_flushes_is_complete(open_notebook: Any) -> None:
    notebook = await open_notebook("for i in range(100_000): print(i, flush=True)", "typed = ''")
    await notebook.run()
    await notebook.wait_until_done()
    await notebook.user.sees_output(0, "99999")
    await notebook.user.type(1, " and typed")
    await notebook.user.source_is(1, "typed = '' and typed")
    await notebook.user.screenshot("sizes-flushes")
    assert await notebook.saved_text() == "".join(f"{i}\n" for i in range(100_000))
