"""Seeded chaos: many peers, random edits, moves, deletes, runs, file edits, cuts and crashes.

After each run all peers, the room and the file are equal, and each acknowledged edit is there.
A failing seed is printed by its test id and replays exactly:

    pytest tests/room/test_simulation.py --seeds 1 --first-seed SEED
"""

from __future__ import annotations

import pytest

from jupyter_runtimed.document.content import FINISHED, Cell
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.room.settings import Settings

from ..support.network import Network, SimPeer
from ..support.server import SimServer

SOURCES = ("print one\nwait 200\nprint two", "# \nshow shown\nwait 50\nresult r", "fail notes")
NAMES = ("ana", "ben", "cyd", "bot")
STEPS = 120


USUALLY = 40
"""Default number of stories."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("--first-seed")
        count = metafunc.config.getoption("--seeds") or USUALLY
        metafunc.parametrize("seed", range(first, first + count))


def test_all_peers_agree_and_nothing_is_lost_after_random_faults(seed: int) -> None:
    world = World(seed)
    for _ in range(STEPS):
        world.step()
    world.settle()
    world.check()


class World:
    """One simulated story: its actions, and the invariants at its end."""

    def __init__(self, seed: int, *, server: type[SimServer] = SimServer) -> None:
        self.net = Network(*SOURCES, seed=seed, settings=self.settings(seed), server=server)
        self.random = self.net.clock.random
        # With a slow disk a crash loses many edits that others have seen and continued.
        self.net.server.commit_ms = (3, 3, 300, 2_000)[seed % 4]
        self.tokens = 0
        self.outside: list[str] = []
        for name in NAMES:
            self.net.join(name, kind="agent" if name == "bot" else "browser")

    @staticmethod
    def settings(seed: int) -> Settings:
        """In every other story the document is rotated each night."""
        return Settings(
            idle_ms=2_000,
            history_changes=0 if seed % 2 else 5,
            history_bytes=3_000 if seed % 4 == 2 else 8 << 20,
        )

    def step(self) -> None:
        doing = self.random.choices(
            [self.type, self.cells, self.run, self.line, self.tab, self.night, self.server,
             self.file],
            weights=[50, 14, 8, 8, 3, 2, 2, 3],
        )[0]  # fmt: skip
        doing()
        self.net.run_for(self.random.choice([0, 3, 10, 40, 300]))

    # ------------------------------------------------------------ actions

    def peer(self) -> SimPeer | None:
        ready = [p for p in self.net.peers.values() if p.peer.notebook is not None]
        return self.random.choice(ready) if ready else None

    def type(self) -> None:
        if (peer := self.peer()) is None:
            return
        self.tokens += 1
        cell = self.random.choice(["c0", "c2"])
        at = self.random.choice([0, None])
        if cell == "c0":
            peer.type(cell, f"\n# <{self.tokens}>\n", at=None)
        else:
            peer.type(cell, f"<{self.tokens}😀>", at=at)

    def cells(self) -> None:
        if (peer := self.peer()) is None:
            return
        order = list(peer.notebook.order)
        if not order:
            return
        cell = self.random.choice(order)
        after = self.random.choice([None, *(other for other in order if other != cell)])
        match self.random.randrange(4):
            case 0:
                new = Cell(CellId(f"n{self.net.new_id()[:8]}"), "code", "print new")
                peer.edit(lambda nb: nb.add_cell(new, after=cell))
            case 1:
                peer.edit(lambda nb: nb.move_cell(cell, after=after))
            case 2 if cell.startswith("n"):
                peer.edit(lambda nb: nb.delete_cell(cell))
            case _ if cell.startswith("n"):
                peer.edit(lambda nb: nb.set_cell_type(cell, "markdown"))

    def run(self) -> None:
        if (peer := self.peer()) is not None:
            order = list(peer.notebook.order)
            if order and self.random.random() < 0.8:
                peer.run(self.random.choice(order))
            else:
                peer.call("run_all")

    def line(self) -> None:
        name = self.random.choice(list(self.net.peers) or [NAMES[0]])
        peer = self.net.peers.get(name)
        if peer is None:
            return
        if peer.cut:
            self.net.heal(name)
        else:
            self.net.cut(name)

    def night(self) -> None:
        """Cut all connections until the room closes; some peers continue offline."""
        for name, peer in self.net.peers.items():
            if not peer.cut:
                self.net.cut(name)
        for _ in range(self.random.randrange(4)):
            self.random.choice([self.type, self.cells])()
        self.net.run_for(self.random.choice([2_500, 12_000]))

    def tab(self) -> None:
        """Close a tab without pending changes, or open a tab."""
        name = self.random.choice(NAMES)
        peer = self.net.peers.get(name)
        if peer is None:
            self.net.join(name, wait=False)
        elif peer.peer.pending_edits == 0 and len(self.net.peers) > 1:
            self.net.leave(name)

    def server(self) -> None:
        self.net.crash_server()
        self.net.run_for(self.random.choice([0, 100, 2_000]))
        self.net.start_server()

    def file(self) -> None:
        """Change one cell of the file, as git or an editor would."""
        mark = f"outside{len(self.outside)}"
        data = self.net.disk.file
        at = data.find(b"# \\n") + 2
        if at < 2:
            return
        self.outside.append(mark)
        self.net.server.write_outside(data[:at] + f"{mark} ".encode() + data[at:])

    # ------------------------------------------------------------ invariants

    def check_once(self) -> None:
        """Assert that no word is there twice."""
        notebook = self.net.server.open_room().notebook
        for mark in self.outside:
            assert notebook.source(CellId("c1")).count(mark + " ") == 1, f"{mark} was doubled"
        for number in range(1, self.tokens + 1):
            token = f"<{number}>"
            assert notebook.source(CellId("c0")).count(token) <= 1, f"{token} was doubled"

    def settle(self) -> None:
        if not self.net.server.up:
            self.net.start_server()
        for name, peer in self.net.peers.items():
            if peer.cut:
                self.net.heal(name)
        self.net.run_until_quiet()

    def check(self) -> None:
        net = self.net
        net.assert_converged()
        net.assert_nothing_lost()
        room = net.server.open_room()
        assert all(run.state in FINISHED for run in room.runtime.runs())
        ids = [cell.id for cell in room.content().cells]
        assert len(ids) == len(set(ids))
        text = room.notebook.source(CellId("c1"))
        assert all(mark + " " in text for mark in self.outside), (text, self.outside)
        self.check_once()
        for peer in net.peers.values():
            assert peer.run_state("c0") == (
                run.state if (run := room.runtime.run_of(CellId("c0"))) else None
            )
