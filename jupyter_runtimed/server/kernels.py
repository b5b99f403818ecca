"""Kernels of notebooks: the host's port to the session and kernel managers that are configured.

A room's kernel is that of the session of its notebook. Sessions come and go by Jupyter's own API;
the extended managers say so here, and here the room is told.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ..errors import KernelError, NoKernel
from ..host.kernel import ClientLink, KernelLink
from ..ids import CellId, RunId
from ..room.events import KernelIs, Overheard, User
from .compose import extend
from .gateway import client_of, taken_up
from .kernelsockets import KernelSockets
from .kernelwatch import lighten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from logging import Logger

    from ..host.kernel import Link
    from ..host.registry import Registry
    from .kernelframes import CellRequest


CULLED = (
    "the server shut the kernel down after a time without activity; run a cell to start another"
)


class SessionKernels:
    """Which kernel belongs to which notebook, and what can be done to it."""

    def __init__(self, sessions: Any, kernels: Any, *, log: Logger) -> None:
        self._sessions = sessions
        self._kernels = kernels
        self._log = log
        self._rooms: Registry | None = None
        self._watched: set[str] = set()
        self._untold: set[str] = set()
        """Kernels that were culled while the room of their notebook was closed."""
        self.culled = ""
        """The kernel that is shut down just now because nothing happened in it."""
        self.sockets = KernelSockets(is_run=self._is_run, overheard=self.overheard)

    def take_part(self, rooms: Registry) -> None:
        """Hear of sessions and kernels that come, go, restart or die."""
        self._rooms = rooms
        extend(self._sessions, RoomSessions)
        self._sessions._room_kernels = self  # noqa: SLF001 -- the mixin's own
        asynchronous = inspect.iscoroutinefunction(type(self._kernels).restart_kernel)
        extend(self._kernels, RoomKernels if asynchronous else SyncRoomKernels)
        self._kernels._room_kernels = self  # noqa: SLF001

    def awaited(self, kernel_id: str) -> bool:
        """Does a room run something in this kernel, or wait for it to start?"""
        return any(host.room.running.active for host in self._hosts_of(kernel_id))

    # ------------------------------------------------------------ the host's port

    async def find(self, path: str) -> tuple[Link, KernelIs] | None:
        """The kernel that the notebook's session has, if there is one."""
        for session in await self._sessions.list_sessions():
            if session["path"] == path and session.get("kernel"):
                return await self.link(session["kernel"]["id"], path)
        former = self._former(path)
        if former and await taken_up(self._kernels, former):
            await self._sessions.create_session(
                path=path, name=path.rsplit("/", 1)[-1], type="notebook", kernel_id=former
            )
            return await self.link(former, path)
        self._tell_of_culled(path)
        return None

    def _former(self, path: str) -> str:
        """The kernel that the notebook had last; empty if its room is not open."""
        host = self._host_at(path)
        return "" if host is None else str(host.room.runtime.kernel.id)

    async def ensure(self, path: str, name: str) -> tuple[Link, KernelIs]:
        """The notebook's kernel, started if there is none; `name` is a kernelspec, or ""."""
        if (found := await self.find(path)) is not None:
            return found
        try:
            session = await self._sessions.create_session(
                path=path, name=path.rsplit("/", 1)[-1], type="notebook", kernel_name=name or None
            )
        except Exception as error:
            raise KernelError(f"the kernel {name or '(default)'} did not start: {error}") from error
        return await self.link(session["kernel"]["id"], path)

    async def interrupt(self, kernel_id: str) -> None:
        await self._do("interrupt_kernel", kernel_id)

    async def restart(self, kernel_id: str) -> None:
        """Returns when the restarted kernel has answered."""
        result = await self._do("restart_kernel", kernel_id)
        if inspect.isawaitable(result):
            await result

    async def shutdown(self, kernel_id: str) -> None:
        for session in await self._sessions.list_sessions():
            if session.get("kernel", {}).get("id") == kernel_id:
                await self._sessions.delete_session(session["id"])
                return
        await self._do("shutdown_kernel", kernel_id)

    def show_widget(
        self, kernel_id: str, comm_id: str, outputs: Sequence[Mapping[str, Any]]
    ) -> None:
        self.sockets.show_widget(kernel_id, comm_id, outputs)

    async def _do(self, name: str, kernel_id: str) -> Any:
        if kernel_id not in self._kernels:
            raise NoKernel("this notebook has no kernel; start one first")
        try:
            result = getattr(self._kernels, name)(kernel_id)
            return await result if inspect.isawaitable(result) else result
        except Exception as error:
            raise KernelError(f"{name.replace('_', ' ')}: {error}") from error

    # ------------------------------------------------------------ links

    async def link(self, kernel_id: str, path: str) -> tuple[Link, KernelIs]:
        kernel = self._kernels.get_kernel(kernel_id)
        self._watch(kernel_id)
        status = self._status(kernel_id, kernel, "starting")
        if getattr(kernel, "transport", "") in ("tcp", "ipc") and kernel.shell_port:
            return KernelLink(kernel.get_connection_info(session=False)), status
        return ClientLink(client_of(kernel, path), status.name), status

    def _status(self, kernel_id: str, kernel: Any, state: str, reason: str = "") -> KernelIs:
        name = str(getattr(kernel, "kernel_name", ""))
        spec = getattr(kernel, "kernel_spec", None)
        shown = str(getattr(spec, "display_name", "") or name)
        return KernelIs(state, id=kernel_id, name=name, display_name=shown, reason=reason)

    def _watch(self, kernel_id: str) -> None:
        """Hear of restarts and deaths that nobody asked for."""
        add = getattr(self._kernels, "add_restart_callback", None)
        if add is None or kernel_id in self._watched:
            return
        self._watched.add(kernel_id)
        try:
            add(
                kernel_id,
                lambda: self.restarting(kernel_id, "the kernel died and was restarted"),
                "restart",
            )
            add(kernel_id, lambda: self.dead(kernel_id, "the kernel died"), "dead")
        except (NotImplementedError, AttributeError):
            self._log.debug("kernel %s cannot be watched for restarts", kernel_id)

    # ------------------------------------------------------------ what the managers say

    async def session_saved(self, path: str | None, kernel_id: str | None) -> None:
        host = self._host_at(path)
        if host is None or not path or not kernel_id or host.kernel_id == kernel_id:
            return
        link, status = await self.link(kernel_id, path)
        await host.attach(link, status)

    async def session_deleted(self, path: str | None) -> None:
        host = self._host_at(path)
        if host is not None:
            await host.detach(KernelIs("none"))

    def restarting(self, kernel_id: str, reason: str = "restarted") -> None:
        for host in self._hosts_of(kernel_id):
            host.post(
                self._status(kernel_id, self._kernels.get_kernel(kernel_id), "restarting", reason)
            )

    def dead(self, kernel_id: str, reason: str) -> None:
        for host in self._hosts_of(kernel_id):
            host.post(KernelIs("dead", id=kernel_id, reason=reason))

    async def gone(self, kernel_id: str, reason: str) -> None:
        hosts = self._hosts_of(kernel_id)
        for host in hosts:
            await host.detach(KernelIs("none", reason=reason))
        if reason and not hosts:
            self._untold.add(kernel_id)
        self._watched.discard(kernel_id)

    def _tell_of_culled(self, path: str) -> None:
        host, former = self._host_at(path), self._former(path)
        if host is not None and former in self._untold:
            self._untold.discard(former)
            host.post(KernelIs("none", reason=CULLED))

    # ------------------------------------------------------------ what browsers do by themselves

    def overheard(self, kernel_id: str, request: CellRequest, user: User) -> bool:
        """Somebody runs a cell over the kernel's socket; whether they see the room in a browser."""
        shown = False
        cell_id, run_id = CellId(request.cell_id), RunId(request.id)
        for host in self._hosts_of(kernel_id):
            if cell_id in host.room.notebook:
                host.post(Overheard(run_id, cell_id, request.code, by=user.name))
                shown = shown or any(
                    session.kind == "browser" and session.user.username == user.username
                    for session in host.room.sessions
                )
        return shown

    def _is_run(self, message_id: str) -> bool:
        return self._rooms is not None and self._rooms.is_run(message_id)

    def _host_at(self, path: str | None) -> Any:
        return self._rooms.by_path(path) if path and self._rooms is not None else None

    def _hosts_of(self, kernel_id: str) -> list[Any]:
        hosts = [] if self._rooms is None else self._rooms.hosts()
        return [host for host in hosts if host.kernel_id == kernel_id]


