"""A notebook is an Automerge room on the Jupyter server: shared, run by the server, never lost.

    async with jupyter_runtimed.connect("http://localhost:8888", "a.ipynb", token="...") as nb:
        result = await nb.run(await nb.add_cell("6 * 7"))

Importing the package is cheap: the client and the server extension are imported when asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .client import LiveCell, LiveNotebook, RunResult, connect, open  # noqa: A004 -- `open` is public

__all__ = ["LiveCell", "LiveNotebook", "RunResult", "__version__", "connect", "open"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from .server.app import RuntimedExtension

    return [{"module": "jupyter_runtimed.server.app", "app": RuntimedExtension}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-runtimed"}]
