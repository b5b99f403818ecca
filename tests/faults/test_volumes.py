"""Servers in separate mount namespaces, like containers, share a data folder."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import nbformat
import pytest

import jupyter_runtimed

from ..client.live_server import LiveServer
from .test_orderly_end import DISABLED_EXTENSIONS, NO_AUTOSAVE, PATH

MOUNT = 'mount --bind "$0" "$1" && shift && exec "$@"'


def skip_without_namespaces() -> None:
    try:
        subprocess.run(["unshare", "-m", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mount namespaces need root and `unshare` here")


def volume(folder: Path, source: str) -> Path:
    folder.mkdir()
    cells = [nbformat.v4.new_code_cell(source, id="c0")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / PATH)
    return folder


async def type_and_kill(server: LiveServer, home: Path, text: str) -> str:
    """Type text that is only in the store, kill the server, and return the text from before."""
    server.prefix = ["unshare", "-m", "sh", "-c", MOUNT, str(home), str(server.root)]
    await asyncio.to_thread(server.start)
    async with jupyter_runtimed.connect(server.url, PATH, server.token) as nb:
        seen = nb.source("c0")
        await nb.append("c0", text)
        await nb.wait_acknowledged(60)
        server.kill()
    return seen


@pytest.mark.timeout(300)
async def test_users_of_two_volumes_keep_their_unsaved_edits_to_themselves(tmp_path: Path) -> None:
    skip_without_namespaces()
    server = LiveServer(tmp_path, args=(DISABLED_EXTENSIONS, *NO_AUTOSAVE))
    ana, ben = volume(tmp_path / "ana", "ana = 1"), volume(tmp_path / "ben", "ben = 1")
    try:
        assert await type_and_kill(server, ana, "  # by ana") == "ana = 1"
        assert await type_and_kill(server, ben, "  # by ben") == "ben = 1"
        assert await type_and_kill(server, ana, "") == "ana = 1  # by ana"
        assert "begins from its file" in server.log.read_text()
    finally:
        if server.started:
            server.kill()
