"""What runs in the thread of a kernel's link, and the only thing that touches its sockets.

A turn waits for a socket, for something that was asked, or for a batch to be due; then it reads
what there is, without ever waiting for who takes it. It knows no loop.
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

from ..execution.messages import Channel, KernelMessage
from .kernel_batch import PACE_SECONDS, Batch
from .kernel_port import Wanted
from .kernel_wire import Wire, execute_content

log = logging.getLogger(__name__)

NUDGE_SECONDS = 0.5
BUSY_SECONDS = 0.3
"""A kernel that answers on control but not this long on shell is busy."""
DOUBT_SECONDS = 10.0
"""How long after a restart the former process is still taken for what it is."""
STDIN_SECONDS = 0.02
DEAF_SECONDS = 5.0
"""A kernel whose stdin cannot be reached for this long is taken as it is."""
AT_ONCE = 500
"""Messages taken from one socket before the others are looked at."""
FLOOD = 30
"""So many messages in one pace of the batch are a flood..."""
NAP_SECONDS = 0.01
"""...in which the thread looks only so often. To wake for each message would take the interpreter
from the loop each time; what waits meanwhile waits in the socket, which has no limit."""
WIDER = (
    "get_ipython().kernel.iopub_thread.schedule("
    "lambda t=get_ipython().kernel.iopub_thread: t.socket.set(__import__('zmq').SNDHWM, 100000))"
)
"""A kernel drops what is more than 1000 messages ahead of a reader; this is where ipykernel says
so. Run silently: it leaves no name, no history and no output, and does no harm where it fails.
"""
CHANNELS: tuple[Channel, ...] = ("iopub", "stdin", "control", "shell")

Connection = Mapping[str, Any]
"""What `get_connection_info` of a kernel manager gives: transport, ip, ports, key..."""


class Engine:
    """`hand` takes messages, `ready` hears of the answer; both are called in the thread."""

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
        self.asked: deque[Callable[[Engine], None]] = deque()
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
            if channel == "stdin":
                # Writable means connected: what a kernel asks before that is dropped on its side.
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
        self._doubt_until = self._nudge_at + DOUBT_SECONDS
        self._deaf_at = self._nudge_at + DEAF_SECONDS

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
        with suppress(zmq.Again):  # an answer to a kernel that is gone
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
            time.sleep(NAP_SECONDS)

    def _is_flood(self, now: float) -> bool:
        if now - self._taken_since > PACE_SECONDS:
            flood = self._taken >= FLOOD
            self._taken, self._taken_since = (FLOOD - 1 if flood else 0), now
        return self._taken >= FLOOD

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
            self._taken += 1
            if message is not None and not self._is_ours(message):
                self._batch.add(message, time.monotonic())

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
            if self._may_be_asked(now):
                self._tell_ready()
            else:
                self._nudge_at = now + STDIN_SECONDS
            return
        for channel in ("control", "shell"):
            # A busy kernel answers on shell when it is done: once is enough to know. After a
            # restart the question may have gone to the former process.
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
        """Does it belong to a nudge? Nobody else needs to hear of those."""
        if message.parent_id not in self._nudges:
            return False
        if message.type == "kernel_info_reply":
            self._answered.add(message.channel)
            if message.content.get("implementation") == "ipython" and not self._widened:
                self._widen()
            # It was told to be busy, and nothing else may say that it is not any more.
            return message.channel != "shell" or self._nudge_at is not None
        return True

    def _widen(self) -> None:
        """Let ipykernel keep more for a reader that the machine holds up; see `WIDER`."""
        self._widened = True
        message_id = uuid.uuid4().hex
        self._nudges.add(message_id)
        content = {**execute_content(WIDER, stop_on_error=False), "silent": True}
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
            # Control is quicker than shell, also where shell is about to answer.
            self._nudge_at = min(self._nudge_at, now + BUSY_SECONDS)

    def _may_be_asked(self, now: float) -> bool:
        """Would a question reach us? Some kernels have no ear for answers: not waited for long."""
        return bool(self._sockets["stdin"].poll(0, zmq.POLLOUT)) or now >= self._deaf_at

    def _tell_ready(self) -> None:
        self._nudge_at = None
        if "shell" in self._answered:
            self._ready(self._life, "idle")
        else:
            self._ready(self._life, "busy")
            # What it was asked may have gone to a former process; the answer says when it is free.
            self._ask("shell")
