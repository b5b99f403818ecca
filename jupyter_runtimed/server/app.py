"""The Jupyter Server extension: puts the parts together and takes part in what is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_server.extension.application import ExtensionApp

from .._version import __version__
from .config import Settable
from .contents import take_part
from .fileids import FileIds
from .files import notebook_files
from .kernels import SessionKernels
from .rest import BlobHandler, CallHandler, RoomHandler, RoomsHandler, StatusHandler
from .websocket import RoomSocket

if TYPE_CHECKING:
    from ..host.registry import Registry

RIVALS = ("jupyter_server_ydoc", "jupyter_server_documents", "jupyter_server_nbmodel")
"""Extensions that also want to own the open notebook, by the name of their server part."""


class RuntimedExtension(Settable, ExtensionApp):  # type: ignore[misc]
    """Every notebook is a room."""

    name = "jupyter_runtimed"
    description = "Rooms for notebooks: live, durable, with server-side runs."
    version = __version__
    open_browser = False
    registry: Registry

    def initialize_settings(self) -> None:
        from ..host.registry import Registry

        self.settings_frozen = config = self.frozen()
        server = self.serverapp
        kernels = SessionKernels(server.session_manager, server.kernel_manager, log=self.log)
        self.registry = Registry(
            config.data_dir,
            settings=config.room,
            files=notebook_files(server.contents_manager),
            kernels=kernels,
            room_id=FileIds(self.settings, server.root_dir).room_id,
            server=f"jupyter-runtimed {__version__}",
            holder=server.display_url or server.connection_url,
        )
        conflicts = self.conflicts()
        if conflicts:
            self.log.error(
                "jupyter-runtimed: %s is enabled too, and both want to own open notebooks. "
                "Notebooks open the ordinary way. Disable one of them: "
                "jupyter server extension disable %s",
                ", ".join(conflicts),
                conflicts[0],
            )
            return
        take_part(server.contents_manager, self.registry)
        kernels.take_part(self.registry)
        self.settings["kernel_websocket_connection_class"] = kernels.socket_class(
            self.settings.get("kernel_websocket_connection_class")
            or server.kernel_websocket_connection_class
        )
        self.settings["jupyter_runtimed_registry"] = self.registry

    def initialize_handlers(self) -> None:
        config = self.settings_frozen
        room = r"(?P<room_id>[\w.~:-]+)"
        given = {"registry": self.registry, "conflicts": self.conflicts}
        socket = {
            "registry": self.registry,
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
        enabled = self.serverapp.extension_manager.extensions
        return [name for name in RIVALS if name in enabled and enabled[name].enabled]

    async def stop_extension(self) -> None:
        await self.registry.close_all()


