"""A restart ends with a result, also if the kernel exits at once or never answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_runtimed.client import LiveNotebook
from jupyter_runtimed.errors import KernelError
from jupyter_runtimed.host.kernels import KernelLink
from jupyter_runtimed.server.kernels.session_kernels import SessionKernels

from .clients import Place

pytestmark = pytest.mark.kernel

SECOND_START = """
import os, runpy, sys, time
flag = sys.argv.pop(1)
if os.path.exists(flag):
    {then}
open(flag, "w").close()
runpy.run_module("ipykernel_launcher", run_name="__main__")
"""

Once = Callable[[str], None]


@pytest.fixture
def once(jp_kernel_dir: Path, tmp_path: Path) -> Once:
    """Install the kernel `once`, which behaves differently from its second start on."""

    def install(then: str) -> None:
        code = SECOND_START.format(then=then)
        flag = str(tmp_path / "started")
        spec = {
            "argv": [sys.executable, "-c", code, flag, "-f", "{connection_file}"],
            "display_name": "Once",
            "language": "python",
        }
        (jp_kernel_dir / "once").mkdir()
        (jp_kernel_dir / "once" / "kernel.json").write_text(json.dumps(spec))

    return install


async def started(place: Place) -> LiveNotebook:
    spec = {"name": "once", "display_name": "Once"}
    place.write("a.ipynb", "6 * 7", kernelspec=spec)
    nb = await place.open("a.ipynb")
    assert (await nb.run("c0", 60)).text == "42\n"
    return nb


async def test_the_restart_of_a_kernel_that_exits_at_once_is_an_error(
    place: Place, once: Once
) -> None:
    once("sys.exit(3)")
    nb = await started(place)
    with pytest.raises(KernelError, match="did not come back after the restart"):
        await nb.restart()
    assert nb.kernel.state == "dead"
    # By then Jupyter Server has dropped the kernel.
    room = await place.room("a.ipynb")
    answer = await place.call(room, "restart")
    assert (answer.status, answer.json["code"]) == (502, "kernel-failed")


async def test_the_restart_of_a_kernel_that_never_answers_is_an_error(
    place: Place, once: Once, monkeypatch: pytest.MonkeyPatch
) -> None:
    once("time.sleep(600)")
    await started(place)
    ready = KernelLink.ready

    async def soon(link: KernelLink) -> str:
        return await ready(link, 0.5)

    monkeypatch.setattr(KernelLink, "ready", soon)
    room = await place.room("a.ipynb")
    answer = await place.call(room, "restart")
    assert answer.status == 502
    assert "did not answer in" in answer.json["message"]


async def test_a_restart_that_a_shutdown_overtakes_is_an_error(
    place: Place, once: Once, monkeypatch: pytest.MonkeyPatch
) -> None:
    once("time.sleep(600)")
    nb = await started(place)
    room = await place.room("a.ipynb")
    replaced = asyncio.Event()
    restart = SessionKernels.restart

    async def restart_after_shutdown(kernels: SessionKernels, kernel_id: str) -> None:
        await restart(kernels, kernel_id)
        replaced.set()

    monkeypatch.setattr(SessionKernels, "restart", restart_after_shutdown)
    restarting = asyncio.ensure_future(place.call(room, "restart"))
    await replaced.wait()
    await nb.shutdown()
    answer = await restarting
    assert answer.status == 502, answer.body
    assert "shut down while it restarted" in answer.json["message"]
