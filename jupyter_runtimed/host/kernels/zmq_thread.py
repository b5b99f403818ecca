"""The thread of a kernel link; no other thread uses the kernel's ZeroMQ sockets.

Each turn waits for a socket, for a request of the link, or for a batch to be due, and then reads
all available messages. The thread never waits for the receiver of the messages. This module does
not know the event loop.
"""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal

import zmq

from ...execution.message_fields import map_of
from ...execution.messages import Channel, KernelMessage
from .batching import PACE_SECONDS, Batch
from .port import RunPredicate
from .wire import Wire, execute_content

log = logging.getLogger(__name__)

NUDGE_SECONDS = 0.5
BUSY_SECONDS = 0.3
"""A kernel is busy if it answers on control, but not within this time on shell."""
OLD_PROCESS_SECONDS = 10.0
"""For this long after a restart, messages of the old process are dropped."""
STDIN_SECONDS = 0.02
STDIN_TIMEOUT_SECONDS = 5.0
"""A kernel is ready after this long even if its stdin channel does not connect."""
RECV_BATCH = 500
"""The largest number of messages read from one socket before the other sockets."""
BURST_MESSAGES = 30
"""A burst is this many messages within `PACE_SECONDS`."""
BURST_SLEEP_SECONDS = 0.01
"""The pause between reads during a burst. Without the pause the thread would wake for each message
and take the interpreter lock from the loop; the sockets buffer messages without a limit."""
RAISE_HWM_CODE = (
    "get_ipython().kernel.iopub_thread.schedule("
    "lambda t=get_ipython().kernel.iopub_thread: t.socket.set(__import__('zmq').SNDHWM, 100000))"
)
"""Code that raises the high-water mark of ipykernel's iopub socket.

A kernel drops messages when a reader is more than 1000 messages behind. The code runs silently,
without a trace in the kernel's names, history and output; a failure has no effect.
"""
CHANNELS: tuple[Channel, ...] = ("iopub", "stdin", "control", "shell")

Connection = Mapping[str, Any]
"""The result of a kernel manager's `get_connection_info`: transport, ip, ports, key..."""


