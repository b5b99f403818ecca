"""A kernel whose cells send arbitrary messages in any order, over real sockets.

The program is `scripted_kernel.py CONNECTION_FILE`. A cell is Python code and sends every message
itself, including its status:

    busy() idle() reply() began(3)     the frame of an ordinary run
    say("stream", name=..., text=...)  a message on iopub; optional `channel=` and `parent=`
    show("text", "an id")              a display          printed("text")     on stdout
    raw("stream", b"...")              content as bytes   forged("stream", ...)  a wrong signature
    parts([b"", b"x"])                 arbitrary parts on iopub
    ask("prompt")                      an input request, and its answer
    asked[-2]                          the headers of earlier requests, to use as parents
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.session import Session

DELIMITER = b"<IDS|MSG>"


class Kernel:
    def __init__(self, connection: dict[str, Any]) -> None:
        self.session = Session(key=connection["key"].encode(), metadata={})
        self._context = zmq.Context()
        self._sockets = {
            name: self._bind(kind, connection, name)
            for name, kind in (
                ("shell", zmq.ROUTER),
                ("control", zmq.ROUTER),
                ("stdin", zmq.ROUTER),
                ("iopub", zmq.PUB),
            )
        }
        self.asked: list[dict[str, Any]] = []
        self._idents: list[bytes] = []
        self._names = {
            name: getattr(self, name)
            for name in (
                "busy", "idle", "reply", "began", "say", "show", "printed", "raw", "forged",
                "parts", "ask", "asked",
            )
        }  # fmt: skip

    def _bind(self, kind: int, connection: dict[str, Any], name: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.linger = 1000
        socket.bind(f"tcp://{connection['ip']}:{connection[f'{name}_port']}")
        return socket

    def run(self) -> None:
        poller = zmq.Poller()
        for name in ("shell", "control"):
            poller.register(self._sockets[name], zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            for name in ("control", "shell"):
                if self._sockets[name] in ready:
                    self._take(name)

    def _take(self, channel: str) -> None:
        idents, parts = self.session.feed_identities(self._sockets[channel].recv_multipart())
        message = self.session.deserialize(parts)
        kind = message["header"]["msg_type"]
        if kind == "execute_request":
            self._idents = idents
            self.asked.append(message["header"])
            exec(message["content"]["code"], dict(self._names))
            return
        parent = message["header"]
        self.say("status", parent=parent, execution_state="busy")
        content = {"status": "ok", "implementation": "scripted", "protocol_version": "5.3"}
        if kind == "shutdown_request":
            content["restart"] = message["content"].get("restart", False)
        self._send(channel, kind.replace("request", "reply"), content, parent, idents)
        self.say("status", parent=parent, execution_state="idle")
        if kind == "shutdown_request":
            self._context.destroy(linger=1000)
            sys.exit(0)

    # ------------------------------------------------------------ functions for cells

    def busy(self, **more: Any) -> None:
        self.say("status", execution_state="busy", **more)

    def idle(self, **more: Any) -> None:
        self.say("status", execution_state="idle", **more)

    def began(self, count: int) -> None:
        self.say("execute_input", execution_count=count, code="")

    def reply(self, status: str = "ok", *, parent: Any = None, **content: Any) -> None:
        self._send("shell", "execute_reply", {"status": status, **content}, parent, self._idents)

    def printed(self, text: str, name: str = "stdout", **more: Any) -> None:
        self.say("stream", name=name, text=text, **more)

    def show(
        self, text: str, display_id: Any = None, kind: str = "display_data", **more: Any
    ) -> None:
        transient = {} if display_id is None else {"display_id": display_id}
        self.say(kind, data={"text/plain": text}, metadata={}, transient=transient, **more)

    def say(self, kind: str, *, channel: str = "iopub", parent: Any = None, **content: Any) -> None:
        self._send(channel, kind, content, parent, self._idents if channel != "iopub" else [])

    def raw(self, kind: str, content: bytes) -> None:
        self.parts([*self._signed(kind, content)])

    def forged(self, kind: str, **content: Any) -> None:
        signed = self._signed(kind, json.dumps(content).encode())
        signed[1] = b"0" * 64
        self.parts(signed)

    def parts(self, parts: list[bytes]) -> None:
        self._sockets["iopub"].send_multipart(parts)

    def ask(self, prompt: str, *, password: bool = False) -> str:
        self.say("input_request", channel="stdin", prompt=prompt, password=password)
        _, parts = self.session.feed_identities(self._sockets["stdin"].recv_multipart())
        return str(self.session.deserialize(parts)["content"]["value"])

    # ------------------------------------------------------------ wire protocol

    def _send(
        self, channel: str, kind: str, content: Any, parent: Any, idents: list[bytes]
    ) -> None:
        parent = self.asked[-1] if parent is None and self.asked else parent
        message = self.session.msg(kind, content, parent=parent)
        self.session.send(self._sockets[channel], message, ident=idents or None)

    def _signed(self, kind: str, content: bytes) -> list[bytes]:
        header = self.session.pack(self.session.msg_header(kind))
        parent = self.session.pack(self.asked[-1])
        whole = [header, parent, b"{}", content]
        return [DELIMITER, self.session.sign(whole), *whole]


if __name__ == "__main__":
    os.environ.pop("JPY_PARENT_PID", None)
    Kernel(json.loads(Path(sys.argv[1]).read_text())).run()
