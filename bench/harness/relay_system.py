"""The bare relay with clients on the same Automerge engine: the lower bound for any server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from harness.process import Server
from harness.systems import Client, System
from harness.wire import received_bytes
from pyautomerge import ROOT, Document, Obj, Text


class RelayClient(Client):
    """A client that only sends and applies changes."""

    def __init__(self, connection: ClientConnection, document: Document) -> None:
        self._connection = connection
        self._document = document
        self._texts = [item.id for _, item in document.items(list_of(document)) if is_obj(item)]
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._connection:
            assert isinstance(message, bytes)
            self._document.load_incremental(message)
            self.on_change()

    async def insert(self, cell: int, position: int, text: str) -> None:
        self._document.splice_text(self._texts[cell], position, 0, text)
        self._document.commit()
        change = self._document.last_local_change()
        assert change is not None
        await self._connection.send(change.bytes)

    def source(self, cell: int) -> str:
        return self._document.text(self._texts[cell])

    def length(self, cell: int) -> int:
        return self._document.length(self._texts[cell])

    def received_bytes(self) -> int:
        return received_bytes(self._connection)

    async def close(self) -> None:
        await self._connection.close()
        await self._reading


def is_obj(value: object) -> bool:
    return isinstance(value, Obj)


def list_of(document: Document) -> str:
    cells = document.get(ROOT, "cells")
    assert isinstance(cells, Obj)
    return cells.id


def document_of(path: Path) -> Document:
    """Return a document with the sources of a notebook as a list of texts."""
    document = Document()
    cells = json.loads(path.read_text())["cells"]
    document.put(ROOT, "cells", [Text("".join(cell["source"])) for cell in cells])
    document.commit()
    return document


class RelaySystem(System):
    name = "relay"

    @staticmethod
    def launch() -> Server:
        return Server([str(Path(__file__).with_name("relay.py")), "{port}"])

    async def open(self, path: str) -> RelayClient:
        url = f"ws://127.0.0.1:{self.server.port}/room/{path}"
        connection = await connect(url, max_size=None, compression=None)
        state = await connection.recv()
        if isinstance(state, bytes) and state:
            return RelayClient(connection, Document.load(state))
        document = document_of(self.server.root / path)
        await connection.send(document.save())
        return RelayClient(connection, document)
