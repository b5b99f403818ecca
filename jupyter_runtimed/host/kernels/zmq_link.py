"""A link to a kernel over ZeroMQ, with its own thread.

The thread reads iopub without a high-water mark, verifies and decodes the messages, and hands
batches to the loop, with one outstanding call at a time. The link drops no message, and the loop
never waits for a socket.
`LinkPhase` and `TABLE` are the phases of a link.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Final, Literal

import zmq

from ...errors import KernelDead, KernelError
from ...execution.messages import KernelMessage
from ...ids import CellId, RunId
from .batching import weight
from .port import READY_SECONDS, Deliver, RunPredicate, wanted_by_rooms
from .wire import execute_content
from .zmq_sockets import Connection, ZmqSockets
from .zmq_thread import ZmqThread

log = logging.getLogger(__name__)

TURN_WEIGHT = 1 << 20
"""The largest total weight delivered in one turn of the loop; see `batching.weight`."""


class LinkPhase(Enum):
    CONNECTING = auto()
    """The kernel's process has not answered yet."""
    READY = auto()
    """The link receives all output of later runs."""
    CLOSED = auto()


class LinkSignal(Enum):
    ANSWERED = auto()
    RESTARTED = auto()
    CLOSED = auto()


TABLE: Final[Mapping[tuple[LinkPhase, LinkSignal], LinkPhase]] = {
    (LinkPhase.CONNECTING, LinkSignal.ANSWERED): LinkPhase.READY,
    (LinkPhase.CONNECTING, LinkSignal.RESTARTED): LinkPhase.CONNECTING,
    (LinkPhase.CONNECTING, LinkSignal.CLOSED): LinkPhase.CLOSED,
    (LinkPhase.READY, LinkSignal.RESTARTED): LinkPhase.CONNECTING,
    (LinkPhase.READY, LinkSignal.CLOSED): LinkPhase.CLOSED,
}
"""A signal that the table does not list for a phase has no effect."""


class KernelLink:
    """A `Link` from connection info. Create it on the loop that receives the messages."""

    def __init__(self, connection: Connection, *, wanted: RunPredicate = wanted_by_rooms) -> None:
        self._name = str(connection.get("kernel_name") or "the kernel")
        self._loop = asyncio.get_running_loop()
        self._deliver: Deliver | None = None
        self._context = zmq.Context()
        self._bell = self._context.socket(zmq.PUSH)
        address = f"inproc://{uuid.uuid4()}"
        listener = self._context.socket(zmq.PULL)
        listener.bind(address)
        self._bell.connect(address)
        self._lock = threading.Lock()
        self._handed: deque[KernelMessage] = deque()
        self._called = False
        self._ready: asyncio.Future[Literal["idle", "busy"]] = self._loop.create_future()
        self._life = 1
        self._phase = LinkPhase.CONNECTING
        sockets = ZmqSockets(self._context, listener, connection)
        self._engine = ZmqThread(sockets, wanted, hand=self._hand, ready=self._tell_ready)
        self._thread = threading.Thread(
            target=self._engine.run, name="runtimed-kernel", daemon=True
        )

    # ------------------------------------------------------------ the port

    @property
    def language_info(self) -> Mapping[str, object]:
        return self._engine.language_info

    def start(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._thread.start()

    async def ready(self, timeout_seconds: float = READY_SECONDS) -> Literal["idle", "busy"]:
        try:
            return await asyncio.wait_for(asyncio.shield(self._ready), timeout_seconds)
        except asyncio.TimeoutError as error:
            raise KernelError(
                f"{self._name} did not answer in {timeout_seconds:.0f} s; "
                "restart it, or see the server's log"
            ) from error

    def execute(self, run: RunId, cell: CellId, code: str, *, stop_on_error: bool) -> None:
        content = execute_content(code, stop_on_error=stop_on_error)
        self._ask(
            lambda engine: engine.send(
                "shell", "execute_request", content, message_id=run, metadata={"cellId": cell}
            )
        )

    def reply_input(self, text: str) -> None:
        content = {"value": text, "status": "ok"}
        self._ask(lambda engine: engine.send("stdin", "input_reply", content))

    def tell_comm(self, comm_id: str, data: Mapping[str, Any], message_id: str) -> None:
        content = {"comm_id": comm_id, "data": data}
        self._ask(lambda engine: engine.send("shell", "comm_msg", content, message_id=message_id))

    def restarted(self, connection: Connection | None = None) -> None:
        answered = self._phase is LinkPhase.READY
        if not self._hear(LinkSignal.RESTARTED):
            return
        if answered:
            self._ready = self._loop.create_future()
        self._life += 1
        self._ask(lambda engine: engine.connect(connection))

    async def close(self) -> None:
        waiting = self._phase is LinkPhase.CONNECTING
        if self._hear(LinkSignal.CLOSED):
            if waiting:
                self._ready.set_exception(KernelDead(f"{self._name} is gone; start another one"))
                self._ready.exception()  # marks the error as retrieved if no task awaits it
            self._ask(lambda engine: engine.stop())
        if self._thread.ident is None:
            self._engine.disconnect()
        else:
            await asyncio.to_thread(self._thread.join)
        if not self._context.closed:
            self._bell.close(linger=0)
            await asyncio.to_thread(self._context.term)

    def _hear(self, signal: LinkSignal) -> bool:
        """Change the phase; return whether the table lists the signal for the present phase."""
        phase = TABLE.get((self._phase, signal))
        self._phase = phase or self._phase
        return phase is not None

    def _ask(self, what: Callable[[ZmqThread], None]) -> None:
        self._engine.asked.append(what)
        if not self._bell.closed:
            with suppress(zmq.Again):  # the bell's queue is full, so the thread wakes anyway
                self._bell.send(b"", zmq.NOBLOCK)

    # ------------------------------------------------------------ from the thread to the loop

    def _hand(self, messages: list[KernelMessage]) -> None:
        with self._lock:
            self._handed.extend(messages)
            if self._called:
                return
            self._called = True
        self._on_loop(self._collect)

    def _collect(self) -> None:
        """Deliver messages up to `TURN_WEIGHT`; leave the rest to the next turn of the loop."""
        batch: list[KernelMessage] = []
        total = 0
        with self._lock:
            while self._handed and total < TURN_WEIGHT:
                batch.append(self._handed.popleft())
                total += weight(batch[-1])
            self._called = bool(self._handed)
            if self._called:
                self._loop.call_soon(self._collect)
        if batch and self._deliver is not None and self._phase is not LinkPhase.CLOSED:
            self._deliver(tuple(batch))

    def _tell_ready(self, life: int, state: Literal["idle", "busy"]) -> None:
        def tell() -> None:
            if life == self._life and self._hear(LinkSignal.ANSWERED):
                self._ready.set_result(state)

        self._on_loop(tell)

    def _on_loop(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            log.debug("Dropped messages of %s, because the event loop has closed", self._name)
