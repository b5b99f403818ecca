"""A user types in cells while another user has the notebook open."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .two_users import TwoUsers

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LONG = "".join(f"row_{i} = [{i}, 'ü', \"x\"]  # a comment\n" for i in range(250))


async def test_typed_text_reaches_another_user(two_users: TwoUsers) -> None:
    await two_users.set_cells("a = 1", "b = 2")
    await two_users.ana.type(0, "\nc = a + 1", delay_ms=20)
    await two_users.ben.source_is(0, "a = 1\nc = a + 1")


async def test_brackets_and_quotes_are_closed_automatically(two_users: TwoUsers) -> None:
    await two_users.set_cells("")
    await two_users.ana.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets[0].editor"
        ".setOption('autoClosingBrackets', true)"
    )
    await two_users.ana.type(0, 'print("hi", [1')
    await two_users.ben.source_is(0, 'print("hi", [1])')


async def test_a_new_line_is_indented_automatically(two_users: TwoUsers) -> None:
    await two_users.set_cells("")
    await two_users.ana.type(0, "for i in x:\nprint(i)")
    await two_users.ben.source_is(0, "for i in x:\n    print(i)")


async def test_deleting_and_inserting_emoji_splits_no_character(two_users: TwoUsers) -> None:
    await two_users.set_cells("x = '👩‍👩‍👧‍👦'")
    await two_users.ana.cell(0).locator(".cm-content").click()
    await two_users.ana.press("Control+End", "ArrowLeft", "Backspace")
    await two_users.ana.page.keyboard.insert_text("🎉é漢")
    await two_users.ben.sees(0, "🎉é漢")
    assert "�" not in await two_users.ben.source(0)


async def test_several_cursors_of_one_user_insert_text(two_users: TwoUsers) -> None:
    await two_users.set_cells("name = 1\nname = 2\nname = 3")
    lines = two_users.ana.cell(0).locator(".cm-line")
    await lines.nth(0).click(position={"x": 6, "y": 8})
    for line in (1, 2):
        await lines.nth(line).click(position={"x": 6, "y": 8}, modifiers=["Control"])
    await two_users.ana.press("Home")
    await two_users.ana.page.keyboard.type("my_")
    await two_users.ben.source_is(0, "my_name = 1\nmy_name = 2\nmy_name = 3")


async def test_ten_kilobytes_of_text_are_pasted(two_users: TwoUsers) -> None:
    await two_users.set_cells("# start\n")
    await two_users.ana.copy(LONG)
    await two_users.ana.type(0, "")
    await two_users.ana.press("Control+v")
    await two_users.ben.source_is(0, "# start\n" + LONG)


async def test_undo_reverts_only_the_users_own_typing(two_users: TwoUsers) -> None:
    await two_users.set_cells("one\ntwo")
    await two_users.ana.type(0, "\nana")
    await two_users.ben.sees(0, "ana")
    await two_users.ben.cell(0).locator(".cm-content").click()
    await two_users.ben.press("Control+Home")
    await two_users.ben.page.keyboard.type("ben ")
    await two_users.ana.sees(0, "ben")
    await two_users.ana.press("Control+z")
    await two_users.ben.source_is(0, "ben one\ntwo")
    await two_users.ana.press("Control+Shift+z")
    await two_users.ben.source_is(0, "ben one\ntwo\nana")


async def test_two_users_type_in_one_line(two_users: TwoUsers) -> None:
    await two_users.set_cells("0123456789")
    await two_users.ana.cell(0).locator(".cm-content").click()
    await two_users.ana.press("Control+Home")
    await two_users.ben.cell(0).locator(".cm-content").click()
    await two_users.ben.press("Control+End")
    await two_users.ana.page.keyboard.type("abc")
    await two_users.ben.page.keyboard.type("xyz")
    await two_users.ana.source_is(0, "abc0123456789xyz")


async def test_find_and_replace_changes_all_cells(two_users: TwoUsers) -> None:
    await two_users.set_cells(
        "needle = 1", "print(needle)", {"cell_type": "markdown", "source": "a needle"}
    )
    page = two_users.ana.page
    await two_users.ana.type(0, "")
    await two_users.ana.press("Escape")
    await two_users.ana.command("documentsearch:startWithReplace")
    await page.locator(".jp-DocumentSearch-overlay textarea").first.fill("needle")
    await expect(page.locator(".jp-DocumentSearch-index-counter")).to_contain_text("/3")
    await page.locator(".jp-DocumentSearch-overlay textarea").nth(1).fill("thread")
    await page.locator(".jp-DocumentSearch-overlay").get_by_text("Replace All").click()
    await two_users.ben.source_is(2, "a thread")
    assert (
        await two_users.ben.source(0) == "thread = 1"
        and await two_users.ben.source(1) == "print(thread)"
    )
    await two_users.ana.command("documentsearch:end")


async def test_tab_completes_names_from_the_kernel(two_users: TwoUsers) -> None:
    await two_users.ana.kernel_ready()
    await two_users.set_cells("import collections\na_name_to_complete = 1", "a_name_to_comp")
    await two_users.ana.run(0)
    await two_users.ben.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".cells[0].execution_count"
    )
    await two_users.ana.type(1, "")
    await two_users.ana.complete_to("a_name_to_complete")
    await two_users.ana.press("Enter")
    await two_users.ben.source_is(1, "a_name_to_complete")
    await two_users.ana.page.keyboard.type("\ncollections.")
    await two_users.ana.complete_to("OrderedDict")
    await two_users.ana.page.keyboard.type("Ordered")
    await two_users.ana.press("Enter")
    await two_users.ben.source_is(1, "a_name_to_complete\ncollections.OrderedDict")


async def test_shift_tab_shows_the_documentation_of_a_function(two_users: TwoUsers) -> None:
    await two_users.ana.kernel_ready()
    await two_users.set_cells("print(")
    await two_users.ana.type(0, "")
    await two_users.ana.press("Shift+Tab")
    await expect(two_users.ana.page.locator(".jp-Tooltip")).to_contain_text("Prints the values")
    await two_users.ana.press("Escape")
