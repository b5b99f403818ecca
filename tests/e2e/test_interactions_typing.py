"""Typing in cells as a person does, with somebody else looking on."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .pair import Pair

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LONG = "".join(f"row_{i} = [{i}, 'ü', \"x\"]  # a comment\n" for i in range(250))


async def test_what_is_typed_arrives_letter_by_letter(both: Pair) -> None:
    await both.lay("a = 1", "b = 2")
    await both.ana.type(0, "\nc = a + 1", delay_ms=20)
    await both.ben.source_is(0, "a = 1\nc = a + 1")


async def test_brackets_and_quotes_close_themselves(both: Pair) -> None:
    await both.lay("")
    await both.ana.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets[0].editor"
        ".setOption('autoClosingBrackets', true)"
    )
    await both.ana.type(0, 'print("hi", [1')
    await both.ben.source_is(0, 'print("hi", [1])')


async def test_indentation_follows(both: Pair) -> None:
    await both.lay("")
    await both.ana.type(0, "for i in x:\nprint(i)")
    await both.ben.source_is(0, "for i in x:\n    print(i)")


async def test_emoji_stay_whole(both: Pair) -> None:
    await both.lay("x = '👩‍👩‍👧‍👦'")
    await both.ana.cell(0).locator(".cm-content").click()
    await both.ana.press("Control+End", "ArrowLeft", "Backspace")
    await both.ana.page.keyboard.insert_text("🎉é漢")
    await both.ben.sees(0, "🎉é漢")
    assert "�" not in await both.ben.source(0)


async def test_several_cursors_write_at_once(both: Pair) -> None:
    await both.lay("name = 1\nname = 2\nname = 3")
    lines = both.ana.cell(0).locator(".cm-line")
    await lines.nth(0).click(position={"x": 6, "y": 8})
    for line in (1, 2):
        await lines.nth(line).click(position={"x": 6, "y": 8}, modifiers=["Control"])
    await both.ana.press("Home")
    await both.ana.page.keyboard.type("my_")
    await both.ben.source_is(0, "my_name = 1\nmy_name = 2\nmy_name = 3")


async def test_ten_kilobytes_are_pasted(both: Pair) -> None:
    await both.lay("# start\n")
    await both.ana.copy(LONG)
    await both.ana.type(0, "")
    await both.ana.press("Control+v")
    await both.ben.source_is(0, "# start\n" + LONG)


async def test_undo_takes_back_ones_own_typing_only(both: Pair) -> None:
    await both.lay("one\ntwo")
    await both.ana.type(0, "\nana")
    await both.ben.sees(0, "ana")
    await both.ben.cell(0).locator(".cm-content").click()
    await both.ben.press("Control+Home")
    await both.ben.page.keyboard.type("ben ")
    await both.ana.sees(0, "ben")
    await both.ana.press("Control+z")
    await both.ben.source_is(0, "ben one\ntwo")
    await both.ana.press("Control+Shift+z")
    await both.ben.source_is(0, "ben one\ntwo\nana")


async def test_both_type_in_one_line(both: Pair) -> None:
    await both.lay("0123456789")
    await both.ana.cell(0).locator(".cm-content").click()
    await both.ana.press("Control+Home")
    await both.ben.cell(0).locator(".cm-content").click()
    await both.ben.press("Control+End")
    await both.ana.page.keyboard.type("abc")
    await both.ben.page.keyboard.type("xyz")
    await both.ana.source_is(0, "abc0123456789xyz")


async def test_find_and_replace_everywhere(both: Pair) -> None:
    await both.lay("needle = 1", "print(needle)", {"cell_type": "markdown", "source": "a needle"})
    page = both.ana.page
    await both.ana.type(0, "")
    await both.ana.press("Escape")
    await both.ana.command("documentsearch:startWithReplace")
    await page.locator(".jp-DocumentSearch-overlay textarea").first.fill("needle")
    await expect(page.locator(".jp-DocumentSearch-index-counter")).to_contain_text("/3")
    await page.locator(".jp-DocumentSearch-overlay textarea").nth(1).fill("thread")
    await page.locator(".jp-DocumentSearch-overlay").get_by_text("Replace All").click()
    await both.ben.source_is(2, "a thread")
    assert await both.ben.source(0) == "thread = 1" and await both.ben.source(1) == "print(thread)"
    await both.ana.command("documentsearch:end")


async def test_tab_completes_with_the_kernel(both: Pair) -> None:
    await both.ana.kernel_ready()
    await both.lay("import collections\na_name_to_complete = 1", "a_name_to_comp")
    await both.ana.run(0)
    await both.ben.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".cells[0].execution_count"
    )
    await both.ana.type(1, "")
    await both.ana.completes("a_name_to_complete")
    await both.ana.press("Enter")
    await both.ben.source_is(1, "a_name_to_complete")
    await both.ana.page.keyboard.type("\ncollections.")
    await both.ana.completes("OrderedDict")
    await both.ana.page.keyboard.type("Ordered")
    await both.ana.press("Enter")
    await both.ben.source_is(1, "a_name_to_complete\ncollections.OrderedDict")


async def test_shift_tab_tells_about_a_function(both: Pair) -> None:
    await both.ana.kernel_ready()
    await both.lay("print(")
    await both.ana.type(0, "")
    await both.ana.press("Shift+Tab")
    await expect(both.ana.page.locator(".jp-Tooltip")).to_contain_text("Prints the values")
    await both.ana.press("Escape")
