"""Classes that an administrator may configure instead of Jupyter Server's own."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, ClassVar

from jupyter_client.provisioning import LocalProvisioner
from jupyter_server.services.contents.filecheckpoints import GenericFileCheckpoints
from jupyter_server.services.contents.manager import ContentsManager
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import (
    AsyncMappingKernelManager,
    MappingKernelManager,
)
from jupyter_server.services.sessions.sessionmanager import SessionManager
from tornado.web import HTTPError

SEEN: list[str] = []
"""Calls of these classes, in order."""


class ChosenKernels(AsyncMappingKernelManager):
    async def _async_start_kernel(self, **how: Any) -> str:
        SEEN.append("start")
        kernel_id: str = await super()._async_start_kernel(**how)
        return kernel_id

    start_kernel = _async_start_kernel


class SyncKernels(MappingKernelManager):
    """A manager whose methods are not coroutines."""


class PlainKernels(MappingKernelManager):
    """Restarts and shuts down in plain methods; only `start_kernel` must be a coroutine."""

    def restart_kernel(self, kernel_id: str, now: bool = False) -> None:
        self.get_kernel(kernel_id).restart_kernel(now=True)

    def shutdown_kernel(self, kernel_id: str, now: bool = False, restart: bool = False) -> None:
        self.get_kernel(kernel_id).shutdown_kernel(now=True)
        self.remove_kernel(kernel_id)


class PlainSessions(SessionManager):
    """Lists sessions in a plain method, as Jupyter Server's handlers allow."""

    def list_sessions(self) -> Any:
        work: Coroutine[Any, Any, Any] = super().list_sessions()
        try:
            work.send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("a coroutine that never waits has waited")


class ChosenSessions(SessionManager):
    async def create_session(self, *args: Any, **how: Any) -> dict[str, Any]:
        SEEN.append("session")
        return dict(await super().create_session(*args, **how))


class ChosenSocket(ZMQChannelsWebsocketConnection):
    def handle_outgoing_message(self, stream: str, message: list[bytes]) -> None:
        SEEN.append("message")
        super().handle_outgoing_message(stream, message)


class ChosenProvisioner(LocalProvisioner):
    async def pre_launch(self, **how: Any) -> dict[str, Any]:
        SEEN.append("launch")
        return dict(await super().pre_launch(**how))


class Shelf(ContentsManager):
    """Notebooks in memory, as in a bucket or a database, without files on a disk."""

    checkpoints_class = GenericFileCheckpoints
    kept: ClassVar[dict[str, tuple[dict[str, Any], int]]] = {}
    """For each path, the written contents."""
    full: ClassVar[bool] = False

    def get(
        self,
        path: str,
        content: bool = True,
        type: str | None = None,  # noqa: A002 -- Jupyter Server's name
        format: str | None = None,  # noqa: A002
        require_hash: bool = False,
    ) -> dict[str, Any]:
        found = self.kept.get(path.strip("/"))
        if found is None:
            raise HTTPError(404, f"{path} is not on the shelf")
        return {
            "name": path.rsplit("/", 1)[-1], "path": path, "type": "notebook", "writable": True,
            "created": "2026-01-01T00:00:00Z", "last_modified": f"2026-01-01T00:00:{found[1]:02}Z",
            "mimetype": None, "format": "json" if content else None,
            "content": found[0] if content else None,
        }  # fmt: skip

    def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        if self.full:
            raise HTTPError(507, "the shelf is full")
        _, times = self.kept.get(path.strip("/"), (None, 0))
        self.kept[path.strip("/")] = (model["content"], times + 1)
        return self.get(path, content=False)

    def delete_file(self, path: str) -> None:
        del self.kept[path.strip("/")]

    def rename_file(self, old_path: str, new_path: str) -> None:
        self.kept[new_path.strip("/")] = self.kept.pop(old_path.strip("/"))

    def file_exists(self, path: str = "") -> bool:
        return path.strip("/") in self.kept

    def dir_exists(self, path: str) -> bool:
        return path.strip("/") == ""

    def is_hidden(self, path: str) -> bool:
        return False
