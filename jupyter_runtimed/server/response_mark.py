"""A response header that marks responses of this extension.

A proxy or a Hub may stand between a client and this server, and answers instead of a stopped or
unknown server. A client relies only on marked responses.
"""

from __future__ import annotations

from typing import Any, Final

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado import web

from .._version import __version__

OWN_HEADER: Final = "X-Jupyter-Runtimed"
"""Marks a response of this extension; the value is the version."""
LOGIN_HEADER: Final = "X-Jupyter-Runtimed-Login"
"""Marks the response to a request without a valid login or without an XSRF token."""
DONE = (
    "<!DOCTYPE html><title>Logged in</title>"
    "<p>You are logged in. Close this tab; the notebooks in the other tabs reconnect by themselves."
)


class MarkedResponse(APIHandler):
    """Base of the REST handlers: marks each response, including errors."""

    auth_resource = "contents"

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header(OWN_HEADER, __version__)
        # A page of another origin can read only the headers listed here.
        self.set_header("Access-Control-Expose-Headers", f"{OWN_HEADER}, {LOGIN_HEADER}")

    def write_error(self, status_code: int, **about: Any) -> None:
        error = about.get("exc_info", (None, None, None))[1]
        no_token = "xsrf" in str(getattr(error, "log_message", "")).lower()
        if status_code in (401, 403) and (no_token or not self.current_user):
            self.set_header(LOGIN_HEADER, "wanted")
        super().write_error(status_code, **about)


class LoginHandler(JupyterHandler):
    """A page behind the server's login (a Hub's, a password, a token).

    An API answers a request without login with a status, never with a redirect. So a notebook page
    with expired cookies opens this page to get new cookies; a Hub may give them without a form.
    """

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header(OWN_HEADER, __version__)

    @web.authenticated
    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.finish(DONE)