class ZmqThread:
    """Reads and writes a kernel's sockets in the thread that calls `run`.

    `hand` receives batches of messages. `ready` receives the number of the connection and the state
    once the kernel has answered. Both callbacks run in this thread.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        listener: zmq.Socket[bytes],
        connection: Connection,
        wanted: RunPredicate,
        *,
        hand: Callable[[list[KernelMessage]], None],
        ready: Callable[[int, Literal["idle", "busy"]], None],
    ) -> None:
        self.asked: deque[Callable[[ZmqThread], None]] = deque()
        self.language_info: Mapping[str, object] = {}
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
        self._doubt_until = self._deaf_at = 0.0
        self._nudges: set[str] = set()
        self._nudge_at: float | None = None
        self._heard = False
        self._asked_shell = False
        self._widened = False
        self._answered: set[Channel] = set()
        self._taken = 0
        self._taken_since = 0.0

    def run(self) -> None:
        try:
            self.connect(None)
            while self._running:
                self._turn()
        except Exception:
            log.exception("The link to a kernel failed; restart the kernel to see its output again")
        finally:
            self.disconnect()

    def stop(self) -> None:
        self._running = False

    # ------------------------------------------------------------ sockets

    def connect(self, connection: Connection | None) -> None:
        """Open new sockets; discard messages that the old process has not read."""
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
                # The kernel routes input requests to our stdin by the identity of our shell socket.
                socket.identity = self._wire.session.bsession
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
            self._sockets[channel] = socket
            self._poller.register(socket, zmq.POLLIN)
        self._life += 1
        self._former, self._process = self._process or self._former, ""
        self._heard = self._asked_shell = self._widened = False
        self._answered.clear()
        self._nudge_at = time.monotonic()
        self._doubt_until = self._nudge_at + OLD_PROCESS_SECONDS
        self._deaf_at = self._nudge_at + STDIN_TIMEOUT_SECONDS

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
        with suppress(zmq.Again):  # the kernel has ended
            self._sockets[channel].send_multipart(parts, zmq.NOBLOCK)

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
        if self._is_flood(now):
            time.sleep(BURST_SLEEP_SECONDS)

    def _is_flood(self, now: float) -> bool:
        if now - self._taken_since > PACE_SECONDS:
            flood = self._taken >= BURST_MESSAGES
            self._taken, self._taken_since = (BURST_MESSAGES - 1 if flood else 0), now
        return self._taken >= BURST_MESSAGES

    def _receive(self, channel: Channel, socket: zmq.Socket[bytes]) -> None:
        for _ in range(RECV_BATCH):
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
            self._taken += 1
            if message is not None and not self._is_ours(message):
                self._batch.add(message, time.monotonic())

    def _is_former(self) -> bool:
        """Return whether the last message is from the process before the restart.

        Each process has its own session. After `OLD_PROCESS_SECONDS` accept the old one too,
        because a kernel may keep its session across restarts.
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
                "Dropped an invalid message on %s (%s); later ones are not logged", channel, error
            )

    # ------------------------------------------------------------ readiness

    def _nudge(self, now: float) -> None:
        """Repeat `kernel_info_request` until a reply and an iopub message have arrived.

        The iopub message proves that the subscription works.
        """
        if self._heard and self._answered:
            if self._may_be_asked(now):
                self._tell_ready()
            else:
                self._nudge_at = now + STDIN_SECONDS
            return
        for channel in ("control", "shell"):
            # Ask on shell only once, because a busy kernel answers when the cell ends. After a
            # restart ask again, because the old process may have received the request.
            if channel == "shell" and self._asked_shell and not self._may_ask_shell_again():
                continue
            self._ask(channel)
        self._asked_shell = True
        self._nudge_at = now + NUDGE_SECONDS

    def _ask(self, channel: Channel) -> None:
        message_id = uuid.uuid4().hex
        self._nudges.add(message_id)
        self.send(channel, "kernel_info_request", {}, message_id=message_id)

    def _may_ask_shell_again(self) -> bool:
        return bool(self._former) or "shell" in self._answered

    def _is_ours(self, message: KernelMessage) -> bool:
        """Return whether the message belongs to a request of this thread; handle replies."""
        if message.parent_id not in self._nudges:
            return False
        if message.type == "kernel_info_reply":
            self._answered.add(message.channel)
            self.language_info = map_of(message.content.get("language_info"))
            if message.content.get("implementation") == "ipython" and not self._widened:
                self._widen()
            # Pass on a shell reply after `ready` reported "busy": only this reply ends that state.
            return message.channel != "shell" or self._nudge_at is not None
        return True

    def _widen(self) -> None:
        """Let ipykernel buffer more iopub messages for a slow reader; see `RAISE_HWM_CODE`."""
        self._widened = True
        message_id = uuid.uuid4().hex
        self._nudges.add(message_id)
        content = {**execute_content(RAISE_HWM_CODE, stop_on_error=False), "silent": True}
        content.update(store_history=False, allow_stdin=False)
        self.send("shell", "execute_request", content, message_id=message_id)

    def _check_ready(self, now: float) -> None:
        if self._nudge_at is None or not self._heard:
            return
        if "shell" in self._answered:
            if self._may_be_asked(now):
                self._tell_ready()
            else:
                self._nudge_at = min(self._nudge_at, now + STDIN_SECONDS)
        elif self._answered:
            # A reply on control can precede one on shell even if the kernel is idle, so wait.
            self._nudge_at = min(self._nudge_at, now + BUSY_SECONDS)

    def _may_be_asked(self, now: float) -> bool:
        """Return whether an input request would reach us.

        After `STDIN_TIMEOUT_SECONDS` return True, because some kernels have no stdin channel.
        """
        return bool(self._sockets["stdin"].poll(0, zmq.POLLOUT)) or now >= self._deaf_at

    def _tell_ready(self) -> None:
        self._nudge_at = None
        if "shell" in self._answered:
            self._ready(self._life, "idle")
        else:
            self._ready(self._life, "busy")
            # The old process may have received the request on shell, so ask again; the reply shows
            # when the kernel is idle.
            self._ask("shell")
