"""Appearance in light and dark themes, at several widths, and for readers and agents.

Each test saves screenshots and asserts the properties that a script can check.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

import jupyter_runtimed

from .browser import User
from .conftest import EXAMPLES
from .lab import TOKEN, Lab, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
LONG_NAME = "Maximiliane von Hohenlohe-Waldenburg"

# The token determines the user; the user of `reader-token` has only the read permission.
IDENTITY_CONFIG = f"""
from jupyter_server.auth import Authorizer, IdentityProvider, User

NAMES = {{"{TOKEN}": "Ana", "long-token": "{LONG_NAME}", "reader-token": "Reader"}}

class ByToken(IdentityProvider):
    def get_user(self, handler):
        given = handler.get_cookie("who", "") or self.get_token(handler)
        if given not in NAMES:
            return None
        handler.set_cookie("who", given)
        return User(username=given, name=NAMES[given], display_name=NAMES[given])

class ReadersRead(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return action == "read" or user.username != "reader-token"

c.ServerApp.identity_provider_class = ByToken
c.ServerApp.authorizer_class = ReadersRead
"""

# The name tags at a cell, whether they are cut, and the prompts and texts that they cover.
NAME_TAGS = """i => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets;
  const { node } = cells[i];
  const names = [...node.querySelectorAll('.jp-RuntimedCellPresence-name')];
  const chips = names.map(name => name.getBoundingClientRect());
  const under = [...node.querySelectorAll('.jp-InputPrompt'),
    ...node.querySelectorAll('.cm-line, .jp-MarkdownOutput > *'),
    ...(cells[i + 1]?.node.querySelectorAll('.jp-InputPrompt, .cm-line') ?? [])];
  const range = document.createRange();
  const covered = under.filter(each => {
    range.selectNodeContents(each);
    return [...range.getClientRects()].some(r => chips.some(chip => r.width > 0
      && r.right > chip.left && r.left < chip.right
      && r.bottom > chip.top + 2 && r.top < chip.bottom - 2));
  });
  return { names: names.map(name => name.textContent),
    cut: names.some(name => name.scrollWidth > name.clientWidth),
    covered: covered.map(each => each.textContent) };
}"""

# The text and size of each of these elements that is completely visible.
ON_THE_PAGE = """query => [...document.querySelectorAll(query)].flatMap(node => {
  const { left, right, top, bottom, width, height } = node.getBoundingClientRect();
  const seen = width > 0 && left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
  const there = seen ? document.elementFromPoint((left + right) / 2, (top + bottom) / 2) : null;
  return node.contains(there) ? [{ text: node.innerText.trim(), width, height }] : [];
})"""

TOOLBAR = ".jp-RuntimedToolbarEnd"
OTHER_USERS = f"{TOOLBAR} button.jp-RuntimedPerson"

# Elements of this extension with a light background, which is wrong in the dark theme.
LIGHT_ELEMENTS = """() => [...document.querySelectorAll('[class*=jp-Runtimed]')].filter(node => {
  const parts = getComputedStyle(node).backgroundColor.match(/[\\d.]+/g).map(Number);
  const [red, green, blue, alpha = 1] = parts;
  return node.getClientRects().length > 0 && alpha > 0.5 && red + green + blue > 3 * 170;
}).map(node => node.className)"""


@pytest.fixture(scope="module")
def lab_with_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("looks"))
    config = lab.home / "config/jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text(IDENTITY_CONFIG)
    shutil.copy(EXAMPLES / "tour.ipynb", lab.root / "tour.ipynb")
    write_notebook(lab, "empty.ipynb", "")
    write_notebook(lab, "large.ipynb", *(f"n = {i}" for i in range(1000)))
    lab.start()
    yield lab
    lab.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def ana(
    shared_browser: Browser, lab_with_users: Lab, screenshots: Path
) -> AsyncIterator[User]:
    """The user whose page is checked."""
    ana = await User.with_empty_page(shared_browser, lab_with_users, screenshots)
    yield ana
    await ana.close()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def guest(
    shared_browser: Browser, lab_with_users: Lab, screenshots: Path
) -> AsyncIterator[User]:
    """A user with a long name."""
    guest = await User.with_empty_page(shared_browser, lab_with_users, screenshots)
    yield guest
    await guest.close()


async def open_as(user: User, path: str, token: str) -> None:
    await user.page.goto(f"{user.lab.url}/lab/tree/{path}?reset&token={token}")
    await user.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)


async def switch_theme(user: User, theme: str) -> None:
    await user.command("apputils:change-theme", {"theme": THEMES[theme]})
    is_light = "true" if theme == "light" else "false"
    await expect(user.page.locator(f"body[data-jp-theme-light='{is_light}']")).to_have_count(1)
    await expect(user.page.locator("#jupyterlab-splash")).to_have_count(0)


@pytest.mark.parametrize("name", ["empty", "tour", "large"])
async def test_name_tags_cover_no_text_in_light_and_dark_themes(
    ana: User, guest: User, name: str
) -> None:
    await ana.open(f"{name}.ipynb")
    await open_as(guest, f"{name}.ipynb", "long-token")
    await expect(ana.page.locator(OTHER_USERS)).to_have_text("MH")
    await expect(ana.page.locator(OTHER_USERS)).to_have_attribute("title", LONG_NAME)
    await expect(ana.page.locator(f"{TOOLBAR} .jp-mod-self")).to_have_attribute(
        "title", "Ana (you)"
    )
    await ana.page.wait_for_selector(".jp-Cell .jp-RuntimedCellPresence")
    await ana.kernel_ready()
    await ana.status_is("Saved")
    for theme in THEMES:
        await switch_theme(ana, theme)
        await ana.screenshot(f"looks-{theme}-{name}")
        assert await ana.page.evaluate(NAME_TAGS, 0) == {
            "names": [LONG_NAME],
            "cut": False,
            "covered": [],
        }
        assert theme == "light" or await ana.page.evaluate(LIGHT_ELEMENTS) == []


async def test_a_click_on_a_user_scrolls_to_the_cell_of_this_user(ana: User, guest: User) -> None:
    await ana.open("large.ipynb")
    await open_as(guest, "large.ipynb", "long-token")
    await guest.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.content?.widgets.length === 1000"
    )
    await guest.page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 500; }"
    )
    there = "() => window.jupyterapp.shell.currentWidget.content.widgets[500]"
    await ana.page.wait_for_function(
        f"{there}.node.querySelector('.jp-RuntimedCellPresence') !== null"
    )
    await ana.page.locator(OTHER_USERS).click()
    await ana.page.wait_for_function(f"{there}.node.getBoundingClientRect().top < innerHeight")


async def test_an_agent_is_shown_at_the_cell_that_it_edits(ana: User) -> None:
    await ana.open("tour.ipynb")
    seen = ana.page.locator(f"{TOOLBAR} .jp-RuntimedPerson.jp-mod-agent[title='Ana (agent)']")
    carets = ana.page.locator(".jp-RuntimedCaret.jp-mod-agent")
    async with jupyter_runtimed.connect(ana.lab.url, "tour.ipynb", token=TOKEN) as nb:
        await expect(seen).to_have_count(1)
        cell = await nb.add_cell("x = 1", after=None)
        await nb.append(cell, "  # by a program")
        await expect(carets).to_have_count(1)
        await expect(ana.page.locator(".jp-RuntimedCellPresence")).to_have_text("Ana (agent)")
        await ana.screenshot("looks-agent")
        await nb.delete_cell(cell)
    await expect(seen).to_have_count(0)


async def test_a_caret_fades_when_its_owner_leaves_the_page(ana: User, guest: User) -> None:
    await ana.open("empty.ipynb")
    await open_as(guest, "empty.ipynb", "long-token")
    await guest.type(0, "# here")
    caret = ana.page.locator(".jp-RuntimedCaret")
    await expect(caret).to_have_attribute("title", LONG_NAME)
    await expect(caret).not_to_have_class(re.compile("jp-mod-away"))
    await guest.page.evaluate("() => document.activeElement.blur()")
    await expect(caret).to_have_class(re.compile("jp-mod-away"))
    await guest.cell(0).locator(".cm-content").click()
    await expect(caret).not_to_have_class(re.compile("jp-mod-away"))


@pytest.mark.parametrize("width", [1280, 700, 390])
async def test_users_and_status_are_visible_at_every_width(
    ana: User, guest: User, width: int
) -> None:
    await ana.open("empty.ipynb")
    await open_as(guest, "empty.ipynb", "long-token")
    await ana.page.set_viewport_size({"width": width, "height": 800})
    await ana.page.wait_for_function(
        f"() => ({ON_THE_PAGE})('.jp-RuntimedPeople button').length === 1"
    )
    words = await ana.page.evaluate(ON_THE_PAGE, ".jp-RuntimedStatus, .jp-RuntimedStatus-narrow")
    assert words and {word["text"] for word in words} == {"Saved"}
    users = await ana.page.evaluate(ON_THE_PAGE, ".jp-RuntimedPerson")
    assert [user["text"] for user in users] == ["A", "MH"]
    assert all(min(user["width"], user["height"]) >= 24 for user in users)
    for theme in THEMES:
        await switch_theme(ana, theme)
        await ana.screenshot(f"looks-{theme}-{width}")
    await ana.page.set_viewport_size({"width": 1300, "height": 900})


async def test_a_reader_sees_no_unsaved_mark_and_no_kernel(
    ana: User, shared_browser: Browser, screenshots: Path
) -> None:
    await ana.open("tour.ipynb")
    await ana.kernel_ready()
    reader = await User.with_empty_page(shared_browser, ana.lab, screenshots)
    await open_as(reader, "tour.ipynb", "reader-token")
    await reader.status_is("Read-only")
    await reader.page.evaluate(
        """() => {
          const { model } = window.jupyterapp.shell.currentWidget.context;
          window.e2eDirty = [model.dirty];
          model.stateChanged.connect(() => window.e2eDirty.push(model.dirty));
        }"""
    )
    await ana.type(2, "\n# for the reader")
    await reader.sees(2, "# for the reader")
    await ana.status_is("Saved")
    await reader.status_is("Read-only")
    assert True not in await reader.page.evaluate("() => window.e2eDirty")
    await expect(reader.page.locator(".jp-mod-dirty")).to_have_count(0)
    kernel = reader.page.locator(".jp-NotebookPanel .jp-KernelName")
    await expect(kernel).to_have_text("No Kernel")
    await expect(reader.page.locator("#jp-bottom-panel")).not_to_contain_text("Connecting")
    assert await reader.dialog_texts() == []
    await reader.screenshot("looks-reader")
    await reader.close()
