"""A link to a kernel through any `jupyter_client` client, for example a gateway's.

The link reads the client's channels and batches messages like a ZeroMQ link. It can lose messages
that the client loses, and an input request in the first moment of a connection. For kernels with
ZeroMQ ports, use `KernelLink`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import queue
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from ...errors import KernelDead, KernelError
from ...execution.message_fields import map_of
from ...execution.messages import Channel, KernelMessage
from ...ids import CellId, RunId
from .batching import Batch
from .port import READY_SECONDS, Deliver, RunPredicate, wanted_by_rooms
from .wire import execute_content

log = logging.getLogger(__name__)

CHANNELS: tuple[Channel, ...] = ("iopub", "stdin", "control", "shell")
NUDGE_SECONDS = 1.0


class ClientLink:
    """A `Link` over a kernel manager's client. Create it on the loop that receives the messages."""

    def __init__(self, client: Any, name: str, *, wanted: RunPredicate = wanted_by_rooms) -> None:
        self._name = name or "the kernel"
        self._client = client
        self._wanted = wanted
        self._loop = asyncio.get_running_loop()
        self._deliver: Deliver | None = None
        self._batch = Batch()
        self._timer: asyncio.TimerHandle | None = None
        self._main: asyncio.Task[None] | None = None
        self._started = asyncio.Event()
        self._heard = asyncio.Event()
        self._answered = asyncio.Event()
        self._nudges: set[str] = set()
        self._unsent: deque[tuple[Channel, dict[str, Any]]] = deque()
        self._threads = ThreadPoolExecutor(len(CHANNELS), thread_name_prefix="runtimed-kernel")
        # A gateway's client starts its channels with a coroutine, which blocks nevertheless.
        self._blocks = inspect.iscoroutinefunction(client.start_channels)
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="runtimed-kernel-send")
        self._gone = False
        self._language_info: Mapping[str, object] = {}

    # ------------------------------------------------------------ the port

    @property
    def language_info(self) -> Mapping[str, object]:
        return self._language_info

    def start(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._main = asyncio.create_task(self._run(), name="kernel client")

    async def ready(self, timeout_seconds: float = READY_SECONDS) -> Literal["idle", "busy"]:
        try:
            await asyncio.wait_for(self._nudged(), timeout_seconds)
        except asyncio.TimeoutError as error:
            raise KernelError(
                f"{self._name} did not answer in {timeout_seconds:.0f} s; "
                "restart it, or see the server's log"
            ) from error
        return "idle"

    def execute(self, run: RunId, cell: CellId, code: str, *, stop_on_error: bool) -> None:
        content = execute_content(code, stop_on_error=stop_on_error)
        self._send("shell", "execute_request", content, run, {"cellId": cell})

    def reply_input(self, text: str) -> None:
        self._send("stdin", "input_reply", {"value": text, "status": "ok"})

    def tell_comm(self, comm_id: str, data: Mapping[str, Any], message_id: str) -> None:
        self._send("shell", "comm_msg", {"comm_id": comm_id, "data": data}, message_id)

    def restarted(self, connection: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Reset readiness; the client reconnects to the new process by itself."""
        self._heard.clear()
        self._answered.clear()

    async def close(self) -> None:
        self._gone = True
        if self._timer is not None:
            self._timer.cancel()
        if self._main is not None:
            self._main.cancel()
            await asyncio.gather(self._main, return_exceptions=True)

    # ------------------------------------------------------------ inside

    async def _run(self) -> None:
        try:
            if self._blocks:
                await asyncio.to_thread(asyncio.run, self._client.start_channels())
            else:
                self._client.start_channels()
            self._started.set()
            while self._unsent:
                self._post(*self._unsent.popleft())
            await asyncio.gather(*(self._listen(channel) for channel in CHANNELS))
        except Exception:
            log.exception("The client of %s failed; restart the kernel", self._name)
            self._gone = True
        finally:
            await self._stop()

    async def _stop(self) -> None:
        if self._started.is_set() and self._blocks:
            await asyncio.to_thread(self._client.stop_channels)
        elif self._started.is_set():
            self._client.stop_channels()
        self._threads.shutdown(wait=False)
        self._sender.shutdown(wait=False)

    async def _listen(self, name: Channel) -> None:
        channel = getattr(self._client, f"{name}_channel")
        while True:
            if isinstance(channel, queue.Queue):
                # A gateway's channel; its own `get_msg` would busy-wait on the loop.
                message = await self._loop.run_in_executor(self._threads, _next_of, channel)
            else:
                message = await _next_async(channel)
            if message is not None:
                self._take(KernelMessage.of(name, message))

    def _take(self, message: KernelMessage) -> None:
        if message.channel == "iopub":
            self._heard.set()
        if message.parent_id in self._nudges:
            if message.type == "kernel_info_reply":
                self._language_info = map_of(message.content.get("language_info"))
                self._answered.set()
        elif self._wanted(message.type, message.parent_id):
            self._batch.add(message, self._loop.time())
            self._plan()

    def _plan(self) -> None:
        due = self._batch.due(self._loop.time())
        if due == 0.0:
            self._flush()
        elif due is not None and self._timer is None:
            self._timer = self._loop.call_later(due, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch = self._batch.take(self._loop.time())
        if batch and self._deliver is not None and not self._gone:
            self._deliver(tuple(batch))
        self._plan()

    async def _nudged(self) -> None:
        await self._started.wait()
        while not (self._heard.is_set() and self._answered.is_set()):
            if self._gone:
                raise KernelDead(f"{self._name} is gone; start another one")
            message_id = uuid.uuid4().hex
            self._nudges.add(message_id)
            self._send("shell", "kernel_info_request", {}, message_id)
            both = asyncio.gather(self._heard.wait(), self._answered.wait())
            try:
                await asyncio.wait_for(both, NUDGE_SECONDS)
            except asyncio.TimeoutError:
                continue

    def _send(
        self,
        channel: Channel,
        message_type: str,
        content: dict[str, Any],
        message_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        session = self._client.session
        header = session.msg_header(message_type)
        if message_id is not None:
            header["msg_id"] = message_id
        message = session.msg(message_type, content, header=header, metadata=metadata)
        if self._started.is_set():
            self._post(channel, message)
        else:
            self._unsent.append((channel, message))

    def _post(self, channel: Channel, message: dict[str, Any]) -> None:
        # Messages on a WebSocket have a channel and buffers.
        message.update(channel=channel, buffers=[])
        send = getattr(self._client, f"{channel}_channel").send
        if self._blocks:
            self._sender.submit(_sent, send, message)
        else:
            send(message)


def _sent(send: Callable[[dict[str, Any]], None], message: dict[str, Any]) -> None:
    try:
        send(message)
    except Exception:
        log.exception("A message to a kernel could not be sent; interrupt or restart the kernel")


async def _next_async(channel: Any) -> Any:
    try:
        return await channel.get_msg(timeout=None)
    except queue.Empty:
        return None
    except ValueError as error:
        log.warning("Dropped an invalid kernel message (%s)", error)
        return None


def _next_of(channel: queue.Queue[Any]) -> Any:
    try:
        message = channel.get(timeout=1.0)
    except queue.Empty:
        if getattr(channel, "response_router_finished", False):
            raise KernelDead("the gateway closed the connection to the kernel") from None
        return None
    channel.task_done()
    return message
