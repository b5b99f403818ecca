"""What the host asks of kernels: a link to one that runs, and who starts and stops them.

`Kernels` is implemented above (`server/` has the managers that are configured); a `Link` is one of
`kernel_link` (ZeroMQ, its own thread) and `client_link` (any other client, a gateway's for one).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from ..execution.messages import KernelMessage
from ..ids import CellId, RunId
from ..room.events import KernelIs

Deliver = Callable[[tuple[KernelMessage, ...]], None]
"""Takes a batch of messages, on the loop, in the order in which they came."""

Wanted = Callable[[str, str], bool]
"""Is a message of this type, from this request, of use? Asked before its content is decoded."""

READY_SECONDS = 60.0


class Link(Protocol):
    """One room's connection to one kernel. It lives as long as the kernel, through restarts."""

    def start(self, deliver: Deliver) -> None:
        """Connect, and deliver from now on."""

    async def ready(self, timeout_seconds: float = READY_SECONDS) -> Literal["idle", "busy"]:
        """Return when nothing that is executed from now on can be missed.

        Raises `KernelError` when the time is over, and may then be awaited again; `KernelDead` when
        it will never be.
        """

    def execute(self, run: RunId, cell: CellId, code: str, *, stop_on_error: bool) -> None:
        """Ask for a run; its id is the message's."""

    def reply_input(self, text: str) -> None:
        """Answer the kernel's `input_request`."""

    def tell_comm(self, comm_id: str, data: Mapping[str, Any], message_id: str) -> None:
        """Send a `comm_msg` of this id: to a widget's model in the kernel."""

    def restarted(self, connection: Mapping[str, Any] | None = None) -> None:
        """The kernel is becoming a new process (at new ports, if `connection` is given): drop what
        the old one was sent and has not read; `ready` has to be awaited again.
        """

    async def close(self) -> None:
        """Let go of the kernel; it is not shut down. `ready` raises if it is still awaited."""


class Kernels(Protocol):
    """Finds, starts and stops kernels. Every method raises `KernelError`, saying what to do.

    A link comes with what is known of its kernel: id, name, name for people. Who implements this
    also tells the host of kernels that restart or die without having been asked to.
    """

    async def find(self, path: str) -> tuple[Link, KernelIs] | None:
        """A fresh link to the kernel that the notebook has already, if it has one."""

    async def ensure(self, path: str, name: str) -> tuple[Link, KernelIs]:
        """A fresh link to the notebook's kernel; `name` is a kernelspec, "" for any."""

    async def interrupt(self, kernel_id: str) -> None: ...

    async def restart(self, kernel_id: str) -> None:
        """Return when there is a new process, whether or not it answers already."""

    async def shutdown(self, kernel_id: str) -> None: ...

    def show_widget(
        self, kernel_id: str, comm_id: str, outputs: Sequence[Mapping[str, Any]]
    ) -> None:
        """Let the browsers at this kernel see what an output widget holds, soon."""


def wanted_by_rooms(message_type: str, parent_id: str) -> bool:  # noqa: ARG001
    """Of messages to widgets only some are; see `kernel_wire.is_of_output_widgets`."""
    return True
