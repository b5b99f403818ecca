"""A client for agents and scripts: a live notebook without a browser."""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import TracebackType

from ..protocol.frames import PeerKind
from .address import Address
from .notebook import LiveNotebook
from .reader import LiveCell
from .runs import RunResult

__all__ = ["LiveCell", "LiveNotebook", "RunResult", "connect", "open"]


class connect:  # noqa: N801 -- used like a function, as `websockets.connect` is
    """Open a notebook of a Jupyter server, live::

        async with connect("http://localhost:8888", "a.ipynb", token="...") as nb: ...
        nb = await connect("http://localhost:8888", "a.ipynb", token="...")

    `url` is the server's base url, or an address of its JupyterLab. `path` is the notebook,
    relative to the server's root folder. `token` is by default the one in `url`, or the variable
    `JUPYTER_TOKEN`. `name` and `kind` are what other users see.

    Raises `Forbidden` (token, permissions), `NotFound` (no such file), `NotebookError` (the file is
    not a notebook), `ServerUnreachable` (no server, or one without this extension).
    """

    def __init__(
        self,
        url: str,
        path: str,
        token: str | None = None,
        *,
        name: str = "agent",
        kind: PeerKind = "agent",
    ) -> None:
        # Made on the loop that opens it, which may run in another thread.
        self._make: Callable[[], LiveNotebook] = lambda: LiveNotebook(
            Address(url, token), path, name=name, kind=kind
        )

    def __await__(self) -> Generator[object, None, LiveNotebook]:
        return self._start().__await__()

    async def __aenter__(self) -> LiveNotebook:
        self._notebook = await self._start()
        return self._notebook

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._notebook.__aexit__(kind, error, trace)

    async def _start(self) -> LiveNotebook:
        notebook = self._make()
        await notebook.start()
        return notebook


open = connect  # noqa: A001 -- `jupyter_runtimed.open` is an alias
