"""Synthetic requests to Jupyter's own API, for authorizers and identity providers.

An authorizer gets a handler in addition to the action and the resource, and may decide by the
handler's path, method or body. The URL of a room names no file, so the authorizer gets a handler of
Jupyter's own API instead, whose path names the notebook. For a repeated identity check, the
identity provider gets a copy of the connection's first request.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_server.base.handlers import JupyterHandler

H = TypeVar("H", bound="JupyterHandler")


class _Connection:
    """The connection of a synthetic request; has the address of the real request's client."""

    def __init__(self, request: HTTPServerRequest) -> None:
        self.context = SimpleNamespace(remote_ip=request.remote_ip, protocol=request.protocol)

    def set_close_callback(self, callback: object) -> None:
        """Ignore the callback, because this connection never closes."""


def synthetic_request(
    kind: type[H],
    handler: JupyterHandler,
    *,
    method: str,
    uri: str,
    body: bytes = b"",
    path_kwargs: Mapping[str, str] | None = None,
) -> H:
    """Return a handler of class `kind` with the headers of `handler`'s request, unauthenticated."""
    first = handler.request
    headers = HTTPHeaders()
    for name, value in first.headers.get_all():
        headers.add(name, value)
    request = HTTPServerRequest(
        start_line=RequestStartLine(method, uri, first.version),
        headers=headers,
        body=body,
        connection=_Connection(first),  # type: ignore[arg-type]  # has all that tornado uses
    )
    made: Any = kind(handler.application, request)
    made.path_args = []
    made.path_kwargs = dict(path_kwargs or {})
    found: H = made
    return found
