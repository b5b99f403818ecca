"""The address of a Jupyter server: base url, authentication, and plain HTTP requests.

Requests use blocking code in threads, because they are few: opening a room, fetching an output.
"""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import Executor
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import parse_qs, quote

from ..errors import Forbidden, NotThisExtension, ServerUnreachable
from .base_url import base_paths, origin_of
from .responses import OWN_HEADER, error_of

REQUEST_SECONDS: Final = 60.0
FRAMES: Final = "application/octet-stream"


class Address:
    """A server's base url and token, from any address that a browser shows for the server."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """`token` defaults to the token in `url`, then to the variable `JUPYTER_TOKEN`.

        Raises `ServerUnreachable` if `url` is not a server's address.
        """
        origin, segments, query = origin_of(url)
        found = parse_qs(query).get("token", [os.environ.get("JUPYTER_TOKEN", "")])
        self.token = found[0] if token is None else token
        self.candidates = [f"{origin}{path}" for path in base_paths(segments)]
        """The possible base urls, the shortest first."""
        self.base = self.candidates[0]
        """The base url; certain after `settle`."""
        self._xsrf = ""

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Authorization": f"token {self.token}"} if self.token else {}
        if self._xsrf:
            headers |= {"Cookie": f"_xsrf={self._xsrf}", "X-XSRFToken": self._xsrf}
        return headers

    async def settle(self) -> None:
        """Find the base url among several candidates, without sending the token.

        Raises `NotThisExtension` if no server with this extension answers at any of them.
        """
        if len(self.candidates) == 1:
            return
        for base in reversed(self.candidates):
            if await asyncio.to_thread(_is_server, base):
                self.base, self.candidates = base, [base]
                return
        raise NotThisExtension(
            f"no Jupyter server with this extension answers at {self.base}, nor at "
            f"{', '.join(self.candidates[1:])}; give the server's base url"
        )

    def socket(self, room: str) -> str:
        """Return the url of a room's WebSocket."""
        return f"ws{self.base.removeprefix('http')}{self.room(room)}/socket"

    def room(self, room: str) -> str:
        """Return the path of a room below the base url."""
        return f"api/runtimed/rooms/{quote(room, safe=':~')}"

    async def open_room(self, path: str) -> tuple[str, str]:
        """Find or open the room of a notebook; return its id and the server's path for it."""
        await self.settle()
        try:
            answer = await self.ask("PUT", "api/runtimed/rooms", {"path": path})
            return str(answer["room"]), str(answer["path"])
        except (KeyError, TypeError):
            raise NotThisExtension(
                f"{self.base} sent a response that is not from jupyter-runtimed; "
                "check the url and any proxy"
            ) from None

    async def blob(self, sha256: str) -> bytes:
        return await self.request("GET", f"api/runtimed/blobs/{sha256}", None)

    async def ask(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Send a JSON body; return the JSON of the response."""
        return self.read_json(await self.request(method, path, json.dumps(body).encode()))

    def read_json(self, data: bytes) -> Any:
        try:
            return json.loads(data)
        except ValueError:
            raise NotThisExtension(
                f"{self.base} is not a Jupyter server's base url; check it"
            ) from None

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        content_type: str = "application/json",
        threads: Executor | None = None,
    ) -> bytes:
        """Send a request; return the body of a response with status 200 to 299.

        Raises the error of any other response (see `answers.error_of`), or `ServerUnreachable`.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(threads, self._do, method, path, body, content_type)
        except Forbidden as error:
            if "_xsrf" not in str(error) or self._xsrf:
                raise
            # A server without tokens requires its XSRF cookie.
            self._xsrf = await loop.run_in_executor(threads, self._fetch_xsrf)
            return await loop.run_in_executor(threads, self._do, method, path, body, content_type)

    def _do(self, method: str, path: str, body: bytes | None, content_type: str) -> bytes:
        headers = {**self.headers, "Content-Type": content_type}
        request = urllib.request.Request(self.base + path, body, headers, method=method)  # noqa: S310 -- HTTP only
        try:
            with _OPENER.open(request, timeout=REQUEST_SECONDS) as answer:
                data = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                what = f"{method} {self.base}{path}"
                raise error_of(error.code, error.headers, error.read(), what) from None
        except (OSError, HTTPException, ValueError) as error:
            raise ServerUnreachable(f"{self.base} does not answer: {error}") from error
        return bytes(data)

    def _fetch_xsrf(self) -> str:
        request = urllib.request.Request(f"{self.base}login")  # noqa: S310 -- HTTP only
        try:
            with _OPENER.open(request, timeout=REQUEST_SECONDS) as answer:
                headers = answer.headers
        except urllib.error.HTTPError as error:
            with error:
                headers = error.headers
        except OSError:
            return ""
        for cookie in headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            if name.strip() == "_xsrf":
                return str(value)
        return ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, because it may lead to a login page, which must not get the token."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _is_server(base: str) -> bool:
    """Return whether this extension answers below `base`; sends no token."""
    request = urllib.request.Request(f"{base}api/runtimed/status")  # noqa: S310 -- HTTP only
    try:
        with _OPENER.open(request, timeout=REQUEST_SECONDS) as answer:
            return OWN_HEADER in answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return OWN_HEADER in error.headers
    except (OSError, HTTPException, ValueError) as error:
        raise ServerUnreachable(f"{base} does not answer: {error}") from error
