"""Clients of a room without a network: the real peer on the real host."""

import asyncio
import os

from jupyter_client import AsyncKernelManager

from jupyter_runtimed.document.content import Blob, DisplayOutput, ErrorOutput, StreamOutput
from jupyter_runtimed.document.permissions import Permissions
from jupyter_runtimed.errors import KernelError
from jupyter_runtimed.host.kernels import KernelLink
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.peer.events import CallReplied, RoomEvent
from jupyter_runtimed.peer.peer import Peer
from jupyter_runtimed.protocol import frames
from jupyter_runtimed.room.events import KernelStatusChanged, User

ALL = Permissions(write=True, execute=True)
READ = Permissions(write=False, execute=False)
TIMEOUT_SECONDS = 60


class LocalClient:
    """A peer whose connection is a function call. Its frames wait for the next turn of the loop."""

    def __init__(self, host, name="ana", rights=ALL):
        self.host = host
        self.name = name
        self.rights = rights
        self.peer = Peer(name)
        self.happened = []
        self.closed = None
        self.sent_bytes = []
        self._changed = asyncio.Event()
        self.rejoin(host)

    # called by the host

    def send(self, data):
        self.sent_bytes.append(data)
        self.happened += self.peer.received(data)
        for out in self.peer.drain():
            asyncio.get_running_loop().call_soon(self._out, out)
        self._changed.set()

    def disconnect(self, code, reason):
        self.closed = (code, reason)
        self._changed.set()

    def _out(self, data):
        self.host.receive(self._session, frames.decode(data), self.rights)

    # actions of a user

    def type(self, cell, text):
        self.peer.notebook.splice(CellId(cell), len(self.source(cell)), 0, text)
        self.edited()

    def edited(self):
        self.peer.edited()
        for out in self.peer.drain():
            self._out(out)

    def source(self, cell):
        return self.peer.notebook.source(CellId(cell))

    def leave(self):
        self.host.leave(self._session)

    def rejoin(self, host):
        """Connect the same peer, with its documents, to a room that was opened again."""
        self.host = host
        self._session = host.join(User(self.name, self.name), self.rights, self)
        for data in self.peer.connected():
            self._out(data)

    async def call(self, name, **args):
        call_id = self.peer.call(name, args)
        for out in self.peer.drain():
            self._out(out)
        replies = [h for h in self.happened if isinstance(h, CallReplied) and h.id == call_id]
        while not replies:
            await self.news()
            replies = [h for h in self.happened if isinstance(h, CallReplied) and h.id == call_id]
        return replies[0]

    # waiting

    async def news(self):
        self._changed.clear()
        await asyncio.wait_for(self._changed.wait(), TIMEOUT_SECONDS)

    async def until(self, condition):
        while not condition():
            await self.news()

    async def durable(self):
        await self.until(lambda: self.peer.pending_edits == 0)

    def events(self, name):
        return [h.body for h in self.happened if isinstance(h, RoomEvent) and h.name == name]

    async def wait_for_event(self, name, count=1):
        await self.until(lambda: len(self.events(name)) >= count)
        return self.events(name)[-1]

    def run_of(self, cell):
        return self.peer.runtime and self.peer.runtime.run_of(CellId(cell))

    async def finished(self, cell):
        await self.until(
            lambda: self.run_of(cell) and self.run_of(cell).state not in ("queued", "running")
        )
        return self.run_of(cell)

    def outputs(self, cell, blobs):
        """Return all visible text of a cell, concatenated."""
        parts = []
        for output in self.peer.runtime.outcome(CellId(cell)).outputs:
            match output:
                case StreamOutput():
                    parts += [_text(chunk, blobs) for chunk in output.chunks]
                case DisplayOutput():
                    parts.append(_text(output.data["text/plain"], blobs))
                case ErrorOutput():
                    parts.append(f"{output.ename}: {output.evalue}")
        return "".join(parts)


def _text(value, blobs):
    return blobs.get(value.sha256).decode() if isinstance(value, Blob) else value


class LocalKernels:
    """A `Kernels` port with real ipykernels, one for each path."""

    def __init__(self):
        self.managers = {}
        self.rooms = None

    def _id(self, path):
        return f"kernel of {path}"

    async def find(self, path):
        if self._id(path) not in self.managers:
            return None
        return self._link(path)

    async def ensure(self, path, name):
        if self._id(path) not in self.managers:
            if name not in ("", "python3"):
                raise KernelError(f"there is no kernel called {name!r}; choose another one")
            manager = AsyncKernelManager(kernel_name="python3")
            # Without this option some debuggers print a warning into the output.
            quiet = {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
            await manager.start_kernel(env=quiet)
            self.managers[self._id(path)] = manager
        return self._link(path)

    def _link(self, path):
        manager = self.managers[self._id(path)]
        status = KernelStatusChanged("starting", self._id(path), "python3", "Python 3")
        return KernelLink(manager.get_connection_info()), status

    async def interrupt(self, kernel_id):
        await self.managers[kernel_id].interrupt_kernel()

    async def restart(self, kernel_id):
        await self.managers[kernel_id].restart_kernel(now=True)

    async def shutdown(self, kernel_id):
        await self.managers.pop(kernel_id).shutdown_kernel(now=True)

    async def close(self):
        for kernel_id in list(self.managers):
            await self.shutdown(kernel_id)
