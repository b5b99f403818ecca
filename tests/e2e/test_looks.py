"""How it looks: light and dark, an empty, an ordinary and a large notebook, readers and others.

Each test leaves screenshots; of a look, what can be asserted is asserted.
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

from .browser import Person
from .conftest import EXAMPLES
from .lab import TOKEN, Lab, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
LONG_NAME = "Maximiliane von Hohenlohe-Waldenburg"

# The token that somebody comes with says who it is; a reader may read and nothing else.
PEOPLE = f"""
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

# Where the names at a cell are, and what they cover: a prompt, or text of this cell or the next.
CHIP = """i => {
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

# What of these is on the page, whole, and how large.
ON_THE_PAGE = """query => [...document.querySelectorAll(query)].flatMap(node => {
  const { left, right, top, bottom, width, height } = node.getBoundingClientRect();
  const seen = width > 0 && left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
  const there = seen ? document.elementFromPoint((left + right) / 2, (top + bottom) / 2) : null;
  return node.contains(there) ? [{ text: node.innerText.trim(), width, height }] : [];
})"""

STRIP = ".jp-RuntimedToolbarEnd"
OTHERS = f"{STRIP} button.jp-RuntimedPerson"

# What of ours does not wear the theme: a light ground in the dark.
BRIGHT = """() => [...document.querySelectorAll('[class*=jp-Runtimed]')].filter(node => {
  const parts = getComputedStyle(node).backgroundColor.match(/[\\d.]+/g).map(Number);
  const [red, green, blue, alpha = 1] = parts;
  return node.getClientRects().length > 0 && alpha > 0.5 && red + green + blue > 3 * 170;
}).map(node => node.className)"""


@pytest.fixture(scope="module")
def known_people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("looks"))
    config = lab.home / "config/jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text(PEOPLE)
    shutil.copy(EXAMPLES / "tour.ipynb", lab.root / "tour.ipynb")
    write_notebook(lab, "empty.ipynb", "")
    write_notebook(lab, "large.ipynb", *(f"n = {i}" for i in range(1000)))
    lab.start()
    yield lab
    lab.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def ana(one_browser: Browser, known_people: Lab, shots: Path) -> AsyncIterator[Person]:
    """Somebody whose screen is looked at."""
    ana = await Person.settle(one_browser, known_people, shots)
    yield ana
    await ana.leave()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def guest(one_browser: Browser, known_people: Lab, shots: Path) -> AsyncIterator[Person]:
    """Somebody with a long name."""
    guest = await Person.settle(one_browser, known_people, shots)
    yield guest
    await guest.leave()


async def come(person: Person, path: str, token: str) -> None:
    await person.page.goto(f"{person.lab.url}/lab/tree/{path}?reset&token={token}")
    await person.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)


async def wears(person: Person, theme: str) -> None:
    await person.command("apputils:change-theme", {"theme": THEMES[theme]})
    is_light = "true" if theme == "light" else "false"
    await expect(person.page.locator(f"body[data-jp-theme-light='{is_light}']")).to_have_count(1)
    await expect(person.page.locator("#jupyterlab-splash")).to_have_count(0)


@pytest.mark.parametrize("name", ["empty", "tour", "large"])
async def test_in_light_and_dark(ana: Person, guest: Person, name: str) -> None:
    await ana.open(f"{name}.ipynb")
    await come(guest, f"{name}.ipynb", "long-token")
    await expect(ana.page.locator(OTHERS)).to_have_text("MH")
    await expect(ana.page.locator(OTHERS)).to_have_attribute("title", LONG_NAME)
    await expect(ana.page.locator(f"{STRIP} .jp-mod-self")).to_have_attribute("title", "Ana (you)")
    await ana.page.wait_for_selector(".jp-Cell .jp-RuntimedCellPresence")
    await ana.kernel_ready()
    await ana.status_is("Saved")
    for theme in THEMES:
        await wears(ana, theme)
        await ana.shot(f"looks-{theme}-{name}")
        assert await ana.page.evaluate(CHIP, 0) == {
            "names": [LONG_NAME],
            "cut": False,
            "covered": [],
        }
        assert theme == "light" or await ana.page.evaluate(BRIGHT) == []


async def test_a_click_on_somebody_goes_to_their_cell(ana: Person, guest: Person) -> None:
    await ana.open("large.ipynb")
    await come(guest, "large.ipynb", "long-token")
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
    await ana.page.locator(OTHERS).click()
    await ana.page.wait_for_function(f"{there}.node.getBoundingClientRect().top < innerHeight")


async def test_an_agent_is_seen_where_it_edits(ana: Person) -> None:
    await ana.open("tour.ipynb")
    seen = ana.page.locator(f"{STRIP} .jp-RuntimedPerson.jp-mod-agent[title='Ana (agent)']")
    carets = ana.page.locator(".jp-RuntimedCaret.jp-mod-agent")
    async with jupyter_runtimed.connect(ana.lab.url, "tour.ipynb", token=TOKEN) as nb:
        await expect(seen).to_have_count(1)
        cell = await nb.add_cell("x = 1", after=None)
        await nb.append(cell, "  # by a program")
        await expect(carets).to_have_count(1)
        await expect(ana.page.locator(".jp-RuntimedCellPresence")).to_have_text("Ana (agent)")
        await ana.shot("looks-agent")
        await nb.delete_cell(cell)
    await expect(seen).to_have_count(0)


async def test_a_caret_fades_when_its_owner_leaves_the_page(ana: Person, guest: Person) -> None:
    await ana.open("empty.ipynb")
    await come(guest, "empty.ipynb", "long-token")
    await guest.type(0, "# here")
    caret = ana.page.locator(".jp-RuntimedCaret")
    await expect(caret).to_have_attribute("title", LONG_NAME)
    await expect(caret).not_to_have_class(re.compile("jp-mod-away"))
    await guest.page.evaluate("() => document.activeElement.blur()")
    await expect(caret).to_have_class(re.compile("jp-mod-away"))
    await guest.cell(0).locator(".cm-content").click()
    await expect(caret).not_to_have_class(re.compile("jp-mod-away"))


@pytest.mark.parametrize("width", [1280, 700, 390])
async def test_people_and_status_are_seen_at_every_width(
    ana: Person, guest: Person, width: int
) -> None:
    await ana.open("empty.ipynb")
    await come(guest, "empty.ipynb", "long-token")
    await ana.page.set_viewport_size({"width": width, "height": 800})
    await ana.page.wait_for_function(
        f"() => ({ON_THE_PAGE})('.jp-RuntimedPeople button').length === 1"
    )
    words = await ana.page.evaluate(ON_THE_PAGE, ".jp-RuntimedStatus, .jp-RuntimedStatus-narrow")
    assert words and {word["text"] for word in words} == {"Saved"}
    people = await ana.page.evaluate(ON_THE_PAGE, ".jp-RuntimedPerson")
    assert [person["text"] for person in people] == ["A", "MH"]
    assert all(min(person["width"], person["height"]) >= 24 for person in people)
    for theme in THEMES:
        await wears(ana, theme)
        await ana.shot(f"looks-{theme}-{width}")
    await ana.page.set_viewport_size({"width": 1300, "height": 900})


async def test_a_reader_has_nothing_to_save_and_no_kernel(
    ana: Person, one_browser: Browser, shots: Path
) -> None:
    await ana.open("tour.ipynb")
    await ana.kernel_ready()
    reader = await Person.settle(one_browser, ana.lab, shots)
    await come(reader, "tour.ipynb", "reader-token")
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
    assert await reader.dialogs_seen() == []
    await reader.shot("looks-reader")
    await reader.leave()
