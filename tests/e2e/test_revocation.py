"""A page whose user loses the login or a permission while the notebook is open."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nbformat
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from .browser import User
from .lab import Lab, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

CONFIG = """
import json
from pathlib import Path
from jupyter_server.auth import Authorizer, PasswordIdentityProvider

def now():
    return json.loads(Path({file!r}).read_text())

class Roster(PasswordIdentityProvider):
    async def get_user(self, handler):
        user = await self._get_user(handler)
        return user if now()["account"] else None

class Table(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource not in ("contents", "kernels", "sessions") or action in now()["may"]

c.ServerApp.identity_provider_class = Roster
c.ServerApp.authorizer_class = Table
c.RuntimedExtension.permission_check_interval = 0.2
c.RuntimedExtension.identity_check_interval = 0.2
"""
ALL = ["read", "write", "execute"]


class ChangingLab(Lab):
    """A server that reads the permissions of its users from a file."""

    def allow(self, *may: str, account: bool = True) -> None:
        (self.home / "roster.new").write_text(json.dumps({"account": account, "may": may}))
        (self.home / "roster.new").replace(self.home / "roster.json")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChangingLab]:
    home = tmp_path_factory.mktemp("changing")
    config = home / "config" / "jupyter_server_config.py"
    config.parent.mkdir(parents=True)
    config.write_text(CONFIG.format(file=str(home / "roster.json")))
    lab = ChangingLab(home)
    lab.allow(*ALL)
    write_notebook(lab, "a.ipynb", "one = 1", "two = 2")
    lab.start()
    yield lab
    lab.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def ana(shared_browser: Browser, lab: ChangingLab, screenshots: Path) -> AsyncIterator[User]:
    lab.allow(*ALL)
    ana = await User.with_notebook(shared_browser, lab, "a.ipynb", screenshots)
    await ana.kernel_ready()  # JupyterLab opens a dialog if a kernel may not start later
    yield ana
    await ana.close()


def notice(user: User, text: str) -> Locator:
    return user.page.locator(".Toastify__toast", has_text=text)


def on_disk(lab: Lab) -> list[str]:
    return [cell.source for cell in nbformat.read(lab.root / "a.ipynb", 4).cells]


async def test_a_page_becomes_read_only_and_editable_again_without_user_action(
    ana: User, lab: ChangingLab
) -> None:
    lab.allow("read")
    await ana.status_is("Read-only")
    await expect(ana.cell(0).locator(".cm-content")).to_have_attribute("aria-readonly", "true")
    await ana.type(0, "more")
    assert await ana.source(0) == "one = 1"
    lab.allow(*ALL)
    await ana.status_is("Saved")
    await ana.type(0, "0")
    await ana.source_is(0, "one = 10")
    await ana.status_is("Saved")


async def test_a_revoked_read_permission_is_reported_and_can_be_restored(
    ana: User, lab: ChangingLab
) -> None:
    lab.allow()
    await expect(notice(ana, "You may not read a.ipynb any more")).to_be_visible()
    await ana.status_is("No access")
    await ana.screenshot("no-access")
    lab.allow(*ALL)
    await notice(ana, "may not read").get_by_text("Try again").click()
    await ana.status_is("Saved")
    await expect(notice(ana, "may not read")).to_have_count(0)


async def test_text_typed_after_a_logout_is_kept_and_sent_after_the_next_login(
    ana: User, lab: ChangingLab
) -> None:
    lab.allow(*ALL, account=False)
    notice_shown = notice(ana, "You are not logged in any more")
    await expect(notice_shown).to_be_visible()
    await ana.status_is("Not logged in")
    await ana.type(1, " # kept")
    await expect(notice_shown).to_contain_text("this browser keeps them")
    await ana.screenshot("not-logged-in")
    await ana.wait_until_stored()
    lab.allow(*ALL)
    await notice_shown.get_by_text("Try again").click()
    await ana.status_is("Saved")
    assert on_disk(lab)[1] == "two = 2 # kept"
