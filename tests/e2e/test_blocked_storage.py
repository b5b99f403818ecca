"""A browser without working storage opens notebooks and does not claim to keep edits."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from .browser import User
from .lab import Lab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NEVER_ANSWERS = """
const open = IDBFactory.prototype.open;
IDBFactory.prototype.open = function(name, ...rest) {
  return name.startsWith('jupyter-runtimed') ? {} : open.call(this, name, ...rest);
};
"""


async def test_a_page_without_browser_storage_asks_the_user_to_keep_it_open(
    shared_browser: Browser, shared_lab: Lab, tmp_path: Path, screenshots: Path
) -> None:
    path = f"{tmp_path.name}.ipynb"
    write_notebook(shared_lab, path, "one = 1")
    ana = await User.with_empty_page(shared_browser, shared_lab, screenshots)
    await ana.context.add_init_script(NEVER_ANSWERS)
    await ana.open(path)
    await ana.kernel_ready()
    await ana.context.set_offline(True)
    await ana.type(0, "\nunsent = 1", delay_ms=0)
    await ana.status_is("keep this page open")
    await ana.screenshot("blocked-storage")
    await ana.context.set_offline(False)
    await ana.status_is("Saved")
    await ana.close()
