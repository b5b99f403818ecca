"""Seeded chaos on machines that fail: disk, store, clock, line, and a process that just ends.

After each run all peers, the room and the file are equal; each acknowledged edit is there; no cell
and no word is there twice; no output is lost. A failing seed prints a minimal list of steps; seed
and steps replay exactly:

    pytest tests/room/test_faults.py --seeds 1 --first-seed SEED --steps 3,17,40
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from jupyter_runtimed.ids import CellId

from ..support.faults import FaultySimServer
from .test_simulation import STEPS, World

HOUR_MS = 3_600_000


USUALLY = 200
"""Default number of stories."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("--first-seed")
        count = metafunc.config.getoption("--seeds") or USUALLY
        metafunc.parametrize("seed", range(first, first + count))


def test_random_faults_lose_no_acknowledged_edit(seed: int, request: pytest.FixtureRequest) -> None:
    chosen = request.config.getoption("--steps")
    steps = [int(step) for step in chosen.split(",")] if chosen else list(range(STEPS))
    trouble = tell(seed, steps)
    if trouble is not None and not chosen:
        fewest = shrink(steps, lambda some: tell(seed, some) is not None)
        trouble = tell(seed, fewest)
        steps = fewest
    if trouble is not None:
        names = ",".join(map(str, steps))
        pytest.fail(f"seed {seed} --steps {names}: {trouble}\n{story(seed, steps)}", pytrace=False)


def tell(seed: int, steps: Sequence[int]) -> str | None:
    """Return the failure of this run, or None."""
    world = Breaking(seed)
    try:
        for step in steps:
            world.at(step)
        world.settle()
        world.check()
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is the finding
        return f"{type(error).__name__}: {error}"
    return None


def shrink(steps: list[int], fails: Callable[[list[int]], bool]) -> list[int]:
    """Remove smaller and smaller parts as long as the run fails."""
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size :]
            if fewer and fails(fewer):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps


def story(seed: int, steps: Sequence[int]) -> str:
    world = Breaking(seed)
    lines = []
    for step in steps:
        at = world.net.clock.now
        try:
            lines.append(f"  {at % 10**8:>9} step {step}: {world.at(step)}")
        except Exception as error:  # noqa: BLE001 -- as above
            lines.append(f"  step {step}: {error}")
            break
    return "\n".join(lines)


class Breaking(World):
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.lied = False
        super().__init__(seed, server=FaultySimServer)

    def at(self, step: int) -> str:
        """Do one step; its number alone determines its action."""
        self.random = random.Random(self.seed * 1_000_003 + step)
        usual = [
            self.type, self.cells, self.run, self.line, self.tab, self.night, self.server, self.file
        ]  # fmt: skip
        broken = [
            self.store, self.slow, self.disk, self.dies, self.power, self.clock, self.late,
            self.twice, self.torn,
        ]  # fmt: skip
        doing = self.random.choices(
            usual + broken, weights=[50, 14, 10, 8, 3, 2, 2, 3] + [2] * len(broken)
        )[0]
        doing()
        self.net.run_for(self.random.choice([0, 3, 10, 40, 300, 1_500]))
        return doing.__name__

    @property
    def faulty(self) -> FaultySimServer:
        assert isinstance(self.net.server, FaultySimServer)
        return self.net.server

    @property
    def whole(self) -> bool:
        """Return whether the file is a valid notebook."""
        return self.net.disk.file.endswith(b"}\n")

    # ------------------------------------------------------------ faults

    def store(self) -> None:
        """Let the store fail (full disk, locked database), or recover."""
        self.faulty.store_trouble = None if self.faulty.store_trouble else "no space left"

    def slow(self) -> None:
        self.faulty.commit_ms = self.random.choice([3, 300, 2_000])

    def disk(self) -> None:
        """Let the notebook's folder fail, or falsely report a failure, or recover."""
        self.faulty.file_trouble = None if self.faulty.file_trouble else "read-only file system"
        self.faulty.file_lands = self.random.random() < 0.5

    def dies(self) -> None:
        """The process ends between two effects."""
        if self.faulty.up:
            self.faulty.dies_in = self.random.randint(0, 40)

    def power(self) -> None:
        """Lose power with a disk that had not written what it reported as written.

        Connected clients still have their words; words of clients that left are lost.
        """
        self.faulty.crash(lost_fsync=True)
        self.lied = True

    def clock(self) -> None:
        self.faulty.skew_ms = self.random.choice([0, -HOUR_MS, HOUR_MS, 24 * HOUR_MS])

    def late(self) -> None:
        if (peer := self.peer()) is not None:
            peer.lag_ms = self.random.choice([0, 400, 4_000])

    def twice(self) -> None:
        """Deliver a frame twice, or lose it, which ends the connection."""
        if (peer := self.peer()) is not None:
            peer.mangle = self.random.choice(["double", "drop"])

    def torn(self) -> None:
        """Let another program write the file slowly."""
        mark = f"outside{len(self.outside)}"
        data = self.net.disk.file
        at = data.find(b"# \\n") + 2
        if at < 2 or not self.whole:
            return
        self.outside.append(mark)
        whole = data[:at] + f"{mark} ".encode() + data[at:]
        self.faulty.write_torn(whole, self.random.choice([5, 100, 1_000]))

    def file(self) -> None:
        if self.whole:
            super().file()

    # ------------------------------------------------------------ invariants

    def settle(self) -> None:
        self.faulty.store_trouble = self.faulty.file_trouble = self.faulty.dies_in = None
        self.faulty.skew_ms = 0
        self.faulty.dies_while_archiving = False
        for peer in self.net.peers.values():
            peer.lag_ms, peer.mangle = 0, None
        self.net.run_for(5_000)
        super().settle()

    def check_once(self) -> None:
        # A failing store does not prevent saving. If the server then dies, the store does not
        # know the version of the file, so words in both may appear twice. They are never lost.
        if not self.faulty.saved_ahead:
            super().check_once()

    def check(self) -> None:
        if self.lied:
            self.net.gone.clear()
        if self.faulty.built_on_a_lie:
            # The author has the acknowledged word, but no archived document shows its loss.
            for peer in self.net.peers.values():
                peer.acknowledged.clear()
        super().check()
        room = self.net.server.open_room()
        here = next(iter(self.net.peers.values()))
        for cell in room.notebook.order:
            run = room.runtime.run_of(CellId(cell))
            code = None if run is None else self.net.server.executed.get(run.id)
            if run is not None and run.state == "ok" and code is not None:
                assert here.outputs(cell) == expected(code), (cell, code)


def expected(code: str) -> str:
    """Return the output of a cell's script."""
    said = ""
    for line in code.split("\n"):
        order, _, rest = line.partition(" ")
        if order in ("print", "show", "result"):
            said += rest + ("\n" if order == "print" else "")
    return said
