"""Take the pictures of the documentation in a real Chromium: ``make screenshots``.

Two people and a program work in one notebook of a real server, with the helpers of ``tests/e2e/``.
The pictures go to ``docs/_static/``, in JupyterLab's light and dark theme. Look at them before you
commit them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import nbformat
from PIL import Image
from playwright.async_api import Browser, expect

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import jupyter_runtimed  # noqa: E402 -- the path to these is above
from jupyter_runtimed.client import LiveNotebook  # noqa: E402
from tests.e2e.browser import User  # noqa: E402
from tests.e2e.conftest import EXAMPLES, launched_chromium  # noqa: E402
from tests.e2e.lab import TOKEN, Lab  # noqa: E402
from tests.e2e.test_appearance import THEMES, switch_theme  # noqa: E402

PICTURES = ROOT / "docs" / "_static"
SIZE = {"width": 1200, "height": 890}
SCALE = 1.5
COLORS = 192
LARGEST_BYTES = 200_000
CELLS = ("waves", "imports", "wave", "picture")

PEOPLE = f"""
from jupyter_server.auth import IdentityProvider, User

NAMES = {{"{TOKEN}": "Ana Sousa", "ben-token": "Ben Okafor"}}

class ByToken(IdentityProvider):
    def get_user(self, handler):
        given = handler.get_cookie("who", "") or self.get_token(handler)
        if given not in NAMES:
            return None
        handler.set_cookie("who", given)
        return User(username=given, name=NAMES[given], display_name=NAMES[given])

c.ServerApp.identity_provider_class = ByToken
"""


def write_notebook(lab: Lab) -> Path:
    """Write the part of the example notebook that fits on one page, without unused lines."""
    tour = nbformat.read(EXAMPLES / "tour.ipynb", 4)
    tour.cells = [cell for cell in tour.cells if cell.id in CELLS]
    assert [cell.id for cell in tour.cells] == list(CELLS)
    title, imports, wave, _ = tour.cells
    title.source = "\n\n".join(title.source.split("\n\n")[:3])
    imports.source = "\n".join(line for line in imports.source.split("\n") if " as " in line)
    wave.source = wave.source.replace("\n\n\n", "\n\n")
    nbformat.write(tour, lab.root / "waves.ipynb")
    return lab.root / "waves.ipynb"


async def user(browser: Browser, lab: Lab, token: str) -> User:
    """Open the notebook in a window without side bars, as the user of this token."""
    context = await browser.new_context(viewport=SIZE, device_scale_factor=SCALE)
    page = await context.new_page()
    found = User(lab, context, page, PICTURES)
    await page.goto(f"{lab.url}/lab/tree/waves.ipynb?reset&token={token}")
    await page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    await page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    await found.status_is("Saved")
    return found


async def picture(ana: User, name: str) -> None:
    """Take a picture in each theme, with few colours, because the repository keeps each version."""
    for theme in THEMES:
        await switch_theme(ana, theme)
        await ana.screenshot(f"{name}-{theme}")
        file = PICTURES / f"{name}-{theme}.png"
        with Image.open(file) as taken:
            few = taken.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
        few.save(file, optimize=True)
        size = file.stat().st_size
        print(f"{file.relative_to(ROOT)}: {size} bytes")
        assert size < LARGEST_BYTES, "the picture is too large; lower COLORS or SCALE"


async def together(ana: User, ben: User, program: LiveNotebook) -> None:
    """Take the picture of two people and a program in one notebook."""
    await ana.run_all()
    await ana.page.wait_for_selector(".jp-RenderedImage img")
    await ana.kernel_ready()
    await program.append("picture", "\naxes.grid(alpha=0.3)")
    await ben.type(2, "  # one row for 10 ms")
    await ana.sees(2, "10 ms")
    await ana.cell(1).locator(".cm-content").click()
    await expect(ana.page.locator(".jp-RuntimedCaret")).to_have_count(2)
    await expect(ana.page.locator(".jp-RuntimedCellPresence-name")).to_have_count(2)
    await ana.status_is("Saved")
    await picture(ana, "together")


async def difference(ana: User, file: Path) -> None:
    """Take the picture of the difference that another program made in the file."""
    notebook = nbformat.read(file, 4)
    cell = notebook.cells[2]
    cell.source = cell.source.replace("(0.1, 0.5, 2.0)", "(0.1, 0.5, 1.0, 2.0)")
    nbformat.write(notebook, file)
    show = ana.page.locator(".Toastify__toast button", has_text="Show difference")
    await show.click()
    await expect(ana.page.locator(".jp-Dialog")).to_contain_text("From the file")
    await ana.page.wait_for_selector(".jp-RuntimedCellDiff ins")
    await picture(ana, "difference")


async def main() -> None:
    """Start a server and take all pictures."""
    with tempfile.TemporaryDirectory() as home:
        lab = Lab(Path(home))
        config = lab.home / "config/jupyter_server_config.py"
        config.parent.mkdir()
        config.write_text(PEOPLE)
        file = write_notebook(lab)
        lab.start()
        try:
            async with launched_chromium() as browser:
                ana = await user(browser, lab, TOKEN)
                ben = await user(browser, lab, "ben-token")
                async with jupyter_runtimed.connect(lab.url, "waves.ipynb", token=TOKEN) as program:
                    await together(ana, ben, program)
                await difference(ana, file)
        finally:
            lab.stop()


if __name__ == "__main__":
    asyncio.run(main())
