"""Plain JupyterLab's server: ``GET`` for the file, the kernel's WebSocket for outputs."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from websockets.asyncio.client import ClientConnection, connect

from harness.process import TOKEN, Server, lab_argv
from harness.systems import Client, Printer, System

HEADERS = {"Authorization": f"token {TOKEN}"}


class FetchedNotebook(Client):
    """A notebook as a browser fetches it. The copy is not live, so `insert` raises."""

    def __init__(self, body: bytes) -> None:
        self._bytes = len(body)
        self._cells = json.loads(body)["content"]["cells"]

    async def insert(self, cell: int, position: int, text: str) -> None:
        raise NotImplementedError("plain JupyterLab does not share edits")

    def source(self, cell: int) -> str:
        return "".join(self._cells[cell]["source"])

    def length(self, cell: int) -> int:
        return len(self.source(cell))

    def received_bytes(self) -> int:
        return self._bytes

    async def close(self) -> None:
        return None


class KernelSocket(Printer):
    """A window that runs cells and views their output, because no other window receives it."""

    def __init__(self, connection: ClientConnection, sources: list[str]) -> None:
        self._connection = connection
        self._sources = sources
        self._cell_of: dict[str, int] = {}
        self._parts: defaultdict[int, list[str]] = defaultdict(list)
        self._over: set[str] = set()
        self._latest = ""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for text in self._connection:
            message = json.loads(text)
            request = message["parent_header"].get("msg_id", "")
            if message.get("channel") != "iopub" or request not in self._cell_of:
                continue
            self._take(message, request)
            self.on_change()

    def _take(self, message: dict[str, Any], request: str) -> None:
        content = message["content"]
        match message["header"]["msg_type"]:
            case "stream" if content["name"] == "stdout":
                self._parts[self._cell_of[request]].append(content["text"])
            case "execute_result" | "display_data":
                self._parts[self._cell_of[request]].append(content["data"]["text/plain"])
            case "status" if content["execution_state"] == "idle":
                self._over.add(request)

    async def run(self, cell: int) -> None:
        self._latest = uuid.uuid4().hex
        self._cell_of[self._latest] = cell
        await self._connection.send(execute_request(self._latest, self._sources[cell]))

    async def text(self, cell: int) -> str:
        return "".join(self._parts[cell])

    def finished(self) -> bool:
        return self._latest in self._over

    async def close(self) -> None:
        await self._connection.close()
        await self._reading


def execute_request(message_id: str, code: str) -> str:
    """Return an execute request as a browser sends it over the kernel's WebSocket."""
    header = {"msg_id": message_id, "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": True}
    message = {"channel": "shell", "header": header, "content": content}
    empty: dict[str, dict[str, str]] = {"parent_header": {}, "metadata": {}}
    return json.dumps(message | empty | {"buffers": []})


def _whole(output: dict[str, Any]) -> dict[str, Any]:
    """Return an output as a browser holds it, with text as one string."""
    return {**output, "text": "".join(output["text"])} if "text" in output else output


class LabSystem(System):
    name = "lab"

    @staticmethod
    def launch() -> Server:
        return Server(lab_argv(), off=("jupyter_runtimed",))

    async def open(self, path: str) -> FetchedNotebook:
        return FetchedNotebook(await self._fetch(f"api/contents/{path}?type=notebook&content=1"))

    async def save(self, path: str, outputs: Mapping[int, Sequence[dict[str, Any]]]) -> None:
        """Save as a browser does: `PUT` the whole notebook with these outputs of the cells."""
        content = json.loads((self.server.root / path).read_bytes())
        for cell in content["cells"]:
            cell["source"] = "".join(cell["source"])
        for at, shown in outputs.items():
            content["cells"][at]["outputs"] = [_whole(output) for output in shown]
        body = {"type": "notebook", "format": "json", "content": content}
        await self._fetch(f"api/contents/{path}", body, method="PUT")

    async def _fetch(self, path: str, body: Any = None, *, method: str = "POST") -> bytes:
        request = HTTPRequest(
            f"{self.server.url}/{path}",
            method="GET" if body is None else method,
            headers=HEADERS,
            body=None if body is None else json.dumps(body),
            request_timeout=120,
        )
        return (await AsyncHTTPClient().fetch(request)).body

    async def kernel_socket(self, path: str) -> ClientConnection:
        """Start a kernel for this notebook and return its WebSocket."""
        session = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        kernel = json.loads(await self._fetch("api/sessions", session))["kernel"]["id"]
        url = f"ws://127.0.0.1:{self.server.port}/api/kernels/{kernel}/channels"
        return await connect(url, max_size=None, compression=None, additional_headers=HEADERS)

    async def printer(self, path: str, sources: list[str]) -> KernelSocket:
        return KernelSocket(await self.kernel_socket(path), sources)
