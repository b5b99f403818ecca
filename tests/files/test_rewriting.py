"""A program rewrites a notebook several times a minute, from its own copy or from the newest file.

Text that others typed is there once, and the program's text is its last version, never a mix of
two. Each story has a seed and can be replayed.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from jupyter_runtimed.document.content import Cell
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.room.settings import Settings
from tests.support.network import Network

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")
TYPED_IN = ("c0", "c2")
WRITTEN = "c1"


class Story:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        settings = Settings(quiet_ms=self.random.choice([100, 500]), longest_ms=1000)
        self.net = Network("typed", "written", "both\nof them", "print out", settings=settings)
        self.people = [self.net.join("ana"), self.net.join("ben")]
        self.net.run_until_quiet()
        self.copy: dict[str, Any] = json.loads(self.net.disk.file)
        self.typed: list[tuple[str, str]] = []
        self.version = "written"
        self.count = 0

    def step(self) -> None:
        doing = [self.type, self.write, self.add, self.run]
        self.random.choices(doing, [10, 5, 1, 1])[0]()
        self.net.run_for(self.random.choice([0, 150, 600, 2_000, 6_000]))

    def word(self) -> str:
        self.count += 1
        return f"<{self.count}>"

    def type(self) -> None:
        ana, cell, word = self.random.choice(self.people), self.random.choice(TYPED_IN), self.word()
        ana.type(cell, word, self.random.choice([None, 0]))
        self.typed.append((cell, word))

    def add(self) -> None:
        word, cell = self.word(), f"n{self.count}"

        def added(notebook: Notebook) -> None:
            notebook.add_cell(Cell(CellId(cell), "code", word), after=CellId("c0"))

        self.people[0].edit(added)
        self.typed.append((cell, word))

    def run(self) -> None:
        self.people[1].run("c3")

    def write(self) -> None:
        if self.random.random() < 0.3:
            self.copy = json.loads(self.net.disk.file)
        self.count += 1
        lines = [
            " ".join([f"v{self.count}", *self.random.choices(WORDS, k=self.random.randint(1, 8))])
            for _ in range(self.random.randint(1, 6))
        ]
        self.version = "\n".join(lines)
        for cell in self.copy["cells"]:
            if cell["id"] == WRITTEN:
                cell["source"] = [self.version]
            elif cell["id"] == "c2" and self.random.random() < 0.3:
                word = f"[{self.count}]"
                cell["source"] = ["".join(cell["source"]) + "\n" + word]
                self.typed.append(("c2", word))
        self.net.server.write_outside(json.dumps(self.copy, indent=1).encode())
        self.net.run_for(150)


@pytest.mark.parametrize("seed", range(40))
def test_a_rewriting_program_doubles_no_word_and_mixes_no_versions(seed: int) -> None:
    story = Story(seed)
    for _ in range(30):
        story.step()
    net = story.net
    net.run_until_quiet()
    net.assert_converged()
    ana = story.people[0]
    assert ana.source(WRITTEN) == story.version
    for cell, word in story.typed:
        assert ana.source(cell).count(word) == 1, (cell, word)
    assert bool(ana.outputs("c3")) == (ana.run_state("c3") is not None)
