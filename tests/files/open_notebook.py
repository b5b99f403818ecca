"""An open notebook, a client that types in it, and other programs that change its file."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nbformat

import jupyter_runtimed
from jupyter_runtimed.client import LiveNotebook
from tests.client.live_server import LiveServer

from .typist import letters, typing

TIMEOUT_SECONDS = 60
QUIET = {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1", "NO_COLOR": "1"}
SOURCES = ("one = 1", "two = 2", "ugly = { 'a':1,'b' :  2 }", "print('shown')")
SHOWN = nbformat.v4.new_output("stream", name="stdout", text="shown\n")


class OpenNotebook:
    """Cells `c0`... of `open.ipynb`; the client types in the first, programs edit the others."""

    def __init__(self, live: LiveNotebook, file: Path) -> None:
        self.live = live
        self.file = file

    @classmethod
    async def lay(cls, server: LiveServer, folder: Path) -> OpenNotebook:
        cells = [nbformat.v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(SOURCES)]
        cells[3].update(outputs=[SHOWN], execution_count=7)
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        whole = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
        file = folder / "open.ipynb"
        nbformat.write(whole, file)
        path = file.relative_to(server.root).as_posix()
        return cls(await jupyter_runtimed.connect(server.url, path, server.token), file)

    async def leave(self) -> None:
        await self.live.close()

    # ------------------------------------------------------------ typing

    @asynccontextmanager
    async def while_typing(self) -> AsyncIterator[None]:
        """Enter when some typed text is on disk; leave when all is in the room and on disk."""
        async with typing(self.live, "c0") as typist:
            await typist.types_more(10)
            await self.live.wait_for(self._some_is_on_disk, TIMEOUT_SECONDS)
            yield
            await typist.types_more(20)
        await self.live.save()
        assert letters(self.live.source("c0")) == typist.typed
        assert letters(self.source("c0")) == typist.typed

    def _some_is_on_disk(self) -> bool:
        return bool(letters(self.source("c0")))

    async def sees(self, true: Callable[[], bool]) -> None:
        await self.live.wait_for(true, TIMEOUT_SECONDS)

    async def runs(self, *command: str | Path) -> str:
        """Run another program to its end in the notebook's folder."""
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            cwd=self.file.parent,
            env=QUIET,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        return out.decode()

    async def python(self, *command: str | Path) -> str:
        return await self.runs(sys.executable, *command)

    # ------------------------------------------------------------ the file

    def whole(self) -> dict[str, Any]:
        whole: dict[str, Any] = json.loads(self.file.read_bytes())
        return whole

    def source(self, cell: str) -> str:
        """Return the text of a cell in the file."""
        (found,) = (one for one in self.whole()["cells"] if one["id"] == cell)
        return "".join(found["source"])

    def changed(self, cell: str, source: str) -> bytes:
        """Return the file's content with another text in one cell."""
        whole = self.whole()
        for one in whole["cells"]:
            if one["id"] == cell:
                one["source"] = source.splitlines(keepends=True)
        return json.dumps(whole, indent=1).encode() + b"\n"