class RoomSessions:
    """For session managers: rooms follow the sessions of their notebooks."""

    _room_kernels: SessionKernels

    async def save_session(
        self,
        session_id: str,
        path: Any = None,
        name: Any = None,
        type: Any = None,  # noqa: A002 -- Jupyter Server's name
        kernel_id: Any = None,
    ) -> Any:
        result = await super().save_session(session_id, path, name, type, kernel_id)  # type: ignore[misc]
        await self._room_kernels.session_saved(path, kernel_id)
        return result

    async def update_session(self, session_id: str, **changes: Any) -> Any:
        result = await super().update_session(session_id, **changes)  # type: ignore[misc]
        if "kernel_id" in changes or "path" in changes:
            session = await self.get_session(session_id=session_id)  # type: ignore[attr-defined]
            kernel = session.get("kernel") or {}
            await self._room_kernels.session_saved(session.get("path"), kernel.get("id"))
        return result

    async def delete_session(self, session_id: str) -> Any:
        session = await self.get_session(session_id=session_id)  # type: ignore[attr-defined]
        result = await super().delete_session(session_id)  # type: ignore[misc]
        await self._room_kernels.session_deleted(session.get("path"))
        return result


class RoomKernels:
    """For kernel managers whose methods are coroutines: rooms hear of restarts and shutdowns."""

    _room_kernels: SessionKernels
    cull_busy: bool

    def start_watching_activity(self, kernel_id: str) -> None:
        super().start_watching_activity(kernel_id)  # type: ignore[misc]  # a mix-in
        lighten(self.get_kernel(kernel_id))  # type: ignore[attr-defined]

    async def restart_kernel(self, kernel_id: str, now: bool = False, **more: Any) -> Any:
        self._room_kernels.restarting(kernel_id)
        return await super().restart_kernel(kernel_id, now=now, **more)  # type: ignore[misc]

    async def shutdown_kernel(
        self, kernel_id: str, now: bool = False, restart: bool = False
    ) -> Any:
        result = await super().shutdown_kernel(kernel_id, now=now, restart=restart)  # type: ignore[misc]
        if not restart:
            culled = self._room_kernels.culled == kernel_id
            await self._room_kernels.gone(kernel_id, CULLED if culled else "")
        return result

    async def cull_kernel_if_idle(self, kernel_id: str) -> Any:
        if not self.cull_busy and self._room_kernels.awaited(kernel_id):
            return None
        self._room_kernels.culled = kernel_id
        try:
            return await super().cull_kernel_if_idle(kernel_id)  # type: ignore[misc]
        finally:
            self._room_kernels.culled = ""

    async def shutdown_all(self, now: bool = False) -> None:
        _forget_failed(self)
        await super().shutdown_all(now=now)  # type: ignore[misc]  # the manager it extends


def _forget_failed(manager: Any) -> None:
    """Those that failed to start are left among those that start, and end in an error.

    A server that is stopped would not come to its end then.
    """
    starting = getattr(manager, "_pending_kernels", {})
    for kernel_id in [one for one, task in starting.items() if task.done() and one not in manager]:
        del starting[kernel_id]


class SyncRoomKernels:
    """For kernel managers whose methods return at once."""

    _room_kernels: SessionKernels

    def restart_kernel(self, kernel_id: str, now: bool = False, **more: Any) -> Any:
        self._room_kernels.restarting(kernel_id)
        return super().restart_kernel(kernel_id, now=now, **more)  # type: ignore[misc]
