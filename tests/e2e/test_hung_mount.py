"""A mount stops answering: the status of its notebooks says so, and of no other notebook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from ..support.fuse_mount import FuseMount, fuse_mount
from .browser import User
from .lab import Lab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio]

# The server waits 5 s for an answer of the folder, and the save before it waits as well.
REPORT_TIMEOUT_MS = 60_000


@pytest.fixture
def lab_with_mount(tmp_path: Path) -> Iterator[tuple[Lab, FuseMount]]:
    lab = Lab(tmp_path)
    with fuse_mount(tmp_path / "source", lab.root / "mount") as mount:
        write_notebook(lab, "near.ipynb", "near = 1")
        write_notebook(lab, "mount/far.ipynb", "far = 1")
        lab.start()
        try:
            yield lab, mount
        finally:
            mount.resume()
            lab.stop()


async def test_only_the_notebook_on_a_hung_mount_shows_that_its_file_cannot_be_reached(
    browser: Browser, lab_with_mount: tuple[Lab, FuseMount], screenshots: Path
) -> None:
    lab, mount = lab_with_mount
    far = await User.with_notebook(browser, lab, "mount/far.ipynb", screenshots)
    near = await User.with_notebook(browser, lab, "near.ipynb", screenshots)
    mount.hang()
    await far.type(0, "\ntyped_far = 2")
    await near.type(0, "\ntyped_near = 2")
    await far.status_is("File cannot be reached", REPORT_TIMEOUT_MS)
    await far.screenshot("hung-mount")
    await near.status_is("Saved")
    assert "typed_near" in (lab.root / "near.ipynb").read_text()
    await near.type(0, "\nmore_near = 3")
    await near.status_is("Saved")
    mount.resume()
    await far.status_is("Saved", REPORT_TIMEOUT_MS)
    await expect(far.status).not_to_contain_text("cannot be reached")
    assert "typed_far" in (mount.source / "far.ipynb").read_text()
    await far.close()
    await near.close()
