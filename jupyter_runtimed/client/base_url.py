"""Finds the possible base urls of a server in an address from a browser.

A page's address consists of the server's base url, the name of a page, and perhaps a notebook's
path. A base url and a path may contain names of pages too (`/user/lab/`,
`/lab/tree/edit/lab/a.ipynb`), so the end of the base url may be ambiguous. This module sends no
requests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from ..errors import ServerUnreachable

PAGES: Final = ("lab", "tree", "notebooks", "edit", "doc")
"""The names of Jupyter's pages, which follow the base url in a browser's address."""
SAFE: Final = "%@~!$&'()*+,;=:-._"
"""Characters of a path segment that need no quoting."""
LONE_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def origin_of(url: str) -> tuple[str, list[str], str]:
    """Return scheme with host, the quoted segments of the path, and the query.

    Raises `ServerUnreachable` for text that is not an http address, or that has a password.
    """
    try:
        parts = urlsplit(url.strip() if "//" in url else f"http://{url.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise ServerUnreachable(
            f"{url!r} is not a server's address; give one like http://localhost:8888"
        )
    if "@" in parts.netloc:
        raise ServerUnreachable(f"the address of {host} has a user name or password; give a token")
    named = f"[{host}]" if ":" in host else _ascii(host)
    origin = urlunsplit((parts.scheme, named if port is None else f"{named}:{port}", "", "", ""))
    segments = [quoted(segment) for segment in parts.path.split("/") if segment]
    return origin, segments, parts.query


def quoted(segment: str) -> str:
    """Quote a path segment; keep characters that are already quoted.

    Quoted and unquoted forms stay distinct, because some servers treat `%40` and `@` as different.
    """
    return LONE_PERCENT.sub("%25", quote(segment, safe=SAFE))


def base_paths(segments: Sequence[str]) -> list[str]:
    """Return the possible paths of the base url, the shortest first; at least one."""
    cuts = [at for at, segment in enumerate(segments) if segment in PAGES]
    return ["/".join(["", *segments[:end], ""]) for end in (*cuts, len(segments))]


def _ascii(host: str) -> str:
    try:
        return host.encode("ascii").decode()
    except UnicodeEncodeError:
        return host.encode("idna").decode()
