"""Whole cells: made, moved, retyped, split, merged, copied and taken back, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from .pair import Pair

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


async def sources(both: Pair) -> list[str]:
    return [cell["source"] for cell in await both.agree()]


async def types(both: Pair) -> list[str]:
    return [cell["type"] for cell in await both.agree()]


async def test_a_and_b_add_cells(both: Pair) -> None:
    await both.lay("middle")
    await both.ana.select(0)
    await both.ana.press("a", "Enter")
    await both.ana.page.keyboard.type("above")
    await both.ana.press("Escape", "j", "b", "Enter")
    await both.ana.page.keyboard.type("below")
    assert await sources(both) == ["above", "middle", "below"]


async def test_d_d_deletes_and_z_brings_back(both: Pair) -> None:
    await both.lay("one", PRINTED, "three")
    await both.ana.select(1)
    await both.ana.press("d", "d")
    assert await sources(both) == ["one", "three"]
    await both.ana.press("z")
    assert await sources(both) == ["one", "print('kept')", "three"]
    await both.ben.sees_output(1, "kept")
    await both.ana.press("Shift+z")
    assert await sources(both) == ["one", "three"]


async def test_several_cells_are_deleted_at_once(both: Pair) -> None:
    await both.lay("one", "two", "three", "four")
    await both.ana.select(1)
    await both.ana.press("Shift+j", "d", "d")
    assert await sources(both) == ["one", "four"]
    await both.ana.press("z")
    assert await sources(both) == ["one", "two", "three", "four"]


async def test_the_last_cell_leaves_an_empty_one(both: Pair) -> None:
    await both.lay("alone")
    await both.ana.select(0)
    await both.ana.press("d", "d")
    assert await sources(both) == [""]


async def test_cells_move_by_keys(both: Pair) -> None:
    await both.lay("one", "two", PRINTED)
    await both.ana.select(2)
    await both.ana.press("Control+Shift+ArrowUp")
    assert await sources(both) == ["one", "print('kept')", "two"]
    await both.ben.sees_output(1, "kept")
    await both.ana.press("Control+Shift+ArrowUp")
    assert await sources(both) == ["print('kept')", "one", "two"]
    await both.ana.press("Control+Shift+ArrowDown")
    assert await sources(both) == ["one", "print('kept')", "two"]
    await both.ana.press("z", "z", "z")
    assert await sources(both) == ["one", "two", "print('kept')"]


async def test_cells_are_dragged(both: Pair) -> None:
    await both.lay("one", "two", "three")
    await both.ana.select(0)
    mouse = both.ana.page.mouse
    start = await both.ana.cell(0).locator(".jp-InputPrompt").bounding_box()
    end = await both.ana.cell(2).bounding_box()
    assert start is not None and end is not None
    await mouse.move(start["x"] + 20, start["y"] + 8)
    await mouse.down()
    await mouse.move(start["x"] + 30, start["y"] + 40, steps=4)
    await mouse.move(end["x"] + 60, end["y"] + end["height"] - 4, steps=8)
    await mouse.up()
    await both.ben.source_is(0, "two")
    assert sorted(await sources(both)) == ["one", "three", "two"]


async def test_m_y_and_r_change_the_type(both: Pair) -> None:
    await both.lay("one", PRINTED)
    await both.ana.select(1)
    for key, kind in (("m", "markdown"), ("r", "raw"), ("y", "code")):
        await both.ana.press(key)
        assert await types(both) == ["code", kind]
        assert (await both.agree())[1]["source"] == "print('kept')"


async def test_a_cell_is_split_and_merged(both: Pair) -> None:
    await both.lay("first\nsecond\nthird", "last")
    await both.ana.cell(0).locator(".cm-content").click()
    await both.ana.press("Control+Home", "ArrowDown", "Control+Shift+Minus")
    assert await sources(both) == ["first", "second\nthird", "last"]
    await both.ana.press("Escape", "Shift+ArrowUp", "Shift+m")
    assert await sources(both) == ["first\n\nsecond\nthird", "last"]
    await both.ana.press("z")
    assert await sources(both) == ["first", "second\nthird", "last"]


async def test_typing_of_another_survives_a_split(both: Pair) -> None:
    await both.lay("first\nsecond")
    await both.ana.cell(0).locator(".cm-content").click()
    await both.ana.press("Control+Home", "ArrowDown")
    await both.ben.cell(0).locator(".cm-content").click()
    await both.ben.press("Control+Home")
    await both.ben.page.keyboard.type("ben ")
    await both.ana.sees(0, "ben ")
    await both.ana.press("Control+Shift+Minus")
    await both.ben.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.length === 2"
    )
    assert "".join(await sources(both)).replace("\n", "") == "ben firstsecond"


async def test_cells_are_cut_copied_and_pasted_with_outputs(both: Pair) -> None:
    await both.lay("one", PRINTED)
    await both.ana.select(1)
    await both.ana.press("c", "v")
    assert await sources(both) == ["one", "print('kept')", "print('kept')"]
    await both.ben.sees_output(2, "kept")
    cells = await both.agree()
    assert cells[1]["id"] != cells[2]["id"] and cells[1]["outputs"] == cells[2]["outputs"]
    await both.ana.select(1)
    await both.ana.press("x", "k", "v")
    await both.ben.sees_output(1, "kept")
    assert await sources(both) == ["one", "print('kept')", "print('kept')"]


async def test_pasted_outputs_stay_trusted_and_the_keyboard_stays_with_them(both: Pair) -> None:
    await both.lay("one", "1 + 1")
    await both.ana.kernel_ready()
    await both.ana.run(1)
    await both.ana.sees_output(1, "2")
    await both.ana.press("Escape", "c", "v")
    await both.ben.sees_output(2, "2")
    trusted = "() => [...window.jupyterapp.shell.currentWidget.model.cells].map(c => c.trusted)"
    assert await both.ana.page.evaluate(trusted) == [True, True, True]
    await both.ana.press("z")
    assert await sources(both) == ["one", "1 + 1"]


async def test_a_picture_is_pasted_into_text(both: Pair) -> None:
    await both.lay("one", {"cell_type": "markdown", "source": "see "})
    await both.ana.page.evaluate(PUT_PICTURE_ON_CLIPBOARD, DOT)
    await both.ana.select(0)
    await both.ana.press("j", "Enter", "Control+End", "Control+v")
    await both.ben.sees(1, "attachment:")
    (attachment,) = (await both.agree())[1]["attachments"].values()
    # The clipboard encodes pictures anew.
    assert attachment["image/png"].startswith(DOT[:30])
    await both.ana.press("Control+Enter")
    await expect(both.ana.cell(1).locator(".jp-MarkdownOutput img")).to_have_count(1)


async def test_two_people_rearrange_at_one_time(both: Pair) -> None:
    await both.lay("one", "two", "three", "four")
    await both.ana.select(0)
    await both.ben.select(3)
    await both.ana.press("Control+Shift+ArrowDown", "b")
    await both.ben.press("Control+Shift+ArrowUp", "a")
    assert sorted(await sources(both)) == ["", "", "four", "one", "three", "two"]


async def test_an_undone_delete_keeps_what_others_did_since(both: Pair) -> None:
    await both.lay("one", "two", "three")
    await both.ana.select(1)
    await both.ana.press("d", "d")
    await both.ben.source_is(1, "three")
    await both.ben.type(1, "!")
    await both.ana.sees(1, "three!")
    await both.ana.press("z")
    assert await sources(both) == ["one", "two", "three!"]


async def test_a_folded_heading_is_folded_for_everybody_and_after_a_reload(both: Pair) -> None:
    await both.lay({"cell_type": "markdown", "source": "# Part"}, "below = 1")
    for person in both.people:
        await expect(person.cell(0).locator(".jp-collapseHeadingButton")).to_have_count(1)
    for name, visible in (("collapse", False), ("expand", True)):
        await both.ana.command(f"notebook:{name}-all-headings")
        await expect(both.ben.cell(1)).to_be_visible(visible=visible)
        await both.ana.status_is("Saved")
        await both.ana.open("shared.ipynb")
        await expect(both.ana.cell(1)).to_be_visible(visible=visible)


async def test_collapsing_and_tags_are_shared(both: Pair) -> None:
    await both.lay("one", PRINTED)
    await both.ana.select(1)
    await both.ana.command("notebook:hide-cell-outputs")
    await expect(both.ben.cell(1).locator(".jp-OutputPlaceholder")).to_have_count(1)
    await both.ana.command("notebook:show-cell-outputs")
    await expect(both.ben.cell(1).locator(".jp-OutputPlaceholder")).to_have_count(0)
    await both.ana.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.activeCell.model"
        ".setMetadata('tags', ['parameters'])"
    )
    assert (await both.agree())[1]["metadata"]["tags"] == ["parameters"]
