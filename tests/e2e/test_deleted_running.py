"""A running cell is deleted and restored, by undo or by cut and paste."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from .two_users import TwoUsers

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kernel,
    pytest.mark.asyncio(loop_scope="session"),
]

NUMBERED = re.compile(r"\[\d+\]:")


def code_waiting_for(name: str) -> str:
    """Return code that prints a line, waits for a file of this name, and prints another line."""
    wait = f"while not pathlib.Path({name!r}).exists(): time.sleep(0.05)"
    return f"import pathlib, time; print('one', flush=True)\n{wait}\nprint('two')"


@pytest.mark.parametrize(("away", "back"), [("dd", "undo-cell-action"), ("x", "paste-cell-above")])
@pytest.mark.parametrize("ended", [False, True])
async def test_a_running_cell_that_was_deleted_and_restored_has_all_its_output(
    two_users: TwoUsers, away: str, back: str, ended: bool
) -> None:
    go = f"go-{away}-{ended}"
    await two_users.ana.kernel_ready()
    await two_users.set_cells(code_waiting_for(go), "'below'")
    await two_users.ana.run(0)
    await two_users.ben.sees_output(0, "one")
    await two_users.ana.select(0)
    await two_users.ana.press(*(away if away == "dd" else [away]))
    for user in two_users.users:
        await user.source_is(0, "'below'")
    if ended:
        (two_users.ana.lab.root / go).touch()
        await two_users.ana.kernel_ready()
    await two_users.ana.command(f"notebook:{back}")
    for user in two_users.users:
        await user.source_is(0, code_waiting_for(go))
    (two_users.ana.lab.root / go).touch()
    for user in two_users.users:
        await user.sees_output(0, "one\ntwo")
        await expect(user.cell(0).locator(".jp-InputPrompt")).to_have_text(NUMBERED)
    assert [len(cell["outputs"]) for cell in await two_users.converge()] == [1, 0]
