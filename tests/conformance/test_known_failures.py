"""Known failures of server-side executors, by name; a room has none of them."""

from __future__ import annotations

import nbformat
import pytest

from jupyter_runtimed.room.settings import Settings

from ..host.conftest import Place
from ..support.network import Network
from .conftest import open_in_room

TEN_MINUTES_MS = 10 * 60 * 1000


def test_output_of_a_quiet_cell_is_kept_when_its_room_is_idle() -> None:
    net = Network(
        f"print before\nwait {TEN_MINUTES_MS}\nprint after", settings=Settings(idle_ms=2000)
    )
    net.join("ana").run("c0")
    net.run_for(1000)
    net.leave("ana")
    net.run_for(TEN_MINUTES_MS // 2)
    assert net.server.room is not None
    net.run_for(TEN_MINUTES_MS)
    assert net.server.room is None, "collected when the run was over, and not before"
    ben = net.join("ben")
    assert (ben.outputs("c0"), ben.run_state("c0")) == ("before\nafter\n", "ok")
    assert b"after" in net.disk.file


@pytest.mark.kernel
class TestWithARealKernel:
    async def test_an_update_of_a_display_changes_the_existing_output(self, place: Place) -> None:
        show = "from IPython.display import display\nh = display(0, display_id=True)"
        update = "for n in range(1, 101): h.update(n)"
        table = await open_in_room(place, f"{show}\n{update}", show, update)
        assert await table.run("c0", "c1", "c2") == ["ok"] * 3
        assert (table.shown("c0"), len(table.outputs("c0"))) == ("100", 1)
        assert (table.shown("c1"), len(table.outputs("c1"))) == ("100", 1)
        assert table.outputs("c2") == ()

    async def test_input_gets_a_prompt_and_its_answer(self, place: Place) -> None:
        table = await open_in_room(place, "print('hello ' + input('who? '))")
        await table.client.call("run", cells=["c0"])
        await table.client.until(lambda: table.client.run_of("c0").prompt is not None)
        prompt = table.client.run_of("c0").prompt
        assert (prompt.text, prompt.password) == ("who? ", False)
        await table.client.call("answer", prompt=prompt.id, text="ana")
        assert (await table.client.finished("c0")).state == "ok"
        assert table.shown("c0") == "who?  ana\nhello ana\n"

    async def test_cells_behind_an_error_do_not_run(self, place: Place) -> None:
        table = await open_in_room(place, "ran = []", "1 / 0", "ran.append(2)", "print(ran)")
        assert await table.run("c0", "c1", "c2") == ["ok", "error", "cancelled"]
        assert await table.run("c3") == ["ok"]
        assert table.shown("c3") == "[]\n"

    async def test_a_cell_does_not_stay_running_after_its_run_was_cut_off(
        self, place: Place
    ) -> None:
        """However the run is cut off, each cell shows how it ended."""
        endless = "print('on', flush=True)\nwhile True: pass"
        table = await open_in_room(place, endless, "'waits'", "6 * 7")
        ana = table.client
        for act, ends in (("interrupt", "error cancelled"), ("restart", "lost cancelled")):
            await ana.call("run", cells=["c0", "c1"])
            await ana.until(lambda: table.shown("c0") == "on\n")
            assert (table.state("c0"), table.state("c1")) == ("running", "queued")
            assert (await ana.call(act)).error is None
            assert [(await ana.finished(cell)).state for cell in ("c0", "c1")] == ends.split()
            assert await table.run("c2") == ["ok"]

    async def test_the_prompt_of_a_deleted_cell_does_not_block_the_queue(
        self, place: Place
    ) -> None:
        table = await open_in_room(place, "input('first? ')", "print('behind')")
        ana = table.client
        await ana.call("run", cells=["c0", "c1"])
        await ana.until(lambda: ana.run_of("c0").prompt is not None)
        ana.type("c0", "; print('second')")
        await ana.call("run", cells=["c0"])
        assert (await ana.finished("c1")).state == "ok"
        await ana.until(lambda: ana.run_of("c0").prompt is not None)
        ana.peer.notebook.delete_cell("c0")
        ana.edited()
        assert await table.run("c1") == ["ok"]

    async def test_no_output_of_ten_thousand_flushed_prints_is_dropped(self, place: Place) -> None:
        table = await open_in_room(place, "for n in range(10_000): print(n, flush=True)")
        assert await table.run("c0") == ["ok"]
        lines = "".join(f"{n}\n" for n in range(10_000))
        assert table.shown("c0") == lines
        assert (await table.client.call("save")).error is None
        saved = nbformat.read(place.root / "a.ipynb", 4)
        assert [output.text for output in saved.cells[0].outputs] == [lines]
