"""Checks of the trust that clients of the contents API claim for outputs.

Trusted outputs run script in every browser that shows them. Jupyter accepts every client's claim (a
`trusted` mark in a saved notebook, or `POST contents/PATH/trust`) and signs the file for all users
of the server. Here a claim counts only if the user may run code, because such a user can produce
any output anyway. Calls outside of a request come from the server's own code and always count.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from jupyter_server.base.call_context import CallContext
from tornado.web import HTTPError

from ..auth import Questions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...document.permissions import Permissions

MAY_NOT_TRUST = "only users who may run code here can trust a notebook; ask one of them"


async def may_claim_trust(path: str) -> bool:
    """Return whether the user of the current request may run this notebook."""
    handler = CallContext.get(CallContext.JUPYTER_HANDLER)
    if handler is None:
        return True
    rights = await Questions(handler).rights_now(path)
    return rights is not None and rights.execute


def may_claim_trust_now(path: str) -> bool:
    """Return `may_claim_trust` without waiting; False if the authorizer is asynchronous."""
    handler = CallContext.get(CallContext.JUPYTER_HANDLER)
    if handler is None:
        return True
    rights: Any = Questions(handler).rights(path)
    if inspect.iscoroutine(rights):
        rights.close()
        return False
    known: Permissions | None = rights
    return known is not None and known.execute


def claims_trust(model: dict[str, Any]) -> bool:
    """Return whether any cell of this contents model has a `trusted` mark."""
    return any("trusted" in metadata for metadata in _marks(model))


def without_claims(model: dict[str, Any]) -> dict[str, Any]:
    """Remove the `trusted` marks from the model's cells, in place, and return the model."""
    for metadata in _marks(model):
        metadata.pop("trusted", None)
    return model


def refuse(path: str) -> HTTPError:
    return HTTPError(403, f"{path}: {MAY_NOT_TRUST}")


def _marks(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the metadata of every cell, of any nbformat; nothing if the model has no notebook."""
    content = model.get("content")
    if model.get("type") != "notebook" or not isinstance(content, dict):
        return
    sheets = content.get("worksheets")
    for holder in (content, *(sheets if isinstance(sheets, list) else ())):
        cells = holder.get("cells") if isinstance(holder, dict) else None
        for cell in cells if isinstance(cells, list) else ():
            metadata = cell.get("metadata") if isinstance(cell, dict) else None
            if isinstance(metadata, dict):
                yield metadata
