"""Kernels of notebooks: the host's port to the configured session and kernel managers.

A room's kernel is the kernel of its notebook's session. Jupyter's own API creates and deletes
sessions; the extended managers report each change to `SessionKernels`, which informs the room.
"""

from __future__ import annotations

import asyncio
import inspect
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.base.call_context import CallContext
from tornado.web import HTTPError

from ...errors import KernelError, NoKernel, NotFound, StorageError
from ...host.kernels import ClientLink, KernelLink
from ...host.tasks import Tasks
from ...ids import CellId, RunId
from ...room.events import ExternalRunStarted, KernelActionRequested, KernelStatusChanged, User
from ..auth import user_of
from ..http_status import status_of
from ..mixins import extend, settled
from .activity_monitor import lighten
from .gateway import client_of, taken_up
from .open_websockets import KernelSockets
from .session_moves import SessionMoves

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from logging import Logger

    from ...host.kernels import Link
    from ...host.registry import Registry
    from ...room.events import KernelAction
    from .ws_messages import CellRequest


CULLED = (
    "the server shut the kernel down after a time without activity; run a cell to start another"
)


_ASKED_BY_ROOM: Final[ContextVar[bool]] = ContextVar("asked by a room", default=False)
"""Set in the task that carries out a room's request to its kernel."""


