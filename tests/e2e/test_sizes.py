"""Very large outputs in a browser: the end is shown, the rest when asked, and typing goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from .browser import Person
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


class Alone:
    """Somebody at a notebook of their own, on the server that all share."""

    def __init__(self, person: Person, lab: Lab, path: str) -> None:
        self.person = person
        self.lab = lab
        self.path = path

    @property
    def rest(self) -> Any:
        return self.person.cell(0).locator(".jp-RuntimedLargeOutput")

    async def run(self) -> None:
        await self.person.kernel_ready()
        await self.person.select(0)
        await self.person.press("Control+Enter")

    async def over(self, timeout_ms: int = 120_000) -> None:
        prompt = self.person.cell(0).locator(".jp-Cell-inputArea .jp-InputPrompt")
        await expect(prompt).not_to_have_text("[*]:", timeout=timeout_ms)

    async def saved(self) -> list[dict[str, Any]]:
        """The outputs of the first cell, from the file when it holds everything."""
        await self.person.status_is("Saved", timeout_ms=180_000)
        cells = json.loads((self.lab.root / self.path).read_bytes())["cells"]
        return list(cells[0]["outputs"])

    async def text_saved(self) -> str:
        return "".join("".join(output.get("text", "")) for output in await self.saved())


@pytest_asyncio.fixture(loop_scope="session")
async def at(one_browser: Browser, one_lab: Lab, request: Any, shots: Any) -> AsyncIterator[Any]:
    people: list[Person] = []

    async def arrive(*sources: str) -> Alone:
        path = f"{request.node.originalname}.ipynb"
        write_notebook(one_lab, path, *sources)
        person = await Person.arrive(one_browser, one_lab, path, shots)
        people.append(person)
        return Alone(person, one_lab, path)

    yield arrive
    for person in people:
        assert person.complaints == [], "\n".join(person.complaints)
        await person.leave()


async def check_long_stream(at: Any, lines: int) -> None:
    alone = await at(f"for i in range({lines}): print(i, '{LINE}')", "typed = ''")
    await alone.run()
    await alone.over()
    person = alone.person
    await person.sees_output(0, f"{lines - 1} {LINE}")
    await expect(alone.rest).to_contain_text("MiB more of this output is on the server")
    shown = await person.output(0)
    assert len(shown) < 300_000
    assert not shown.startswith("0 ")
    before = await alone.rest.inner_text()
    await alone.rest.locator("button").click()
    await expect(alone.rest).not_to_have_text(before)
    await person.page.wait_for_function(
        "size => document.querySelector('.jp-Cell-outputArea').textContent.length > size",
        arg=len(shown) + 1_000_000,
        timeout=60_000,
    )
    await person.type(1, " and typed")
    await person.source_is(1, "typed = '' and typed")
    await person.shot("sizes-stream")
    assert await alone.text_saved() == "".join(f"{i} {LINE}\n" for i in range(lines))


async def test_of_a_long_stream_the_end_is_shown_and_more_when_asked(at: Any) -> None:
    await check_long_stream(at, 200_000)


@pytest.mark.long
async def test_a_stream_of_a_hundred_megabytes(at: Any) -> None:
    await check_long_stream(at, 1_350_000)


async def check_endless(at: Any, seconds: float) -> None:
    alone = await at(FOREVER, "typed = ''")
    person = alone.person
    await alone.run()
    await expect(alone.rest).to_be_visible(timeout=60_000)
    # While it prints: typing is taken, and what is shown moves on.
    await person.type(1, " and typed")
    await person.source_is(1, "typed = '' and typed")
    await person.shot("sizes-endless")
    await person.page.evaluate("ms => new Promise(done => setTimeout(done, ms))", seconds * 1000)
    await person.command("notebook:interrupt-kernel")
    await alone.over()
    await person.sees_output(0, "KeyboardInterrupt")
    text = await alone.text_saved()
    numbers = text.split("\n")[:-1]
    assert numbers == [str(i) for i in range(len(numbers))]
    assert len(numbers) > 50_000


async def test_an_endless_loop_is_interrupted_and_the_file_has_all_of_it(at: Any) -> None:
    await check_endless(at, 2)


@pytest.mark.long
async def test_an_endless_loop_of_a_minute(at: Any) -> None:
    await check_endless(at, 60)


async def check_large_value(at: Any, size: int) -> None:
    alone = await at(IMAGE.format(size=size), "typed = ''")
    await alone.run()
    await alone.over()
    await alone.person.sees_output(0, "A large output (application/octet-stream")
    await expect(alone.rest).to_be_visible()
    await alone.person.type(1, " and typed")
    await alone.person.source_is(1, "typed = '' and typed")
    await alone.person.shot("sizes-value")
    (output,) = await alone.saved()
    assert len(output["data"]["application/octet-stream"]) == (size + 2) // 3 * 4
    await alone.rest.locator("button").click()
    await alone.person.sees_output(0, "a picture")
    await expect(alone.rest).to_have_count(0)
    await alone.person.type(1, " again")
    await alone.person.source_is(1, "typed = '' and typed again")


async def test_a_large_binary_display_waits_until_it_is_asked_for(at: Any) -> None:
    await check_large_value(at, 20_000_000)


@pytest.mark.long
async def test_a_binary_display_of_two_hundred_megabytes(at: Any) -> None:
    await check_large_value(at, 200_000_000)


async def check_displays(at: Any, count: int) -> None:
    alone = await at(f"for i in range({count}): display(i)", "typed = ''")
    await alone.run()
    await alone.over()
    await alone.person.sees_output(0, "49")
    await alone.person.type(1, " and typed")
    await alone.person.source_is(1, "typed = '' and typed")
    await alone.person.shot("sizes-displays")
    outputs = await alone.saved()
    assert [output["data"]["text/plain"] for output in outputs] == [[str(i)] for i in range(count)]


async def test_three_thousand_displays_in_one_cell(at: Any) -> None:
    await check_displays(at, 3_000)


@pytest.mark.long
async def test_ten_thousand_displays_in_one_cell(at: Any) -> None:
    await check_displays(at, 10_000)


async def test_of_a_long_traceback_the_last_lines_are_shown_and_the_others_when_asked(
    at: Any,
) -> None:
    alone = await at("raise ValueError('the first word' + 'x' * 2_000_000)")
    await alone.run()
    await alone.over()
    await alone.person.sees_output(0, "ValueError")
    await expect(alone.rest).to_contain_text("MiB more of this output is on the server")
    await alone.rest.locator("button").click()
    await alone.person.sees_output(0, "the first word")
    (output,) = await alone.saved()
    assert output["evalue"] == "the first word" + "x" * 2_000_000


@pytest.mark.long
async def test_a_hundred_thousand_flushes(at: Any) -> None:
    alone = await at("for i in range(100_000): print(i, flush=True)", "typed = ''")
    await alone.run()
    await alone.over()
    await alone.person.sees_output(0, "99999")
    await alone.person.type(1, " and typed")
    await alone.person.source_is(1, "typed = '' and typed")
    await alone.person.shot("sizes-flushes")
    assert await alone.text_saved() == "".join(f"{i}\n" for i in range(100_000))
