"""The host's port to kernels: links to running kernels, and their start and shutdown.

`server/` implements `Kernels` with the configured managers. The implementations of `Link` are
`zmq_link` (ZeroMQ, its own thread) and `client_link` (any other client, for example a
gateway's).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from ...execution.messages import KernelMessage
from ...ids import CellId, RunId
from ...room.events import KernelStatusChanged

Deliver = Callable[[tuple[KernelMessage, ...]], None]
"""Receives a batch of messages on the loop, in the order of arrival."""

RunPredicate = Callable[[str, str], bool]
"""Returns whether to decode a message, by its type and the id of its request."""

READY_SECONDS = 60.0


class Link(Protocol):
    """One room's connection to one kernel; stays the same through restarts of the kernel."""

    @property
    def language_info(self) -> Mapping[str, object]:
        """The `language_info` of the kernel's last `kernel_info_reply`; empty before the first."""

    def start(self, deliver: Deliver) -> None:
        """Connect and start to deliver messages."""

    async def ready(self, timeout_seconds: float = READY_SECONDS) -> Literal["idle", "busy"]:
        """Wait until the link receives all output of later runs; return the kernel's state.

        Raises `KernelError` after `timeout_seconds` (a caller may await `ready` again), and
        `KernelDead` if the kernel has ended.
        """

    def execute(self, run: RunId, cell: CellId, code: str, *, stop_on_error: bool) -> None:
        """Send an `execute_request` with the run's id as message id."""

    def reply_input(self, text: str) -> None:
        """Answer the kernel's `input_request`."""

    def tell_comm(self, comm_id: str, data: Mapping[str, Any], message_id: str) -> None:
        """Send a `comm_msg` with this message id to a widget's model in the kernel."""

    def restarted(self, connection: Mapping[str, Any] | None = None) -> None:
        """Follow the kernel to its new process; `connection` has new ports, if any.

        Discard messages that the old process has not read. Await `ready` again afterwards.
        """

    async def close(self) -> None:
        """Disconnect without shutting the kernel down; a pending `ready` raises `KernelDead`."""


class Kernels(Protocol):
    """Finds, starts and stops kernels. Every method can raise `KernelError`.

    Each link comes with the kernel's id, name and display name. An implementation also reports
    kernels that restart or die by themselves to the host.
    """

    async def find(self, path: str) -> tuple[Link, KernelStatusChanged] | None:
        """Return a new link to the notebook's kernel; None if the notebook has no kernel."""

    async def ensure(self, path: str, name: str) -> tuple[Link, KernelStatusChanged]:
        """Return a new link to the notebook's kernel; start a kernel if necessary.

        `name` is the name of a kernelspec, or "" for the default.
        """

    async def interrupt(self, kernel_id: str) -> None: ...

    async def restart(self, kernel_id: str) -> None:
        """Restart the kernel; return once the new process exists, even if it does not answer."""

    async def shutdown(self, kernel_id: str) -> None: ...

    def show_widget(
        self, kernel_id: str, comm_id: str, outputs: Sequence[Mapping[str, Any]]
    ) -> None:
        """Send the outputs of an output widget to the browsers of this kernel, soon."""


def wanted_by_rooms(message_type: str, parent_id: str) -> bool:  # noqa: ARG001
    """Accept every message; `wire.is_of_output_widgets` filters messages to widgets."""
    return True
