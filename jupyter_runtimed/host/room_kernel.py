"""The kernel of one open notebook: found, started, listened to, and told what to do.

    none --- attach ---> starting --- answers ---> there --- restarting ---> starting
      ^                   |   ^  |                   |
      |      does not answer  |  +------ dies -------+
      |                   v   attach                 |
      |                  dead --- answers after all -+
      +------ detach -----+--------------------------+

It turns what becomes of the kernel into events, and errors into `KernelFailed`. It does not know
what a run is, nor who manages kernels.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ..errors import KernelDead, KernelError, RuntimedError
from ..execution.captures import WidgetAsked, WidgetShows
from ..room import events as ev
from .kernel_port import Kernels, Link
from .tasks import Tasks

log = logging.getLogger(__name__)


class RoomKernel:
    """`path` says where the notebook is; `post` takes events."""

    def __init__(
        self,
        kernels: Kernels,
        tasks: Tasks,
        *,
        path: Callable[[], str],
        post: Callable[[ev.Event], None],
    ) -> None:
        self._kernels = kernels
        self._tasks = tasks
        self._path = path
        self._post = post
        self._link: Link | None = None
        self._status = ev.KernelIs("none")
        self._dead = False
        self._told = asyncio.Event()
        """Set when it is known whether the kernel answers."""
        self._answer: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """The kernel's id, or "" while there is none."""
        return self._status.id if self._link is not None else ""

    # ------------------------------------------------------------ which kernel

    async def attach(self, link: Link, status: ev.KernelIs) -> None:
        """Listen to this kernel from now on.

        A second link to one that lives is let go. One that was dead is waited for again, by the new
        link: what the former heard before proves nothing.
        """
        if self._link is not None and self._status.id == status.id and not self._dead:
            await link.close()
            return
        former, self._link, self._status = self._link, link, status
        link.start(lambda messages: self._post(ev.KernelSaid(messages)))
        self._post(status)
        self._await_answer()
        if former is not None:
            await former.close()

    async def detach(self, status: ev.KernelIs) -> None:
        """There is no kernel any more."""
        link, self._link = self._link, None
        self._stop_waiting()
        self._post(status)
        if link is not None:
            await link.close()

    def heard(self, status: ev.KernelIs) -> None:
        """Whoever says what the kernel is, says it here before the room hears of it."""
        self._dead = status.state == "dead"
        if status.state == "restarting" and self._link is not None:
            # It becomes a new process, and is there when that answers.
            self._link.restarted()
            self._await_answer()

    async def close(self) -> None:
        """Let go of the kernel; it goes on."""
        link, self._link = self._link, None
        self._stop_waiting()
        if link is not None:
            await link.close()

    def _await_answer(self) -> None:
        self._stop_waiting()
        self._told = asyncio.Event()
        self._answer = self._tasks.start(self._wait_for_answer(self._told), "kernel ready")

    def _stop_waiting(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None
        self._told.set()

    async def _wait_for_answer(self, told: asyncio.Event) -> None:
        """Say once that it does not come in time, and wait on: it may come after all."""
        link, status = self._link, self._status
        while link is not None and link is self._link:
            gone = False
            try:
                state: str = await link.ready()
                reason = ""
            except KernelError as error:
                state, reason = "dead", str(error)
                gone = isinstance(error, KernelDead)
            if link is self._link and not (state == "dead" and self._dead):
                self._post(replace(status, state=state, reason=reason))
            told.set()
            if state != "dead" or gone:
                return

    # ------------------------------------------------------------ what the room wants

    def find(self) -> None:
        """Join the kernel that the notebook has already, if it has one."""
        self._do(self._find(), None)

    def start(self, effect: ev.StartKernel) -> None:
        self._do(self._start(effect.name), None)

    def execute(self, effect: ev.Execute) -> None:
        if self._link is None:
            self._post(ev.KernelFailed("there is no kernel any more; run the cell again"))
            return
        self._link.execute(effect.run, effect.cell, effect.code, stop_on_error=effect.stop_on_error)

    def reply(self, effect: ev.Reply) -> None:
        if self._link is not None:
            self._link.reply_input(effect.text)

    def show_widget(self, effect: WidgetShows) -> None:
        """Browsers see it at once; the kernel, where it is to keep it, in its own time."""
        self._kernels.show_widget(self.id, effect.comm_id, effect.outputs)
        if effect.told is not None and self._link is not None:
            state = {"outputs": list(effect.outputs)}
            data = {"method": "update", "state": state, "buffer_paths": []}
            self._link.tell_comm(effect.comm_id, data, effect.told)

    def ask_widget(self, effect: WidgetAsked) -> None:
        if self._link is not None:
            self._link.tell_comm(effect.comm_id, {"method": "request_state"}, effect.message_id)

    def interrupt(self, effect: ev.Interrupt) -> None:
        self._do(self._kernels.interrupt(self.id), effect.ticket)

    def restart(self, effect: ev.Restart) -> None:
        self._do(self._restart(), effect.ticket)

    def shutdown(self, effect: ev.Shutdown) -> None:
        self._do(self._shutdown(), effect.ticket)

    def _do(self, work: Awaitable[None], ticket: int | None) -> None:
        self._tasks.start(self._done(work, ticket), "kernel")

    async def _done(self, work: Awaitable[None], ticket: int | None) -> None:
        try:
            await work
        except RuntimedError as error:
            self._post(ev.KernelFailed(str(error), ticket))
        except Exception as error:
            log.exception("A kernel of %s could not be reached", self._path())
            message = f"{type(error).__name__}: {error}; look into the log"
            self._post(ev.KernelFailed(message, ticket))
        else:
            if ticket is not None:
                self._post(ev.Done(ticket))

    async def _find(self) -> None:
        if (found := await self._kernels.find(self._path())) is not None:
            await self.attach(*found)
        elif self._link is None:
            self._post(ev.KernelIs("none"))

    async def _start(self, name: str) -> None:
        await self.attach(*await self._kernels.ensure(self._path(), name))

    async def _restart(self) -> None:
        """Done when the kernel is back, or is known not to be."""
        waiting = self._answer
        await self._kernels.restart(self.id)
        if self._answer is waiting:
            # Nobody else said that it restarts.
            self._post(replace(self._status, state="restarting", reason=""))
        await self._told.wait()

    async def _shutdown(self) -> None:
        await self._kernels.shutdown(self.id)
        if self._link is not None:
            await self.detach(ev.KernelIs("none"))
