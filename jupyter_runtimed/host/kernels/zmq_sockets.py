"""The ZeroMQ sockets of one kernel, and the socket that wakes their thread.

This module does not know what the messages mean. One thread uses its objects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import zmq

from ...execution.messages import Channel
from .wire import Wire

CHANNELS: tuple[Channel, ...] = ("iopub", "stdin", "control", "shell")

Connection = Mapping[str, Any]
"""The result of a kernel manager's `get_connection_info`: transport, ip, ports, key..."""


class ZmqSockets:
    """The sockets to the kernel's present process; `listener` wakes a waiting thread.

    `wire` signs and verifies the messages of these sockets.
    """

    wire: Wire

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        listener: zmq.Socket[bytes],
        connection: Connection,
    ) -> None:
        self._context = context
        self._listener = listener
        self._connection = connection
        self._sockets: dict[Channel, zmq.Socket[bytes]] = {}
        self._poller = zmq.Poller()
        self._poller.register(listener, zmq.POLLIN)

    def open(self, connection: Connection | None) -> None:
        """Open new sockets; discard messages that the old process has not read.

        `connection` has new ports, if any.
        """
        self._close_kernel()
        if connection is not None:
            self._connection = connection
        key = self._connection.get("key", b"")
        self.wire = Wire(
            key.encode() if isinstance(key, str) else key,
            self._connection.get("signature_scheme", ""),
        )
        for channel in CHANNELS:
            self._sockets[channel] = socket = self._connected(channel)
            self._poller.register(socket, zmq.POLLIN)

    def _connected(self, channel: Channel) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
        socket.linger = 0
        socket.rcvhwm = socket.sndhwm = 0
        if channel == "iopub":
            socket.subscribe(b"")
        else:
            # The kernel routes input requests to our stdin by the identity of our shell socket.
            socket.identity = self.wire.session.bsession
        if channel == "stdin":
            # With `immediate`, a writable socket is connected; a kernel drops input requests
            # for a stdin that is not connected.
            socket.immediate = 1
        if server_key := self._connection.get("curve_publickey"):
            socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
            socket.curve_serverkey = (
                server_key.encode() if isinstance(server_key, str) else server_key
            )
        socket.connect(self._address(channel))
        return socket

    def _address(self, channel: Channel) -> str:
        transport = self._connection.get("transport", "tcp")
        ip, port = self._connection["ip"], self._connection[f"{channel}_port"]
        return f"{transport}://{ip}{':' if transport == 'tcp' else '-'}{port}"

    def close(self) -> None:
        self._close_kernel()
        self._listener.close(linger=0)

    def _close_kernel(self) -> None:
        for socket in self._sockets.values():
            self._poller.unregister(socket)
            socket.close(linger=0)
        self._sockets.clear()

    def wait(self, timeout_seconds: float | None) -> tuple[bool, list[Channel]]:
        """Wait for a socket; return whether the listener rang, and the channels with messages."""
        milliseconds = None if timeout_seconds is None else math.ceil(timeout_seconds * 1000)
        readable = dict(self._poller.poll(milliseconds))
        rang = self._listener in readable
        if rang:
            with suppress(zmq.Again):
                while True:
                    self._listener.recv(zmq.NOBLOCK)
        return rang, [name for name, socket in self._sockets.items() if socket in readable]

    def receive(self, channel: Channel) -> list[bytes] | None:
        """Return the parts of the next message; None if no message waits."""
        try:
            return self._sockets[channel].recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None

    def send(self, channel: Channel, parts: list[bytes]) -> None:
        with suppress(zmq.Again):  # the kernel has ended
            self._sockets[channel].send_multipart(parts, zmq.NOBLOCK)

    def stdin_connected(self) -> bool:
        return bool(self._sockets["stdin"].poll(0, zmq.POLLOUT))
