"""Whole notebooks of one room: read and written by the contents API, and merged from the file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from ..document import ipynb
from ..document.permissions import Permissions
from ..errors import RuntimedError
from ..room import effects as fx
from ..room import events as ev
from ..room.file.merge import merge
from ..room.room import Room
from .call_futures import CallFutures
from .garbage import gc_paused
from .ports import Ports
from .tasks import Tasks

log = logging.getLogger(__name__)

MERGING: Final = "merging this notebook"


class NotebookModels:
    """Reads and merges whole notebooks; `post` passes the result of a merge to the room."""

    def __init__(
        self,
        room: Room,
        ports: Ports,
        tasks: Tasks,
        calls: CallFutures,
        post: Callable[[ev.Event], None],
    ) -> None:
        self._room = room
        self._ports = ports
        self._tasks = tasks
        self._calls = calls
        self._post = post
        self._at_once = False
        """Whether a merge must end before `merge` returns."""

    async def read(self) -> dict[str, Any]:
        """Return the present notebook as nbformat JSON for the contents API."""
        content = self._room.filing.content_for_client()
        return await asyncio.to_thread(ipynb.to_model, content, get_blob=self._ports.blobs.get)

    def read_now(self) -> dict[str, Any]:
        """Like `read`, for synchronous callers; reads large outputs on the event loop."""
        content = self._room.filing.content_for_client()
        return ipynb.to_model(content, get_blob=self._ports.blobs.get)

    async def put(self, model: Mapping[str, Any]) -> dict[str, str]:
        """Merge a notebook that a client of the contents API wrote, and save.

        Returns the file's `hash` and `last_modified`. Raises `NotebookError` for an invalid
        notebook, `SaveFailed`, and `RuntimedError` if the merge fails.
        """
        found = await asyncio.to_thread(self._parse, model)
        await self._calls.ask(lambda ticket: ev.ContentsPut(ticket, found.content))
        writer, rights = ev.User("contents", "Contents API"), Permissions(True, False)
        stamp: dict[str, str] = await self._calls.ask(
            lambda ticket: ev.CallReceived(ticket, "save", {}, (), writer, rights)
        )
        return stamp

    def put_now(self, model: Mapping[str, Any]) -> None:
        """Like `put` for synchronous callers: merge before returning, and save soon."""
        found = self._parse(model)
        self._at_once = True
        try:
            self._calls.ask_now(lambda ticket: ev.ContentsPut(ticket, found.content))
        finally:
            self._at_once = False

    def _parse(self, model: Mapping[str, Any]) -> ipynb.FileContent:
        return ipynb.from_model(
            model,
            new_id=self._ports.new_id,
            put_blob=partial(self._ports.blobs.keep, self._room.room_id),
            limits=self._ports.limits,
        )

    # ------------------------------------------------------------ merges

    def merge(self, effect: fx.MergeFile) -> None:
        if self._at_once:
            self._post(_merged(effect))
        else:
            self._tasks.start(self._merge(effect), f"merge into {self._room.path}")

    async def _merge(self, effect: fx.MergeFile) -> None:
        self._post(await asyncio.to_thread(_merged, effect))


def unexpected(what: str, error: Exception) -> RuntimedError:
    """Return the package's error for an exception during `what`; its own errors stay."""
    if isinstance(error, RuntimedError):
        return error
    return RuntimedError(
        f"the server failed at {what} ({type(error).__name__}: {error}); see the server's log"
    )


def not_merged(number: int, error: Exception) -> ev.MergeFailed:
    return ev.MergeFailed(number, unexpected(MERGING, error))


def _merged(task: fx.MergeFile) -> ev.Merged | ev.MergeFailed:
    try:
        with gc_paused():
            return merge(task)
    except Exception as error:
        log.exception("Merging a notebook failed; its file and its room stay as they are")
        return not_merged(task.number, error)
