"""A lab with a real kernel."""

from __future__ import annotations

from typing import Any

import zmq
from execution_lab import Lab

from jupyter_runtimed.execution.messages import Channel, KernelMessage
from jupyter_runtimed.execution.steps import Finished, SendExecute, Step

TIMEOUT_MS = 60_000


class Live(Lab):
    """A lab that sends its steps to a real kernel and receives the kernel's messages."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self.client = client
        self.over: dict[str, str] = {}
        self.execution.queue.ready()

    def carry_out(self, steps: list[Step] | tuple[Step, ...]) -> None:
        for step in steps:
            if isinstance(step, SendExecute):
                content = {
                    "code": step.code,
                    "silent": False,
                    "store_history": True,
                    "user_expressions": {},
                    "allow_stdin": True,
                    "stop_on_error": step.stop_on_error,
                }
                request = self.client.session.msg("execute_request", content)
                request["header"]["msg_id"] = request["msg_id"] = step.run_id
                self.client.shell_channel.send(request)
            elif isinstance(step, Finished):
                self.over[step.cell_id] = step.state

    def listen(self) -> None:
        """Handle all received messages; wait if there are none."""
        sockets = {
            getattr(self.client, f"{name}_channel").socket: name
            for name in ("iopub", "shell", "stdin")
        }
        poller = zmq.Poller()
        for socket in sockets:
            poller.register(socket, zmq.POLLIN)
        ready = dict(poller.poll(TIMEOUT_MS))
        assert ready, "the kernel sent no message in time"
        batch = []
        for socket, name in sockets.items():
            while socket in ready and socket.poll(0):
                batch.append(self.next(name))
        heard = self.say(*batch)
        assert heard.problems == ()
        self.carry_out(heard.steps)

    def next(self, name: Channel) -> KernelMessage:
        return KernelMessage.of(name, getattr(self.client, f"{name}_channel").get_msg(timeout=1))

    def do(self, code: str, cell: str = "a") -> str:
        """Run a cell to its end and return the state of the run."""
        self.over.pop(cell, None)
        self.carry_out(self.ask(cell, code=code))
        while cell not in self.over:
            self.listen()
        self.assert_mirror()
        return self.over[cell]
