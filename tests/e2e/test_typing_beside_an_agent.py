"""A user types with real keys while an agent moves, converts and deletes the cell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, CDPSession, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

import jupyter_runtimed
from jupyter_runtimed.client.notebook import LiveNotebook

from .browser import User
from .lab import TOKEN, Lab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio]

NAME = "typed.ipynb"
CELLS = 40
CELL_INDEX = 20
WORDS = "".join(f"word{i} " for i in range(40))

# The cell with the focus, whether its editor has the focus, and the offset of its caret.
_FOCUS = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const at = notebook.widgets.findIndex(cell => cell.node.contains(document.activeElement));
  const view = notebook.widgets[at]?.editor?.editor;
  const caret = view?.coordsAtPos(view.state.selection.main.head);
  return {
    id: notebook.widgets[at]?.model.id ?? null,
    inText: view?.hasFocus ?? false,
    caret: caret ? caret.top - notebook.outerNode.getBoundingClientRect().top : null,
    height: notebook.outerNode.clientHeight,
  };
}"""
_CARET_VISIBLE = f"""({{cell, at}}) => {{
  const {{id, inText, caret, height}} = ({_FOCUS})();
  return id === cell && inText && caret >= 0 && caret < height
    && (at === null || Math.abs(caret - at) < 20);
}}"""
_KEEP_EDITOR = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const cell = notebook.widgets.find(cell => cell.node.contains(document.activeElement));
  window.keptEditor = cell.editor.editor;
}"""
# The number of pixels of the notebook that the text of a deleted cell covers.
_COVERED_PIXELS = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content.outerNode;
  const text = document.querySelector('.jp-RuntimedDeletedCellText').getBoundingClientRect();
  return Math.max(0, Math.round(text.bottom - notebook.getBoundingClientRect().top));
}"""
_SAME_EDITOR = """() => window.keptEditor.hasFocus && window.keptEditor.dom.isConnected"""


@dataclass
class Scene:
    ana: User
    agent: LiveNotebook
    cell: str
    cdp: CDPSession
    mode: str

    async def focus(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.ana.page.evaluate(_FOCUS)
        return found

    async def sources(self) -> dict[str, str]:
        cells: list[tuple[str, str]] = await self.ana.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells"
            ".map(cell => [cell.id, cell.getSource()])"
        )
        return dict(cells)

    async def assert_other_cells_unchanged(self, before: dict[str, str]) -> None:
        """Assert that the other cells are the same and have the same texts as before."""
        now = await self.sources()
        assert {**now, self.cell: ""} == {**before, self.cell: ""}

    async def wait_for_caret(self, at: float | None = None) -> None:
        """Wait until the caret is in the cell and visible, about at the offset `at` if given.

        JupyterLab measures a moved cell again shortly after the last key.
        """
        try:
            await self.ana.page.wait_for_function(
                _CARET_VISIBLE, arg={"cell": self.cell, "at": at}, timeout=10_000
            )
        except PlaywrightTimeout:
            raise AssertionError(f"{self.cell} at {at}: {await self.focus()}") from None


MODES = [
    "contentVisibility",
    "full",
    pytest.param("defer", marks=pytest.mark.long),
    pytest.param("none", marks=pytest.mark.long),
]


@pytest_asyncio.fixture(params=MODES)
async def scene(
    request: pytest.FixtureRequest, browser: Browser, tmp_path: Path, screenshots: Path
) -> AsyncIterator[Scene]:
    lab = Lab(tmp_path)
    lab.set("@jupyterlab/notebook-extension:tracker", windowingMode=request.param)
    write_notebook(lab, NAME, *(f"cell_{i} = {i}\nmore = 'text'" for i in range(CELLS)))
    lab.start()
    try:
        ana = await User.with_notebook(browser, lab, NAME, screenshots)
        async with jupyter_runtimed.connect(lab.url, NAME, token=TOKEN) as agent:
            cell = agent.cells[CELL_INDEX].id
            await ana.page.evaluate(
                "async i => { const notebook = window.jupyterapp.shell.currentWidget.content;"
                " notebook.activeCellIndex = i; await notebook.scrollToItem(i, 'center');"
                " await notebook.widgets[i].ready; notebook.mode = 'edit'; }",
                CELL_INDEX,
            )
            await ana.page.wait_for_function(f"() => ({_FOCUS})().inText")
            await ana.press("Control+End", "Enter")
            yield Scene(
                ana, agent, str(cell), await ana.context.new_cdp_session(ana.page), request.param
            )
        await ana.close()
    finally:
        lab.stop()


