"""The hub of tests/protocol behind real HTTP and a real WebSocket, on the test's event loop."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from tornado import httpserver, netutil, web, websocket

from jupyter_runtimed.document.content import Output, Run
from jupyter_runtimed.errors import BadFrame
from jupyter_runtimed.ids import CellId, RunId
from jupyter_runtimed.peer.peer import Peer
from jupyter_runtimed.protocol.frames import Ack, Call, Reply, decode, encode

from ..protocol.hub import Link, Server

TOKEN = "secret"


class HubServer:
    """A test may replace `answer_rooms` to change the answer to `PUT api/runtimed/rooms`."""

    def __init__(self, base: str = "/base") -> None:
        self.base = base
        self.hub = Server()
        self.sockets: list[RoomSocket] = []
        self.room = "room"
        self.role = "runner"
        self.mute_acks = False
        self.on_call: Callable[[RoomSocket, Call], None] | None = None
        self.on_rooms: Callable[[], None] = lambda: None
        self.answer_rooms: tuple[int, str] | None = None
        self.own = True
        """Whether answers have this extension's header; a proxy's answers have none."""
        self.blobs: dict[str, bytes] = {}
        self.opened = 0
        self.strayed: list[str] = []
        """Paths outside the base URL that received a token."""
        self.runs = 0
        application = web.Application(
            [
                (rf"{base}/api/runtimed/status", Status, {"server": self}),
                (rf"{base}/api/runtimed/rooms", Rooms, {"server": self}),
                (rf"{base}/api/runtimed/rooms/([^/]+)/socket", RoomSocket, {"server": self}),
                (rf"{base}/api/runtimed/blobs/(.*)", BlobOf, {"server": self}),
                (r".*", Elsewhere, {"server": self}),
            ]
        )
        self._http = httpserver.HTTPServer(application)
        (socket,) = netutil.bind_sockets(0, "127.0.0.1")
        self.port = socket.getsockname()[1]
        self._http.add_sockets([socket])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base}"

    async def stop(self) -> None:
        self._http.stop()
        for socket in list(self.sockets):
            socket.close()
        await self._http.close_all_connections()

    def pump(self) -> None:
        """Send the hub's waiting frames to all clients."""
        for socket in self.sockets:
            said, socket.link.to_peer = socket.link.to_peer, []
            for frame in said:
                if not (self.mute_acks and isinstance(frame, Ack)):
                    socket.write_message(encode(frame), binary=True)

    def cut(self) -> None:
        """Break every connection without a close frame."""
        for socket in list(self.sockets):
            socket.forget()
            socket.ws_connection.stream.close()

    # ------------------------------------------------------------ a minimal kernel

    def queue_run(self, cell: CellId) -> RunId:
        self.runs += 1
        run_id = RunId(f"run-{self.runs}")
        self.hub.runtime.add_run(Run(run_id, cell, "queued", "ana", 1))
        return run_id

    def say(self) -> None:
        self.hub.run_said()
        self.pump()

    def finish(self, run_id: RunId, *outputs: Output, state: str = "ok", count: int = 1) -> None:
        self.hub.runtime.append_outputs(run_id, outputs)
        self.hub.runtime.set_run(run_id, state=state, execution_count=count)
        self.say()

    def keep_blob(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        self.blobs[sha256] = data
        return sha256


class Guarded(web.RequestHandler):
    server: HubServer

    def __init__(self, *given: Any, server: HubServer) -> None:
        # This runs before the headers are set.
        self.server = server
        super().__init__(*given)

    def set_default_headers(self) -> None:
        if self.server.own:
            self.set_header("X-Jupyter-Runtimed", "0")

    def prepare(self) -> None:
        if self.request.headers.get("Authorization") != f"token {TOKEN}":
            self.set_status(403)
            self.finish({"message": "Forbidden", "reason": None})


class Status(Guarded):
    def get(self) -> None:
        self.finish({"version": "0"})


class Elsewhere(web.RequestHandler):
    """Paths outside the base URL belong to another program."""

    def initialize(self, server: HubServer) -> None:
        self.server = server

    def prepare(self) -> None:
        if "Authorization" in self.request.headers:
            self.server.strayed.append(self.request.path)
        self.set_status(404)
        self.finish("<html>")


class Rooms(Guarded):
    def put(self) -> None:
        self.server.opened += 1
        self.server.on_rooms()
        if self.server.answer_rooms is not None:
            status, text = self.server.answer_rooms
            self.set_status(status)
            self.finish(text)
            return
        path = json.loads(self.request.body)["path"]
        self.finish({"room": self.server.room, "path": path})


class BlobOf(Guarded):
    def get(self, sha256: str) -> None:
        self.finish(self.server.blobs[sha256])


class RoomSocket(Guarded, websocket.WebSocketHandler):
    link: Link

    def open(self, room: str) -> None:
        if room != self.server.room:
            self.close(4404, "no such room")
            return
        hub = self.server.hub
        hub.connections += 1
        self.link = Link(hub, Peer("unused"), f"s{hub.connections}", self.server.role)
        hub.links.append(self.link)
        self.server.sockets.append(self)

    def on_message(self, message: Any) -> None:
        try:
            frame = decode(message)
        except BadFrame as error:
            self.close(4400, str(error))
            return
        self.link.sent.append(frame)
        if isinstance(frame, Call) and self.server.on_call is not None:
            self.server.on_call(self, frame)
        else:
            self.link.take(frame)
        self.server.pump()

    def answer(self, call: Call, result: Any = None, error: Any = None) -> None:
        self.link.to_peer.append(Reply(call.id, result, error))
        self.server.pump()

    def on_close(self) -> None:
        self.forget()

    def forget(self) -> None:
        if self in self.server.sockets:
            self.server.sockets.remove(self)
            self.server.hub.links.remove(self.link)
