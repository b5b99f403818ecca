"""Two users add, move, convert, split, merge, copy and restore cells."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from .two_users import TwoUsers

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PRINTED: dict[str, Any] = {
    "cell_type": "code",
    "source": "print('kept')",
    "execution_count": 7,
    "outputs": [{"output_type": "stream", "name": "stdout", "text": "kept\n"}],
}
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PUT_PICTURE_ON_CLIPBOARD = """async data => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const item = new ClipboardItem({ 'image/png': new Blob([bytes], { type: 'image/png' }) });
  await navigator.clipboard.write([item]);
}"""


async def sources(two_users: TwoUsers) -> list[str]:
    return [cell["source"] for cell in await two_users.converge()]


async def types(two_users: TwoUsers) -> list[str]:
    return [cell["type"] for cell in await two_users.converge()]


async def test_the_keys_a_and_b_add_cells(two_users: TwoUsers) -> None:
    await two_users.set_cells("middle")
    await two_users.ana.select(0)
    await two_users.ana.press("a", "Enter")
    await two_users.ana.page.keyboard.type("above")
    await two_users.ana.press("Escape", "j", "b", "Enter")
    await two_users.ana.page.keyboard.type("below")
    assert await sources(two_users) == ["above", "middle", "below"]


async def test_the_keys_d_d_delete_a_cell_and_z_restores_it(two_users: TwoUsers) -> None:
    await two_users.set_cells("one", PRINTED, "three")
    await two_users.ana.select(1)
    await two_users.ana.press("d", "d")
    assert await sources(two_users) == ["one", "three"]
    await two_users.ana.press("z")
    assert await sources(two_users) == ["one", "print('kept')", "three"]
    await two_users.ben.sees_output(1, "kept")
    await two_users.ana.press("Shift+z")
    assert await sources(two_users) == ["one", "three"]


async def test_several_selected_cells_are_deleted_and_restored_together(
    two_users: TwoUsers,
) -> None:
    await two_users.set_cells("one", "two", "three", "four")
    await two_users.ana.select(1)
    await two_users.ana.press("Shift+j", "d", "d")
    assert await sources(two_users) == ["one", "four"]
    await two_users.ana.press("z")
    assert await sources(two_users) == ["one", "two", "three", "four"]


async def test_deleting_the_only_cell_leaves_an_empty_cell(two_users: TwoUsers) -> None:
    await two_users.set_cells("alone")
    await two_users.ana.select(0)
    await two_users.ana.press("d", "d")
    assert await sources(two_users) == [""]


async def test_keys_move_cells_up_and_down(two_users: TwoUsers) -> None:
    await two_users.set_cells("one", "two", PRINTED)
    await two_users.ana.select(2)
    await two_users.ana.press("Control+Shift+ArrowUp")
    assert await sources(two_users) == ["one", "print('kept')", "two"]
    await two_users.ben.sees_output(1, "kept")
    await two_users.ana.press("Control+Shift+ArrowUp")
    assert await sources(two_users) == ["print('kept')", "one", "two"]
    await two_users.ana.press("Control+Shift+ArrowDown")
    assert await sources(two_users) == ["one", "print('kept')", "two"]
    await two_users.ana.press("z", "z", "z")
    assert await sources(two_users) == ["one", "two", "print('kept')"]


async def test_a_cell_is_moved_by_dragging(two_users: TwoUsers) -> None:
    await two_users.set_cells("one", "two", "three")
    await two_users.ana.select(0)
    mouse = two_users.ana.page.mouse
    start = await two_users.ana.cell(0).locator(".jp-InputPrompt").bounding_box()
    end = await two_users.ana.cell(2).bounding_box()
    assert start is not None and end is not None
    await mouse.move(start["x"] + 20, start["y"] + 8)
    await mouse.down()
    await mouse.move(start["x"] + 30, start["y"] + 40, steps=4)
    await mouse.move(end["x"] + 60, end["y"] + end["height"] - 4, steps=8)
    await mouse.up()
    await two_users.ben.source_is(0, "two")
    assert sorted(await sources(two_users)) == ["one", "three", "two"]


async def test_the_keys_m_y_and_r_change_the_cell_type(two_users: TwoUsers) -> None:
    await two_users.set_cells("one", PRINTED)
    await two_users.ana.select(1)
    for key, kind in (("m", "markdown"), ("r", "raw"), ("y", "code")):
        await two_users.ana.press(key)
        assert await types(two_users) == ["code", kind]
        assert (await two_users.converge())[1]["source"] == "print('kept')"


async def test_a_cell_is_split_and_merged(two_users: TwoUsers) -> None:
    await two_users.set_cells("first\nsecond\nthird", "last")
    await two_users.ana.cell(0).locator(".cm-content").click()
    await two_users.ana.press("Control+Home", "ArrowDown", "Control+Shift+Minus")
    assert await sources(two_users) == ["first", "second\nthird", "last"]
    await two_users.ana.press("Escape", "Shift+ArrowUp", "Shift+m")
    assert await sources(two_users) == ["first\n\nsecond\nthird", "last"]
    await two_users.ana.press("z")
    assert await sources(two_users) == ["first", "second\nthird", "last"]


async def test_a_split_keeps_text_typed_by_another_user(two_users: TwoUsers) -> None:
    await two_users.set_cells("first\nsecond")
    await two_users.ana.cell(0).locator(".cm-content").click()
    await two_users.ana.press("Control+Home", "ArrowDown")
    await two_users.ben.cell(0).locator(".cm-content").click()
    await two_users.ben.press("Control+Home")
    await two_users.ben.page.keyboard.type("ben ")
    await two_users.ana.sees(0, "ben ")
    await two_users.ana.press("Control+Shift+Minus")
    await two_users.ben.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.length === 2"
    )
    assert "".join(await sources(two_users)).replace("\n", "") == "ben firstsecond"


async def test_cells_are_cut_copied_and_pasted_with_outputs(two_users: TwoUsers) -> None:
    await two_users.set_cells("one", PRINTED)
    await two_users.ana.select(1)
    await two_users.ana.press("c", "v")
    assert await sources(two_users) == ["one", "print('kept')", "print('kept')"]
    await two_users.ben.sees_output(2, "kept")
    cells = await two_users.converge()
    assert cells[1]["id"] != cells[2]["id"] and cells[1]["outputs"] == cells[2]["outputs"]
    await two_users.ana.select(1)
    await two_users.ana.press("x", "k", "v")
    await two_users.ben.sees_output(1, "kept")
    assert await sources(two_users) == ["one", "print('kept')", "print('kept')"]


async def test_pasted_outputs_stay_trusted_and_the_notebook_keeps_the_focus(
    two_users: TwoUsers,
) -> None:
    await two_users.set_cells("one", "1 + 1")
    await two_users.ana.kernel_ready()
    await two_users.ana.run(1)
    await two_users.ana.sees_output(1, "2")
    await two_users.ana.press("Escape", "c", "v")
    await two_users.ben.sees_output(2, "2")
    trusted = "() => [...window.jupyterapp.shell.currentWidget.model.cells].map(c => c.trusted)"
    assert await two_users.ana.page.evaluate(trusted) == [True, True, True]
    await two_users.ana.press("z")
    assert await sources(two_users) == ["one", "1 + 1"]


async def test_an_image_is_pasted_into_a_markdown_cell(two_users: TwoUsers) -> None:
    await two_users.set_cells("one", {"cell_type": "markdown", "source": "see "})
    await two_users.ana.page.evaluate(PUT_PICTURE_ON_CLIPBOARD, DOT)
    await two_users.ana.select(0)
    await two_users.ana.press("j", "Enter", "Control+End", "Control+v")
    await two_users.ben.sees(1, "attachment:")
    (attachment,) = (await two_users.converge())[1]["attachments"].values()
    # The clipboard encodes images again.
    assert attachment["image/png"].startswith(DOT[:30])
    await two_users.ana.press("Control+Enter")
    await expect(two_users.ana.cell(1).locator(".jp-MarkdownOutput img")).to_have_count(1)


async def test_two_users_move_and_add_cells_at_the_same_time(two_users: TwoUsers) -> None:
    await two_users.set_cells("one", "two", "three", "four")
    await two_users.ana.select(0)
    await two_users.ben.select(3)
    await two_users.ana.press("Control+Shift+ArrowDown", "b")
    await two_users.ben.press("Control+Shift+ArrowUp", "a")
    assert sorted(await sources(two_users)) == ["", "", "four", "one", "three", "two"]


async def test_undoing_a_delete_keeps_later_edits_of_others(two_users: TwoUsers) -> None:
    await two_users.set_cells("one", "two", "three")
    await two_users.ana.select(1)
    await two_users.ana.press("d", "d")
    await two_users.ben.source_is(1, "three")
    await two_users.ben.type(1, "!")
    await two_users.ana.sees(1, "three!")
    await two_users.ana.press("z")
    assert await sources(two_users) == ["one", "two", "three!"]


async def test_a_collapsed_heading_is_collapsed_for_all_users_and_after_a_reload(
    two_users: TwoUsers,
) -> None:
    await two_users.set_cells({"cell_type": "markdown", "source": "# Part"}, "below = 1")
    for user in two_users.users:
        await expect(user.cell(0).locator(".jp-collapseHeadingButton")).to_have_count(1)
    for name, visible in (("collapse", False), ("expand", True)):
        await two_users.ana.command(f"notebook:{name}-all-headings")
        await expect(two_users.ben.cell(1)).to_be_visible(visible=visible)
        await two_users.ana.status_is("Saved")
        await two_users.ana.open("shared.ipynb")
        await expect(two_users.ana.cell(1)).to_be_visible(visible=visible)


async def test_hidden_outputs_and_tags_are_shared(two_users: TwoUsers) -> None:
    await two_users.set_cells("one", PRINTED)
    await two_users.ana.select(1)
    await two_users.ana.command("notebook:hide-cell-outputs")
    await expect(two_users.ben.cell(1).locator(".jp-OutputPlaceholder")).to_have_count(1)
    await two_users.ana.command("notebook:show-cell-outputs")
    await expect(two_users.ben.cell(1).locator(".jp-OutputPlaceholder")).to_have_count(0)
    await two_users.ana.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.activeCell.model"
        ".setMetadata('tags', ['parameters'])"
    )
    assert (await two_users.converge())[1]["metadata"]["tags"] == ["parameters"]