class SessionKernels:
    """Maps notebooks to kernels, and starts, interrupts, restarts and shuts down kernels."""

    def __init__(self, sessions: Any, kernels: Any, *, log: Logger) -> None:
        self._sessions = sessions
        self._kernels = kernels
        self._log = log
        self._rooms: Registry | None = None
        self._tasks = Tasks()
        self._watched: set[str] = set()
        self._untold: set[str] = set()
        """Kernels that were culled while no open room had them."""
        self.culled = ""
        """The kernel that culling shuts down at this moment, or ""."""
        self.sockets = KernelSockets(
            is_run=self._is_run,
            overheard=self.overheard,
            path_of=self._path_of,
            running=self._running,
        )
        self.moves = SessionMoves(sessions, kernels, log=log)

    def install(self, rooms: Registry) -> None:
        """Extend the managers, so that they report changes of sessions and kernels."""
        self._rooms = rooms
        extend(self._sessions, RoomSessions)
        self._sessions._room_kernels = self  # noqa: SLF001 -- the mixin's own
        asynchronous = inspect.iscoroutinefunction(type(self._kernels).restart_kernel)
        extend(self._kernels, RoomKernels if asynchronous else SyncRoomKernels)
        self._kernels._room_kernels = self  # noqa: SLF001

    def awaited(self, kernel_id: str) -> bool:
        """Return whether a room runs a cell in this kernel or waits for the kernel to start."""
        return any(host.active for host in self._hosts_of(kernel_id))

    # ------------------------------------------------------------ the host's port

    async def find(self, path: str) -> tuple[Link, KernelStatusChanged] | None:
        """Return the kernel of the notebook's session, or None.

        A gateway's kernel that survived a restart of this server gets a new session.
        """
        for session in await settled(self._sessions.list_sessions()):
            if session["path"] == path and session.get("kernel"):
                return await self.link(session["kernel"]["id"], path)
        former = self._former(path)
        if former and await taken_up(self._kernels, former):
            await settled(
                self._sessions.create_session(
                    path=path, name=path.rsplit("/", 1)[-1], type="notebook", kernel_id=former
                )
            )
            return await self.link(former, path)
        self._tell_of_culled(path)
        return None

    def _former(self, path: str) -> str:
        """Return the id of the notebook's last kernel; "" if its room is not open."""
        host = self._host_at(path)
        return "" if host is None else host.last_kernel_id

    async def ensure(self, path: str, name: str) -> tuple[Link, KernelStatusChanged]:
        """Return the notebook's kernel; start one if necessary.

        `name` is the name of a kernelspec, or "" for the default. Raises `KernelError`.
        """
        if (found := await self.find(path)) is not None:
            return found
        host = self._host_at(path)
        try:
            name_of_session = path.rsplit("/", 1)[-1]
            session = await settled(
                self._sessions.create_session(
                    path=path, name=name_of_session, type="notebook", kernel_name=name or None
                )
            )
        except Exception as error:
            raise KernelError(f"the kernel {name or '(default)'} did not start: {error}") from error
        if host is not None and host.path != path:
            # The notebook was renamed before the session manager listed its session.
            self.moves.moved(path, host.path)
        return await self.link(session["kernel"]["id"], path)

    async def interrupt(self, kernel_id: str) -> None:
        await self._do("interrupt_kernel", kernel_id)

    async def restart(self, kernel_id: str) -> None:
        """Restart the kernel; return once the new process exists.

        Do not await the future that Jupyter Server returns, because the future never ends if the
        kernel is stopped. The link waits for the kernel itself.
        """
        await self._do("restart_kernel", kernel_id, end=_begun)

    async def shutdown(self, kernel_id: str) -> None:
        for session in await settled(self._sessions.list_sessions()):
            if session.get("kernel", {}).get("id") == kernel_id:
                _ASKED_BY_ROOM.set(True)
                await settled(self._sessions.delete_session(session["id"]))
                return
        await self._do("shutdown_kernel", kernel_id)

    def show_widget(
        self, kernel_id: str, comm_id: str, outputs: Sequence[Mapping[str, Any]]
    ) -> None:
        self.sockets.show_widget(kernel_id, comm_id, outputs)

    async def _do(
        self, name: str, kernel_id: str, *, end: Callable[[Any], Awaitable[Any]] = settled
    ) -> Any:
        if kernel_id not in self._kernels:
            raise NoKernel("this notebook has no kernel; start one first")
        _ASKED_BY_ROOM.set(True)
        try:
            return await end(getattr(self._kernels, name)(kernel_id))
        except Exception as error:
            raise KernelError(f"{name.replace('_', ' ')}: {error}") from error

    # ------------------------------------------------------------ links

    async def link(self, kernel_id: str, path: str) -> tuple[Link, KernelStatusChanged]:
        kernel = self._kernels.get_kernel(kernel_id)
        self._watch(kernel_id)
        status = self._status(kernel_id, kernel, "starting")
        if getattr(kernel, "transport", "") in ("tcp", "ipc") and kernel.shell_port:
            return KernelLink(kernel.get_connection_info(session=False)), status
        return ClientLink(client_of(kernel, path), status.name), status

    def _status(
        self, kernel_id: str, kernel: Any, state: str, reason: str = ""
    ) -> KernelStatusChanged:
        name = str(getattr(kernel, "kernel_name", ""))
        spec = getattr(kernel, "kernel_spec", None)
        shown = str(getattr(spec, "display_name", "") or name)
        language = str(getattr(spec, "language", "") or "")
        return KernelStatusChanged(
            state, id=kernel_id, name=name, display_name=shown, reason=reason, language=language
        )

    def _watch(self, kernel_id: str) -> None:
        """Register for automatic restarts and deaths of the kernel."""
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
            self._log.debug("The manager reports no restarts of kernel %s", kernel_id)

    async def must_answer(self, path: Any) -> None:
        """Raise an HTTP error if the folder of a notebook does not respond.

        Jupyter Server looks up the kernel's working directory on the event loop, so a folder that
        does not respond would block the server.
        """
        if self._rooms is not None and isinstance(path, str) and path.strip("/"):
            try:
                await self._rooms.must_answer(path.strip("/"))
            except NotFound:
                return
            except StorageError as error:
                raise HTTPError(status_of(error), str(error), reason=error.code) from error

    # ------------------------------------------------------------ called by the managers

    async def session_saved(self, path: str | None, kernel_id: str | None) -> None:
        host = self._host_at(path)
        if host is None or not path or not kernel_id or host.kernel_id == kernel_id:
            return
        link, status = await self.link(kernel_id, path)
        await host.attach(link, status)

    async def session_deleted(self, path: str | None) -> None:
        host = self._host_at(path)
        if host is not None:
            await host.detach(KernelStatusChanged("none"))

    def moved(self, old_path: str, new_path: str) -> None:
        """Move the sessions of the notebooks at or below a renamed path."""
        if self._rooms is not None:
            self.moves.moved(old_path, new_path)

    def asked(self, kernel_id: str, action: KernelAction) -> None:
        """Tell the room which user requested this action, unless the room itself requested it."""
        if _ASKED_BY_ROOM.get() or self.culled == kernel_id:
            return
        handler = CallContext.get(CallContext.JUPYTER_HANDLER)
        # A task inherits the handler of the request that started it, even after that request ended.
        if handler is None or handler._finished:  # noqa: SLF001 -- tornado has no public name
            return
        for host in self._hosts_of(kernel_id):
            host.post(KernelActionRequested(action, user_of(handler)))

    def restarting(self, kernel_id: str, reason: str = "restarted") -> None:
        for host in self._hosts_of(kernel_id):
            host.post(
                self._status(kernel_id, self._kernels.get_kernel(kernel_id), "restarting", reason)
            )

    def dead(self, kernel_id: str, reason: str) -> None:
        for host in self._hosts_of(kernel_id):
            host.post(KernelStatusChanged("dead", id=kernel_id, reason=reason))

    async def gone(self, kernel_id: str, reason: str) -> None:
        hosts = self._hosts_of(kernel_id)
        for host in hosts:
            await host.detach(KernelStatusChanged("none", reason=reason))
        if reason and not hosts:
            self._untold.add(kernel_id)
        self._watched.discard(kernel_id)

    def gone_soon(self, kernel_id: str, reason: str) -> None:
        """Call `gone` in a task, for callers that cannot wait."""
        self._tasks.start(self.gone(kernel_id, reason), f"forget kernel {kernel_id}")

    def _tell_of_culled(self, path: str) -> None:
        host, former = self._host_at(path), self._former(path)
        if host is not None and former in self._untold:
            self._untold.discard(former)
            host.post(KernelStatusChanged("none", reason=CULLED))

    # ------------------------------------------------------------ runs over kernel sockets

    def overheard(self, kernel_id: str, request: CellRequest, user: User) -> bool:
        """Report an external run to the room of its cell.

        Return whether the user has the room open in a browser.
        """
        shown = False
        cell_id, run_id = CellId(request.cell_id), RunId(request.id)
        for host in self._hosts_of(kernel_id):
            if host.has_cell(cell_id):
                host.post(ExternalRunStarted(run_id, cell_id, request.code, by=user.name))
                shown = shown or host.has_browser_of(user.username)
        return shown

    def _is_run(self, message_id: str) -> bool:
        return self._rooms is not None and self._rooms.is_run(message_id)

    def _running(self, kernel_id: str, begun: str) -> str:
        runs = (host.executing(RunId(begun)) for host in self._hosts_of(kernel_id))
        return next(filter(None, runs), "")

    def _path_of(self, kernel_id: str) -> str:
        return next((host.path for host in self._hosts_of(kernel_id)), "")

    def _host_at(self, path: str | None) -> Any:
        return self._rooms.by_path(path) if path and self._rooms is not None else None

    def _hosts_of(self, kernel_id: str) -> list[Any]:
        hosts = [] if self._rooms is None else self._rooms.hosts()
        return [host for host in hosts if host.kernel_id == kernel_id]


