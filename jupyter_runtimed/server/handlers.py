"""REST handlers that open and list rooms, carry out calls without a socket, and serve blobs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from .._version import __version__
from ..errors import NotFound, RuntimedError
from ..protocol.frames import PROTOCOL, SMALL_BYTES
from ..room.calls import check_rights
from .auth import MAY_NOT_READ, may_read, rights_now, user_of
from .http_status import status_of
from .response_mark import OWN_HEADER, MarkedResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..host.host import Host
    from ..host.registry import Registry

T = TypeVar("T")


def normalize_path(path: str) -> str:
    """Return the normal form of an API path. Raises `NotFound` for a path outside the root."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise NotFound(f"{path!r} is not below the root folder of this server; open one that is")
    return "/".join(parts)


may_read_some = cast("Callable[[T], T]", authorized("read", resource="contents"))
"""Decorator for requests that concern no particular notebook."""


@web.stream_request_body
class _Handler(MarkedResponse):
    """Reads the body as it arrives. Discards a body that is too large, without parsing it."""

    auth_resource = "contents"
    body_bytes = SMALL_BYTES

    def initialize(self, rooms: Registry, **settings: Any) -> None:
        self.rooms = rooms
        self.about = settings
        self._parts: list[bytes] = []
        self._size = 0

    def data_received(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self.body_bytes:
            self._parts.clear()
        else:
            self._parts.append(chunk)

    def host(self, room_id: str) -> Host:
        found = self.rooms.by_id(room_id)
        if found is None:
            raise web.HTTPError(404, "no such room; open the notebook by its path first")
        return found

    async def readable(self, room_id: str) -> Host:
        """Return the room. Raises HTTP 404 without such a room, 403 if the user may not read it."""
        host = self.host(room_id)
        if not await may_read(self, host.path):
            raise web.HTTPError(403, MAY_NOT_READ)
        return host

    def body(self, *, optional: bool = False) -> dict[str, Any]:
        """Return the body as a JSON object. Call only after the permission check.

        Raises HTTP 413 for a body that is too large, 400 for a body that is not a JSON object.
        """
        if self._size > self.body_bytes:
            raise web.HTTPError(
                413, f"the body has {self._size} bytes; send at most {self.body_bytes}"
            )
        data = b"".join(self._parts).strip()
        if optional and not data:
            return {}
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise web.HTTPError(400, "the body is not a JSON object; send one")
        return body

    def fail(self, error: RuntimedError) -> None:
        self.set_status(status_of(error))
        self.finish(json.dumps({"code": error.code, "message": str(error), "reason": None}))


class RoomsHandler(_Handler):
    """`PUT` finds or opens the room of a notebook; `GET` lists the rooms that are open."""

    body_bytes = 16 << 10
    """Small, because the server reads the path before it can check the permission to open it."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the rooms whose notebooks the user may read."""
        if not await may_read(self, ""):
            raise web.HTTPError(403, MAY_NOT_READ)
        found = [facts for facts in self.rooms.rooms() if await may_read(self, facts["path"])]
        self.finish(json.dumps({"rooms": found}))

    @web.authenticated
    async def put(self) -> None:
        path = self.body().get("path")
        if not isinstance(path, str) or not path.strip("/"):
            raise web.HTTPError(
                400, 'the body names no notebook; send {"path": "folder/name.ipynb"}'
            )
        if any("\ud800" <= letter <= "\udfff" for letter in path):
            raise web.HTTPError(400, "the path has a lone surrogate; no file has such a name")
        try:
            # A room that is open at this path wins, even if the file has a new id by now.
            place = normalize_path(path)
            if not await may_read(self, place):
                raise web.HTTPError(403, MAY_NOT_READ)
            host = self.rooms.by_path(place) or await self.rooms.open(place)
        except RuntimedError as error:
            self.fail(error)
            return
        self.finish(json.dumps({"room": host.room_id, "path": host.path}))


class RoomHandler(_Handler):
    """Serves the current notebook as nbformat JSON."""

    @web.authenticated
    async def get(self, room_id: str) -> None:
        host = await self.readable(room_id)
        model = await host.models.read()
        self.finish(json.dumps(model))


class CallHandler(_Handler):
    """Carries out the protocol's calls for scripts without a socket."""

    @web.authenticated
    async def post(self, room_id: str, name: str) -> None:
        host = self.host(room_id)
        rights = await rights_now(self, host.path, host.kernel_id)
        if rights is None:
            raise web.HTTPError(403, MAY_NOT_READ)
        try:
            check_rights(name, rights)
            args = self.body(optional=True)
            heads = args.pop("heads", [])
            if not isinstance(heads, list) or not all(isinstance(head, str) for head in heads):
                raise web.HTTPError(400, "`heads` is not a list of change hashes; send one")
            result = await host.call(name, args, tuple(heads), user_of(self), rights)
        except RuntimedError as error:
            self.fail(error)
            return
        self.finish(json.dumps(result))


class StatusHandler(_Handler):
    """Reports the version, the protocol number and conflicting extensions of this server."""

    @web.authenticated
    @may_read_some
    async def get(self) -> None:
        about = {"version": __version__, "protocol": PROTOCOL}
        self.finish(json.dumps({**about, "conflicts": self.about["conflicts"]()}))


OPENAPI: Final = Path(__file__).with_name("openapi.yaml")
"""The description of all handlers of this extension."""


class DescriptionHandler(_Handler):
    """Serves the OpenAPI description of the extension's API."""

    @web.authenticated
    @may_read_some
    def get(self) -> None:
        self.finish(OPENAPI.read_bytes(), set_content_type="application/yaml")


_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
SAFE_TYPES = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp",
        "audio/mpeg", "audio/wav", "audio/ogg", "video/mp4", "video/webm",
        "application/pdf", "text/plain", "application/json",
    }
)  # fmt: skip
"""Media types that the server sends as such; any other blob is a download of plain bytes."""


class BlobHandler(JupyterHandler):
    """Serves a blob (a large output), immutable, with headers that prevent running scripts."""

    auth_resource = "contents"

    def initialize(self, rooms: Registry, **_: Any) -> None:
        self.rooms = rooms

    def check_xsrf_cookie(self) -> None:
        """Skip the check, because reading changes nothing."""

    def get_login_url(self) -> str:
        """Answer unauthenticated requests with HTTP 403 instead of a redirect to a login page."""
        raise web.HTTPError(403)

    def compute_etag(self) -> str:
        return f'"{self.path_args[0]}"'

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header(OWN_HEADER, __version__)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    @property
    def content_security_policy(self) -> str:
        return "sandbox; default-src 'none'"

    @web.authenticated
    async def get(self, sha256: str) -> None:
        if not _SHA256.match(sha256):
            raise web.HTTPError(400, "a blob is named by its SHA-256: 64 hexadecimal digits")
        if not await self._is_readable(sha256):
            raise web.HTTPError(404, f"no open notebook that you may read refers to {sha256}")
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

    async def _is_readable(self, sha256: str) -> bool:
        """Return whether the user may read a notebook that refers to the blob."""
        for path in self.rooms.paths_of_blob(sha256):
            if await may_read(self, path):
                return True
        return False
