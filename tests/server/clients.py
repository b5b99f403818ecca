"""Clients of a server: requests, live notebooks, and raw sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPClientError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

import jupyter_runtimed
from jupyter_runtimed.client import LiveNotebook
from jupyter_runtimed.host.host import Host
from jupyter_runtimed.protocol import frames
from jupyter_runtimed.server.app import RuntimedExtension

TIMEOUT_SECONDS = 60


class Answer:
    """Status, headers and body of a response, also of an error."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Place:
    """A server: its folder, its API, and the clients in its rooms."""

    def __init__(self, app: ServerApp, fetch: Callable[..., Any], url: str) -> None:
        self.app = app
        self.root = Path(app.root_dir)
        self.url = url
        self.token = str(app.identity_provider.token)
        self._fetch = fetch
        self._here: list[LiveNotebook] = []
        self._sockets: list[Socket] = []

    @property
    def extension(self) -> RuntimedExtension:
        (app,) = self.app.extension_manager.extension_apps["jupyter_runtimed"]
        return app

    def host(self, path: str) -> Host:
        host = self.extension.rooms.by_path(path)
        assert host is not None, f"{path} is not open"
        return host

    # ------------------------------------------------------------ files

    def write(self, path: str, *sources: str, **metadata: Any) -> Path:
        """Write a notebook of code cells with the ids `c0`, `c1`..."""
        cells = [nbformat.v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(sources)]
        whole = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(whole, file)
        return file

    def on_disk_outputs(self, path: str) -> str:
        return json.dumps([c.get("outputs") for c in nbformat.read(self.root / path, 4).cells])

    def on_disk(self, path: str) -> list[str]:
        return [cell.source for cell in nbformat.read(self.root / path, 4).cells]

    # ------------------------------------------------------------ the API

    async def ask(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, **more: Any
    ) -> Answer:
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        more.setdefault("request_timeout", TIMEOUT_SECONDS)
        try:
            got = await self._fetch(
                *path.split("/"), method=method, body=data, allow_nonstandard_methods=True, **more
            )
        except HTTPClientError as error:
            if error.response is None:
                raise
            return Answer(error.code, error.response.headers, error.response.body or b"")
        return Answer(got.code, got.headers, got.body)

    async def room(self, path: str) -> str:
        answer = await self.ask("PUT", "api/runtimed/rooms", {"path": path})
        assert answer.status == 200, answer.body
        return str(answer.json["room"])

    async def call(self, room: str, name: str, **args: Any) -> Answer:
        return await self.ask("POST", f"api/runtimed/rooms/{room}/{name}", args)

    async def contents(self, path: str, **params: Any) -> Any:
        answer = await self.ask("GET", f"api/contents/{path}", params=params)
        assert answer.status == 200, answer.body
        return answer.json

    async def start_session(self, path: str, kernel: str = "python3") -> Any:
        body = {"path": path, "name": path, "type": "notebook", "kernel": {"name": kernel}}
        answer = await self.ask("POST", "api/sessions", body)
        assert answer.status == 201, answer.body
        return answer.json

    # ------------------------------------------------------------ rooms

    async def open(self, path: str, name: str = "ana") -> LiveNotebook:
        live = await jupyter_runtimed.connect(self.url, path, self.token, name=name)
        self._here.append(live)
        return live

    async def socket(self, room: str, **how: Any) -> Socket:
        socket = Socket(await self.connect(room, **how))
        self._sockets.append(socket)
        return socket

    async def connect(
        self,
        room: str,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        **how: Any,
    ) -> ClientConnection:
        url = f"ws{self.url.removeprefix('http')}api/runtimed/rooms/{room}/socket"
        said = self.token if token is None else token
        headers = {"Authorization": f"token {said}", **(headers or {})}
        return await connect(
            url, additional_headers=headers, compression=None, max_size=None, **how
        )

    async def leave(self) -> None:
        for socket in self._sockets:
            await socket.close()
        for live in self._here:
            await live.close()


class Socket:
    """A client that sends arbitrary frames."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, frame: frames.Frame | bytes | str) -> None:
        data = frame if isinstance(frame, bytes | str) else frames.encode(frame)
        await self.connection.send(data)

    async def hello(self, **more: Any) -> frames.Welcome:
        await self.send(frames.Hello("test", "agent", **more))
        return await self.until(frames.Welcome)

    async def until(self, kind: type[Any]) -> Any:
        """Return the next frame of this kind, skipping others."""
        while True:
            data = await asyncio.wait_for(self.connection.recv(), TIMEOUT_SECONDS)
            assert isinstance(data, bytes)
            frame = frames.decode(data)
            if isinstance(frame, kind):
                return frame

    async def event(self, name: str) -> Any:
        """Return the body of the next event of this name."""
        while True:
            event = await self.until(frames.Event)
            if event.name == name:
                return event.body

    async def reply(self, call: frames.Call) -> frames.Reply:
        await self.send(call)
        while (reply := await self.until(frames.Reply)).id != call.id:
            pass
        return reply

    async def closed(self) -> tuple[int, str]:
        """Return the close code and the reason of this connection."""
        try:
            while True:
                await asyncio.wait_for(self.connection.recv(), TIMEOUT_SECONDS)
        except ConnectionClosed:
            return self.connection.close_code or 0, self.connection.close_reason or ""

    async def close(self) -> None:
        await self.connection.close()


def change_of(live: LiveNotebook, edit: Callable[[Any], None]) -> bytes:
    """Return the change that a client would send for an edit in its copy of the notebook."""
    notebook = live._notebook
    before = notebook.heads
    edit(notebook)
    notebook.commit(now_ms=0)
    return b"".join(change.bytes for change in notebook.document.changes_after(before))
