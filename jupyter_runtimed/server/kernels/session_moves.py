"""Moves the sessions of renamed notebooks, so that each notebook keeps its kernel.

In plain JupyterLab the browser that shows a notebook moves the session. A notebook that only agents
use has no such browser, so the server moves the session. This module knows neither rooms nor files.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logging import Logger


class SessionMoves:
    """The moves of one session manager, carried out one after another."""

    def __init__(self, sessions: Any, kernels: Any, *, log: Logger) -> None:
        self._sessions = sessions
        self._kernels = kernels
        self._log = log
        self._last: asyncio.Task[None] | None = None

    def moved(self, old_path: str, new_path: str) -> None:
        """Move the sessions at or below `old_path` to `new_path` in a task. Call on the loop."""
        former = self._last
        self._last = asyncio.get_running_loop().create_task(
            self._after(former, old_path, new_path), name=f"move sessions of {old_path}"
        )

    async def settled(self) -> None:
        """Wait until all requested moves are done."""
        while self._last is not None and not self._last.done():
            await asyncio.wait({self._last})

    async def _after(self, former: asyncio.Task[None] | None, old: str, new: str) -> None:
        if former is not None:
            await asyncio.wait({former})
        for session in await self._sessions.list_settled():
            path = str(session.get("path") or "")
            if path == old or path.startswith(f"{old}/"):
                await self._move(session, new + path[len(old) :])

    async def _move(self, session: Any, path: str) -> None:
        was = str(session["path"])
        named_by_path = session.get("name") == was.rsplit("/", 1)[-1]
        name = path.rsplit("/", 1)[-1] if named_by_path else session.get("name")
        try:
            await self._sessions.update_session(session["id"], path=path, name=name)
            self._let_it_restart(session["kernel"]["id"], path)
        except Exception:  # noqa: BLE001 -- a third-party manager; still move the other sessions
            self._log.exception("The session of %s could not be moved to %s", was, path)

    def _let_it_restart(self, kernel_id: str, path: str) -> None:
        """Set the kernel's working directory for restarts, if the old one does not exist any more.

        Otherwise a restart would fail after a rename of the folder.
        """
        launch = getattr(self._kernels.get_kernel(kernel_id), "_launch_args", None)
        if isinstance(launch, dict) and not Path(launch.get("cwd") or ".").is_dir():
            launch["cwd"] = self._kernels.cwd_for_path(path)