async def _begun(result: Any) -> None:
    """Await a manager's coroutine, but not the future that the coroutine returns."""
    answers = await result if inspect.iscoroutine(result) else result
    if isinstance(answers, asyncio.Future):
        answers.add_done_callback(lambda done: done.cancelled() or done.exception())


class RoomSessions:
    """Mixin for session managers: reports changes of sessions to `SessionKernels`."""

    _room_kernels: SessionKernels

    async def create_session(self, path: Any = None, *args: Any, **how: Any) -> Any:
        await self._room_kernels.must_answer(path)
        return await settled(super().create_session(path, *args, **how))  # type: ignore[misc]

    async def session_exists(self, path: str) -> Any:
        await self._room_kernels.moves.settled()
        return await settled(super().session_exists(path))  # type: ignore[misc]

    async def list_sessions(self) -> Any:
        await self._room_kernels.moves.settled()
        return await self.list_settled()

    async def list_settled(self) -> Any:
        """Return the sessions without waiting for pending moves."""
        return await settled(super().list_sessions())  # type: ignore[misc]

    async def save_session(
        self,
        session_id: str,
        path: Any = None,
        name: Any = None,
        type: Any = None,  # noqa: A002 -- Jupyter Server's name
        kernel_id: Any = None,
    ) -> Any:
        result = await settled(
            super().save_session(session_id, path, name, type, kernel_id)  # type: ignore[misc]
        )
        await self._room_kernels.session_saved(path, kernel_id)
        return result

    async def update_session(self, session_id: str, **changes: Any) -> Any:
        await self._room_kernels.must_answer(changes.get("path"))
        result = await settled(super().update_session(session_id, **changes))  # type: ignore[misc]
        if "kernel_id" in changes or "path" in changes:
            session = await settled(self.get_session(session_id=session_id))  # type: ignore[attr-defined]
            kernel = session.get("kernel") or {}
            await self._room_kernels.session_saved(session.get("path"), kernel.get("id"))
        return result

    async def delete_session(self, session_id: str) -> Any:
        session = await settled(self.get_session(session_id=session_id))  # type: ignore[attr-defined]
        result = await settled(super().delete_session(session_id))  # type: ignore[misc]
        await self._room_kernels.session_deleted(session.get("path"))
        return result


