"""The thread of a kernel link; no other thread uses the kernel's ZeroMQ sockets.

Each turn waits for a socket, for a request of the link, or for a batch to be due, and then reads
all available messages. The thread never waits for the receiver of the messages. `Readiness` decides
when the kernel is ready. This module does not know the event loop.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ...execution.message_fields import map_of
from ...execution.messages import Channel, KernelMessage
from .batching import Batch, Burst
from .port import RunPredicate
from .readiness import OF_CHANNEL, Evidence, OldProcess, Readiness, ReadyPhase
from .wire import execute_content
from .zmq_sockets import Connection, ZmqSockets

log = logging.getLogger(__name__)

RECV_BATCH = 500
"""The largest number of messages read from one socket before the other sockets."""
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


class ZmqThread:
    """Reads and writes a kernel's sockets in the thread that calls `run`.

    `hand` receives batches of messages. `ready` receives the number of the connection and the state
    once the kernel has answered. Both callbacks run in this thread.
    """

    def __init__(
        self,
        sockets: ZmqSockets,
        wanted: RunPredicate,
        *,
        hand: Callable[[list[KernelMessage]], None],
        ready: Callable[[int, Literal["idle", "busy"]], None],
    ) -> None:
        self.asked: deque[Callable[[ZmqThread], None]] = deque()
        self.language_info: Mapping[str, object] = {}
        self._sockets = sockets
        self._wanted = wanted
        self._hand = hand
        self._ready = ready
        self._batch = Batch()
        self._burst = Burst()
        self._readiness = Readiness()
        self._old_process = OldProcess()
        self._running = True
        self._complained = False
        self._life = 0
        """The number of the connection; each process of the kernel has its own."""
        self._own: set[str] = set()
        """The ids of this thread's own requests."""
        self._raised_hwm = False

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

    def connect(self, connection: Connection | None) -> None:
        """Connect to a new process; discard messages that the old process has not read."""
        now = time.monotonic()
        self._sockets.open(connection)
        self._life += 1
        self._raised_hwm = False
        self._readiness.start(now)
        self._old_process.replaced(now)

    def disconnect(self) -> None:
        self._sockets.close()

    def send(
        self,
        channel: Channel,
        message_type: str,
        content: dict[str, Any],
        *,
        message_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        wire = self._sockets.wire
        parts = wire.write(message_type, content, message_id=message_id, metadata=metadata)
        self._sockets.send(channel, parts)

    # ------------------------------------------------------------ one turn

    def _turn(self) -> None:
        now = time.monotonic()
        waits = (self._batch.due(now), self._readiness.due(now))
        rang, channels = self._sockets.wait(
            min((wait for wait in waits if wait is not None), default=None)
        )
        while rang and self.asked:
            self.asked.popleft()(self)
        for channel in channels:
            self._receive(channel)
        now = time.monotonic()
        self._check_ready(now)
        if self._batch.due(now) == 0.0:
            self._hand(self._batch.take(now))
        if self._burst.lasts(now):
            time.sleep(BURST_SLEEP_SECONDS)

    def _receive(self, channel: Channel) -> None:
        for _ in range(RECV_BATCH):
            parts = self._sockets.receive(channel)
            if parts is None:
                return
            wire = self._sockets.wire
            try:
                message = wire.read(channel, parts, self._wanted)
            except ValueError as error:
                self._complain(channel, error)
                continue
            if self._old_process.sent(wire.sender, time.monotonic()):
                continue
            if channel == "iopub":
                self._readiness.note(Evidence.IOPUB)
            self._burst.count()
            if message is not None and not self._is_ours(message):
                self._batch.add(message, time.monotonic())

    def _complain(self, channel: Channel, error: ValueError) -> None:
        if not self._complained:
            self._complained = True
            log.warning(
                "Dropped an invalid message on %s (%s); later ones are not logged", channel, error
            )

    # ------------------------------------------------------------ own requests

    def _check_ready(self, now: float) -> None:
        """Report a ready kernel once; ask a kernel that has not answered yet."""
        connected = self._sockets.stdin_connected
        if (state := self._readiness.state(now, stdin_connected=connected)) is not None:
            self._ready(self._life, state)
            if state == "busy":
                # The old process may have received the request on shell, so ask again; the reply
                # shows when the kernel is idle.
                self._ask("shell")
        for channel in self._readiness.questions(now, restarted=self._old_process.existed):
            self._ask(channel)

    def _ask(self, channel: Channel) -> None:
        message_id = uuid.uuid4().hex
        self._own.add(message_id)
        self.send(channel, "kernel_info_request", {}, message_id=message_id)

    def _is_ours(self, message: KernelMessage) -> bool:
        """Return whether the message belongs to a request of this thread; handle replies."""
        if message.parent_id not in self._own:
            return False
        if message.type == "kernel_info_reply":
            if (evidence := OF_CHANNEL.get(message.channel)) is not None:
                self._readiness.note(evidence)
            self.language_info = map_of(message.content.get("language_info"))
            if message.content.get("implementation") == "ipython" and not self._raised_hwm:
                self._raise_hwm()
            # Pass on a shell reply after `ready` reported "busy": only this reply ends that state.
            return message.channel != "shell" or self._readiness.phase is not ReadyPhase.READY
        return True

    def _raise_hwm(self) -> None:
        """Let ipykernel buffer more iopub messages for a slow reader; see `RAISE_HWM_CODE`."""
        self._raised_hwm = True
        message_id = uuid.uuid4().hex
        self._own.add(message_id)
        content = {**execute_content(RAISE_HWM_CODE, stop_on_error=False), "silent": True}
        content.update(store_history=False, allow_stdin=False)
        self.send("shell", "execute_request", content, message_id=message_id)
