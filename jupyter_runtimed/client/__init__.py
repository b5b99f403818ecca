"""A client for agents and scripts: a live notebook without a browser."""

from __future__ import annotations

from ..protocol.frames import PeerKind
from .address import Address
from .notebook import LiveNotebook
from .reading import LiveCell
from .runs import RunResult

__all__ = ["LiveCell", "LiveNotebook", "RunResult", "open"]


async def open(  # noqa: A001 -- `jupyter_runtimed.open` is its name
    url: str,
    path: str,
    token: str | None = None,
    *,
    name: str = "agent",
    kind: PeerKind = "agent",
) -> LiveNotebook:
    """Open a notebook of a Jupyter server, live.

    `url`: the server's base url (the address of its JupyterLab will do); `path`: the notebook,
    relative to the server's root; `token`: by default from the url or the variable `JUPYTER_TOKEN`.
    Raises `Forbidden` (token, rights), `NotFound` (no such file), `NotebookError` (not a notebook),
    `Unreachable` (no server, or not one with this extension).
    """
    notebook = LiveNotebook(Address(url, token), path, name=name, kind=kind)
    await notebook.start()
    return notebook