async def type_during(scene: Scene, text: str, act: Callable[[int], Awaitable[None]]) -> None:
    """Type a text key by key, and start an action of the agent at every twelfth key."""
    acts: list[asyncio.Task[None]] = []

    async def once(turn: int) -> None:
        await act(turn)

    for start in range(0, len(text), 12):
        acts.append(asyncio.create_task(once(start // 12)))
        await scene.ana.page.keyboard.type(text[start : start + 12], delay=15)
    await asyncio.gather(*acts)


async def test_a_moving_cell_keeps_its_editor_and_every_typed_key(scene: Scene) -> None:
    before = await scene.sources()
    await scene.ana.page.evaluate(_KEEP_EDITOR)
    caret = (await scene.focus())["caret"]

    async def move(turn: int) -> None:
        others = [cell.id for cell in scene.agent.cells if str(cell.id) != scene.cell]
        await scene.agent.move_cell(scene.cell, after=others[15 if turn % 2 else 25])

    await type_during(scene, WORDS, move)
    assert (await scene.sources())[scene.cell] == before[scene.cell] + WORDS
    await scene.assert_other_cells_unchanged(before)
    assert await scene.ana.page.evaluate(_SAME_EDITOR)
    # In mode "full" the page may shift, because JupyterLab measures the cells above again.
    await scene.wait_for_caret(None if scene.mode == "full" else caret)
    await scene.ana.press("Control+z")
    left = (await scene.sources())[scene.cell]
    assert len(left) < len(before[scene.cell] + WORDS)


async def test_a_cell_whose_type_changes_keeps_every_typed_key(scene: Scene) -> None:
    before = await scene.sources()
    types = ("markdown", "code", "raw")

    async def retype(turn: int) -> None:
        await scene.agent.set_cell_type(scene.cell, types[turn % 3])  # type: ignore[arg-type]

    await type_during(scene, WORDS, retype)
    assert (await scene.sources())[scene.cell] == before[scene.cell] + WORDS
    await scene.assert_other_cells_unchanged(before)
    await scene.wait_for_caret()


async def test_an_ime_composition_continues_while_the_cell_moves_and_changes_its_type(
    scene: Scene,
) -> None:
    before = await scene.sources()
    steps = ("n", "に", "にh", "にほ", "にほn", "にほん", "日本")
    others = [cell.id for cell in scene.agent.cells if str(cell.id) != scene.cell]
    for turn, text in enumerate(steps):
        await scene.cdp.send(
            "Input.imeSetComposition",
            {"text": text, "selectionStart": len(text), "selectionEnd": len(text)},
        )
        if turn == 3:
            await scene.agent.set_cell_type(scene.cell, "markdown")
        else:
            await scene.agent.move_cell(scene.cell, after=others[CELL_INDEX - turn])
        await scene.agent.wait_acknowledged()
    await scene.cdp.send("Input.insertText", {"text": "日本語"})
    await scene.ana.page.wait_for_function(
        "id => window.jupyterapp.shell.currentWidget.content.widgets"
        ".find(cell => cell.model?.id === id)?.model.type === 'markdown'",
        arg=scene.cell,
    )
    await scene.ana.page.keyboard.type(" fin")
    assert (await scene.sources())[scene.cell] == before[scene.cell] + "日本語 fin"
    await scene.assert_other_cells_unchanged(before)
    await scene.wait_for_caret()


async def test_text_typed_in_a_deleted_cell_is_kept_and_can_be_restored(scene: Scene) -> None:
    before = await scene.sources()

    async def delete(turn: int) -> None:
        if turn == 3:
            await scene.agent.delete_cell(scene.cell)

    await type_during(scene, WORDS, delete)
    rest = {name: text for name, text in before.items() if name != scene.cell}
    assert await scene.sources() == rest
    deleted_text = scene.ana.page.locator(".jp-RuntimedDeletedCellText")
    await expect(deleted_text).to_contain_text("deleted the cell in which you were typing")
    await scene.ana.page.keyboard.type("\ndd x ")
    await scene.ana.screenshot("a-deleted-cell")
    await deleted_text.get_by_text("Restore the cell").click()
    await expect(deleted_text).to_have_count(0)
    assert await scene.sources() == {**rest, scene.cell: before[scene.cell] + WORDS + "\ndd x "}
    assert [str(cell) for cell in (await scene.sources())] == list(before)


@pytest.mark.parametrize("scene", ["full"], indirect=True)
async def test_text_typed_in_a_deleted_cell_is_inserted_when_the_cell_is_restored(
    scene: Scene,
) -> None:
    before = await scene.sources()
    deleted_text = scene.ana.page.locator(".jp-RuntimedDeletedCellText")
    await scene.ana.page.keyboard.type("typed ")
    await scene.agent.delete_cell(scene.cell)
    await expect(deleted_text.locator("textarea")).to_be_focused()
    await scene.ana.page.keyboard.type("here ")
    assert await scene.ana.page.evaluate(_COVERED_PIXELS) == 0
    await scene.ana.screenshot("a-deleted-cell-comes-back")
    await scene.ana.command("notebook:undo-cell-action")
    await expect(deleted_text).to_have_count(0)
    await scene.ana.page.wait_for_function(f"() => ({_FOCUS})().inText")
    await scene.ana.page.keyboard.type("and on")
    assert await scene.sources() == {
        **before,
        scene.cell: before[scene.cell] + "typed here and on",
    }
    await scene.wait_for_caret()
