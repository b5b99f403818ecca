"""The Jupyter Server extension: puts the parts together and takes part in what is configured."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jupyter_server.extension.application import ExtensionApp
from tornado.ioloop import IOLoop

from .._version import __version__
from ..host.registry import Registry
from .config import Settable
from .contents import take_part
from .fileids import FileIds
from .files import notebook_files
from .kernels import SessionKernels
from .kernelsocket import socket_class
from .rest import BlobHandler, CallHandler, RoomHandler, RoomsHandler, StatusHandler
from .trust import NotaryTrust
from .websocket import RoomSocket

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


LONGEST_GOODBYE_SECONDS = 20.0
RIVALS = ("jupyter_server_ydoc", "jupyter_server_documents", "jupyter_server_nbmodel")
"""Extensions that also want to own the open notebook, by the name of their server part."""


class RuntimedExtension(Settable, ExtensionApp):
    """Every notebook is a room."""

    name = "jupyter_runtimed"
    description = "Registry for notebooks: live, durable, with server-side runs."
    version = __version__
    rooms: Registry

    @property
    def jupyter(self) -> ServerApp:
        """The server that this extension was loaded into."""
        if self.serverapp is None:
            raise RuntimeError("this extension needs a Jupyter Server")
        return self.serverapp

    def initialize_settings(self) -> None:
        server = self.jupyter
        shared = server.web_app.settings
        self.config_frozen = config = self.frozen()
        kernels = SessionKernels(server.session_manager, server.kernel_manager, log=self.log)
        file_ids = FileIds(shared, server.contents_manager, server.root_dir)
        self.rooms = Registry(
            config.data_dir,
            settings=config.room,
            files=notebook_files(server.contents_manager),
            kernels=kernels,
            room_id=file_ids.room_id,
            server=f"jupyter-runtimed {__version__}",
            holder=server.connection_url,
            trust=NotaryTrust(server.contents_manager),
        )
        conflicts = self.conflicts()
        if conflicts:
            self.log.error(
                "jupyter-runtimed: %s is enabled too, and both want to own open notebooks. "
                "Notebooks open the ordinary way. Disable one of them, on the server by "
                "jupyter server extension disable %s, and in the browser by "
                "jupyter labextension disable",
                ", ".join(conflicts),
                conflicts[0],
            )
            return
        take_part(server.contents_manager, self.rooms, file_ids)
        self._file_ids, self._contents = file_ids, server.contents_manager
        IOLoop.current().add_callback(self._follow)
        kernels.take_part(self.rooms)
        configured = shared.get("kernel_websocket_connection_class")
        self.settings["kernel_websocket_connection_class"] = socket_class(
            configured or server.kernel_websocket_connection_class, kernels.sockets
        )

    def _follow(self) -> None:
        """All extensions are loaded; one may have put its own contents manager in place since."""
        contents = self.jupyter.contents_manager
        if contents is not self._contents:
            self._contents = contents
            self.rooms.keep_in(notebook_files(contents), NotaryTrust(contents))
            self._file_ids.ask(contents)
            take_part(contents, self.rooms, self._file_ids)

    def initialize_handlers(self) -> None:
        config = self.config_frozen
        room = r"(?P<room_id>[\w.~:-]+)"
        given = {"rooms": self.rooms, "conflicts": self.conflicts}
        socket = {
            "rooms": self.rooms,
            "frame_bytes": config.frame_bytes,
            "backlog_bytes": config.backlog_bytes,
        }
        self.handlers.extend(
            [
                (r"/api/runtimed/status", StatusHandler, given),
                (r"/api/runtimed/rooms", RoomsHandler, given),
                (rf"/api/runtimed/rooms/{room}/socket", RoomSocket, socket),
                (rf"/api/runtimed/rooms/{room}", RoomHandler, given),
                (rf"/api/runtimed/rooms/{room}/(?P<name>[a-z_]+)", CallHandler, given),
                (r"/api/runtimed/blobs/([^/]+)", BlobHandler, given),
            ]
        )

    def conflicts(self) -> list[str]:
        """Which rivals are enabled on this server."""
        enabled = self.jupyter.extension_manager.extensions
        return [name for name in RIVALS if name in enabled and enabled[name].enabled]

    async def stop_extension(self) -> None:
        try:
            await asyncio.wait_for(self.rooms.close_all(), LONGEST_GOODBYE_SECONDS)
        except asyncio.TimeoutError:
            self.log.exception("rooms did not close in time; the store has what was acknowledged")