class RoomKernels:
    """Mixin for kernel managers with coroutines: reports restarts and shutdowns."""

    _room_kernels: SessionKernels
    cull_busy: bool

    def start_watching_activity(self, kernel_id: str) -> None:
        super().start_watching_activity(kernel_id)  # type: ignore[misc]  # a mix-in
        lighten(self.get_kernel(kernel_id))  # type: ignore[attr-defined]

    def interrupt_kernel(self, kernel_id: str, **more: Any) -> Any:
        self._room_kernels.asked(kernel_id, "interrupt")
        return super().interrupt_kernel(kernel_id, **more)  # type: ignore[misc]

    async def restart_kernel(self, kernel_id: str, now: bool = False, **more: Any) -> Any:
        self._room_kernels.asked(kernel_id, "restart")
        self._room_kernels.restarting(kernel_id)
        return await super().restart_kernel(kernel_id, now=now, **more)  # type: ignore[misc]

    async def shutdown_kernel(
        self, kernel_id: str, now: bool = False, restart: bool = False
    ) -> Any:
        if not restart:
            self._room_kernels.asked(kernel_id, "shutdown")
        stopping = super().shutdown_kernel(kernel_id, now=now, restart=restart)  # type: ignore[misc]
        result = await settled(stopping)
        if not restart:
            culled = self._room_kernels.culled == kernel_id
            await self._room_kernels.gone(kernel_id, CULLED if culled else "")
        return result

    async def cull_kernel_if_idle(self, kernel_id: str) -> Any:
        if not self.cull_busy and self._room_kernels.awaited(kernel_id):
            return None
        self._room_kernels.culled = kernel_id
        try:
            return await settled(super().cull_kernel_if_idle(kernel_id))  # type: ignore[misc]
        finally:
            self._room_kernels.culled = ""

    def shutdown_all(self, now: bool = False) -> Any:
        """Shut down all kernels; a coroutine only if the manager's own method is."""
        _forget_failed(self)
        return super().shutdown_all(now=now)  # type: ignore[misc]  # the manager it extends


def _forget_failed(manager: Any) -> None:
    """Remove kernels that failed to start from the manager's pending kernels.

    The manager leaves these kernels pending, and `shutdown_all` would raise because of them and
    stop the server's shutdown.
    """
    starting = getattr(manager, "_pending_kernels", {})
    for kernel_id in [one for one, task in starting.items() if task.done() and one not in manager]:
        del starting[kernel_id]


class SyncRoomKernels(RoomKernels):
    """Mixin for kernel managers with plain `restart_kernel` and `shutdown_kernel` methods."""

    def restart_kernel(self, kernel_id: str, now: bool = False, **more: Any) -> Any:
        self._room_kernels.asked(kernel_id, "restart")
        self._room_kernels.restarting(kernel_id)
        return super(RoomKernels, self).restart_kernel(kernel_id, now=now, **more)  # type: ignore[misc]

    def shutdown_kernel(self, kernel_id: str, now: bool = False, restart: bool = False) -> Any:
        if not restart:
            self._room_kernels.asked(kernel_id, "shutdown")
        result = super(RoomKernels, self).shutdown_kernel(kernel_id, now=now, restart=restart)  # type: ignore[misc]
        if not restart:
            culled = self._room_kernels.culled == kernel_id
            self._room_kernels.gone_soon(kernel_id, CULLED if culled else "")
        return result
