"""A browser whose storage never answers opens notebooks, and does not claim to keep edits."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from .browser import Person
from .lab import Lab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NEVER_ANSWERS = """
const open = IDBFactory.prototype.open;
IDBFactory.prototype.open = function(name, ...rest) {
  return name.startsWith('jupyter-runtimed') ? {} : open.call(this, name, ...rest);
};
"""


async def test_a_page_without_storage_asks_to_stay_open(
    one_browser: Browser, one_lab: Lab, tmp_path: Path, shots: Path
) -> None:
    path = f"{tmp_path.name}.ipynb"
    write_notebook(one_lab, path, "one = 1")
    ana = await Person.settle(one_browser, one_lab, shots)
    await ana.context.add_init_script(NEVER_ANSWERS)
    await ana.open(path)
    await ana.kernel_ready()
    await ana.context.set_offline(True)
    await ana.type(0, "\nunsent = 1", delay_ms=0)
    await ana.status_is("keep this page open")
    await ana.shot("blocked-storage")
    await ana.context.set_offline(False)
    await ana.status_is("Saved")
    await ana.leave()
