"""Plays the cases of `tests/golden/merge_bases.json` in a room on the simulated network.

Each step names the version that the file has after it. A program reads one of these versions and
writes the file later; the step records which version the room takes as the merge base.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from unittest.mock import patch

from jupyter_runtimed.room.file.merge_base import BaseSelector, Candidate
from jupyter_runtimed.room.settings import Settings

from .network import Network, SimPeer
from .rebases import write

Json = dict[str, Any]
SEEN_MS = 120
"""A program that writes twice in a row is seen in between, before the room saves."""


class Player:
    def __init__(self, cells: list[str]) -> None:
        self.net = Network(*cells, settings=Settings(quiet_ms=500, longest_ms=1000))
        self.ana: SimPeer = self.net.join("ana")
        self.net.run_until_quiet()
        self._files: dict[str, bytes] = {}
        self._names: dict[str, str] = {}
        self._base: str | None = None
        self._name("v0")

    def step(self, step: Json) -> Json:
        """Do one step; return the merge base that was chosen, and what the notebook holds."""
        self._base = None
        with self._recorded():
            self._do(step)
        if "as" in step:
            self._name(step["as"])
        result = {cell: self.ana.source(cell) for cell in self.ana.notebook.order}
        outputs = {cell: self.ana.outputs(cell) for cell in result if self.ana.outputs(cell)}
        return {"result": result} | ({"outputs": outputs} if outputs else {}) | self._chosen(step)

    def _chosen(self, step: Json) -> Json:
        return {"base": self._base} if "program" in step else {}

    def _do(self, step: Json) -> None:
        match step:
            case {"append": text, "cell": cell}:
                self.ana.type(cell, text)
            case {"run": cell}:
                self.ana.run(cell)
            case {"edit": edit}:
                self.ana.edit(lambda notebook: write(notebook, edit))
            case {"wait minutes": minutes}:
                self.net.run_for(minutes * 60_000)
            case {"restart": True}:
                self.net.crash_server()
                self.net.run_for(1_000)
                self.net.start_server()
            case {"program": program}:
                self._program(step["read"], program, step.get("written"))
                if step.get("quickly"):
                    self.net.run_for(SEEN_MS)
                    return
            case _:
                raise AssertionError(f"an unknown step: {step}")
        if not step.get("quickly"):
            self.net.run_until_quiet()

    def _program(self, read: str, program: Json, name: str | None) -> None:
        data = self._files[read]
        if program:
            whole = json.loads(data)
            rewrite(whole, program)
            data = json.dumps(whole, indent=1).encode() + b"\n"
        self.net.server.write_outside(data)
        if name is not None:
            self._name(name)
        self.net.run_for(SEEN_MS)

    def _name(self, name: str) -> None:
        self._files[name] = self.net.disk.file
        self._names.setdefault(sha256(self.net.disk.file).hexdigest(), name)

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        choose = BaseSelector.best

        def recorded(weighing: BaseSelector) -> Candidate:
            best = choose(weighing)
            stamp = None if best.base is None else best.base.stamp
            self._base = None if stamp is None else self._names.get(stamp.hash, "unnamed")
            return best

        with patch.object(BaseSelector, "best", recorded):
            yield


def rewrite(whole: Json, program: Json) -> None:
    """Do to a notebook file what a program does."""
    cells = whole["cells"]
    for cell in cells:
        if cell["id"] in program.get("sources", {}):
            cell["source"] = [program["sources"][cell["id"]]]
        if cell["id"] in program.get("outputs", {}):
            text = program["outputs"][cell["id"]]
            stream = {"output_type": "stream", "name": "stdout", "text": [text]}
            cell.update(outputs=[stream] if text else [], execution_count=1 if text else None)
    cells[:] = [cell for cell in cells if cell["id"] not in program.get("delete", [])]
    for index, cell_id, source in program.get("add", []):
        new = {"cell_type": "code", "id": cell_id, "metadata": {}, "outputs": [],
               "execution_count": None, "source": [source]}  # fmt: skip
        cells.insert(index, new)
    for cell_id, index in program.get("move", []):
        place = next(i for i, cell in enumerate(cells) if cell["id"] == cell_id)
        cells.insert(index, cells.pop(place))
    whole["metadata"].update(program.get("metadata", {}))


def play(case: Json) -> list[Json]:
    """Return the results of each step. The file holds what the notebook holds at the end."""
    player = Player(case["cells"])
    results = [player.step(step) for step in case["steps"]]
    player.net.assert_converged()
    return results
