"""Every orderly end of a server saves the rooms and informs the clients."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import urllib.request
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import nbformat
import pytest

import jupyter_runtimed
from jupyter_runtimed.client import LiveNotebook
from jupyter_runtimed.peer.events import RoomEvent

from ..client.live_server import LiveServer

PATH = "a.ipynb"
NO_AUTOSAVE = (
    "--RuntimedExtension.autosave_delay=3600",
    "--RuntimedExtension.autosave_max_delay=3600",
)
OTHERS = ("jupyterlab", "notebook", "notebook_shim", "jupyter_lsp", "jupyter_server_terminals")
DISABLED_EXTENSIONS = f"--ServerApp.jpserver_extensions={dict.fromkeys(OTHERS, False)}"
"""Extensions that are disabled, so that a server starts faster."""


@contextlib.asynccontextmanager
async def just_typed(
    folder: Path, *args: str, start: Callable[[LiveServer], None] = LiveServer.start
) -> AsyncIterator[tuple[LiveServer, LiveNotebook, list[str]]]:
    """Start a server and a notebook with an acknowledged edit that is not in the file yet.

    The list collects the names of the client's events.
    """
    server = LiveServer(folder, args=(DISABLED_EXTENSIONS, *NO_AUTOSAVE, *args))
    cells = [nbformat.v4.new_code_cell("", id="c0")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), server.root / PATH)
    heard: list[str] = []
    try:
        await asyncio.to_thread(start, server)
        async with jupyter_runtimed.connect(server.url, PATH, server.token) as nb:
            nb.on_change(
                lambda event: heard.append(event.name) if isinstance(event, RoomEvent) else None
            )
            await nb.append("c0", "just typed")
            await nb.wait_acknowledged(60)
            assert in_file(server) == ""
            yield server, nb, heard
    finally:
        if server.started:
            server.kill()


def in_file(server: LiveServer) -> str:
    return str(nbformat.read(server.root / PATH, 4).cells[0].source)


def ask_to_shut_down(server: LiveServer) -> None:
    request = urllib.request.Request(
        f"{server.url}/api/shutdown",
        data=b"",
        headers={"Authorization": f"token {server.token}"},
    )
    with urllib.request.urlopen(request, timeout=60):
        pass
    server.ended()


@pytest.mark.parametrize(
    "end",
    [
        lambda server: server.stop(signal.SIGINT),
        lambda server: server.stop(signal.SIGHUP),
        lambda server: server.stop(signal.SIGINT, signal.SIGINT, signal.SIGTERM),
        ask_to_shut_down,
    ],
    ids=["SIGINT", "SIGHUP", "SIGINT twice and SIGTERM", "api/shutdown"],
)
async def test_an_orderly_end_saves_and_sends_closing(
    tmp_path: Path, end: Callable[[LiveServer], None]
) -> None:
    async with just_typed(tmp_path) as (server, _, heard):
        await asyncio.to_thread(end, server)
        assert in_file(server) == "just typed"
        assert "closing" in heard
        assert "Traceback" not in server.log.read_text()


async def test_control_c_twice_at_a_terminal_is_an_orderly_end(tmp_path: Path) -> None:
    """The first Ctrl+C asks, the second confirms."""
    ours, theirs = os.openpty()
    try:
        start = partial(LiveServer.start, stdin=theirs)
        async with just_typed(tmp_path, start=start) as (server, _, heard):
            server.send(signal.SIGINT)
            await asyncio.to_thread(server.wait_for_log, "interrupted")
            await asyncio.to_thread(server.stop, signal.SIGINT)
            assert in_file(server) == "just typed"
            assert "closing" in heard
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.kernel
async def test_a_server_with_synchronous_kernels_ends_on_sigterm(tmp_path: Path) -> None:
    kernels = "jupyter_server.services.kernels.kernelmanager.MappingKernelManager"
    chosen = f"--ServerApp.kernel_manager_class={kernels}"
    async with just_typed(tmp_path, chosen) as (server, nb, heard):
        cell = await nb.add_cell("6 * 7")
        assert (await nb.run(cell, 60)).text == "42\n"
        await nb.append("c0", ", and more")
        await nb.wait_acknowledged(60)
        await asyncio.to_thread(server.stop)
        assert in_file(server) == "just typed, and more"
        assert "closing" in heard
        assert "Traceback" not in server.log.read_text()
