"""Real kernels for tests, and a recorder of their messages."""

import asyncio

from jupyter_client import AsyncKernelManager

from jupyter_runtimed.host.kernels import KernelLink
from jupyter_runtimed.ids import CellId, RunId

TIMEOUT_SECONDS = 60


class ReceivedMessages:
    """The batches that a link delivered, and all their messages in order."""

    def __init__(self):
        self.batches = []
        self.messages = []
        self._changed = asyncio.Event()

    def __call__(self, messages):
        self.batches.append(messages)
        self.messages.extend(messages)
        self._changed.set()

    async def until(self, condition):
        async with asyncio.timeout(TIMEOUT_SECONDS) if hasattr(asyncio, "timeout") else _Never():
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def of(self, run):
        return [message for message in self.messages if message.parent_id == run]

    def text(self, run, name="stdout"):
        return "".join(
            message.content["text"]
            for message in self.of(run)
            if message.type == "stream" and message.content["name"] == name
        )

    def finished(self, run):
        mine = self.of(run)
        return any(message.type == "execute_reply" for message in mine) and any(
            message.type == "status" and message.content["execution_state"] == "idle"
            for message in mine
        )

    async def finish(self, run):
        await self.until(lambda: self.finished(run))
        return next(m.content for m in self.of(run) if m.type == "execute_reply")


def over_zmq(manager):
    return KernelLink(manager.get_connection_info())


class _Never:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None


class RealKernel:
    """An ipykernel and a link to it."""

    def __init__(self, manager, link):
        self.manager = manager
        self.link = link
        self.received = ReceivedMessages()
        self._runs = 0

    @classmethod
    async def start(cls, make_link=None):
        make_link = make_link or over_zmq
        manager = AsyncKernelManager(kernel_name="python3")
        await manager.start_kernel()
        link = make_link(manager)
        real = cls(manager, link)
        link.start(real.received)
        await link.ready()
        return real

    def execute(self, code, *, stop_on_error=True):
        self._runs += 1
        run = RunId(f"run-{self._runs}")
        self.link.execute(run, CellId("cell"), code, stop_on_error=stop_on_error)
        return run

    async def run(self, code):
        run = self.execute(code)
        await self.received.finish(run)
        return run

    async def close(self):
        await self.link.close()
        await self.manager.shutdown_kernel(now=True)
