"""A simulated kernel that sends the messages of a real one, in simulated time.

A cell's source is its script, one order a line:

    print TEXT     a line on stdout          wait MS      nothing for a while
    show TEXT      a display                 result TEXT  the value of the cell
    bar TEXT       `\\r` and TEXT             fail         an exception
    die            the process ends          ask TEXT     `input()`
    # TEXT         nothing                 next TEXT    text for a new cell, and the end
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jupyter_runtimed.execution.messages import KernelMessage
from jupyter_runtimed.room import effects as fx
from jupyter_runtimed.room import events as ev

from .clock import Clock


class SimKernel:
    def __init__(self, clock: Clock, tell: Callable[[ev.Event], None], number: int) -> None:
        self.id = f"kernel-{number}"
        self._clock = clock
        self._tell = tell
        self._count = 0
        self._said = 0
        self._alive = True
        self._waiting: tuple[str, list[str]] | None = None
        self._life = 0

    def start(self) -> None:
        self._tell(
            ev.KernelStatusChanged("starting", id=self.id, name="sim", display_name="Simulated")
        )
        self._later(30, lambda: self._tell(ev.KernelStatusChanged("idle", id=self.id)))

    def execute(self, effect: fx.ExecuteCell) -> None:
        self._count += 1
        orders = [line for line in effect.code.split("\n") if line.strip()]
        self._say(effect.run, "status", {"execution_state": "busy"})
        self._say(effect.run, "execute_input", {"execution_count": self._count})
        self._go_on(effect.run, orders)

    def answer(self, text: str) -> None:
        if self._waiting is not None:
            (run, orders), self._waiting = self._waiting, None
            self._stream(run, f"you said {text}\n")
            self._go_on(run, orders)

    def restart(self) -> None:
        self._life += 1
        self._tell(ev.KernelStatusChanged("restarting", id=self.id, reason="restarted"))
        self._later(20, lambda: self._tell(ev.KernelStatusChanged("idle", id=self.id)))

    def kill(self) -> None:
        """End the process without a message."""
        self._alive = False

    # ------------------------------------------------------------ internals

    def _later(self, delay_ms: int, do: Callable[[], None]) -> None:
        life = self._life
        self._clock.after(delay_ms, lambda: do() if self._alive and life == self._life else None)

    def _say(self, run: str, kind: str, content: dict[str, object], channel: str = "iopub") -> None:
        self._said += 1
        message = KernelMessage(
            channel,  # type: ignore[arg-type]  # a plain string here
            kind,
            run,
            f"{self.id}-{self._said}",
            content,
            parent_type="execute_request",
        )
        self._later(1, lambda: self._tell(ev.KernelMessages((message,))))

    def _stream(self, run: str, text: str) -> None:
        self._say(run, "stream", {"name": "stdout", "text": text})

    def _go_on(self, run: str, orders: list[str]) -> None:
        while orders:
            order, _, rest = orders.pop(0).partition(" ")
            match order:
                case "#":
                    continue
                case "print":
                    self._stream(run, rest + "\n")
                case "bar":
                    self._stream(run, "\r" + rest)
                case "show":
                    self._say(run, "display_data", {"data": {"text/plain": rest}, "metadata": {}})
                case "result":
                    content = {"data": {"text/plain": rest}, "metadata": {}, "execution_count": 1}
                    self._say(run, "execute_result", content)
                case "next":
                    wish = {"source": "set_next_input", "text": rest, "replace": False}
                    self._end(run, "ok", [wish])
                    return
                case "wait":
                    self._later(int(rest), lambda: self._go_on(run, orders))
                    return
                case "ask":
                    self._waiting = (run, orders)
                    self._say(run, "input_request", {"prompt": rest, "password": False}, "stdin")
                    return
                case "die":
                    dead = ev.KernelStatusChanged("dead", id=self.id, reason="the kernel died")
                    self._later(2, self.kill)
                    self._clock.after(5, partial(self._tell, dead))
                    return
                case _:
                    content = {"ename": "Failure", "evalue": rest, "traceback": [order]}
                    self._say(run, "error", content)
                    self._end(run, "error")
                    return
        self._end(run, "ok")

    def _end(self, run: str, status: str, payload: list[dict[str, object]] | None = None) -> None:
        reply = {"status": status, "execution_count": self._count, "payload": payload or []}
        self._say(run, "execute_reply", reply, "shell")
        self._later(1, lambda: self._say(run, "status", {"execution_state": "idle"}))
