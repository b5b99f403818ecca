"""A kernel over ZeroMQ, in a thread of its own that nothing holds up.

The thread reads iopub without a high-water mark, verifies and decodes, and hands batches to the
loop: one outstanding call at a time, however much comes. Nothing is dropped on the way, and the
loop never waits for a socket.

    CONNECTING --- a reply, and something on iopub ---> READY --- restarted ---> CONNECTING
        |                                                 |
        +----------------- close ----> CLOSED <-----------+
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal

import zmq

from ..errors import KernelDead, KernelError
from ..execution.messages import Channel, KernelMessage
from ..ids import CellId, RunId
from .kernel_batch import Batch, weight
from .kernel_port import READY_SECONDS, Deliver, Wanted, wanted_by_rooms
from .kernel_wire import Wire, execute_content

log = logging.getLogger(__name__)

NUDGE_SECONDS = 0.5
BUSY_SECONDS = 0.3
"""A kernel that answers on control but not this long on shell is busy."""
DOUBT_SECONDS = 10.0
"""How long after a restart the former process is still taken for what it is."""
AT_ONCE = 500
"""Messages taken from one socket before the others are looked at."""
TURN_WEIGHT = 1 << 20
"""What is delivered in one turn of the loop; see `kernel_batch.weight`."""
CHANNELS: tuple[Channel, ...] = ("iopub", "stdin", "control", "shell")

Connection = Mapping[str, Any]
"""What `get_connection_info` of a kernel manager gives: transport, ip, ports, key..."""


class KernelLink:
    """A `Link` from connection info. Made on the loop that it delivers to."""

    def __init__(self, connection: Connection, *, wanted: Wanted = wanted_by_rooms) -> None:
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
        self._closing = False
        self._engine = _Engine(
            self._context, listener, connection, wanted, hand=self._hand, ready=self._tell_ready
        )
        self._thread = threading.Thread(
            target=self._engine.run, name="runtimed-kernel", daemon=True
        )

    # ------------------------------------------------------------ the port

    def start(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._thread.start()

    async def ready(self, timeout_seconds: float = READY_SECONDS) -> Literal["idle", "busy"]:
        try:
            return await asyncio.wait_for(asyncio.shield(self._ready), timeout_seconds)
        except asyncio.TimeoutError as error:
            raise KernelError(
                f"{self._name} did not answer in {timeout_seconds:.0f} s; "
                "restart it, or look into the server's log"
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

    def restarted(self, connection: Connection | None = None) -> None:
        if self._closing:
            return
        if self._ready.done():
            self._ready = self._loop.create_future()
        self._life += 1
        self._ask(lambda engine: engine.connect(connection))

    async def close(self) -> None:
        if not self._closing:
            self._closing = True
            if not self._ready.done():
                self._ready.set_exception(KernelDead(f"{self._name} is gone; start another one"))
                self._ready.exception()  # nobody may be waiting for it
            self._ask(lambda engine: engine.stop())
        if self._thread.ident is None:
            self._engine.disconnect()
        else:
            await asyncio.to_thread(self._thread.join)
        if not self._context.closed:
            self._bell.close(linger=0)
            await asyncio.to_thread(self._context.term)

    def _ask(self, what: Callable[[_Engine], None]) -> None:
        self._engine.asked.append(what)
        if not self._bell.closed:
            with suppress(zmq.Again):  # so many rings wait already that one more says nothing
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
        """Deliver what one turn of the loop can bear; the rest in the next."""
        batch: list[KernelMessage] = []
        total = 0
        with self._lock:
            while self._handed and total < TURN_WEIGHT:
                batch.append(self._handed.popleft())
                total += weight(batch[-1])
            self._called = bool(self._handed)
            if self._called:
                self._loop.call_soon(self._collect)
        if batch and self._deliver is not None and not self._closing:
            self._deliver(tuple(batch))

    def _tell_ready(self, life: int, state: Literal["idle", "busy"]) -> None:
        def tell() -> None:
            if life == self._life and not self._ready.done():
                self._ready.set_result(state)

        self._on_loop(tell)

    def _on_loop(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            log.debug("The loop has closed; nobody is left to hear %s", self._name)


class _Engine:
    """What runs in the thread, and the only thing that touches the kernel's sockets."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        listener: zmq.Socket[bytes],
        connection: Connection,
        wanted: Wanted,
        *,
        hand: Callable[[list[KernelMessage]], None],
        ready: Callable[[int, Literal["idle", "busy"]], None],
    ) -> None:
        self.asked: deque[Callable[[_Engine], None]] = deque()
        self._context = context
        self._listener = listener
        self._connection = connection
        self._wanted = wanted
        self._hand = hand
        self._ready = ready
        self._batch = Batch()
        self._sockets: dict[Channel, zmq.Socket[bytes]] = {}
        self._poller = zmq.Poller()
        self._poller.register(listener, zmq.POLLIN)
        self._running = True
        self._complained = False
        self._life = 0
        self._process = self._former = ""
        self._doubt_until = 0.0
        self._nudges: set[str] = set()
        self._nudge_at: float | None = None
        self._heard = False
        self._asked_shell = False
        self._answered: set[Channel] = set()

    def run(self) -> None:
        try:
            self.connect(None)
            while self._running:
                self._turn()
        except Exception:
            log.exception("The link to a kernel failed; its output is lost until it is restarted")
        finally:
            self.disconnect()

    def stop(self) -> None:
        self._running = False

    # ------------------------------------------------------------ sockets

    def connect(self, connection: Connection | None) -> None:
        """Fresh sockets: what the kernel's former process was sent and never read is gone."""
        self._disconnect_kernel()
        if connection is not None:
            self._connection = connection
        key = self._connection.get("key", b"")
        self._wire = Wire(
            key.encode() if isinstance(key, str) else key,
            self._connection.get("signature_scheme", ""),
        )
        for channel in CHANNELS:
            kind = zmq.SUB if channel == "iopub" else zmq.DEALER
            socket = self._context.socket(kind)
            socket.linger = 0
            socket.rcvhwm = socket.sndhwm = 0
            if channel == "iopub":
                socket.subscribe(b"")
            else:
                # The kernel finds the way to our stdin by the name that shell has.
                socket.identity = self._wire.session.bsession
            if server_key := self._connection.get("curve_publickey"):
                socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
                socket.curve_serverkey = (
                    server_key.encode() if isinstance(server_key, str) else server_key
                )
            socket.connect(self._address(channel))
            self._sockets[channel] = socket
            self._poller.register(socket, zmq.POLLIN)
        self._life += 1
        self._former, self._process = self._process or self._former, ""
        self._heard = self._asked_shell = False
        self._answered.clear()
        self._nudge_at = time.monotonic()
        self._doubt_until = self._nudge_at + DOUBT_SECONDS

    def disconnect(self) -> None:
        self._disconnect_kernel()
        self._listener.close(linger=0)

    def _disconnect_kernel(self) -> None:
        for socket in self._sockets.values():
            self._poller.unregister(socket)
            socket.close(linger=0)
        self._sockets.clear()

    def _address(self, channel: Channel) -> str:
        transport = self._connection.get("transport", "tcp")
        ip, port = self._connection["ip"], self._connection[f"{channel}_port"]
        return f"{transport}://{ip}{':' if transport == 'tcp' else '-'}{port}"

    def send(
        self,
        channel: Channel,
        message_type: str,
        content: dict[str, Any],
        *,
        message_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        parts = self._wire.write(message_type, content, message_id=message_id, metadata=metadata)
        self._sockets[channel].send_multipart(parts)

    # ------------------------------------------------------------ one turn

    def _turn(self) -> None:
        now = time.monotonic()
        waits = [self._batch.due(now)]
        if self._nudge_at is not None:
            waits.append(max(self._nudge_at - now, 0.0))
        patience = min((wait for wait in waits if wait is not None), default=None)
        rung = dict(self._poller.poll(None if patience is None else math.ceil(patience * 1000)))
        if self._listener in rung:
            with suppress(zmq.Again):
                while True:
                    self._listener.recv(zmq.NOBLOCK)
            while self.asked:
                self.asked.popleft()(self)
        for channel, socket in list(self._sockets.items()):
            if socket in rung:
                self._receive(channel, socket)
        now = time.monotonic()
        self._check_ready(now)
        if self._nudge_at is not None and now >= self._nudge_at:
            self._nudge(now)
        if self._batch.due(now) == 0.0:
            self._hand(self._batch.take(now))

    def _receive(self, channel: Channel, socket: zmq.Socket[bytes]) -> None:
        for _ in range(AT_ONCE):
            try:
                parts = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                message = self._wire.read(channel, parts, self._wanted)
            except ValueError as error:
                self._complain(channel, error)
                continue
            if self._is_former():
                continue
            if channel == "iopub":
                self._heard = True
            if message is not None and not self._is_ours(message):
                self._batch.add(message)

    def _is_former(self) -> bool:
        """Is the message just read from the process that is about to be replaced?

        Each process has a session of its own. One that has not answered for long, or a kernel that
        keeps its session, is believed in the end.
        """
        sender = self._wire.sender
        if sender == self._former and sender and time.monotonic() < self._doubt_until:
            return True
        self._process = sender
        return False

    def _complain(self, channel: Channel, error: ValueError) -> None:
        if not self._complained:
            self._complained = True
            log.warning(
                "A message on %s was dropped (%s); others are not mentioned", channel, error
            )

    # ------------------------------------------------------------ is it there, and heard?

    def _nudge(self, now: float) -> None:
        """Ask until an answer came and iopub was heard: a subscription takes its time."""
        if self._heard and self._answered:
            self._tell_ready()
            return
        for channel in ("control", "shell"):
            # A busy kernel answers on shell when it is done: once is enough to know. After a
            # restart the question may have gone to the former process.
            if channel == "shell" and self._asked_shell and not self._may_ask_shell_again():
                continue
            message_id = uuid.uuid4().hex
            self._nudges.add(message_id)
            self.send(channel, "kernel_info_request", {}, message_id=message_id)
        self._asked_shell = True
        self._nudge_at = now + NUDGE_SECONDS

    def _may_ask_shell_again(self) -> bool:
        return bool(self._former) or "shell" in self._answered

    def _is_ours(self, message: KernelMessage) -> bool:
        """Does it belong to a nudge? Nobody else needs to hear of those."""
        if message.parent_id not in self._nudges:
            return False
        if message.type == "kernel_info_reply":
            self._answered.add(message.channel)
        return True

    def _check_ready(self, now: float) -> None:
        if self._nudge_at is None or not self._heard:
            return
        if "shell" in self._answered:
            self._tell_ready()
        elif self._answered:
            # Control is quicker than shell, also where shell is about to answer.
            self._nudge_at = min(self._nudge_at, now + BUSY_SECONDS)

    def _tell_ready(self) -> None:
        self._nudge_at = None
        self._ready(self._life, "idle" if "shell" in self._answered else "busy")
