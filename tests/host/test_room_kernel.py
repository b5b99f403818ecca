"""A kernel that answers slowly, answers after the room gave up, or never answers."""

import signal

import pytest

from jupyter_runtimed.errors import KernelError
from jupyter_runtimed.host.kernels import KernelLink
from jupyter_runtimed.room import events as ev

from .conftest import notebook
from .local_client import LocalClient, LocalKernels

IMPATIENT_SECONDS = 0.5


class ImpatientLink(KernelLink):
    patience_seconds = IMPATIENT_SECONDS

    async def ready(self, timeout_seconds=None):
        return await super().ready(timeout_seconds or self.patience_seconds)


class StoppedKernels(LocalKernels):
    """Real kernels that are suspended from their start until they are released."""

    async def ensure(self, path, name):
        new = self._id(path) not in self.managers
        link, status = await super().ensure(path, name)
        if new:
            self.process(path).send_signal(signal.SIGSTOP)
        return link, status

    def _link(self, path):
        kernel_id = self._id(path)
        status = ev.KernelStatusChanged("starting", kernel_id, "python3", "Python 3")
        return ImpatientLink(self.managers[kernel_id].get_connection_info()), status

    def process(self, path):
        return self.managers[self._id(path)].provisioner.process

    def let_go(self, path):
        self.process(path).send_signal(signal.SIGCONT)

    async def interrupt(self, kernel_id):
        raise KernelError("this kernel cannot be interrupted")


async def given_up(place, *sources):
    """A room whose kernel did not answer in time; the run that requested it has ended."""
    place.kernels = StoppedKernels()
    place.put("a.ipynb", notebook(*sources))
    ana = LocalClient(await place.server().open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    await ana.call("run", cells=["c0"])
    run = await ana.finished("c0")
    assert run.state == "cancelled"
    assert "did not answer" in run.reason
    assert ana.peer.runtime.kernel.state == "dead"
    return ana


async def runs_at_last(ana):
    """Ask again if a busy machine is slower than the link's timeout."""
    state = ""
    for _ in range(20):
        await ana.call("run", cells=["c0"])
        state = (await ana.finished("c0")).state
        if state == "ok":
            return
    pytest.fail(f"the cell is {state}")


@pytest.mark.kernel
class TestAKernelThatIsSlow:
    async def test_a_slow_kernel_that_answers_late_is_used(self, place):
        ana = await given_up(place, "6 * 7")
        place.kernels.let_go("a.ipynb")
        await ana.until(lambda: ana.peer.runtime.kernel.state == "idle")
        await ana.call("run", cells=["c0"])
        assert (await ana.finished("c0")).state == "ok"

    async def test_a_new_run_waits_for_the_slow_kernel_again(self, place):
        ana = await given_up(place, "6 * 7")
        for _ in range(2):
            await ana.call("run", cells=["c0"])
            await ana.until(lambda: ana.peer.runtime.kernel.state == "starting")
            run = await ana.finished("c0")
            assert "did not answer" in run.reason
        await ana.call("run", cells=["c0"])
        place.kernels.let_go("a.ipynb")
        await ana.until(lambda: ana.peer.runtime.kernel.state == "idle")
        if (await ana.finished("c0")).state == "cancelled":
            await ana.call("run", cells=["c0"])
        assert (await ana.finished("c0")).state == "ok"

    async def test_a_slow_kernel_can_be_restarted(self, place, monkeypatch):
        ana = await given_up(place, "6 * 7")
        monkeypatch.setattr(ImpatientLink, "patience_seconds", 60)
        assert (await ana.call("restart")).error is None
        await ana.until(lambda: ana.peer.runtime.kernel.state == "idle")
        await runs_at_last(ana)

    async def test_a_restart_of_a_silent_kernel_is_an_error(self, place):
        ana = await given_up(place, "6 * 7")
        restart = place.kernels.restart

        async def stopped_again(kernel_id):
            await restart(kernel_id)
            place.kernels.process("a.ipynb").send_signal(signal.SIGSTOP)

        place.kernels.restart = stopped_again
        answer = await ana.call("restart")
        assert answer.error["code"] == "kernel-failed"
        assert "did not answer" in answer.error["message"]
        assert "did not answer" in ana.peer.runtime.kernel.reason

    async def test_a_slow_kernel_is_joined_again_after_it_died(self, place):
        """An answer of the previous process proves nothing about the next one."""
        ana = await given_up(place, "6 * 7")
        place.kernels.let_go("a.ipynb")
        await ana.until(lambda: ana.peer.runtime.kernel.state == "idle")
        first = ana.host._kernel._link
        ana.host.post(ev.KernelStatusChanged("dead", reason="the kernel died"))
        await runs_at_last(ana)
        assert ana.host._kernel._link is not first

    async def test_a_present_kernel_is_joined_once(self, place):
        ana = await given_up(place, "6 * 7")
        place.kernels.let_go("a.ipynb")
        await ana.until(lambda: ana.peer.runtime.kernel.state == "idle")
        first = ana.host._kernel._link
        await ana.host.attach(*await place.kernels.find("a.ipynb"))
        assert ana.host._kernel._link is first


@pytest.mark.kernel
async def test_a_failed_kernel_action_is_reported_to_its_caller_and_affects_no_run(place):
    place.kernels = StoppedKernels()
    ImpatientLink.patience_seconds = 60
    try:
        place.put("a.ipynb", notebook("print(input())", "1"))
        ana = LocalClient(await place.server().open("a.ipynb"))
        await ana.until(lambda: ana.peer.live)
        run = await ana.call("run", cells=["c0", "c1"])
        assert run.error is None
        await ana.until(lambda: ana.peer.runtime.kernel.state == "starting")
        place.kernels.let_go("a.ipynb")
        await ana.until(lambda: ana.run_of("c0").prompt)
        interrupted = await ana.call("interrupt")
        assert interrupted.error["message"] == "this kernel cannot be interrupted"
        assert ana.run_of("c0").state == "running"
        await ana.call("answer", prompt=ana.run_of("c0").prompt.id, text="")
        assert (await ana.finished("c0")).state == "ok"
    finally:
        ImpatientLink.patience_seconds = IMPATIENT_SECONDS
