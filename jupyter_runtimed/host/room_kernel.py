"""The kernel of one room: finds or starts it, forwards its messages, executes the room's effects.

    none --- attach ---> starting --- answers ---> there --- restarting ---> starting
      ^                   |   ^  |                   |
      |      does not answer  |  +------ dies -------+
      |                   v   attach                 |
      |                  dead --- answers after all -+
      +------ detach -----+--------------------------+

The module reports the kernel's state and failures as events. It knows neither runs nor the manager
of the kernels.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ..errors import KernelDead, KernelError, RuntimedError
from ..execution.output_widgets import RequestWidgetState, ShowWidget
from ..room import effects as fx
from ..room import events as ev
from .kernels.port import READY_SECONDS, Kernels, Link
from .tasks import Tasks

log = logging.getLogger(__name__)


class RoomKernel:
    """The kernel of a room. `path` returns the notebook's path; `post` sends events to the room."""

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
        self._status = ev.KernelStatusChanged("none")
        self._latest = self._status
        """The last reported status of the kernel."""
        self._told = asyncio.Event()
        """Set once the kernel has answered, or has failed to answer in time."""
        self._answer: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """The kernel's id, or "" without a kernel."""
        return self._status.id if self._link is not None else ""

    # ------------------------------------------------------------ attach and detach

    async def attach(self, link: Link, status: ev.KernelStatusChanged) -> None:
        """Use this link to a kernel from now on.

        A second link to the same live kernel is closed. A link to a kernel that counted as dead
        replaces the old link and waits for a new answer, because the old link's answers do not show
        that the kernel is alive.
        """
        if self._link is not None and self._status.id == status.id and not self._is_dead:
            await link.close()
            return
        former, self._link, self._status = self._link, link, status
        link.start(lambda messages: self._post(ev.KernelMessages(messages)))
        self._post(status)
        self._await_answer()
        if former is not None:
            await former.close()

    async def detach(self, status: ev.KernelStatusChanged) -> None:
        """Close the link, because the kernel was shut down."""
        link, self._link = self._link, None
        self._stop_waiting()
        self._post(status)
        if link is not None:
            await link.close()

    def heard(self, status: ev.KernelStatusChanged) -> None:
        """Note a status of the kernel; must be called before the room handles the status."""
        self._latest = status
        if self._is_dead:
            self._told.set()
        if status.state == "restarting" and self._link is not None:
            # The kernel gets a new process, and is ready when this process answers.
            self._link.restarted()
            self._await_answer()

    @property
    def _is_dead(self) -> bool:
        return self._latest.state == "dead"

    async def close(self) -> None:
        """Close the link; the kernel keeps running."""
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
        """Report the kernel as ready, or once as dead if it does not answer in time.

        The wait continues afterwards, because the kernel may still answer.
        """
        link, status = self._link, self._status
        while link is not None and link is self._link:
            gone = False
            try:
                state: str = await link.ready()
                reason = ""
            except KernelError as error:
                state, reason = "dead", str(error)
                gone = isinstance(error, KernelDead)
            if link is self._link and not (state == "dead" and self._is_dead):
                language = link.language_info
                self._post(replace(status, state=state, reason=reason, language_info=language))
            told.set()
            if state != "dead" or gone:
                return

    # ------------------------------------------------------------ effects

    def find(self) -> None:
        """Attach to the kernel that the notebook already has, if any."""
        self._do(self._find(), None)

    def start(self, effect: fx.StartKernel) -> None:
        self._do(self._start(effect.name), None)

    def execute(self, effect: fx.ExecuteCell) -> None:
        if self._link is None:
            self._post(ev.KernelFailed("the notebook has no kernel any more; run the cell again"))
            return
        self._link.execute(effect.run, effect.cell, effect.code, stop_on_error=effect.stop_on_error)

    def reply(self, effect: fx.AnswerInput) -> None:
        if self._link is not None:
            self._link.reply_input(effect.text)

    def show_widget(self, effect: ShowWidget) -> None:
        """Send the outputs of an output widget to browsers, and to the kernel if it keeps them."""
        self._kernels.show_widget(self.id, effect.comm_id, effect.outputs)
        if effect.told is not None and self._link is not None:
            state = {"outputs": list(effect.outputs)}
            data = {"method": "update", "state": state, "buffer_paths": []}
            self._link.tell_comm(effect.comm_id, data, effect.told)

    def ask_widget(self, effect: RequestWidgetState) -> None:
        if self._link is not None:
            self._link.tell_comm(effect.comm_id, {"method": "request_state"}, effect.message_id)

    def interrupt(self, effect: fx.InterruptKernel) -> None:
        self._do(self._kernels.interrupt(self.id), effect.ticket)

    def restart(self, effect: fx.RestartKernel) -> None:
        self._do(self._restart(), effect.ticket)

    def shutdown(self, effect: fx.ShutdownKernel) -> None:
        self._do(self._shutdown(), effect.ticket)

    def _do(self, work: Awaitable[None], ticket: int | None) -> None:
        self._tasks.start(self._done(work, ticket), "kernel")

    async def _done(self, work: Awaitable[None], ticket: int | None) -> None:
        try:
            await work
        except RuntimedError as error:
            self._post(ev.KernelFailed(str(error), ticket))
        except Exception as error:
            log.exception("The kernel of %s could not be reached", self._path())
            message = f"{type(error).__name__}: {error}; see the server's log"
            self._post(ev.KernelFailed(message, ticket))
        else:
            if ticket is not None:
                self._post(ev.KernelActionDone(ticket))

    async def _find(self) -> None:
        if (found := await self._kernels.find(self._path())) is not None:
            await self.attach(*found)
        elif self._link is None:
            self._post(ev.KernelStatusChanged("none"))

    async def _start(self, name: str) -> None:
        await self.attach(*await self._kernels.ensure(self._path(), name))

    async def _restart(self) -> None:
        """Return when the kernel is back. Raises `KernelError` if it exits or does not answer."""
        waiting = self._answer
        work = asyncio.ensure_future(self._kernels.restart(self.id))
        try:
            await asyncio.wait_for(asyncio.shield(work), READY_SECONDS)
        except asyncio.TimeoutError:
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise KernelError(
                f"the kernel's process was not replaced in {READY_SECONDS:.0f} s; "
                "shut the kernel down and run the cell again"
            ) from None
        if self._answer is waiting:
            # The kernel manager did not report the restart itself.
            self._post(replace(self._status, state="restarting", reason=""))
        # The manager starts a process that exits again; each attempt has its own event.
        while not self._told.is_set():
            await self._told.wait()
        if self._link is None:
            raise KernelDead("the kernel was shut down while it restarted; run a cell to start one")
        if self._is_dead:
            reason = self._latest.reason or "the kernel died"
            raise KernelDead(f"the kernel did not come back after the restart: {reason}")

    async def _shutdown(self) -> None:
        await self._kernels.shutdown(self.id)
        if self._link is not None:
            await self.detach(ev.KernelStatusChanged("none"))
