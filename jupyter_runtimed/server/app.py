"""The Jupyter Server extension: creates the parts and extends the configured managers."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, cast

from jupyter_server.extension.application import ExtensionApp
from tornado.ioloop import IOLoop

from .._version import __version__
from ..host.registry import Registry
from ..host.storage.data_dir import COPIES
from .activity import RoomActivity
from .config import RuntimedTraits
from .contents.file_ids import FileIds
from .contents.manager_files import notebook_files
from .contents.room_contents import install
from .contents.trust import NotaryTrust
from .handlers import (
    BlobHandler,
    CallHandler,
    DescriptionHandler,
    RoomHandler,
    RoomsHandler,
    StatusHandler,
)
from .kernels.session_kernels import SessionKernels
from .kernels.websocket import socket_class
from .logout import logout_handler
from .permission_recheck import PermissionRecheck
from .polling import PollingConnections
from .polling_handlers import routes as polling_routes
from .response_mark import LoginHandler
from .room_websocket import RoomSocket
from .signals import end_in_order

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


LONGEST_GOODBYE_SECONDS = 9.0
"""JupyterHub sends SIGKILL 15 s after its first signal, `docker stop` after 10 s."""
RIVALS = ("jupyter_server_ydoc", "jupyter_server_documents", "jupyter_server_nbmodel")
"""Server extensions that conflict with this one, because they also own open notebooks."""


class RuntimedExtension(RuntimedTraits, ExtensionApp):
    """The server extension: opens a room for every notebook."""

    name = "jupyter_runtimed"
    description = "Registry for notebooks: live, durable, with server-side runs."
    version = __version__
    rooms: Registry
    polling: PollingConnections
    activity: RoomActivity | None = None
    _closing: asyncio.Task[None] | None = None
    watch: PermissionRecheck

    @property
    def jupyter(self) -> ServerApp:
        """Return the server that loaded this extension."""
        if self.serverapp is None:
            raise RuntimeError("no Jupyter Server has loaded this extension; load it from one")
        return self.serverapp

    def initialize_settings(self) -> None:
        server = self.jupyter
        shared = server.web_app.settings
        self.config_frozen = config = self.to_config()
        kernels = SessionKernels(server.session_manager, server.kernel_manager, log=self.log)
        file_ids = FileIds(shared, server.contents_manager, server.root_dir)
        self.rooms = Registry(
            config.data_dir,
            settings=config.room,
            files=notebook_files(server.contents_manager, copies=config.data_dir / COPIES),
            kernels=kernels,
            room_id=file_ids.room_id,
            server=f"jupyter-runtimed {__version__}",
            holder=server.connection_url,
            trust=NotaryTrust(server.contents_manager),
            hub_user=os.environ.get("JUPYTERHUB_USER", ""),
            moved=kernels.moved,
        )
        self.watch = PermissionRecheck(
            rights_seconds=config.permission_check_interval,
            identity_seconds=config.identity_check_interval,
        )
        conflicts = self.conflicts()
        if conflicts:
            self.log.error(
                "jupyter-runtimed conflicts with %s, because both own open notebooks. Until one of "
                "them is disabled, notebooks open without rooms. Disable it on the server with "
                "`jupyter server extension disable %s`, and in the browser with "
                "`jupyter labextension disable`.",
                ", ".join(conflicts),
                conflicts[0],
            )
            return
        install(server.contents_manager, self.rooms, file_ids)
        self._file_ids, self._contents = file_ids, server.contents_manager
        IOLoop.current().add_callback(self._follow)
        kernels.install(self.rooms)
        configured = shared.get("kernel_websocket_connection_class")
        self.settings["kernel_websocket_connection_class"] = socket_class(
            configured or server.kernel_websocket_connection_class, kernels.sockets
        )
        end_in_order(server)
        self.activity = RoomActivity(shared, self.rooms)
        IOLoop.current().add_callback(self.activity.start)

    def _follow(self) -> None:
        """Extend a contents manager that another extension has installed during loading."""
        contents = self.jupyter.contents_manager
        if contents is not self._contents:
            self._contents = contents
            copies = self.config_frozen.data_dir / COPIES
            self.rooms.use_files(notebook_files(contents, copies=copies), NotaryTrust(contents))
            self._file_ids.ask(contents)
            install(contents, self.rooms, self._file_ids)

    def initialize_handlers(self) -> None:
        config = self.config_frozen
        room = r"(?P<room_id>[\w.~:-]+)"
        given = {"rooms": self.rooms, "conflicts": self.conflicts}
        limits = {"frame_bytes": config.frame_bytes, "backlog_bytes": config.backlog_bytes}
        socket = {"rooms": self.rooms, "watch": self.watch, **limits}
        self.polling = PollingConnections(**limits)
        self.handlers.extend(
            [
                (r"/api/runtimed/status", StatusHandler, given),
                (r"/api/runtimed/openapi\.yaml", DescriptionHandler, given),
                (r"/api/runtimed/login", LoginHandler),
                (r"/api/runtimed/rooms", RoomsHandler, given),
                (rf"/api/runtimed/rooms/{room}/socket", RoomSocket, socket),
                *polling_routes(room, self.rooms, self.polling),
                (rf"/api/runtimed/rooms/{room}", RoomHandler, given),
                (rf"/api/runtimed/rooms/{room}/(?P<name>[a-z_]+)", CallHandler, given),
                (r"/api/runtimed/blobs/([^/]+)", BlobHandler, given),
            ]
        )
        provider = self.jupyter.identity_provider
        if provider.logout_available:
            handler = logout_handler(cast("type", provider.logout_handler_class))
            self.handlers.append((r"/logout", handler, {"watch": self.watch}))

    def conflicts(self) -> list[str]:
        """Return the names of the conflicting extensions that are enabled on this server."""
        enabled = self.jupyter.extension_manager.extensions
        return [name for name in RIVALS if name in enabled and enabled[name].enabled]

    async def stop_extension(self) -> None:
        """Close the rooms, within a time limit. Repeated calls wait for the same closing."""
        await self.watch.close()
        if self.activity is not None:
            self.activity.stop()
        if self._closing is None:
            self._closing = asyncio.create_task(self.rooms.close_all(), name="close the rooms")
        try:
            await asyncio.wait_for(asyncio.shield(self._closing), LONGEST_GOODBYE_SECONDS)
        except asyncio.TimeoutError:
            self.log.error(  # noqa: TRY400 -- a traceback would add nothing
                "Not all rooms closed in %s s; the store has every acknowledged edit",
                LONGEST_GOODBYE_SECONDS,
            )
