"""An identity provider and an authorizer whose answers a test changes."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from jupyter_server.auth import Authorizer, IdentityProvider, User
from tornado.web import HTTPError

EVERYTHING = {
    ("read", "contents"), ("write", "contents"), ("execute", "kernels"),
    ("write", "kernels"), ("write", "sessions"), ("read", "sessions"), ("read", "kernels"),
}  # fmt: skip


class Accounts(IdentityProvider):
    """The token `NAME-token` belongs to NAME, as long as the account exists."""

    accounts: ClassVar[set[str]] = set()
    broken: ClassVar[bool] = False
    asked: ClassVar[int] = 0

    async def get_user(self, handler: Any) -> User | None:  # type: ignore[override]
        type(self).asked += 1
        if self.broken:
            raise HTTPError(500, "the directory of users does not answer")
        name = str(self.get_token(handler)).removesuffix("-token")
        handler._token_authenticated = True
        return User(username=name, name=name.title()) if name in self.accounts else None


class Table(Authorizer):
    """Permissions of each user, and paths that only the owner in their name may see."""

    may: ClassVar[dict[str, set[tuple[str, str]]]] = {}
    broken: ClassVar[bool] = False

    def _judge(self, user: Any, action: str, resource: str) -> bool:
        if self.broken:
            raise RuntimeError("the directory of groups does not answer")
        return (action, resource) in self.may.get(user.username, EVERYTHING)

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> Any:
        return self._judge(user, action, resource)


class SlowTable(Table):
    async def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        await asyncio.sleep(0)
        return self._judge(user, action, resource)


def as_at_first() -> None:
    Accounts.accounts, Accounts.broken, Accounts.asked = {"ana", "ben", "cleo"}, False, 0
    Table.may, Table.broken = {}, False
