"""Baseline: a server that only passes each message to the other clients of a room.

The relay keeps in memory the messages of a room, for clients that connect later. It has no
authentication, no storage and no documents; it only serves as a comparison.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from dataclasses import dataclass, field

from tornado import web, websocket


@dataclass
class Room:
    """The chunks of the document, and the connected clients."""

    chunks: list[bytes] = field(default_factory=list)
    clients: set[Client] = field(default_factory=set)


ROOMS: defaultdict[str, Room] = defaultdict(Room)


class Client(websocket.WebSocketHandler):
    def open(self, name: str) -> None:
        self.room = ROOMS[name]
        self.room.clients.add(self)
        self.set_nodelay(True)
        self.write_message(b"".join(self.room.chunks), binary=True)

    def on_message(self, message: str | bytes) -> None:
        chunk = message if isinstance(message, bytes) else message.encode()
        self.room.chunks.append(chunk)
        for client in self.room.clients:
            if client is not self:
                client.write_message(chunk, binary=True)

    def on_close(self) -> None:
        self.room.clients.discard(self)


class Alive(web.RequestHandler):
    def get(self) -> None:
        self.finish({})


async def main(port: int) -> None:
    routes = [(r"/room/(.*)", Client), (r"/api", Alive)]
    application = web.Application(routes, websocket_max_message_size=1 << 30)
    application.listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
