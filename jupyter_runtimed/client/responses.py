"""Maps HTTP responses to the package's errors.

Only a response that this extension has marked is final. Any other response may come from a
restarted proxy, a Hub that stopped the server, or a login page, so the client tries again later.
"""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

from ..errors import (
    Closed,
    Forbidden,
    LoginWanted,
    NotThisExtension,
    PeerError,
    RuntimedError,
    ServerUnreachable,
    all_errors,
    error_named,
)

OWN_HEADER: Final = "X-Jupyter-Runtimed"
"""The header that marks this extension's responses; `server/response_mark.py` has the same name."""
LOGIN_WANTED: Final = frozenset({401, 403, 407, 511})


class Headers(Protocol):
    """The headers of a response, by case-insensitive names."""

    def __contains__(self, name: str, /) -> bool: ...

    def get(self, name: str, /) -> str | None: ...


def error_of(status: int, headers: Headers, body: bytes, what: str) -> RuntimedError:
    """Return the error that a response means; `what` names the request in the message."""
    said = _said(body)
    code, message = str(said.get("code") or ""), str(said.get("message") or "")
    if code == Closed.code and isinstance(said.get("close"), int):
        return Closed(message, said["close"])
    if OWN_HEADER in headers or (code and code in {kind.code for kind in all_errors()}):
        return _own(status, code, message, what)
    if 300 <= status < 400:
        where = headers.get("Location") or "another address"
        return LoginWanted(
            f"{what}: not authenticated; the response redirects to {where}. "
            "Give a token of the server"
        )
    if status in LOGIN_WANTED:
        return LoginWanted(
            f"{what}: not authenticated ({status} {message or 'by a proxy or a Hub'}); "
            "give a token of the server, and check that the server is running"
        )
    return NotThisExtension(f"{what}: {_elsewhere(status, message)}".rstrip())


def _own(status: int, code: str, message: str, what: str) -> RuntimedError:
    if code:
        return error_named(code, message)
    if status in (401, 403):
        return Forbidden(f"{what}: {message or 'forbidden'}; check the token")
    if status == 429 or status >= 500:
        return ServerUnreachable(f"{what}: the server failed ({status}) {message}".rstrip())
    return PeerError(f"{what}: {message or status}")


def _elsewhere(status: int, message: str) -> str:
    match status:
        case 404 | 405:
            hint = "check the url, and that jupyter-runtimed is installed there"
            return f"{message or 'not found'}; {hint}"
        case 424:
            return f"the server is stopped. {message}"
        case 429:
            return f"too many requests. {message}"
        case 502 | 503 | 504:
            return f"a proxy does not reach the server ({status}). {message}"
        case _ if status < 400:
            return f"{status} from another program; give the base url of a Jupyter server"
        case _:
            return f"the server failed ({status}) {message}"


def _said(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
