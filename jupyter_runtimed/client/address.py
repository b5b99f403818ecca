"""Where a Jupyter server is, how one authenticates there, and its plain requests.

Requests run in a thread, because they are few: opening a room, fetching a large output.
"""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from ..errors import Forbidden, PeerError, RuntimedError, Unreachable

PAGES: Final = ("lab", "tree", "notebooks", "edit", "doc")
"""What follows the base url in addresses that people copy from a browser."""
REQUEST_SECONDS: Final = 60.0


class Address:
    """A server's base url and token, taken from whatever form of its address somebody has."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """`token`: by default the one in the url, or in the environment as `JUPYTER_TOKEN`."""
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unreachable(
                f"{url!r} is no server's address; it looks like http://localhost:8888"
            )
        found = parse_qs(parts.query).get("token", [os.environ.get("JUPYTER_TOKEN", "")])
        self.token = found[0] if token is None else token
        segments = [segment for segment in parts.path.split("/") if segment]
        ends = [index for index, segment in enumerate(segments) if segment in PAGES]
        path = "/".join(["", *segments[: ends[0] if ends else None], ""])
        self.base = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
        self._xsrf = ""

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Authorization": f"token {self.token}"} if self.token else {}
        if self._xsrf:
            headers |= {"Cookie": f"_xsrf={self._xsrf}", "X-XSRFToken": self._xsrf}
        return headers

    def socket(self, room: str) -> str:
        """The url of a room's WebSocket."""
        name = quote(room, safe=":~")
        return f"ws{self.base.removeprefix('http')}api/runtimed/rooms/{name}/socket"

    async def open_room(self, path: str) -> tuple[str, str]:
        """Find or open the room of a notebook: its id, and its path as the server has it."""
        try:
            answer = await self._json("PUT", "api/runtimed/rooms", {"path": path})
            return str(answer["room"]), str(answer["path"])
        except (KeyError, TypeError):
            raise Unreachable(f"{self.base} does not answer as this extension does") from None

    async def blob(self, sha256: str) -> bytes:
        return await self._request("GET", f"api/runtimed/blobs/{sha256}", None)

    async def _json(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        data = await self._request(method, path, json.dumps(body).encode())
        try:
            return json.loads(data)
        except ValueError:
            raise Unreachable(f"{self.base} is not a Jupyter server's base url") from None

    async def _request(self, method: str, path: str, body: bytes | None) -> bytes:
        try:
            return await asyncio.to_thread(self._do, method, path, body)
        except Forbidden as error:
            if "_xsrf" not in str(error) or self._xsrf:
                raise
            # A server without tokens wants its own cookie back.
            self._xsrf = await asyncio.to_thread(self._fetch_xsrf)
            return await asyncio.to_thread(self._do, method, path, body)

    def _do(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {**self.headers, "Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, body, headers, method=method)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=REQUEST_SECONDS) as answer:
                data = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise error_of(error.code, error.read(), f"{method} {self.base}{path}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable(f"no answer from {self.base}: {error}") from error
        return bytes(data)

    def _fetch_xsrf(self) -> str:
        request = urllib.request.Request(f"{self.base}login")  # noqa: S310
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
    """A redirect is the way to a login page: it must be seen, and the token must not follow it."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def error_of(status: int, body: bytes, what: str) -> RuntimedError:
    """The error that an HTTP status and a server's message stand for."""
    code, message = _said(body)
    if 300 <= status < 400 or status == 401:
        return Forbidden(f"{what}: not authenticated; give the server's token")
    if code:
        return error_named(code, message)
    if status == 403:
        return Forbidden(f"{what}: {message or 'forbidden'}; is the token right?")
    if status in (404, 405):
        hint = "is the url right, and the extension installed there?"
        return Unreachable(f"{what}: {message or 'not found'}; {hint}")
    if status < 500:
        return PeerError(f"{what}: {message or status}")
    return Unreachable(f"{what}: the server failed ({status}) {message}".rstrip())


def _said(body: bytes) -> tuple[str, str]:
    try:
        answer = json.loads(body)
    except ValueError:
        return "", ""
    if not isinstance(answer, dict):
        return "", ""
    return str(answer.get("code") or ""), str(answer.get("message") or "")


def error_named(code: str, message: str) -> RuntimedError:
    """The package's own error with this code, as if it had been raised here."""
    kinds = [RuntimedError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        if kind.code == code and kind.__init__ is Exception.__init__:
            return kind(message)
    error = RuntimedError(message)
    error.code = code
    return error
