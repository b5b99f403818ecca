"""A cell that runs is taken away and comes back: by undo, and by cut and paste."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from .pair import Pair

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.asyncio(loop_scope="session"),
]

NUMBERED = re.compile(r"\[\d+\]:")


def waits_for(name: str) -> str:
    """Prints one line, and another one when there is a file of this name."""
    wait = f"while not pathlib.Path({name!r}).exists(): time.sleep(0.05)"
    return f"import pathlib, time; print('one', flush=True)\n{wait}\nprint('two')"


@pytest.mark.parametrize(("away", "back"), [("dd", "undo-cell-action"), ("x", "paste-cell-above")])
@pytest.mark.parametrize("ended", [False, True])
async def test_the_cell_has_its_whole_output_and_its_count(
    both: Pair, away: str, back: str, ended: bool
) -> None:
    go = f"go-{away}-{ended}"
    await both.ana.kernel_ready()
    await both.lay(waits_for(go), "'below'")
    await both.ana.run(0)
    await both.ben.sees_output(0, "one")
    await both.ana.select(0)
    await both.ana.press(*(away if away == "dd" else [away]))
    for person in both.people:
        await person.source_is(0, "'below'")
    if ended:
        (both.ana.lab.root / go).touch()
        await both.ana.kernel_ready()
    await both.ana.command(f"notebook:{back}")
    for person in both.people:
        await person.source_is(0, waits_for(go))
    (both.ana.lab.root / go).touch()
    for person in both.people:
        await person.sees_output(0, "one\ntwo")
        await expect(person.cell(0).locator(".jp-InputPrompt")).to_have_text(NUMBERED)
    assert [len(cell["outputs"]) for cell in await both.agree()] == [1, 0]
