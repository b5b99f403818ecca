"""Write documents.json: documents and changes that conversations.json names, as a room makes them.

Actors and times are fixed, so the bytes are the same on every run. A name stands for the change and
for the version that ends with it.

    python tests/golden/write_documents.py
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from jupyter_runtimed.crdt import heads_of, load
from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.content import Cell, Run
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.document.runtime import Runtime
from jupyter_runtimed.ids import CellId, Epoch, RunId

PATH = Path(__file__).with_name("documents.json")
ONE, TWO = CellId("one"), CellId("two")


def actor(name: str) -> bytes:
    return name.encode().ljust(20, b".")


def notebook(name: str, one: str) -> Notebook:
    """A document with the code cell `one` and the markdown cell `two`."""
    made = Notebook(seeds.empty_notebook(actor(name)))
    made.add_cells([Cell(ONE, "code", one), Cell(TWO, "markdown", "text")], index=0)
    made.commit(now_ms=0)
    return made


def runtime(epoch: str) -> Runtime:
    made = Runtime.create(Epoch(epoch), actor(epoch))
    made.commit(now_ms=0)
    return made


def entry(about: str, data: bytes, heads: tuple[str, ...]) -> dict[str, str]:
    (head,) = heads
    return {"about": about, "head": head, "base64": base64.b64encode(data).decode()}


def documents() -> dict[str, dict[str, str]]:
    start = notebook("room", "print(1)")
    other = notebook("another", "print(1) # theirs")
    ben = Notebook(load(start.document.save(), actor=actor("ben")))
    first, second = runtime("r1"), runtime("r2")
    made = {
        "start": entry("Notebook of epoch n1: 'print(1)', 'text'",
                       start.document.save(), start.heads),
        "other history": entry("Notebook of epoch n2: 'print(1) # theirs', 'text'",
                               other.document.save(), other.heads),
        "runtime": entry("Runtime document of epoch r1: empty",
                         first.document.save(), heads_of(first.document)),
        "other runtime": entry("Runtime document of epoch r2: empty",
                               second.document.save(), heads_of(second.document)),
    }  # fmt: skip
    for number, (position, text) in enumerate([(8, " # ben"), (14, "!")], 1):
        ben.splice(ONE, position, 0, text)
        data = ben.commit(now_ms=0)
        assert data is not None
        made[f"ben.{number}"] = entry(f"Change of n1: {text!r} at {position}", data, ben.heads)
    first.add_run(Run(RunId("run-1"), ONE, "queued", "ben", 5))
    data = first.commit(now_ms=0)
    assert data is not None
    made["run.1"] = entry("Change of r1: cell one is queued", data, heads_of(first.document))
    return made


if __name__ == "__main__":
    PATH.write_text(json.dumps(documents(), indent=1) + "\n", encoding="utf-8")
