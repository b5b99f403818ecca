"""A small reverse proxy on loopback with the faults of real proxies.

The proxy accepts one request per connection, forwards it to a server on this machine, and sends the
answer when it is complete, as buffering proxies do.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

KERNELS_ONLY = r"/api/kernels/[^/]+/channels|/terminals/websocket/"
"""The WebSockets that many guides name: Jupyter's own."""
Loss: TypeAlias = Literal["request", "answer"]


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: list[str]
    body: bytes

    @property
    def upgrades(self) -> bool:
        return any(header.lower().startswith("upgrade:") for header in self.headers)


class Proxy:
    """`start` returns when the proxy listens; tests may change its behaviour at any time."""

    def __init__(self, server_port: int, *, host: str = "127.0.0.1") -> None:
        self.server_port = server_port
        self.port = 0
        self.websockets: str | None = None
        """Pattern of the paths whose WebSockets pass; None: all."""
        self.answer: tuple[int, str, str] | None = None
        """Status, content type and body of the answer to every request, as from a Hub."""
        self.lose: Callable[[Request], Loss | None] = lambda _: None
        """Requests that do not arrive at the server or get no answer."""
        self.idle_seconds: float | None = None
        """The time without data after which a WebSocket is cut."""
        self.seen: list[tuple[str, str]] = []
        """Method and path of each request; `CUT` for an idle WebSocket."""
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection."""
        for task in self._tasks:
            task.cancel()

    # ------------------------------------------------------------ connections

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._handle(await _read(reader), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def _handle(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.seen.append((request.method, request.path.split("?")[0]))
        if self.answer is not None:
            writer.write(_answer(*self.answer))
            await writer.drain()
            return
        loss = self.lose(request)
        if loss == "request":
            return
        upstream_reader, upstream = await asyncio.open_connection(self._host, self.server_port)
        try:
            if request.upgrades and re.search(self.websockets or "", request.path):
                upstream.write(_head(request, ()) + request.body)
                await self._pipe((reader, writer), (upstream_reader, upstream))
                return
            dropped = ("connection:", "upgrade:", "keep-alive:")
            upstream.write(_head(request, dropped) + request.body)
            answer = await upstream_reader.read()
            if loss != "answer":
                writer.write(answer)
                await writer.drain()
        finally:
            upstream.close()

    async def _pipe(self, client: _Ends, server: _Ends) -> None:
        said = asyncio.Event()

        async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(1 << 16):
                said.set()
                writer.write(data)
                await writer.drain()

        async def watch() -> None:
            while True:
                said.clear()
                await asyncio.wait_for(said.wait(), self.idle_seconds)

        works = [
            asyncio.create_task(work)
            for work in (copy(client[0], server[1]), copy(server[0], client[1]), watch())
        ]
        try:
            done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            if works[2] in done:
                self.seen.append(("CUT", ""))
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)


_Ends: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
    first, *headers = [line for line in head.split("\r\n") if line]
    method, path, _ = first.split(" ", 2)
    sizes = [header.split(":")[1] for header in headers if header.lower().startswith("content-le")]
    body = await reader.readexactly(int(sizes[0])) if sizes else b""
    return Request(method, path, headers, body)


def _head(request: Request, dropped: tuple[str, ...]) -> bytes:
    kept = [header for header in request.headers if not header.lower().startswith(dropped or "\0")]
    closing = ["Connection: close"] if dropped else []
    lines = [f"{request.method} {request.path} HTTP/1.1", *kept, *closing, "", ""]
    return "\r\n".join(lines).encode("latin1")


def _answer(status: int, content_type: str, body: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status} Answer", f"Content-Type: {content_type}",
        f"Content-Length: {len(body.encode())}", "Connection: close", "", body,
    ]  # fmt: skip
    return "\r\n".join(lines).encode()
