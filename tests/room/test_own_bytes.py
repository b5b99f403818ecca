"""The room recognises its own rendered bytes, whatever the save reports.

Every step of a write fails, once and for a while, alone and together with a crash or another
program's edit; at the end each word is in the file once.
"""

from __future__ import annotations

import itertools

import pytest

from jupyter_runtimed.ids import CellId

from ..support.network import Network
from ..support.stepping import IN_PLACE, LATE, REPLACING, SteppingSimServer

STEPS = (*REPLACING, *IN_PLACE, LATE)
THEN = ("nothing", "edit outside", "crash", "crash and edit outside", "die there")
SEEDS = (1, 2)


class Story:
    def __init__(self, step: str, then: str, seed: int) -> None:
        self.net = Network("x = 1", "# here", seed=seed, server=SteppingSimServer)
        server = self.net.server
        assert isinstance(server, SteppingSimServer)
        self.server = server
        self.ana, self.ben = self.net.join("ana"), self.net.join("ben")
        self.net.run_until_quiet()
        self.server.fails_at, self.server.dies = step, then == "die there"

    def type_until_it_fails(self, times: int) -> None:
        for number in range(times):
            self.ana.type("c0", f" <a{number}>")
            self.ben.type("c0", f"<b{number}> ", at=0)
            failed = self.server.fails
            self.net.run_until(lambda failed=failed: self.server.fails > failed)
            self.ana.type("c0", f" <after{number}>")
            if not self.server.up:
                self.net.run_for(100)
                self.net.start_server()

    def edit_outside(self) -> None:
        """Let another program add a word to the file, if the file is a notebook."""
        self.server._read_file()
        data = self.net.disk.file
        at = data.find(b"# here") + len("# here")
        self.server.write_outside(data[:at] + b" <outside>" + data[at:])

    def crash(self) -> None:
        self.net.crash_server()
        self.net.run_for(500)

    def end(self) -> None:
        self.server.fails_at, self.server.dies = None, False
        if not self.server.up:
            self.net.start_server()
        self.net.run_for(10_000)
        self.net.run_until_quiet()
        self.net.assert_converged()
        self.net.assert_nothing_lost()

    def assert_once(self, *words: str) -> None:
        notebook = self.server.open_room().notebook
        text = notebook.source(CellId("c0")) + notebook.source(CellId("c1"))
        assert {word: text.count(word) for word in words} == dict.fromkeys(words, 1), text


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("then", THEN)
@pytest.mark.parametrize("step", STEPS)
def test_a_write_that_fails_after_any_step_neither_doubles_nor_loses(
    step: str, then: str, times: int
) -> None:
    for seed in SEEDS:
        story = Story(step, then, seed)
        story.type_until_it_fails(times)
        outside = "outside" in then
        if outside:
            story.edit_outside()
        if "crash" in then:
            story.crash()
        story.end()
        typed = itertools.product(("<a{}>", "<b{}>", "<after{}>"), range(times))
        words = [word.format(number) for word, number in typed]
        story.assert_once(*words, *(["<outside>"] if outside else []))
        assert story.net.disk.file.count(b"<a0>") == 1


def test_a_late_write_after_a_failed_one_and_a_crash_is_recognised() -> None:
    story = Story(LATE, "nothing", seed=4)
    story.type_until_it_fails(1)
    story.server.fails_at = "create"
    story.ana.type("c0", " <later>")
    failed = story.server.fails
    story.net.run_until(lambda: story.server.fails > failed)
    story.crash()
    story.net.run_until(lambda: b"<a0>" in story.net.disk.file)
    assert b"<later>" not in story.net.disk.file
    story.end()
    story.assert_once("<a0>", "<b0>", "<after0>", "<later>")
    merged = [h for h in story.ana.happened if getattr(h, "name", "") == "merged"]
    assert merged == []


@pytest.mark.parametrize("step", ["rename", "sync folder", "stat"])
def test_a_permanent_error_after_the_rename_doubles_nothing(step: str) -> None:
    """A share without folder sync reports an error for each write while users type."""
    story = Story(step, "nothing", seed=3)
    for number in range(20):
        story.ana.type("c0", f" <a{number}>")
        story.net.run_for(3_000)
    story.end()
    story.assert_once(*(f"<a{number}>" for number in range(20)))
    merged = [h for h in story.ana.happened if getattr(h, "name", "") == "merged"]
    assert merged == [], "the room took its own bytes for another program's"
