"""Byte counts of sockets."""

from __future__ import annotations

import socket
import struct

from websockets.asyncio.client import ClientConnection

_RECEIVED_AT = 128  # bytes_received in Linux's struct tcp_info


def received_bytes(connection: ClientConnection) -> int:
    """Return the TCP payload that a WebSocket received, with framing, as Linux counts it."""
    return socket_received(connection.transport.get_extra_info("socket"))


def socket_received(sock: socket.socket) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return int(struct.unpack_from("Q", info, _RECEIVED_AT)[0])
