"""REST: opening and finding rooms, the calls without a socket, and blobs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado import web

from .._version import __version__
from ..errors import NotFound, RuntimedError
from ..protocol.frames import PROTOCOL
from .rights import MAY_NOT_READ, rights_now, user_of
from .status import status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..host.host import Host
    from ..host.registry import Registry

T = TypeVar("T")


def inside(path: str) -> str:
    """The one form of an API path. Raises `NotFound` for one outside of the root folder."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise NotFound(f"{path!r} is not below the root folder of this server; open one that is")
    return "/".join(parts)


may_read = cast("Callable[[T], T]", authorized("read", resource="contents"))
"""Every request asks the authorizer; what it may do beyond reading is asked with what it wants."""


class _Handler(APIHandler):
    auth_resource = "contents"

    def initialize(self, rooms: Registry, **settings: Any) -> None:
        self.rooms = rooms
        self.about = settings

    def host(self, room_id: str) -> Host:
        found = self.rooms.by_id(room_id)
        if found is None:
            raise web.HTTPError(404, "no such room; open the notebook by its path first")
        return found

    def body(self) -> dict[str, Any]:
        try:
            body = json.loads(self.request.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise web.HTTPError(400, "a JSON object is expected")
        return body

    def fail(self, error: RuntimedError) -> None:
        self.set_status(status_of(error))
        self.finish(json.dumps({"code": error.code, "message": str(error), "reason": None}))


class RoomsHandler(_Handler):
    """`PUT` finds or opens the room of a notebook; `GET` lists the rooms that are open."""

    @web.authenticated
    @may_read
    async def get(self) -> None:
        self.finish(json.dumps({"rooms": self.rooms.rooms()}))

    @web.authenticated
    @may_read
    async def put(self) -> None:
        path = self.body().get("path")
        if not isinstance(path, str) or not path.strip("/"):
            raise web.HTTPError(400, 'say which notebook: {"path": "folder/name.ipynb"}')
        if any("\ud800" <= letter <= "\udfff" for letter in path):
            raise web.HTTPError(400, "the path holds half of a character; no file has such a name")
        try:
            # The room that is open there, also when the file was given a new id meanwhile.
            place = inside(path)
            host = self.rooms.by_path(place) or await self.rooms.open(place)
        except RuntimedError as error:
            self.fail(error)
            return
        self.finish(json.dumps({"room": host.room_id, "path": host.path}))


class RoomHandler(_Handler):
    """The notebook as nbformat JSON, as it is now."""

    @web.authenticated
    @may_read
    async def get(self, room_id: str) -> None:
        host = self.host(room_id)
        model = await host.model()
        self.finish(json.dumps(model))


class CallHandler(_Handler):
    """The calls of the protocol for scripts that have no socket."""

    @web.authenticated
    @may_read
    async def post(self, room_id: str, name: str) -> None:
        host = self.host(room_id)
        args = dict(self.body()) if self.request.body.strip() else {}
        heads = args.pop("heads", [])
        if not isinstance(heads, list) or not all(isinstance(head, str) for head in heads):
            raise web.HTTPError(400, "heads are a list of change hashes")
        rights = await rights_now(self)
        if rights is None:
            raise web.HTTPError(403, MAY_NOT_READ)
        try:
            result = await host.call(name, args, tuple(heads), user_of(self), rights)
        except RuntimedError as error:
            self.fail(error)
            return
        self.finish(json.dumps(result))


class StatusHandler(_Handler):
    """That the server part is here, its version, and whom it cannot work beside."""

    @web.authenticated
    @may_read
    async def get(self) -> None:
        about = {"version": __version__, "protocol": PROTOCOL}
        self.finish(json.dumps({**about, "conflicts": self.about["conflicts"]()}))


_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
SAFE_TYPES = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp",
        "audio/mpeg", "audio/wav", "audio/ogg", "video/mp4", "video/webm",
        "application/pdf", "text/plain", "application/json",
    }
)  # fmt: skip
"""Types that a browser may be told; anything else is served as bytes to download."""


class BlobHandler(JupyterHandler):
    """A large output, immutable, in a form that cannot run script."""

    auth_resource = "contents"

    def initialize(self, rooms: Registry, **_: Any) -> None:
        self.rooms = rooms

    def check_xsrf_cookie(self) -> None:
        """Reading changes nothing."""

    def get_login_url(self) -> str:
        """Who is not authenticated gets a status, as from any API: no page shows a login form."""
        raise web.HTTPError(403)

    def compute_etag(self) -> str:
        return f'"{self.path_args[0]}"'

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    @property
    def content_security_policy(self) -> str:
        return "sandbox; default-src 'none'"

    @web.authenticated
    @may_read
    async def get(self, sha256: str) -> None:
        if not _SHA256.match(sha256):
            raise web.HTTPError(400, "a blob is named by its SHA-256, 64 hexadecimal digits")
        self.set_etag_header()
        if self.check_etag_header():
            self.set_status(304)
            return
        wanted = self.get_query_argument("type", "application/octet-stream")
        safe = wanted in SAFE_TYPES
        try:
            data = await self.rooms.blob(sha256)
        except RuntimedError as error:
            raise web.HTTPError(404, str(error)) from error
        charset = "; charset=utf-8" if wanted.startswith("text/") else ""
        self.set_header("Content-Type", wanted + charset if safe else "application/octet-stream")
        if not safe:
            self.set_header("Content-Disposition", "attachment")
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.finish(data)
