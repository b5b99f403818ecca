"""Kernels at a gateway: reattached after a server restart, and read without gaps.

Jupyter Server's own gateway client connects without the token of its other requests, treats a
kernel that is silent for some seconds as gone, and sends no session id, so the gateway does not
buffer the kernel's messages during a disconnection. The client here fixes all three.
"""

from __future__ import annotations

import hashlib
from threading import Thread
from typing import Any

import websocket
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.gateway.managers import GatewayMappingKernelManager
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError

from ..mixins import extend


async def taken_up(kernels: Any, kernel_id: str) -> bool:
    """Register a previous server's kernel at this server; return whether the gateway has it."""
    if not isinstance(kernels, GatewayMappingKernelManager):
        return False
    manager: Any = kernels
    try:
        await manager.start_kernel(kernel_id=kernel_id)
        model = manager.get_kernel(kernel_id).kernel
    except HTTPError:
        model = None
    if not model:
        manager.remove_kernel(kernel_id)
    return bool(model)


def client_of(kernel: Any, path: str) -> Any:
    """Return the manager's client for a kernel; a gateway client gets a session id by `path`.

    The session id depends only on the path, so the next server can continue the session.
    """
    client = kernel.client()
    if hasattr(client, "channel_socket"):
        extend(client, _GatewayClient)
        client.known_as = hashlib.sha256(path.encode()).hexdigest()[:32]
    return client


class _GatewayClient:
    """Mixin for `GatewayKernelClient`: replaces only the way it connects."""

    kernel_id: str
    known_as: str
    channel_socket: Any
    response_router: Thread
    _route_responses: Any

    async def start_channels(self, *args: Any, **which: Any) -> None:
        gateway: Any = GatewayClient.instance()
        url = url_path_join(gateway.ws_url, gateway.kernels_endpoint, self.kernel_id, "channels")
        self.channel_socket = websocket.create_connection(
            f"{url}?session_id={self.known_as}",
            timeout=gateway.KERNEL_LAUNCH_TIMEOUT,
            enable_multithread=True,
            header=gateway.load_connection_args().get("headers"),
            sslopt={
                "ca_certs": gateway.ca_certs,
                "certfile": gateway.client_cert,
                "keyfile": gateway.client_key,
            },
        )
        self.channel_socket.settimeout(None)
        AsyncKernelClient.start_channels(self, *args, **which)  # type: ignore[arg-type]  # a mixin
        self.response_router = Thread(target=self._route_responses, daemon=True)
        self.response_router.start()
